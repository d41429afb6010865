/* linear_i16t27_tern27r64k48_f32__avx512vbmi_1x64.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]), by look-ups in tables of q.
 * in: tables i16.t27[m, k], s f32[m], t tern27.r64k48[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary27_avx512.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return t27_plan(query, 0.0098, 0.0056, out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    t27_run(call, tile, t27_take_vbmi2);
}

const setun_kernel linear_i16t27_tern27r64k48_f32__avx512vbmi_1x64 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i16t27_tern27r64k48_f32__avx512vbmi_1x64",
    .pattern = "linear",
    .fmts = "i16.t27+f32,tern27.r64k48+f32>f32",
    .cpu = SETUN_CPU_AVX512 | SETUN_CPU_AVX512_VNNI | SETUN_CPU_AVX512_VBMI,
    .k_max = TABLES_K_MAX,
    .acc_bits = 16,
    .plan = plan,
    .units = t27_units,
    .run = run,
};
