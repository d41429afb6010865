/* silu_mul_f32_f32_f32__neon.c - y[m, n] = g / (1 + exp(-g)) * u[m, n], exp being exp32 of numerics.md. */
#include "elementwise.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return elementwise_plan(query, 1.3, out_plan);
}

static inline lanes op(lanes g, lanes u)
{
    return lanes_mul(lanes_div(g, lanes_add(lanes_set(1.0f), lanes_exp(lanes_negate(g)))), u);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    elementwise_run(call, tile, 1, op);
}

const setun_kernel silu_mul_f32_f32_f32__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "silu_mul_f32_f32_f32__neon",
    .pattern = "t=silu(g); y=mul(t,u)",
    .fmts = "f32,f32>f32",
    .plan = plan,
    .units = elementwise_units,
    .run = run,
};
