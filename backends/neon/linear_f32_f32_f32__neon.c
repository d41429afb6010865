/* linear_f32_f32_f32__neon.c - y[m, n] = dot(x[m, :], w[n, :]), x f32[m, k], w f32[n, k]. */
#include "dense.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return dense_plan(query, 4, out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    dense_run(call, tile, 4, lanes_load_f32, lanes_load_f32_n);
}

const setun_kernel linear_f32_f32_f32__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_f32_f32_f32__neon",
    .pattern = "linear",
    .fmts = "f32,f32>f32",
    .plan = plan,
    .units = dense_units,
    .run = run,
};
