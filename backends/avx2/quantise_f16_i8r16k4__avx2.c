/* quantise_f16_i8r16k4__avx2.c - f16 masters w[n, k] to i8.r16k4 with step, rest and size f32[n] of each row, for op screen. */
#include "kernels.h"
#include "quantise_screen.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    quantise_screen_run(call, tile, 2, lanes_load_f16_n);
}

const setun_kernel quantise_f16_i8r16k4__avx2 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "quantise_f16_i8r16k4__avx2",
    .pattern = "quantise",
    .fmts = "f16>i8.r16k4+f32+f32+f32",
    .plan = quantise_screen_plan,
    .units = quantise_screen_units,
    .run = run,
};
