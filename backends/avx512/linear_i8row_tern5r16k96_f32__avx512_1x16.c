/* linear_i8row_tern5r16k96_f32__avx512_1x16.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): one row of q at a time, without VNNI.
 * in: q i8.row[m, k], s f32[m], t tern5.r16k96[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary5_row.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return ternary5_plan(query, 0.016, 0.0, ternary5_tails_bytes(query), out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    ternary5_row_run(call, tile, TERNARY_ALONE, ternary_dot4, ternary5_shuffle);
}

const setun_kernel linear_i8row_tern5r16k96_f32__avx512_1x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8row_tern5r16k96_f32__avx512_1x16",
    .pattern = "linear",
    .fmts = "i8.row+f32,tern5.r16k96+f32>f32",
    .k_max = TERNARY_K_MAX,
    .acc_bits = 16,
    .plan = plan,
    .units = ternary_units,
    .run = run,
};
