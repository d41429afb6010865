/* block_row.h - one row of x at a time, one row of w after the other: one stream of memory. The integer dots of a unit's 16 rows are kept
 * in scratch, a row of w each; then they are transposed, and the 16 chains run side by side.
 *
 * Scratch: dots f32[16][blocks], d f16[blocks of w][16], and sums of x that the way of multiplying wants, a register for each 256 columns. */
#ifndef SETUN_AVX2_BLOCK_ROW_H
#define SETUN_AVX2_BLOCK_ROW_H
#include "blocks.h"

/* Eight blocks of 32 columns, or as many as `n` says (1 .. 8), of w by those of x: their dots in the lanes, those past n unspecified.
 * sums: of the same columns of x. d gets the scales of w's blocks, 16 apart. */
typedef __m256i block_dots(const uint8_t *w, const int8_t *x, __m256i sums, int64_t n, uint16_t *out_d);

/* What block_dots wants to know of n blocks of x. */
typedef __m256i block_sums(const int8_t *x, int64_t n);

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
    out_plan->worker_bytes = block_dots_bytes(k) + block_d_bytes(k) + (size_t)block_steps(k) * sizeof(__m256i);
    out_plan->cost_ns = nk * (read_ns > compute_ns ? read_ns + compute_ns * (rows - 1) : compute_ns * rows);
    return SETUN_OK;
}

/* The chains of 16 rows of w. blocks_of_d: blocks of 32 columns that share a d. */
ALWAYS_INLINE lanes block_chains(const float *dots, const uint16_t *d, int64_t blocks_of_d, const float *scale, int64_t k)
{
    const int64_t n_blocks = k / SETUN_BLOCK, stride = block_steps(k) * BLOCK_STEP;
    lanes acc = lanes_set(0.0f);

    for (int64_t b = 0; b < n_blocks; b += BLOCK_STEP) {
        const int64_t n = least(BLOCK_STEP, n_blocks - b);
        __m256 first[8], second[8]; /* rows 0 .. 7 and 8 .. 15 of w */

        for (int r = 0; r < 8; r++) {
            first[r] = _mm256_loadu_ps(dots + r * stride + b);
            second[r] = _mm256_loadu_ps(dots + (8 + r) * stride + b);
        }
        transpose_8(first);
        transpose_8(second);
        for (int64_t t = 0; t < n; t++)
            acc = lanes_fma((lanes){first[t], second[t]},
                            lanes_mul(lanes_set(scale[b + t]), lanes_load_f16(d + (b + t) / blocks_of_d * BLOCK_UNIT)), acc);
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
    __m256i *sums = (__m256i *)(void *)((char *)d + block_d_bytes(k));

    for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
        const int8_t *x = in_row(call, 0, i);

        for (int64_t b = 0; b < n_blocks; b += BLOCK_STEP)
            sums[b / BLOCK_STEP] = sum(x + b * SETUN_BLOCK, least(BLOCK_STEP, n_blocks - b));
        for (int64_t u = tile->begin; u < tile->end; u++) {
            const int64_t n_rows = least(BLOCK_UNIT, n - u * BLOCK_UNIT);

            for (int64_t r = 0; r < n_rows; r++) {
                const uint8_t *w = in_row(call, 1, u * BLOCK_UNIT + r);
                float *to = dots + r * block_steps(k) * BLOCK_STEP;
                int64_t b = 0;

                for (; b + BLOCK_STEP <= n_blocks; b += BLOCK_STEP)
                    _mm256_storeu_ps(to + b, _mm256_cvtepi32_ps(multiply(w + b / blocks_of_d * block_bytes, x + b * SETUN_BLOCK,
                                                                         sums[b / BLOCK_STEP], BLOCK_STEP,
                                                                         d + b / blocks_of_d * BLOCK_UNIT + r)));
                if (b < n_blocks)
                    _mm256_storeu_ps(to + b, _mm256_cvtepi32_ps(multiply(w + b / blocks_of_d * block_bytes, x + b * SETUN_BLOCK,
                                                                         sums[b / BLOCK_STEP], n_blocks - b,
                                                                         d + b / blocks_of_d * BLOCK_UNIT + r)));
            }
            lanes_store_n((float *)out_row(call, 0, i) + u * BLOCK_UNIT, block_chains(dots, d, blocks_of_d, block_scales(x, k), k), n_rows);
        }
    }
}

/* The sums of eight registers' lanes, in order. */
ALWAYS_INLINE __m256i block_sum_each(const __m256i v[8])
{
    __m256i four[2];

UNROLL(2)
    for (int i = 0; i < 2; i++) { /* lane 4q + j: the sum of the four lanes 4q .. 4q + 3 of v[4i + j] */
        const __m256i *u = v + 4 * i;
        const __m256i a = _mm256_add_epi32(_mm256_unpacklo_epi32(u[0], u[1]), _mm256_unpackhi_epi32(u[0], u[1]));
        const __m256i b = _mm256_add_epi32(_mm256_unpacklo_epi32(u[2], u[3]), _mm256_unpackhi_epi32(u[2], u[3]));

        four[i] = _mm256_add_epi32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    }
    return _mm256_add_epi32(_mm256_permute2x128_si256(four[0], four[1], 0x20), _mm256_permute2x128_si256(four[0], four[1], 0x31));
}
#endif
