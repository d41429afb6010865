/* linear_i8row_tern2row_f32__scalar.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]), t ternary.
 * in: q i8.row[m, k], s f32[m], t tern2.row[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary.h"

#define K_MAX ((INT64_C(1) << 24) - 1) /* |dot| <= 128 * k must fit an i32 */

/* The four weights of every byte, first in the low bits. Code 3 does not occur; it would read as 2. */
#define WEIGHTS1(a, b, c, d) {(a)-1, (b)-1, (c)-1, (d)-1}
#define WEIGHTS4(b, c, d) WEIGHTS1(0, b, c, d), WEIGHTS1(1, b, c, d), WEIGHTS1(2, b, c, d), WEIGHTS1(3, b, c, d)
#define WEIGHTS16(c, d) WEIGHTS4(0, c, d), WEIGHTS4(1, c, d), WEIGHTS4(2, c, d), WEIGHTS4(3, c, d)
#define WEIGHTS64(d) WEIGHTS16(0, d), WEIGHTS16(1, d), WEIGHTS16(2, d), WEIGHTS16(3, d)
static const int16_t weights_of_byte[256][4] = {WEIGHTS64(0), WEIGHTS64(1), WEIGHTS64(2), WEIGHTS64(3)};

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const int64_t n = query->in[2].dim[0], k = query->in[2].dim[1];

    if (k > K_MAX)
        return setun_refuse(query, "linear: a row of 2^24 or more ternary weights could overflow its 32-bit sum");
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)(k + 3) / 4 * sizeof(weights_of_byte[0]); /* one row of t, unpacked to i16 */
    out_plan->cost_ns = (0.3 + 0.25 * (double)query->rows_max) * (double)n * (double)k;
    return SETUN_OK;
}

/* One unit is one row of t. */
static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->in[2].dim[0];
}

/* i16 weights because compilers know an instruction that multiplies and adds pairs of i16. */
static int32_t dot_row(const int8_t *q, const int16_t *t, int64_t k)
{
    int32_t sum = 0;

    for (int64_t i = 0; i < k; i++)
        sum += (int16_t)q[i] * t[i];
    return sum;
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t m = call->in[0].dim[0], k = call->in[0].dim[1];
    const float *s = call->in[1].data, *w_scale = call->in[3].data;
    int16_t *t = tile->scratch;

    for (int64_t j = tile->begin; j < tile->end; j++) {
        const uint8_t *codes = in_row(call, 2, j);

        for (int64_t i = 0; i < (k + 3) / 4; i++)
            memcpy(t + 4 * i, weights_of_byte[codes[i]], sizeof(weights_of_byte[0]));
        for (int64_t i = 0; i < m; i++)
            ((float *)out_row(call, 0, i))[j] = (float)dot_row(in_row(call, 0, i), t, k) * (w_scale[j] / s[i]);
    }
}

const setun_kernel linear_i8row_tern2row_f32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8row_tern2row_f32__scalar",
    .pattern = "linear",
    .fmts = "i8.row+f32,tern2.row+f32>f32",
    .k_max = K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = units,
    .run = run,
};
