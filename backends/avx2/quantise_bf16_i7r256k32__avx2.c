/* quantise_bf16_i7r256k32__avx2.c - bf16 masters w[n, k] to i7.r256k32 with step, rest, size and fine f32[n] of each row, for the ops screen and
 * rescreen. */
#include "kernels.h"
#include "quantise_screen7.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    quantise_screen7_run(call, tile, 2, lanes_load_bf16_n);
}

const setun_kernel quantise_bf16_i7r256k32__avx2 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "quantise_bf16_i7r256k32__avx2",
    .pattern = "quantise",
    .fmts = "bf16>i7.r256k32+f32+f32+f32+f32",
    .plan = quantise_screen7_plan,
    .units = quantise_screen7_units,
    .run = run,
};
