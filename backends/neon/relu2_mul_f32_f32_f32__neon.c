/* relu2_mul_f32_f32_f32__neon.c - y[m, n] = t * t * u[m, n], t = max(g[m, n], 0). */
#include "elementwise.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return elementwise_plan(query, 0.23, out_plan);
}

static inline lanes op(lanes g, lanes u)
{
    const lanes t = lanes_max(g, lanes_set(0.0f));

    return lanes_mul(lanes_mul(t, t), u);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    elementwise_run(call, tile, 1, op);
}

const setun_kernel relu2_mul_f32_f32_f32__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "relu2_mul_f32_f32_f32__neon",
    .pattern = "t=relu2(g); y=mul(t,u)",
    .fmts = "f32,f32>f32",
    .plan = plan,
    .units = elementwise_units,
    .run = run,
};
