/* block_tile.h - several rows of x by 16 rows of w. Codes times the factors of their parts fit 16 bits (q6_k.b256: 32 * 128), and a dot of 32
 * columns of them fits 32, so both formats become the same panel in scratch: i16 pairs of columns, 16 rows side by side. It is made once
 * for all rows of x. Phase 0 widens x to i16 in shared scratch. A panel holds BLOCK_PANEL columns; between panels the chains wait in y. */
#ifndef SETUN_AVX2_BLOCK_TILE_H
#define SETUN_AVX2_BLOCK_TILE_H
#include "blocks.h"

#define BLOCK_PANEL 2048 /* columns: 64 KiB of i16, for the second-level cache */
#define BLOCK_X     4    /* rows of x side by side: 8 registers of sums, 2 of w, one of x, one product; the chains wait in memory */

/* One block of w to i16: codes, less what stands for zero, times the factors of their parts. */
typedef void block_widen(const uint8_t *block, int16_t *out_codes);

/* sums[lane] + the two products of w and x, i16, in each 32-bit lane. */
typedef __m256i block_dot2_op(__m256i sums, __m256i w, __m256i x);

static inline __m256i block_dot2(__m256i sums, __m256i w, __m256i x)
{
    return _mm256_add_epi32(sums, _mm256_madd_epi16(w, x));
}

static inline void block_widen_32(const int8_t *codes, int16_t *out_codes)
{
    _mm256_storeu_si256((__m256i *)(void *)out_codes, _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)codes)));
    _mm256_storeu_si256((__m256i *)(void *)(out_codes + 16), _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)(codes + 16))));
}

/* Scratch of a worker: the panel, f16 d[blocks of w in it][16], and 16 rows of one block of w. */
typedef struct block_scratch {
    int16_t  *panel, *rows;
    uint16_t *d;
} block_scratch;

#define BLOCK_PANEL_BYTES ((size_t)BLOCK_PANEL * BLOCK_UNIT * sizeof(int16_t))
#define BLOCK_D_BYTES     ((size_t)BLOCK_PANEL / SETUN_BLOCK * BLOCK_UNIT * sizeof(uint16_t))
#define BLOCK_ROWS_BYTES  ((size_t)SETUN_Q6_K_BLOCK * BLOCK_UNIT * sizeof(int16_t))

/* unpack_ns: a weight's way into the panel; compute_ns: one weight times one row of x. */
static inline setun_status block_tile_plan(const setun_query *query, double unpack_ns, double compute_ns, setun_kernel_plan *out_plan)
{
    const double nk = (double)query->in[1].dim[0] * (double)query->in[1].dim[1], rows = (double)query->rows_max;
    const int64_t whole_rows = (query->rows_max + BLOCK_X - 1) / BLOCK_X * BLOCK_X;

    out_plan->n_phases = 2;
    out_plan->worker_bytes = BLOCK_PANEL_BYTES + BLOCK_D_BYTES + BLOCK_ROWS_BYTES;
    out_plan->shared_bytes = (size_t)query->in[0].dim[0] * (size_t)query->in[0].dim[1] * sizeof(int16_t);
    out_plan->cost_ns = nk * (unpack_ns + compute_ns * (double)whole_rows) + 1.0 * rows;
    return SETUN_OK;
}

/* Rows of x, then groups of 16 rows of w. */
static inline int64_t block_tile_units(const setun_call *call, uint32_t phase)
{
    return phase == 0 ? call->in[0].dim[0] : block_units(call, phase);
}

static inline int16_t *block_wide_row(const setun_call *call, int64_t i)
{
    return (int16_t *)call->shared + i * call->in[0].dim[1];
}

static inline void block_widen_x(const setun_call *call, const setun_tile *tile)
{
    for (int64_t i = tile->begin; i < tile->end; i++) {
        const int8_t *x = in_row(call, 0, i);
        int16_t *to = block_wide_row(call, i);

        for (int64_t c = 0; c < call->in[0].dim[1]; c += SETUN_BLOCK)
            block_widen_32(x + c, to + c);
    }
}

/* Columns c .. c + n_columns - 1 of the rows of unit u into the panel. Rows past the last are copies of it. */
ALWAYS_INLINE void block_unpack(const setun_call *call, int64_t u, int64_t c, int64_t n_columns, int64_t columns, int64_t block_bytes,
                                int64_t d_at, block_widen *widen, const block_scratch *s)
{
    const int64_t last = call->in[1].dim[0] - 1;

    for (int64_t at = 0; at < n_columns; at += columns) {
        for (int64_t r = 0; r < BLOCK_UNIT; r++) {
            const uint8_t *block = (const uint8_t *)in_row(call, 1, least(u * BLOCK_UNIT + r, last)) + (c + at) / columns * block_bytes;

            widen(block, s->rows + r * columns);
            s->d[at / columns * BLOCK_UNIT + r] = block_bits_16(block + d_at);
        }
        for (int64_t b = 0; b < columns; b += SETUN_BLOCK) {
            lanes pairs[BLOCK_UNIT];

            for (int r = 0; r < BLOCK_UNIT; r++)
                pairs[r] = lanes_load((const float *)(const void *)(s->rows + r * columns + b)); /* bits only: nothing is computed */
            lanes_transpose(pairs);
            for (int r = 0; r < BLOCK_UNIT; r++)
                lanes_store((float *)(void *)(s->panel + (at + b + 2 * r) * BLOCK_UNIT), pairs[r]);
        }
    }
}

/* n_x rows of x, constant where this is inlined, by the panel of columns c .. c + n_columns - 1. */
ALWAYS_INLINE void block_tile(const setun_call *call, int64_t u, int64_t i, int n_x, int64_t c, int64_t n_columns, int64_t blocks_of_d,
                              const block_scratch *s, block_dot2_op *dot2)
{
    const int64_t k = call->in[0].dim[1], n = least(BLOCK_UNIT, call->in[1].dim[0] - u * BLOCK_UNIT);
    const int16_t *x[BLOCK_X];
    const float *scale[BLOCK_X];
    lanes acc[BLOCK_X];

UNROLL(8)
    for (int a = 0; a < n_x; a++) {
        x[a] = block_wide_row(call, i + a) + c;
        scale[a] = block_scales(in_row(call, 0, i + a), k) + c / SETUN_BLOCK;
        acc[a] = c == 0 ? lanes_set(0.0f) : lanes_load_n((const float *)out_row(call, 0, i + a) + u * BLOCK_UNIT, n);
    }
    for (int64_t b = 0; b < n_columns / SETUN_BLOCK; b++) {
        const lanes d = lanes_load_f16(s->d + b / blocks_of_d * BLOCK_UNIT);
        __m256i e[BLOCK_X][2];

UNROLL(8)
        for (int a = 0; a < n_x; a++)
            e[a][0] = e[a][1] = _mm256_setzero_si256();
        for (int64_t p = b * SETUN_BLOCK; p < (b + 1) * SETUN_BLOCK; p += 2) {
            const __m256i low = block_load(s->panel + p * BLOCK_UNIT), high = block_load(s->panel + p * BLOCK_UNIT + 16);

UNROLL(8)
            for (int a = 0; a < n_x; a++) {
                int32_t pair;

                memcpy(&pair, x[a] + p, sizeof(pair));
                e[a][0] = dot2(e[a][0], low, _mm256_set1_epi32(pair));
                e[a][1] = dot2(e[a][1], high, _mm256_set1_epi32(pair));
                KEEP_IN_REGISTER(e[a][0]);
                KEEP_IN_REGISTER(e[a][1]);
            }
        }
UNROLL(8)
        for (int a = 0; a < n_x; a++)
            acc[a] = lanes_fma((lanes){_mm256_cvtepi32_ps(e[a][0]), _mm256_cvtepi32_ps(e[a][1])}, lanes_mul(lanes_set(scale[a][b]), d), acc[a]);
    }
UNROLL(8)
    for (int a = 0; a < n_x; a++)
        lanes_store_n((float *)out_row(call, 0, i + a) + u * BLOCK_UNIT, acc[a], n);
}

/* The last rows of x, fewer than BLOCK_X, all at once: a tile takes its time however few rows it has. */
ALWAYS_INLINE void block_tile_rest(const setun_call *call, int64_t u, int64_t i, int64_t c, int64_t n_columns, int64_t blocks_of_d,
                                   const block_scratch *s, block_dot2_op *dot2)
{
    switch (call->in[0].dim[0] - i) {
    case 3:
        block_tile(call, u, i, 3, c, n_columns, blocks_of_d, s, dot2);
        break;
    case 2:
        block_tile(call, u, i, 2, c, n_columns, blocks_of_d, s, dot2);
        break;
    case 1:
        block_tile(call, u, i, 1, c, n_columns, blocks_of_d, s, dot2);
        break;
    default:
        break;
    }
}

/* columns, block_bytes: of w's blocks, whose d is at byte d_at. */
ALWAYS_INLINE void block_tile_run(const setun_call *call, const setun_tile *tile, int64_t columns, int64_t block_bytes, int64_t d_at,
                                  block_widen *widen, block_dot2_op *dot2)
{
    const int64_t m = call->in[0].dim[0], k = call->in[0].dim[1], blocks_of_d = columns / SETUN_BLOCK;
    block_scratch s;

    if (tile->phase == 0) {
        block_widen_x(call, tile);
        return;
    }
    s.panel = tile->scratch;
    s.d = (uint16_t *)(void *)((char *)tile->scratch + BLOCK_PANEL_BYTES);
    s.rows = (int16_t *)(void *)((char *)s.d + BLOCK_D_BYTES);
    for (int64_t u = tile->begin; u < tile->end; u++)
        for (int64_t c = 0; c < k; c += BLOCK_PANEL) {
            const int64_t n_columns = least(BLOCK_PANEL, k - c);
            int64_t i = 0;

            block_unpack(call, u, c, n_columns, columns, block_bytes, d_at, widen, &s);
            for (; i + BLOCK_X <= m; i += BLOCK_X)
                block_tile(call, u, i, BLOCK_X, c, n_columns, blocks_of_d, &s, dot2);
            block_tile_rest(call, u, i, c, n_columns, blocks_of_d, &s, dot2);
        }
}

static inline void block_widen_q80(const uint8_t *block, int16_t *out_codes)
{
    block_widen_32((const int8_t *)block + 2, out_codes);
}

static inline void block_widen_q6k(const uint8_t *block, int16_t *out_codes)
{
UNROLL(8)
    for (int b = 0; b < 8; b++) {
        const __m256i codes = _mm256_sub_epi8(block_q6k_codes(block, b), _mm256_set1_epi8(SETUN_Q6_K_ZERO));

UNROLL(2)
        for (int h = 0; h < 2; h++) {
            const __m256i half = _mm256_cvtepi8_epi16(h == 0 ? _mm256_castsi256_si128(codes) : _mm256_extracti128_si256(codes, 1));
            const __m256i factor = _mm256_set1_epi16((int8_t)block[192 + 2 * b + h]);

            _mm256_storeu_si256((__m256i *)(void *)(out_codes + 32 * b + 16 * h), _mm256_mullo_epi16(half, factor));
        }
    }
}
#endif
