/* quantise_f32_i7r256k32__scalar.c - f32 masters w[n, k] to i7.r256k32 with step, rest, size and fine f32[n] of each row, for screen and rescreen. */
#include "kernels.h"
#include "quantise_screen7.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    quantise_screen7_run(call, tile, widen_f32);
}

const setun_kernel quantise_f32_i7r256k32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "quantise_f32_i7r256k32__scalar",
    .pattern = "quantise",
    .fmts = "f32>i7.r256k32+f32+f32+f32+f32",
    .plan = quantise_screen7_plan,
    .units = quantise_screen7_units,
    .run = run,
};
