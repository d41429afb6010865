/* quantise_f32_q80b32__scalar.c - quantises f32 masters w[n, k] to q8_0.b32, each block by itself. */
#include "kernels.h"
#include "quantise_q80.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    quantise_q80_run(call, tile, widen_f32);
}

const setun_kernel quantise_f32_q80b32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "quantise_f32_q80b32__scalar",
    .pattern = "quantise",
    .fmts = "f32>q8_0.b32",
    .plan = quantise_q80_plan,
    .units = units_in_rows,
    .run = run,
};
