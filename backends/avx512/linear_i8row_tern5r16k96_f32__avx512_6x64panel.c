/* linear_i8row_tern5r16k96_f32__avx512_6x64panel.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): weights unpacked once for many rows of q, without VNNI.
 * in: q i8.row[m, k], s f32[m], t tern5.r16k96[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary5_panel.h"
#include "ternary_tile16.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return ternary5_plan(query, 0.0054, 0.040, ternary5_panel_bytes(query), out_plan);
}

static void tiles(const setun_call *call, int64_t first, int64_t group, int n, const uint8_t *w, const int32_t *sum, ternary_join join)
{
    ternary_tiles(call, first, group, n, w, 0, sum, join, ternary_tile16);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    ternary5_panel_run(call, tile, TERNARY_ALONE, 0, ternary_dot4, tiles, ternary5_shuffle);
}

const setun_kernel linear_i8row_tern5r16k96_f32__avx512_6x64panel = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8row_tern5r16k96_f32__avx512_6x64panel",
    .pattern = "linear",
    .fmts = "i8.row+f32,tern5.r16k96+f32>f32",
    .k_max = TERNARY_K_MAX,
    .acc_bits = 16,
    .plan = plan,
    .units = ternary_units,
    .run = run,
};
