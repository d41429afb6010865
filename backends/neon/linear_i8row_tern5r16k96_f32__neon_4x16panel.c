/* linear_i8row_tern5r16k96_f32__neon_4x16panel.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): weights unpacked once for many rows.
 * in: q i8.row[m, k], s f32[m], t tern5.r16k96[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary5.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    static const ternary_cost cost = {.once = 53, .tile = 0, .row = 40, .x = TERNARY_S8_X, .step = 1};

    return ternary5_plan(query, cost, ternary5_panel_bytes(query), out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    ternary5_panel_run(call, tile, TERNARY_S8_X, ternary_tile_s8);
}

const setun_kernel linear_i8row_tern5r16k96_f32__neon_4x16panel = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8row_tern5r16k96_f32__neon_4x16panel",
    .pattern = "linear",
    .fmts = "i8.row+f32,tern5.r16k96+f32>f32",
    .k_max = TERNARY_K_MAX,
    .acc_bits = 16,
    .plan = plan,
    .units = ternary_units,
    .run = run,
};
