/* linear_add_i8row_tern2r16k16_f32__avxvnni_1x16.c - y[m, n] = x[m, n] + (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): a linear and the
 * residual, one row of q at a time.
 * in: q i8.row[m, k], s f32[m], t tern2.r16k16[n, k], w_scale f32[n], x f32[m, n]; out: y f32[m, n]. */
#define TERNARY_JOIN ternary_add /* for ternary.h */
#include "kernels.h"
#include "ternary_vnni.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return ternary_joined(query, 1, ternary_vnni_plan(query, 0.0087, 0.0, 0, out_plan), out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    ternary_vnni_row_run(call, tile);
}

const setun_kernel linear_add_i8row_tern2r16k16_f32__avxvnni_1x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_add_i8row_tern2r16k16_f32__avxvnni_1x16",
    .pattern = "o=linear(h,w); y=add(x,o)",
    .fmts = "i8.row+f32,tern2.r16k16+f32,f32>f32",
    .cpu = SETUN_CPU_AVX_VNNI,
    .k_max = TERNARY_VNNI_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = ternary_units,
    .run = run,
};
