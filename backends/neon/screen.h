/* screen.h - the op screen (numerics.md) over i16.hl and i8.r16k4: a block of 16 rows by 4 columns is four registers of 4 rows, which meet four
 * columns of each half of x. One unit is a group of 16 rows of w. How a register is multiplied is the caller's. */
#ifndef SETUN_NEON_SCREEN_H
#define SETUN_NEON_SCREEN_H
#include "ints.h"

#define SCREEN_GROUP 16
#define SCREEN_X     2 /* rows of x at a time: 4 * 4 sums, 4 registers of w, and what is multiplied */

/* Vector instructions for 256 weights (ints.h): once for two rows, and for each row. */
static inline setun_status screen_plan(const setun_query *query, double instructions, setun_kernel_plan *out_plan)
{
    const double nk = (double)query->in[4].dim[0] * (double)query->in[4].dim[1], rows = (double)query->rows_max;
    const double compute = NEON_VECTOR_NS * instructions * rows, read = NEON_READ_NS * 256;

    if (query->in[4].dim[1] > SETUN_SCREEN_K_MAX)
        return setun_refuse(query, "screen: a row of more than 65536 weights could overflow its 32-bit sum");
    return plan_simple(nk / 256 * (compute > read ? compute : read), out_plan);
}

static inline int64_t screen_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[4].dim[0] + SCREEN_GROUP - 1) / SCREEN_GROUP;
}

/* z and e of row i of x, rows j .. j + 15 of w, those there are. */
static inline void screen_put(const setun_call *call, int64_t i, int64_t j, const int32x4_t high[4], const int32x4_t low[4])
{
    const int64_t n_rows = least(SCREEN_GROUP, call->in[4].dim[0] - j);
    const float *x_step = call->in[1].data, *a = call->in[2].data, *b = call->in[3].data;
    const lanes w_step = lanes_load_n((const float *)call->in[5].data + j, n_rows), rest = lanes_load_n((const float *)call->in[6].data + j, n_rows),
                size = lanes_load_n((const float *)call->in[7].data + j, n_rows);
    const lanes z = lanes_fma(lanes_set(256.0f), lanes_of_ints(high), lanes_of_ints(low));
    const lanes e = lanes_add(lanes_mul(lanes_set(a[i]), rest), lanes_mul(lanes_set(b[i]), size));

    lanes_store_n((float *)out_row(call, 0, i) + j, lanes_mul(z, lanes_mul(w_step, lanes_set(x_step[i]))), n_rows);
    lanes_store_n((float *)out_row(call, 1, i) + j, lanes_add(e, lanes_set(SETUN_SCREEN_TINY)), n_rows);
}

/* sum += words e of four rows' columns by word e of x, e = 0 .. n - 1. w: [n words][64], 16 bytes of each; x: 16 columns. */
typedef int32x4_t screen_dot(int32x4_t sum, int8x16_t w, int8x16_t x, int e);

/* n words, 1 .. 4, of a group by those of n_x rows of x; all three are constants where this is inlined. */
ALWAYS_INLINE void screen_words(const int8_t *w, const int8_t *const x[SCREEN_X], int64_t half, int n_x, int n, screen_dot *dot,
                                int32x4_t high[SCREEN_X][4], int32x4_t low[SCREEN_X][4])
{
    int8x16_t words[SCREEN_X][2];

UNROLL(2)
    for (int r = 0; r < n_x; r++) {
        words[r][0] = vld1q_s8(x[r]);
        words[r][1] = vld1q_s8(x[r] + half);
    }
UNROLL(4)
    for (int e = 0; e < n; e++)
UNROLL(4)
        for (int q = 0; q < 4; q++) {
            const int8x16_t codes = vld1q_s8(w + 64 * e + 16 * q);

UNROLL(2)
            for (int r = 0; r < n_x; r++) {
                high[r][q] = dot(high[r][q], codes, words[r][0], e);
                low[r][q] = dot(low[r][q], codes, words[r][1], e);
            }
        }
}

/* Rows i .. i + n_x - 1 of x by group g. x is read in sixteen columns, which its padding to 64 allows; w is not padded so far. */
ALWAYS_INLINE void screen_rows(const setun_call *call, int64_t g, int64_t i, int n_x, screen_dot *dot)
{
    const int64_t k = call->in[0].dim[1], half = (k + 63) / 64 * 64, n_blocks = (k + 3) / 4;
    const int8_t *w = (const int8_t *)call->in[4].data + g * n_blocks * 64, *x[SCREEN_X];
    int32x4_t high[SCREEN_X][4], low[SCREEN_X][4];
    int64_t c = 0;

UNROLL(2)
    for (int r = 0; r < n_x; r++) {
        x[r] = in_row(call, 0, i + r);
UNROLL(4)
        for (int q = 0; q < 4; q++)
            high[r][q] = low[r][q] = vdupq_n_s32(0);
    }
    for (; c + 4 <= n_blocks; c += 4, w += 256) {
        screen_words(w, x, half, n_x, 4, dot, high, low);
UNROLL(2)
        for (int r = 0; r < n_x; r++)
            x[r] += 16;
    }
    switch (n_blocks - c) {
    case 3:
        screen_words(w, x, half, n_x, 3, dot, high, low);
        break;
    case 2:
        screen_words(w, x, half, n_x, 2, dot, high, low);
        break;
    case 1:
        screen_words(w, x, half, n_x, 1, dot, high, low);
        break;
    default:
        break;
    }
UNROLL(2)
    for (int r = 0; r < n_x; r++)
        screen_put(call, i + r, g * SCREEN_GROUP, (const int32x4_t *)high[r], (const int32x4_t *)low[r]);
}

ALWAYS_INLINE void screen_run(const setun_call *call, const setun_tile *tile, screen_dot *dot)
{
    const int64_t m = call->in[0].dim[0];

    for (int64_t g = tile->begin; g < tile->end; g++) {
        int64_t i = 0;

        for (; i + SCREEN_X <= m; i += SCREEN_X)
            screen_rows(call, g, i, SCREEN_X, dot);
        if (i < m)
            screen_rows(call, g, i, 1, dot);
    }
}
#endif
