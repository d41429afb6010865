/* rope_f32_f32_f32__scalar.c - rotates pairs of each head's first n_dims elements by the row's position; copies the others.
 * in: x f32[m, heads * head_dim], cos and sin f32[positions, n_dims / 2]; out: y like x. */
#include "kernels.h"
#include "lanes.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const setun_attr_rope *attr = query->attr[0];

    if (attr->pairing != SETUN_ROPE_HALF && attr->pairing != SETUN_ROPE_INTERLEAVED)
        return setun_refuse(query, "rope: unknown pairing");
    if (attr->n_dims < 0 || attr->n_dims % 2 != 0 || attr->n_dims > attr->head_dim)
        return setun_refuse(query, "rope: n_dims must be even and at most head_dim");
    if (attr->heads * attr->head_dim != query->in[0].dim[1])
        return setun_refuse(query, "rope: the columns are not heads * head_dim");
    return plan_simple(3.0 * (double)query->rows_max * (double)query->in[0].dim[1], out_plan);
}

/* x, y: one head; c, s: [n_dims / 2]. */
static void rotate_head(const setun_attr_rope *attr, const float *x, const float *c, const float *s, float *y)
{
    const int64_t half = attr->n_dims / 2;

    for (int64_t j = 0; j < half; j++) {
        const int64_t first = attr->pairing == SETUN_ROPE_HALF ? j : 2 * j;
        const int64_t second = attr->pairing == SETUN_ROPE_HALF ? j + half : 2 * j + 1;
        const float a = x[first], b = x[second];

        y[first] = fma_exact(a, c[j], -(b * s[j]));
        y[second] = fma_exact(b, c[j], a * s[j]);
    }
    for (int64_t j = attr->n_dims; j < attr->head_dim; j++)
        y[j] = x[j];
}

/* One unit is one row. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const setun_attr_rope *attr = call->attr[0];

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const int64_t pos = call->batch->pos[i];
        const float *x = in_row(call, 0, i), *c = in_row(call, 1, pos), *s = in_row(call, 2, pos);
        float *y = out_row(call, 0, i);

        for (int64_t h = 0; h < attr->heads; h++)
            rotate_head(attr, x + h * attr->head_dim, c, s, y + h * attr->head_dim);
    }
}

const setun_kernel rope_f32_f32_f32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "rope_f32_f32_f32__scalar",
    .pattern = "rope",
    .fmts = "f32,f32,f32>f32",
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};
