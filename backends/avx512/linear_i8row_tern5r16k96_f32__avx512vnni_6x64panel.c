/* linear_i8row_tern5r16k96_f32__avx512vnni_6x64panel.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): weights unpacked once for many rows of q, without VBMI.
 * in: q i8.row[m, k], s f32[m], t tern5.r16k96[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary5_panel.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return ternary5_plan(query, 0.0044, 0.008, ternary5_panel_bytes(query), out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    ternary5_panel_run(call, tile, TERNARY_ALONE, TERNARY_FIRST_X, ternary_dot4_vnni, ternary_panel_tiles_vnni, ternary5_shuffle);
}

const setun_kernel linear_i8row_tern5r16k96_f32__avx512vnni_6x64panel = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8row_tern5r16k96_f32__avx512vnni_6x64panel",
    .pattern = "linear",
    .fmts = "i8.row+f32,tern5.r16k96+f32>f32",
    .cpu = SETUN_CPU_AVX512_VNNI,
    .k_max = TERNARY_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = ternary_units,
    .run = run,
};
