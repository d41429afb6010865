/* mul_f32_f32_f32__scalar.c - y[m, n] = a[m, n] * b[m, n]. */
#include "elementwise.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return elementwise_plan(query, 0.3, out_plan);
}

/* One unit is one row. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t n = call->out[0].dim[1];

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const float *a = in_row(call, 0, i), *b = in_row(call, 1, i);
        float *y = out_row(call, 0, i);

        for (int64_t j = 0; j < n; j++)
            y[j] = a[j] * b[j];
    }
}

const setun_kernel mul_f32_f32_f32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "mul_f32_f32_f32__scalar",
    .pattern = "mul",
    .fmts = "f32,f32>f32",
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};
