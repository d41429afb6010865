/* linear_i8b32_q6kb256_f32__neondot_4x16panel.c - y[m, n] = x[m, k] . w[n, k], x in i8.b32, w in q6_k.b256: four rows of x at a time. */
#include "block_dot.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return block_dot_plan(query, SETUN_Q6_K_BYTES, (block_cost){.once = 124, .row = 34}, out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    block_dot_run(call, tile, 1);
}

const setun_kernel linear_i8b32_q6kb256_f32__neondot_4x16panel = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8b32_q6kb256_f32__neondot_4x16panel",
    .pattern = "linear",
    .fmts = "i8.b32,q6_k.b256>f32",
    .cpu = SETUN_CPU_DOTPROD,
    .plan = plan,
    .units = block_units,
    .run = run,
};
