/* linear_add_i8row_tern5r16k96_f32__avx2_1x16.c - y[m, n] = x[m, n] + (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): a linear and the
 * residual, one row of q at a time.
 * in: q i8.row[m, k], s f32[m], t tern5.r16k96[n, k], w_scale f32[n], x f32[m, n]; out: y f32[m, n]. */
#define TERNARY_JOIN ternary_add /* for ternary.h */
#include "kernels.h"
#include "ternary5.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return ternary_joined(query, 1, ternary5_plan(query, 0.0155, 0.0, 0, out_plan), out_plan);
}

const setun_kernel linear_add_i8row_tern5r16k96_f32__avx2_1x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_add_i8row_tern5r16k96_f32__avx2_1x16",
    .pattern = "o=linear(h,w); y=add(x,o)",
    .fmts = "i8.row+f32,tern5.r16k96+f32,f32>f32",
    .k_max = TERNARY_K_MAX,
    .acc_bits = 16,
    .plan = plan,
    .units = ternary_units,
    .run = ternary5_row_run,
};
