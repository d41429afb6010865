/* linear_i8row_tern2row_f32__template.c - ternary linear in plain C, one dot product at a time.
 *
 * y[i, j] = (float)(q[i, :] . W[j, :]) * (w_scale[j] / s[i])       (numerics.md: ternary linear)
 *
 * in:  0  q       i8.row[m, k]     quantised activations
 *      1  s       f32[1, m]        scale of each activation row
 *      2  W       tern2.row[n, k]  4 codes a byte: element e of a row in bits 2 * (e % 4) of byte e / 4; code c = 0, 1, 2 is weight c - 1
 *      3  w_scale f32[1, n]        scale of each weight row
 * out: 0  y       f32[m, n] */
#include "kernels.h"

/* |sum| <= 128 * k must fit an int32_t. */
#define K_MAX ((INT64_C(1) << 24) - 1)

static setun_status linear_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const int64_t k = query->in[0].dim[1], n = query->in[2].dim[0];

    if (query->in[2].dim[1] != k)
        return setun_refuse(query, "activations and weights differ in k");
    if (k > K_MAX)
        return setun_refuse(query, "k must be below 2^24, so that the sum fits 32 bits");

    out_plan->n_phases = 1;
    out_plan->cost_ns  = 1.0 * (double)query->rows_max * (double)n * (double)k; /* about one product a nanosecond */
    return SETUN_OK;
}

/* One unit is one row of W: the cut may fall anywhere between them. */
static int64_t linear_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->in[2].dim[0];
}

static int32_t dot(const int8_t *q, const uint8_t *w, int64_t k)
{
    int32_t sum = 0;

    for (int64_t e = 0; e < k; e++)
        sum += q[e] * ((w[e / 4] >> (2 * (e % 4)) & 3) - 1);
    return sum;
}

static void linear_run(const setun_call *call, const setun_tile *tile)
{
    const setun_tensor *q = &call->in[0], *w = &call->in[2], *y = &call->out[0];
    const float *s = (const float *)call->in[1].data, *w_scale = (const float *)call->in[3].data;
    const int64_t m = q->dim[0], k = q->dim[1];

    for (int64_t i = 0; i < m; i++) {
        const int8_t *q_row = (const int8_t *)q->data + i * q->stride_bytes[0];
        float *y_row = (float *)(void *)((char *)y->data + i * y->stride_bytes[0]);

        for (int64_t j = tile->begin; j < tile->end; j++) {
            const uint8_t *w_row = (const uint8_t *)w->data + j * w->stride_bytes[0];

            y_row[j] = (float)dot(q_row, w_row, k) * (w_scale[j] / s[i]);
        }
    }
}

const setun_kernel linear_i8row_tern2row_f32__template = {
    .size     = sizeof(setun_kernel),
    .flags    = SETUN_KERNEL_EXACT,
    .name     = "linear_i8row_tern2row_f32__template",
    .pattern  = "linear",
    .fmts     = "i8.row+f32,tern2.row+f32>f32",
    .k_max    = K_MAX, /* checked at the worst case by `setun kernels check` */
    .acc_bits = 32,
    .plan     = linear_plan,
    .units    = linear_units,
    .run      = linear_run,
};
