/* block_row.h - one row of x at a time, one row of w after the other: one stream of memory. The integer dots of a unit's 16 rows are kept
 * in scratch, a row of w each; then they are turned, and the 16 chains run side by side.
 *
 * Scratch: dots i32[16][blocks], d f16[blocks of w][16], and for q6_k.b256 i32 sums of 16 columns of x. */
#ifndef SETUN_NEON_BLOCK_ROW_H
#define SETUN_NEON_BLOCK_ROW_H
#include "blocks.h"

/* Blocks of 32 columns that the inner loops take at once: one block of q6_k.b256. */
#define BLOCK_STEP         8
#define BLOCK_STEP_COLUMNS (BLOCK_STEP * SETUN_BLOCK)
#define BLOCK_STEP_PARTS   (BLOCK_STEP_COLUMNS / SETUN_Q6_K_PART)

/* Eight blocks of 32 columns, or as many as `n` says (1 .. 8), of w by those of x: their dots in the lanes, those past n unspecified.
 * sums: of the same columns of x. d gets the scales of w's blocks, 16 apart. */
typedef void block_dots(const uint8_t *w, const int8_t *x, const int32_t *sums, int64_t n, uint16_t *out_d, int32x4_t out_dots[2]);

static inline int64_t block_steps(int64_t k)
{
    return (k + BLOCK_STEP_COLUMNS - 1) / BLOCK_STEP_COLUMNS;
}

static inline size_t block_dots_bytes(int64_t k)
{
    return (size_t)block_steps(k) * BLOCK_STEP * BLOCK_UNIT * sizeof(int32_t);
}

static inline size_t block_d_bytes(int64_t k)
{
    return (size_t)block_steps(k) * BLOCK_STEP * BLOCK_UNIT * sizeof(uint16_t);
}

static inline setun_status block_row_plan(const setun_query *query, double bytes, double instructions, setun_kernel_plan *out_plan)
{
    const int64_t k = query->in[1].dim[1];

    out_plan->n_phases = 1;
    out_plan->worker_bytes = block_dots_bytes(k) + block_d_bytes(k) + (size_t)block_steps(k) * BLOCK_STEP_PARTS * sizeof(int32_t);
    out_plan->cost_ns = block_cost_ns(query, bytes, (block_cost){.once = 0, .row = instructions});
    return SETUN_OK;
}

/* 32 times the sum of every 16 columns: what codes that are 32 more than what they stand for bring too much. */
static inline void block_sum_parts(const int8_t *x, int64_t k, int32_t *out_sums)
{
    for (int64_t p = 0; p < k / SETUN_Q6_K_PART; p++)
        out_sums[p] = SETUN_Q6_K_ZERO * vaddlvq_s8(vld1q_s8(x + SETUN_Q6_K_PART * p));
}

/* The chains of 16 rows of w. blocks_of_d: blocks of 32 columns that share a d. */
ALWAYS_INLINE lanes block_chains(const int32_t *dots, const uint16_t *d, int64_t blocks_of_d, const float *scale, int64_t k)
{
    const int64_t n_blocks = k / SETUN_BLOCK, stride = block_steps(k) * BLOCK_STEP;
    lanes acc = lanes_set(0.0f);

    for (int64_t b = 0; b < n_blocks; b += 4) {
        const int64_t n = least(4, n_blocks - b);
        int32x4_t e[4][4]; /* [four rows][block] */

        for (int q = 0; q < 4; q++) {
            for (int r = 0; r < 4; r++)
                e[q][r] = vld1q_s32(dots + (4 * q + r) * stride + b);
            turn_words(e[q]);
        }
        for (int64_t t = 0; t < n; t++) {
            const int32x4_t dot[4] = {e[0][t], e[1][t], e[2][t], e[3][t]};

            acc = lanes_fma(lanes_of_ints(dot), lanes_mul(lanes_set(scale[b + t]), lanes_load_f16(d + (b + t) / blocks_of_d * BLOCK_UNIT)), acc);
        }
    }
    return acc;
}

/* block_bytes: of w's blocks, which have 32 * blocks_of_d columns. */
ALWAYS_INLINE void block_row_run(const setun_call *call, const setun_tile *tile, int64_t block_bytes, int64_t blocks_of_d, block_dots *multiply)
{
    const int64_t k = call->in[0].dim[1], n = call->in[1].dim[0], n_blocks = k / SETUN_BLOCK;
    int32_t *dots = tile->scratch;
    uint16_t *d = (uint16_t *)(void *)((char *)tile->scratch + block_dots_bytes(k));
    int32_t *sums = (int32_t *)(void *)((char *)d + block_d_bytes(k));

    for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
        const int8_t *x = in_row(call, 0, i);

        block_sum_parts(x, k, sums);
        for (int64_t u = tile->begin; u < tile->end; u++) {
            const int64_t n_rows = least(BLOCK_UNIT, n - u * BLOCK_UNIT);

            for (int64_t r = 0; r < n_rows; r++) {
                const uint8_t *w = in_row(call, 1, u * BLOCK_UNIT + r);
                int32_t *to = dots + r * block_steps(k) * BLOCK_STEP;
                int32x4_t eight[2];
                int64_t b = 0;

                for (; b + BLOCK_STEP <= n_blocks; b += BLOCK_STEP) {
                    multiply(w + b / blocks_of_d * block_bytes, x + b * SETUN_BLOCK, sums + 2 * b, BLOCK_STEP, d + b / blocks_of_d * BLOCK_UNIT + r,
                             eight);
                    vst1q_s32(to + b, eight[0]);
                    vst1q_s32(to + b + 4, eight[1]);
                }
                if (b < n_blocks) {
                    multiply(w + b / blocks_of_d * block_bytes, x + b * SETUN_BLOCK, sums + 2 * b, n_blocks - b, d + b / blocks_of_d * BLOCK_UNIT + r,
                             eight);
                    vst1q_s32(to + b, eight[0]);
                    vst1q_s32(to + b + 4, eight[1]);
                }
            }
            lanes_store_n((float *)out_row(call, 0, i) + u * BLOCK_UNIT, block_chains(dots, d, blocks_of_d, block_scales(x, k), k), n_rows);
        }
    }
}

ALWAYS_INLINE void block_dots_q80(const uint8_t *w, const int8_t *x, int64_t n, uint16_t *out_d, int32x4_t out_dots[2], block_dot16 *dot)
{
    int32x4_t v[BLOCK_STEP];

UNROLL(8)
    for (int b = 0; b < BLOCK_STEP; b++) {
        v[b] = vdupq_n_s32(0);
        if (b < n) {
            const int8_t *codes = (const int8_t *)w + b * SETUN_Q8_0_BYTES + 2;

            v[b] = dot(v[b], vld1q_s8(codes), vld1q_s8(x + b * SETUN_BLOCK));
            v[b] = dot(v[b], vld1q_s8(codes + 16), vld1q_s8(x + b * SETUN_BLOCK + 16));
            out_d[b * BLOCK_UNIT] = block_bits_16(w + b * SETUN_Q8_0_BYTES);
        }
    }
    out_dots[0] = sum_each(v[0], v[1], v[2], v[3]);
    out_dots[1] = sum_each(v[4], v[5], v[6], v[7]);
}

/* One block of w. Codes are unsigned as they are; `sums` take off what that brings too much. */
ALWAYS_INLINE void block_dots_q6k(const uint8_t *w, const int8_t *x, const int32_t *sums, uint16_t *out_d, int32x4_t out_dots[2], block_dot16 *dot)
{
    int32x4_t e[4], factor[4];

    block_widen_parts(block_q6k_parts(w), factor);
    *out_d = block_bits_16(w + SETUN_Q6_K_BYTES - 2);
UNROLL(4)
    for (int q = 0; q < 4; q++) {
        int32x4_t v[4];

UNROLL(4)
        for (int p = 0; p < 4; p++)
            v[p] = dot(vdupq_n_s32(0), block_q6k_codes(w, 4 * q + p), vld1q_s8(x + SETUN_Q6_K_PART * (4 * q + p)));
        e[q] = vmulq_s32(vsubq_s32(sum_each(v[0], v[1], v[2], v[3]), vld1q_s32(sums + 4 * q)), factor[q]);
    }
    out_dots[0] = vpaddq_s32(e[0], e[1]);
    out_dots[1] = vpaddq_s32(e[2], e[3]);
}
#endif
