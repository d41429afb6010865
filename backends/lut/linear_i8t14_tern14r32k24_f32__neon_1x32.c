/* linear_i8t14_tern14r32k24_f32__neon_1x32.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]), by look-ups in tables of q.
 * in: tables i8.t14[m, k], s f32[m], t tern14.r32k24[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary14_neon.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return tables_linear_plan(query, T14_GROUP, LUT_NEON_READ_NS(5.0 / 3), LUT_NEON_NS(12.3), out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    t14_run(call, tile);
}

const setun_kernel linear_i8t14_tern14r32k24_f32__neon_1x32 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8t14_tern14r32k24_f32__neon_1x32",
    .pattern = "linear",
    .fmts = "i8.t14+f32,tern14.r32k24+f32>f32",
    .k_max = TABLES_K_MAX,
    .acc_bits = 8,
    .plan = plan,
    .units = t14_units,
    .run = run,
};
