/* rms_norm_f32_f32_i8row__neon.c - y[m, n] = x / sqrt(mean(x^2) + eps) * (w + offset), quantised to q i8.row[m, n] with one scale s[m] a row. */
#include "kernels.h"
#include "norm_quant.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return norm_quant_plan(query, query->attr[0], 0.6, out_plan);
}

/* One unit is one row. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t n = call->in[0].dim[1];
    float *scale = call->out[1].data;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const float *x = in_row(call, 0, i);

        scale[i] = norm_quant_row(x, call->in[1].data, n, lanes_dot(x, x, n), call->attr[0], out_row(call, 0, i));
    }
}

const setun_kernel rms_norm_f32_f32_i8row__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "rms_norm_f32_f32_i8row__neon",
    .pattern = "rms_norm",
    .fmts = "f32,f32>i8.row+f32",
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};
