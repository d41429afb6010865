/* quantise_f16_i7r256k32__avx512.c - f16 masters w[n, k] to i7.r256k32 with step, rest, size and fine f32[n] of each row, for screen and rescreen. */
#include "kernels.h"
#include "quantise_screen7.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    quantise_screen7_run(call, tile, 2, lanes_load_f16_n);
}

const setun_kernel quantise_f16_i7r256k32__avx512 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "quantise_f16_i7r256k32__avx512",
    .pattern = "quantise",
    .fmts = "f16>i7.r256k32+f32+f32+f32+f32",
    .plan = quantise_screen7_plan,
    .units = quantise_screen7_units,
    .run = run,
};
