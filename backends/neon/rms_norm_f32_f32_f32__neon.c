/* rms_norm_f32_f32_f32__neon.c - y[m, n] = x / sqrt(mean(x^2) + eps) * (w + offset), over groups of columns. */
#include "kernels.h"
#include "lanes.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const setun_attr_rms_norm *attr = query->attr[0];
    const int64_t n = query->in[0].dim[1];

    if (attr->groups < 1 || n % attr->groups != 0)
        return setun_refuse(query, "rms_norm: groups does not divide the columns");
    return plan_simple((double)query->rows_max * (20.0 * (double)attr->groups + 0.32 * (double)n), out_plan);
}

/* x, w, y [n]. */
static void norm_group(const float *x, const float *w, float *y, int64_t n, const setun_attr_rms_norm *attr)
{
    const float mean = lanes_dot(x, x, n) / (float)n;
    const lanes r = lanes_div(lanes_set(1.0f), lanes_sqrt(lanes_set(mean + attr->eps))), offset = lanes_set(attr->weight_offset);

    if (attr->weight_offset != 0.0f)
        for (int64_t j = 0; j < n; j += SETUN_LANES)
            lanes_store_n(y + j, lanes_mul(lanes_mul(lanes_load_n(x + j, n - j), r), lanes_add(lanes_load_n(w + j, n - j), offset)),
                          n - j);
    else
        for (int64_t j = 0; j < n; j += SETUN_LANES)
            lanes_store_n(y + j, lanes_mul(lanes_mul(lanes_load_n(x + j, n - j), r), lanes_load_n(w + j, n - j)), n - j);
}

/* One unit is one row. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const setun_attr_rms_norm *attr = call->attr[0];
    const int64_t n = call->in[0].dim[1], group = n / attr->groups;
    const float *w = call->in[1].data;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const float *x = in_row(call, 0, i);
        float *y = out_row(call, 0, i);

        for (int64_t j = 0; j < n; j += group)
            norm_group(x + j, w + j, y + j, group, attr);
    }
}

const setun_kernel rms_norm_f32_f32_f32__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "rms_norm_f32_f32_f32__neon",
    .pattern = "rms_norm",
    .fmts = "f32,f32>f32",
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};
