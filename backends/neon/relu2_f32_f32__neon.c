/* relu2_f32_f32__neon.c - y[m, n] = t * t, t = max(x[m, n], 0). */
#include "elementwise.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return elementwise_plan(query, 0.17, out_plan);
}

static inline lanes op(lanes x, lanes unused)
{
    const lanes t = lanes_max(x, lanes_set(0.0f));

    (void)unused;
    return lanes_mul(t, t);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    elementwise_run(call, tile, 0, op);
}

const setun_kernel relu2_f32_f32__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "relu2_f32_f32__neon",
    .pattern = "relu2",
    .fmts = "f32>f32",
    .plan = plan,
    .units = elementwise_units,
    .run = run,
};
