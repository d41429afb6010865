/* silu_f32_f32__neon.c - y[m, n] = x / (1 + exp(-x)), exp being exp32 of numerics.md. */
#include "elementwise.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return elementwise_plan(query, 1.25, out_plan);
}

static inline lanes op(lanes x, lanes unused)
{
    (void)unused;
    return lanes_div(x, lanes_add(lanes_set(1.0f), lanes_exp(lanes_negate(x))));
}

static void run(const setun_call *call, const setun_tile *tile)
{
    elementwise_run(call, tile, 0, op);
}

const setun_kernel silu_f32_f32__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "silu_f32_f32__neon",
    .pattern = "silu",
    .fmts = "f32>f32",
    .plan = plan,
    .units = elementwise_units,
    .run = run,
};
