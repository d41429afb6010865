/* linear_i8row_tern243r16k20_f32__avx512vbmi_8x16.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): up to eight rows of q for each read of the weights.
 * in: q i8.row[m, k], s f32[m], t tern243.r16k20[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary243_avx512.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return t243_plan(query, T243_K_MAX, "linear: a row of more than 655340 ternary weights could overflow a 32-bit sum", 0.0077, 0.0059, 0.003, 0, out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t m = call->in[0].dim[0];
    int32_t *sum = tile->scratch;

    if (tile->begin == tile->end)
        return;
    t243_sums(call, sum);
    for (int64_t g = tile->begin; g < tile->end; g++) {
        int64_t i = 0;

        for (; i + 8 <= m; i += 8)
            t243_rows(call, i, 8, g, sum);
        for (; i + 4 <= m; i += 4)
            t243_rows(call, i, 4, g, sum);
        for (; i + 2 <= m; i += 2)
            t243_rows(call, i, 2, g, sum);
        if (i < m)
            t243_rows(call, i, 1, g, sum);
    }
}

const setun_kernel linear_i8row_tern243r16k20_f32__avx512vbmi_8x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8row_tern243r16k20_f32__avx512vbmi_8x16",
    .pattern = "linear",
    .fmts = "i8.row+f32,tern243.r16k20+f32>f32",
    .cpu = SETUN_CPU_AVX512 | SETUN_CPU_AVX512_VNNI | SETUN_CPU_AVX512_VBMI,
    .k_max = T243_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = t243_units,
    .run = run,
};
