/* dense.h - linear with f32 activations and stored f32, f16 or bf16 weights: y[m, n] = dot(x[m, :], w[n, :]).
 * One unit is 16 rows of w, so that workers write to cache lines of their own. */
#ifndef SETUN_NEON_DENSE_H
#define SETUN_NEON_DENSE_H
#include "lanes.h"

#define DENSE_UNIT 16
/* Tiles of rows of w by rows of x, an accumulator of four registers each. One row of x takes four rows of w: 16 chains of fma, which four
 * pipes with a latency of four keep busy. Several take two rows of w by three of x: 24 registers of sums leave 8 for what is loaded, and as
 * f16 and bf16 are widened each time, fewer rows of w than of x is less work. */
#define DENSE_ONE_W 4
#define DENSE_W     2
#define DENSE_X     3

static inline int64_t dense_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[1].dim[0] + DENSE_UNIT - 1) / DENSE_UNIT;
}

/* Estimates (README.md): 0.08 ns for a byte of w that one core streams; 56 instructions for 96 products of f16, 46 of f32. */
static inline setun_status dense_plan(const setun_query *query, double element_bytes, setun_kernel_plan *out_plan)
{
    const double nk = (double)query->in[1].dim[0] * (double)query->in[1].dim[1];
    const double read = 0.08 * element_bytes * nk, compute = 0.06 * nk * (double)query->rows_max;

    return plan_simple(read > compute ? read : compute, out_plan);
}

/* n_w rows of w from row j, n_x rows of x from row i; both constants where this is inlined. */
ALWAYS_INLINE void dense_tile(const setun_call *call, int64_t j, int n_w, int64_t i, int n_x, int64_t element_bytes, lanes_loader *load,
                              lanes_loader_n *load_n)
{
    const int64_t k = call->in[0].dim[1], whole = k / SETUN_LANES * SETUN_LANES;
    lanes acc[DENSE_ONE_W][DENSE_X];
    const float *x[DENSE_X];
    const char *w[DENSE_ONE_W];

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
        lanes one[DENSE_X];

UNROLL(8)
        for (int b = 0; b < n_x; b++)
            one[b] = lanes_load(x[b] + c);
UNROLL(8)
        for (int a = 0; a < n_w; a++) {
            const lanes wide = load(w[a] + c * element_bytes);

UNROLL(8)
            for (int b = 0; b < n_x; b++)
                acc[a][b] = lanes_fma(one[b], wide, acc[a][b]);
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

/* All rows of x, of which there are several, with n_w rows of w. */
ALWAYS_INLINE void dense_rows(const setun_call *call, int64_t j, int n_w, int64_t element_bytes, lanes_loader *load,
                              lanes_loader_n *load_n)
{
    const int64_t m = call->in[0].dim[0];
    int64_t i = 0;

    for (; i + DENSE_X <= m; i += DENSE_X)
        dense_tile(call, j, n_w, i, DENSE_X, element_bytes, load, load_n);
    if (i + 2 == m)
        dense_tile(call, j, n_w, i, 2, element_bytes, load, load_n);
    else if (i < m)
        dense_tile(call, j, n_w, i, 1, element_bytes, load, load_n);
}

ALWAYS_INLINE void dense_run(const setun_call *call, const setun_tile *tile, int64_t element_bytes, lanes_loader *load,
                             lanes_loader_n *load_n)
{
    const int64_t end = least(tile->end * DENSE_UNIT, call->in[1].dim[0]);
    int64_t j = tile->begin * DENSE_UNIT;

    if (call->in[0].dim[0] == 1)
        for (; j + DENSE_ONE_W <= end; j += DENSE_ONE_W)
            dense_tile(call, j, DENSE_ONE_W, 0, 1, element_bytes, load, load_n);
    else
        for (; j + DENSE_W <= end; j += DENSE_W)
            dense_rows(call, j, DENSE_W, element_bytes, load, load_n);
    for (; j < end; j++)
        dense_rows(call, j, 1, element_bytes, load, load_n);
}
#endif
