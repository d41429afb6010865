/* add_f32_f32_f32__neon.c - y[m, n] = a[m, n] + b[m, n]. */
#include "elementwise.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return elementwise_plan(query, 0.17, out_plan);
}

static inline lanes op(lanes a, lanes b)
{
    return lanes_add(a, b);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    elementwise_run(call, tile, 1, op);
}

const setun_kernel add_f32_f32_f32__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "add_f32_f32_f32__neon",
    .pattern = "add",
    .fmts = "f32,f32>f32",
    .plan = plan,
    .units = elementwise_units,
    .run = run,
};
