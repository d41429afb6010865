/* dense.h - linear with f32 activations and stored f32, f16 or bf16 weights: y[m, n] = dot(x[m, :], w[n, :]).
 * One unit is 16 rows of w, so that workers write to cache lines of their own. */
#ifndef SETUN_AVX2_DENSE_H
#define SETUN_AVX2_DENSE_H
#include "lanes.h"

#define DENSE_UNIT 16
/* Tiles of rows of w by rows of x, an accumulator of two registers each; 2 x 2 of them and what they load fit 16 registers. For one
 * row of x memory is the limit, and one row of w at a time is one stream of it: on Zen 4 28 GB/s, against 15 with four side by
 * side. */
#define DENSE_FEW_X 1
#define DENSE_W 2
#define DENSE_X 2

static inline int64_t dense_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[1].dim[0] + DENSE_UNIT - 1) / DENSE_UNIT;
}

/* ns on Zen 4: 0.037 to stream a byte of w, 0.038 for one fma and its share of the loads. */
static inline setun_status dense_plan(const setun_query *query, double element_bytes, setun_kernel_plan *out_plan)
{
    const double nk = (double)query->in[1].dim[0] * (double)query->in[1].dim[1];
    const double read = 0.037 * element_bytes * nk, compute = 0.038 * nk * (double)query->rows_max;

    return plan_simple(read > compute ? read : compute, out_plan);
}

/* n_w rows of w from row j, n_x rows of x from row i; both constants where this is inlined. ahead: NULL, or the n_w rows of w that come
 * next, prefetched from end to end meanwhile, to the second cache. */
ALWAYS_INLINE void dense_tile(const setun_call *call, int64_t j, int n_w, int64_t i, int n_x, const char *ahead,
                              int64_t element_bytes, lanes_loader *load, lanes_loader_n *load_n)
{
    const int64_t k = call->in[0].dim[1], whole = k / SETUN_LANES * SETUN_LANES;
    lanes acc[DENSE_W][DENSE_X];
    const float *x[DENSE_X];
    const char *w[DENSE_W];

UNROLL(8)
    for (int a = 0; a < n_w; a++)
        w[a] = in_row(call, 1, j + a);
UNROLL(8)
    for (int b = 0; b < n_x; b++)
        x[b] = in_row(call, 0, i + b);
UNROLL(8)
    for (int a = 0; a < n_w; a++)
UNROLL(8)
        for (int b = 0; b < n_x; b++)
            acc[a][b] = lanes_set(0.0f);
    for (int64_t c = 0; c < whole; c += SETUN_LANES) {
        lanes wide[DENSE_W];

        if (ahead != NULL)
            for (int64_t at = 0; at < n_w * SETUN_LANES * element_bytes; at += 64)
                _mm_prefetch(ahead + c * n_w * element_bytes + at, _MM_HINT_T1);
UNROLL(8)
        for (int a = 0; a < n_w; a++)
            wide[a] = load(w[a] + c * element_bytes);
UNROLL(8)
        for (int b = 0; b < n_x; b++) {
            const lanes one = lanes_load(x[b] + c);

UNROLL(8)
            for (int a = 0; a < n_w; a++)
                acc[a][b] = lanes_fma(one, wide[a], acc[a][b]);
        }
    }
    if (whole < k) {
UNROLL(8)
        for (int a = 0; a < n_w; a++) {
            const lanes wide = load_n(w[a] + whole * element_bytes, k - whole);

UNROLL(8)
            for (int b = 0; b < n_x; b++)
                acc[a][b] = lanes_fma_n(lanes_load_n(x[b] + whole, k - whole), wide, acc[a][b], k - whole);
        }
    }
UNROLL(8)
    for (int b = 0; b < n_x; b++)
UNROLL(8)
        for (int a = 0; a < n_w; a++)
            ((float *)out_row(call, 0, i + b))[j + a] = lanes_total(acc[a][b]);
}

/* All rows of x with n_w rows of w. */
ALWAYS_INLINE void dense_rows(const setun_call *call, int64_t j, int n_w, const char *ahead, int64_t element_bytes, lanes_loader *load,
                              lanes_loader_n *load_n)
{
    const int64_t m = call->in[0].dim[0];
    int64_t i = 0;

    for (; i + DENSE_X <= m; i += DENSE_X, ahead = NULL)
        dense_tile(call, j, n_w, i, DENSE_X, ahead, element_bytes, load, load_n);
    if (i < m)
        dense_tile(call, j, n_w, i, 1, ahead, element_bytes, load, load_n);
}

ALWAYS_INLINE void dense_run(const setun_call *call, const setun_tile *tile, int64_t element_bytes, lanes_loader *load,
                             lanes_loader_n *load_n)
{
    const int64_t end = least(tile->end * DENSE_UNIT, call->in[1].dim[0]);
    int64_t j = tile->begin * DENSE_UNIT;

    if (call->in[0].dim[0] > DENSE_FEW_X)
        for (; j + DENSE_W <= end; j += DENSE_W)
            dense_rows(call, j, DENSE_W, j + 2 * DENSE_W <= end ? in_row(call, 1, j + DENSE_W) : NULL, element_bytes, load, load_n);
    for (; j < end; j++)
        dense_rows(call, j, 1, NULL, element_bytes, load, load_n);
}
#endif
