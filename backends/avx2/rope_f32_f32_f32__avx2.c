/* rope_f32_f32_f32__avx2.c - rotates pairs of each head's first n_dims elements by the row's position; copies the others.
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
    return plan_simple((double)query->rows_max * (20.0 + 0.3 * (double)query->in[0].dim[1]), out_plan);
}

/* x, y: one head; c, s: [half]. */
static void rotate_halves(int64_t half, const float *x, const float *c, const float *s, float *y)
{
    for (int64_t j = 0; j < half; j += SETUN_LANES) {
        const int64_t n = half - j;
        const lanes a = lanes_load_n(x + j, n), b = lanes_load_n(x + half + j, n);
        const lanes cos = lanes_load_n(c + j, n), sin = lanes_load_n(s + j, n);

        lanes_store_n(y + j, lanes_fma(a, cos, lanes_negate(lanes_mul(b, sin))), n);
        lanes_store_n(y + half + j, lanes_fma(b, cos, lanes_mul(a, sin)), n);
    }
}

static void rotate_neighbours(int64_t half, const float *x, const float *c, const float *s, float *y)
{
    for (int64_t j = 0; j < half; j++) {
        const float a = x[2 * j], b = x[2 * j + 1];

        y[2 * j] = __builtin_fmaf(a, c[j], -(b * s[j]));
        y[2 * j + 1] = __builtin_fmaf(b, c[j], a * s[j]);
    }
}

/* One unit is one head of one row, for of a single row each worker should turn the heads that it has in its cache. */
static int64_t units(const setun_call *call, uint32_t phase)
{
    const setun_attr_rope *attr = call->attr[0];

    (void)phase;
    return call->out[0].dim[0] * attr->heads;
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const setun_attr_rope *attr = call->attr[0];

    for (int64_t unit = tile->begin; unit < tile->end; unit++) {
        const int64_t i = unit / attr->heads, first = unit % attr->heads * attr->head_dim, pos = call->batch->pos[i];
        const float *x = (const float *)in_row(call, 0, i) + first, *c = in_row(call, 1, pos), *s = in_row(call, 2, pos);
        float *y = (float *)out_row(call, 0, i) + first;

        if (attr->pairing == SETUN_ROPE_HALF)
            rotate_halves(attr->n_dims / 2, x, c, s, y);
        else
            rotate_neighbours(attr->n_dims / 2, x, c, s, y);
        for (int64_t j = attr->n_dims; j < attr->head_dim; j++)
            y[j] = x[j];
    }
}

const setun_kernel rope_f32_f32_f32__avx2 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "rope_f32_f32_f32__avx2",
    .pattern = "rope",
    .fmts = "f32,f32,f32>f32",
    .plan = plan,
    .units = units,
    .run = run,
};
