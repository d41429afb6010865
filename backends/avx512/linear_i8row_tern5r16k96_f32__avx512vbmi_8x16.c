/* linear_i8row_tern5r16k96_f32__avx512vbmi_8x16.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): up to eight rows of q for each read of the weights.
 * in: q i8.row[m, k], s f32[m], t tern5.r16k96[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary5_row.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return ternary5_plan(query, 0.0046, 0.0, ternary5_tails_bytes(query), out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    if (tile->begin == tile->end)
        return;
    ternary5_begin(call, tile->scratch, ternary_dot4_vnni);
    ternary5_stream_groups_vbmi(call, tile, TERNARY_ALONE);
}

const setun_kernel linear_i8row_tern5r16k96_f32__avx512vbmi_8x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8row_tern5r16k96_f32__avx512vbmi_8x16",
    .pattern = "linear",
    .fmts = "i8.row+f32,tern5.r16k96+f32>f32",
    .cpu = SETUN_CPU_AVX512_VNNI | SETUN_CPU_AVX512_VBMI,
    .k_max = TERNARY_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = ternary_units,
    .run = run,
};
