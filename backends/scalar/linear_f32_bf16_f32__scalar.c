/* linear_f32_bf16_f32__scalar.c - y[m, n] = x[m, k] . w[n, k], x f32, w bf16. */
#include "dense.h"
#include "kernels.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    dense_run(call, tile, widen_bf16);
}

const setun_kernel linear_f32_bf16_f32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_f32_bf16_f32__scalar",
    .pattern = "linear",
    .fmts = "f32,bf16>f32",
    .plan = dense_plan,
    .units = dense_units,
    .run = run,
};
