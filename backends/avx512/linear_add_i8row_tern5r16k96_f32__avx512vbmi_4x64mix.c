/* linear_add_i8row_tern5r16k96_f32__avx512vbmi_4x64mix.c - y[m, n] = x[m, n] + (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): a linear and the residual,
 * many rows of q, by dot products and tables of sums.
 * in: q i8.row[m, k], s f32[m], t tern5.r16k96[n, k], w_scale f32[n], x f32[m, n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary5_mixpanel.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return ternary_joined(query, 1, ternary5_mixpanel_plan(query, out_plan), out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    ternary5_mixpanel_groups(call, tile, TERNARY_ADD);
}

const setun_kernel linear_add_i8row_tern5r16k96_f32__avx512vbmi_4x64mix = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_add_i8row_tern5r16k96_f32__avx512vbmi_4x64mix",
    .pattern = "o=linear(h,w); y=add(x,o)",
    .fmts = "i8.row+f32,tern5.r16k96+f32,f32>f32",
    .cpu = SETUN_CPU_AVX512_VNNI | SETUN_CPU_AVX512_VBMI,
    .k_max = TERNARY_K_MAX,
    .acc_bits = 16,
    .plan = plan,
    .units = ternary_units,
    .run = run,
};
