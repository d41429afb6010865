/* quantise_f32_q6kb256__scalar.c - quantises f32 masters w[n, k] to q6_k.b256, each block by itself. */
#include "kernels.h"
#include "quantise_q6k.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    quantise_q6k_run(call, tile, widen_f32);
}

const setun_kernel quantise_f32_q6kb256__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "quantise_f32_q6kb256__scalar",
    .pattern = "quantise",
    .fmts = "f32>q6_k.b256",
    .plan = quantise_q6k_plan,
    .units = units_in_rows,
    .run = run,
};
