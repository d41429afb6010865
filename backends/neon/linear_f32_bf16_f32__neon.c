/* linear_f32_bf16_f32__neon.c - y[m, n] = dot(x[m, :], w[n, :]), x f32[m, k], w bf16[n, k]. */
#include "dense.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return dense_plan(query, 2, out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    dense_run(call, tile, 2, lanes_load_bf16, lanes_load_bf16_n);
}

const setun_kernel linear_f32_bf16_f32__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_f32_bf16_f32__neon",
    .pattern = "linear",
    .fmts = "f32,bf16>f32",
    .plan = plan,
    .units = dense_units,
    .run = run,
};
