/* linear_i8row_tern243r16k20_f32__avx512vbmi_6x64panel.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): weights unpacked once for many rows of q.
 * in: q i8.row[m, k], s f32[m], t tern243.r16k20[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary243_panel.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return t243_plan(query, T243_K_MAX, "linear: a row of more than 655340 ternary weights could overflow a 32-bit sum", 0.0076, 0.0050, 0.032, t243_panel_bytes(query->in[2].dim[1]), out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    t243_panel_run(call, tile);
}

const setun_kernel linear_i8row_tern243r16k20_f32__avx512vbmi_6x64panel = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8row_tern243r16k20_f32__avx512vbmi_6x64panel",
    .pattern = "linear",
    .fmts = "i8.row+f32,tern243.r16k20+f32>f32",
    .cpu = SETUN_CPU_AVX512 | SETUN_CPU_AVX512_VNNI | SETUN_CPU_AVX512_VBMI,
    .k_max = T243_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = t243_units,
    .run = run,
};
