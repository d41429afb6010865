/* linear_i8row_tern5r16k96_f32__avx512vbmi_8x32mix.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): up to eight rows of q for each read of
 * the weights, by dot products and tables of sums.
 * in: q i8.row[m, k], s f32[m], t tern5.r16k96[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary5_mixrow.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    if (tile->begin == tile->end)
        return;
    ternary5_mixrow_begin(call, tile);
    ternary5_mixrow_groups(call, tile, TERNARY_ALONE);
}

const setun_kernel linear_i8row_tern5r16k96_f32__avx512vbmi_8x32mix = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8row_tern5r16k96_f32__avx512vbmi_8x32mix",
    .pattern = "linear",
    .fmts = "i8.row+f32,tern5.r16k96+f32>f32",
    .cpu = SETUN_CPU_AVX512_VNNI | SETUN_CPU_AVX512_VBMI,
    .k_max = TERNARY_K_MAX,
    .acc_bits = 16,
    .plan = ternary5_mixrow_plan,
    .units = ternary_units,
    .run = run,
};
