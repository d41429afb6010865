/* linear_i8row_tern2r16k16_f32__neoni8mm_8x16.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): eight rows of q at a time.
 * in: q i8.row[m, k], s f32[m], t tern2.r16k16[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary_mm.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    static const ternary_cost cost = {.once = 0, .tile = 40, .row = 8, .x = TERNARY_MM_X, .step = 2};

    return ternary_mm_plan_at(query, TERNARY_BITS, cost, 0, out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    ternary_mm_run(call, tile, NULL, 0);
}

const setun_kernel linear_i8row_tern2r16k16_f32__neoni8mm_8x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8row_tern2r16k16_f32__neoni8mm_8x16",
    .pattern = "linear",
    .fmts = "i8.row+f32,tern2.r16k16+f32>f32",
    .cpu = SETUN_CPU_DOTPROD | SETUN_CPU_I8MM,
    .k_max = TERNARY_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = ternary_mm_units,
    .run = run,
};
