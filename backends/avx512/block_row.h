/* block_row.h - one row of x at a time, one row of w after the other: one stream of memory. The integer dots of a unit's 16 rows are kept
 * in scratch, a row of w each; then they are transposed, and the 16 chains run side by side.
 *
 * Scratch: dots f32[16][blocks], d f16[blocks of w][16], and sums of x that the way of multiplying wants, two registers for each 512 columns. */
#ifndef SETUN_AVX512_BLOCK_ROW_H
#define SETUN_AVX512_BLOCK_ROW_H
#include "blocks.h"

/* Sixteen blocks of w, or as many as `n` says (1 .. 16), by those of x: their dots in the lanes, those past n unspecified. sums: of
 * the same columns of x. d gets the scales of w's blocks, 16 apart. */
typedef __m512i block_dots(const uint8_t *w, const int8_t *x, const __m512i sums[2], int64_t n, uint16_t *out_d);

/* What block_dots wants to know of n blocks of x. */
typedef void block_sums(const int8_t *x, int64_t n, __m512i out_sums[2]);

static inline int64_t block_steps(int64_t k)
{
    return (k + BLOCK_STEP_COLUMNS - 1) / BLOCK_STEP_COLUMNS;
}

static inline size_t block_dots_bytes(int64_t k)
{
    return (size_t)block_steps(k) * BLOCK_STEP * BLOCK_UNIT * sizeof(float);
}

static inline size_t block_d_bytes(int64_t k)
{
    return (size_t)block_steps(k) * BLOCK_STEP * BLOCK_UNIT * sizeof(uint16_t);
}

/* ns for one weight, a byte or so: to stream it, and to multiply it. */
static inline setun_status block_row_plan(const setun_query *query, double read_ns, double compute_ns, setun_kernel_plan *out_plan)
{
    const int64_t k = query->in[1].dim[1];
    const double nk = (double)query->in[1].dim[0] * (double)k, rows = (double)query->rows_max;

    out_plan->n_phases = 1;
    out_plan->worker_bytes = block_dots_bytes(k) + block_d_bytes(k) + (size_t)block_steps(k) * 2 * sizeof(__m512i);
    out_plan->cost_ns = nk * (read_ns > compute_ns ? read_ns + compute_ns * (rows - 1) : compute_ns * rows);
    return SETUN_OK;
}

/* The chains of 16 rows of w. blocks_of_d: blocks of 32 columns that share a d. Meanwhile the stream of memory goes on with w's `next` rows, a
 * line for each block: q8_0.b32 at 2560 columns on Zen 4 22.3 GB/s, 20.4 without. A line asked for past w's end does no harm. */
ALWAYS_INLINE lanes block_chains(const float *dots, const uint16_t *d, int64_t blocks_of_d, const float *scale, int64_t k,
                                 const char *next)
{
    const int64_t n_blocks = k / SETUN_BLOCK, stride = block_steps(k) * BLOCK_STEP;
    lanes acc = lanes_set(0.0f);

    for (int64_t b = 0; b < n_blocks; b += BLOCK_STEP) {
        const int64_t n = least(BLOCK_STEP, n_blocks - b);
        lanes e[BLOCK_UNIT];

        for (int r = 0; r < BLOCK_UNIT; r++)
            e[r] = lanes_load(dots + r * stride + b);
        lanes_transpose(e);
        for (int64_t t = 0; t < n; t++)
            _mm_prefetch(next + (b + t) * 64, _MM_HINT_T0);
        for (int64_t t = 0; t < n; t++)
            acc = lanes_fma(e[t], lanes_mul(lanes_set(scale[b + t]), lanes_load_f16(d + (b + t) / blocks_of_d * BLOCK_UNIT)), acc);
    }
    return acc;
}

/* block_bytes: of w's blocks, which have 32 * blocks_of_d columns. */
ALWAYS_INLINE void block_row_run(const setun_call *call, const setun_tile *tile, int64_t block_bytes, int64_t blocks_of_d,
                                 block_dots *multiply, block_sums *sum)
{
    const int64_t k = call->in[0].dim[1], n = call->in[1].dim[0], n_blocks = k / SETUN_BLOCK;
    float *dots = tile->scratch;
    uint16_t *d = (uint16_t *)(void *)((char *)tile->scratch + block_dots_bytes(k));
    __m512i *sums = (__m512i *)(void *)((char *)d + block_d_bytes(k));

    for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
        const int8_t *x = in_row(call, 0, i);

        for (int64_t b = 0; b < n_blocks; b += BLOCK_STEP)
            sum(x + b * SETUN_BLOCK, least(BLOCK_STEP, n_blocks - b), sums + b / BLOCK_STEP * 2);
        for (int64_t u = tile->begin; u < tile->end; u++) {
            const int64_t n_rows = least(BLOCK_UNIT, n - u * BLOCK_UNIT);

            for (int64_t r = 0; r < n_rows; r++) {
                const uint8_t *w = in_row(call, 1, u * BLOCK_UNIT + r);
                float *to = dots + r * block_steps(k) * BLOCK_STEP;
                int64_t b = 0;

                for (; b + BLOCK_STEP <= n_blocks; b += BLOCK_STEP)
                    lanes_store(to + b, _mm512_cvtepi32_ps(multiply(w + b / blocks_of_d * block_bytes, x + b * SETUN_BLOCK,
                                                                    sums + b / BLOCK_STEP * 2, BLOCK_STEP,
                                                                    d + b / blocks_of_d * BLOCK_UNIT + r)));
                if (b < n_blocks)
                    lanes_store(to + b, _mm512_cvtepi32_ps(multiply(w + b / blocks_of_d * block_bytes, x + b * SETUN_BLOCK,
                                                                    sums + b / BLOCK_STEP * 2, n_blocks - b,
                                                                    d + b / blocks_of_d * BLOCK_UNIT + r)));
            }
            lanes_store_n((float *)out_row(call, 0, i) + u * BLOCK_UNIT,
                          block_chains(dots, d, blocks_of_d, block_scales(x, k), k, in_row(call, 1, least((u + 1) * BLOCK_UNIT, n - 1))), n_rows);
        }
    }
}

/* ---- q8_0.b32 ---- */

/* Two blocks side by side. */
static inline __m512i block_q80_pair(const uint8_t *w)
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const void *)(w + 2))),
                              _mm256_loadu_si256((const void *)(w + SETUN_Q8_0_BYTES + 2)), 1);
}

/* 64 signed codes of w by 64 of x, in fours. */
typedef __m512i block_q80_dot(__m512i w, __m512i x);

/* What of x meets blocks 2p and 2p + 1 of n: zero for those that are not there. */
ALWAYS_INLINE __m512i block_q80_x(const int8_t *x, int p, int64_t n)
{
    return 2 * p < n ? _mm512_loadu_si512(x + 64 * p) : _mm512_setzero_si512(); /* the padding is zero */
}

ALWAYS_INLINE __m512i block_q80_dots(const uint8_t *w, const int8_t *x, const __m512i sums[2], int64_t n, uint16_t *out_d, block_q80_dot *dot)
{
    __m512i v[8];

UNROLL(16)
    for (int b = 0; b < BLOCK_STEP; b++)
        if (b < n)
            out_d[b * BLOCK_UNIT] = block_bits_16(w + b * SETUN_Q8_0_BYTES);
UNROLL(8)
    for (int p = 0; p < 8; p++) {
        const uint8_t *two = w + 2 * p * SETUN_Q8_0_BYTES;

        if (2 * p + 1 < n)
            v[p] = dot(block_q80_pair(two), block_q80_x(x, p, n));
        else if (2 * p < n)
            v[p] = dot(_mm512_zextsi256_si512(_mm256_loadu_si256((const void *)(two + 2))), block_q80_x(x, p, n));
        else
            v[p] = _mm512_setzero_si512();
    }
    return _mm512_sub_epi32(block_sum_pairs(block_sum_fours(v[0], v[1], v[2], v[3]), block_sum_fours(v[4], v[5], v[6], v[7])), sums[0]);
}

/* ---- q6_k.b256 ---- */

/* The order in which block_sum_fours() leaves the sums of 16 parts: lane 4q + i has part 4i + q. */
#define BLOCK_Q6K_ORDER _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)

/* One block of w: dots of its parts, times their factors. */
ALWAYS_INLINE __m512i block_q6k_parts(const uint8_t *w, const int8_t *x, __m512i sums, block_dot4_op *dot4)
{
    const __m512i zero = _mm512_setzero_si512();
    const __m512i dots = block_sum_fours(dot4(zero, block_q6k_codes(w, 0, 0), _mm512_loadu_si512(x)),
                                         dot4(zero, block_q6k_codes(w, 0, 1), _mm512_loadu_si512(x + 64)),
                                         dot4(zero, block_q6k_codes(w, 1, 0), _mm512_loadu_si512(x + 128)),
                                         dot4(zero, block_q6k_codes(w, 1, 1), _mm512_loadu_si512(x + 192)));
    const __m128i part = _mm_shuffle_epi8(_mm_loadu_si128((const void *)(w + 192)), BLOCK_Q6K_ORDER);

    return _mm512_mullo_epi32(_mm512_sub_epi32(dots, sums), _mm512_cvtepi8_epi32(part));
}

ALWAYS_INLINE __m512i block_q6k_dots(const uint8_t *w, const int8_t *x, const __m512i sums[2], int64_t n, uint16_t *out_d, block_dot4_op *dot4)
{
    const __m512i first = block_q6k_parts(w, x, sums[0], dot4);
    __m512i second = _mm512_setzero_si512();

    out_d[0] = block_bits_16(w + SETUN_Q6_K_BYTES - 2);
    if (n > 8) {
        out_d[BLOCK_UNIT] = block_bits_16(w + 2 * SETUN_Q6_K_BYTES - 2);
        second = block_q6k_parts(w + SETUN_Q6_K_BYTES, x + SETUN_Q6_K_BLOCK, sums[1], dot4);
    }
    return block_sum_pairs(first, second);
}

/* The sums of the parts of x, 32-fold, in that order. */
ALWAYS_INLINE void block_q6k_sums(const int8_t *x, int64_t n, __m512i out_sums[2], block_dot4_op *dot4)
{
    const __m512i zero = _mm512_setzero_si512(), zeros = _mm512_set1_epi8(SETUN_Q6_K_ZERO);

    for (int64_t i = 0; 8 * i < n; i++, x += SETUN_Q6_K_BLOCK)
        out_sums[i] = block_sum_fours(dot4(zero, zeros, _mm512_loadu_si512(x)), dot4(zero, zeros, _mm512_loadu_si512(x + 64)),
                                      dot4(zero, zeros, _mm512_loadu_si512(x + 128)), dot4(zero, zeros, _mm512_loadu_si512(x + 192)));
}
#endif
