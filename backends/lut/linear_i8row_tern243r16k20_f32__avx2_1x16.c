/* linear_i8row_tern243r16k20_f32__avx2_1x16.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): one row of q at a time.
 * in: q i8.row[m, k], s f32[m], t tern243.r16k20[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary243_avx2.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return t243_plan(query, T243_K_MAX, "linear: a row of more than 4194288 ternary weights could overflow a 32-bit sum", 0.018, 0.018, 0, 0, out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    int32_t *sum = tile->scratch;

    if (tile->begin == tile->end)
        return;
    sums_of_rows(call, sum);
    for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
        int8_t tail[T243_COLUMNS];

        (void)t243_tail(call, i, tail);
        for (int64_t g = tile->begin; g < tile->end; g++)
            t243_row_group(call, i, g, tail, sum[i]);
    }
}

const setun_kernel linear_i8row_tern243r16k20_f32__avx2_1x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8row_tern243r16k20_f32__avx2_1x16",
    .pattern = "linear",
    .fmts = "i8.row+f32,tern243.r16k20+f32>f32",
    .k_max = T243_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = t243_units,
    .run = run,
};
