/* linear_linear_relu2_mul_i8row_tern2r16k16_f32__avxvnni_1x16.c - y[m, n] = t * t * u, t = max(g, 0); g and u are (q[m, k] . w[n, k]) *
 * (w_scale[n] / s[m]) and the same of v: gate and up with what stands between them, one row of q at a time.
 * in: q i8.row[m, k], s f32[m], w tern2.r16k16[n, k], w_scale f32[n], v, v_scale likewise; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary_gate.h"
#include "ternary_vnni.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return ternary_joined(query, 2, ternary_vnni_plan(query, 0.0087, 0.0, 0, out_plan), out_plan);
}

static void linear(const setun_call *call, const setun_tile *tile)
{
    ternary_vnni_row_run(call, tile);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    ternary_gate_run(call, tile, TERNARY_GATE_STREAM, linear);
}

const setun_kernel linear_linear_relu2_mul_i8row_tern2r16k16_f32__avxvnni_1x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_linear_relu2_mul_i8row_tern2r16k16_f32__avxvnni_1x16",
    .pattern = "g=linear(h,w); u=linear(h,v); t=relu2(g); y=mul(t,u)",
    .fmts = "i8.row+f32,tern2.r16k16+f32,tern2.r16k16+f32>f32",
    .cpu = SETUN_CPU_AVX_VNNI,
    .k_max = TERNARY_VNNI_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = ternary_units,
    .run = run,
};
