/* linear_i8row_tern2r16k16_f32__neondot_8x16panel.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): weights unpacked once for many rows.
 * in: q i8.row[m, k], s f32[m], t tern2.r16k16[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary_dot.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    static const ternary_cost cost = {.once = 40, .tile = 0, .row = 16, .x = TERNARY_DOT_X, .step = 1};

    return ternary_plan(query, cost, ternary_panel_bytes(query), out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    ternary_panel_run(call, tile, TERNARY_DOT_X, ternary_tile_dot);
}

const setun_kernel linear_i8row_tern2r16k16_f32__neondot_8x16panel = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8row_tern2r16k16_f32__neondot_8x16panel",
    .pattern = "linear",
    .fmts = "i8.row+f32,tern2.r16k16+f32>f32",
    .cpu = SETUN_CPU_DOTPROD,
    .k_max = TERNARY_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = ternary_units,
    .run = run,
};
