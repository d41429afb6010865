/* linear_linear_linear_i8row_tern2r16k16_f32__avxvnni_6x16.c - q, k and z[m, n] = (h[m, k] . w[n, k]) * (w_scale[n] / s[m]), each by weights and
 * rows of its own: up to six rows of h for each read of the weights.
 * in: h i8.row[m, k], s f32[m], w tern2.r16k16[n, k], w_scale f32[n], v, v_scale, u, u_scale likewise; out: q, k, z f32[m, n]. */
#include "kernels.h"
#include "ternary_qkv.h"
#include "ternary_vnni.h"

static setun_status plan_linear(const setun_query *query, setun_kernel_plan *out_plan)
{
    return ternary_vnni_plan(query, 0.0064, 0.001, 0, out_plan);
}

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return ternary_qkv_plan(query, plan_linear, TERNARY_QKV_SUM_NS, out_plan);
}

static void begin(const setun_call *call, const setun_tile *tile)
{
    ternary_sums(call, tile->scratch);
}

static void part(const setun_call *call, const setun_tile *tile)
{
    ternary_vnni_stream_groups(call, tile);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    ternary_qkv_run(call, tile, begin, part);
}

const setun_kernel linear_linear_linear_i8row_tern2r16k16_f32__avxvnni_6x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_linear_linear_i8row_tern2r16k16_f32__avxvnni_6x16",
    .pattern = "q=linear(h,w); k=linear(h,v); z=linear(h,u)",
    .fmts = "i8.row+f32,tern2.r16k16+f32,tern2.r16k16+f32,tern2.r16k16+f32>f32,f32,f32",
    .cpu = SETUN_CPU_AVX_VNNI,
    .k_max = TERNARY_VNNI_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = ternary_qkv_units,
    .run = run,
};
