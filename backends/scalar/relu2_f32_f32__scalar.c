/* relu2_f32_f32__scalar.c - y[m, n] = max(x, 0)^2. */
#include "elementwise.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return elementwise_plan(query, 0.4, out_plan);
}

/* One unit is one row. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t n = call->out[0].dim[1];

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const float *x = in_row(call, 0, i);
        float *y = out_row(call, 0, i);

        for (int64_t j = 0; j < n; j++) {
            const float t = x[j] > 0.0f ? x[j] : 0.0f; /* -0 becomes +0 */

            y[j] = t * t;
        }
    }
}

const setun_kernel relu2_f32_f32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "relu2_f32_f32__scalar",
    .pattern = "relu2",
    .fmts = "f32>f32",
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};
