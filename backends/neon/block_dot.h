/* block_dot.h - blocks.h's linears with DOTPROD. Several rows of x by 16 rows of w go through a panel in scratch, made once for all rows of x:
 * i8[words of four columns][16 rows][4], for q6_k.b256 codes less what stands for zero with i32 factors[parts of 16 columns][16 rows]. A
 * panel holds BLOCK_DOT_PANEL columns; between panels the chains wait in y. */
#ifndef SETUN_NEON_BLOCK_DOT_H
#define SETUN_NEON_BLOCK_DOT_H
#include "block_row.h"

#define BLOCK_DOT_PANEL 2048 /* columns: 32 KiB, for the second-level cache */
#define BLOCK_DOT_X     4    /* rows of x side by side, by half a unit: 8 registers of sums, 8 of a part's, 8 of chains, 4 of x, 2 of w */
#define BLOCK_DOT_WORD  (4 * BLOCK_UNIT)

ALWAYS_INLINE int32x4_t block_dot16_dot(int32x4_t acc, int8x16_t w, int8x16_t x)
{
    return vdotq_s32(acc, w, x);
}

/* acc += words of w by word p of x's four; p is a constant where this is inlined. */
ALWAYS_INLINE int32x4_t block_dot4(int32x4_t acc, int8x16_t w, int8x16_t x, int p)
{
    switch (p) {
    case 0:
        return vdotq_laneq_s32(acc, w, x, 0);
    case 1:
        return vdotq_laneq_s32(acc, w, x, 1);
    case 2:
        return vdotq_laneq_s32(acc, w, x, 2);
    default:
        return vdotq_laneq_s32(acc, w, x, 3);
    }
}

typedef struct block_dot_scratch {
    int8_t   *panel;
    int32_t  *factor;
    uint16_t *d; /* [blocks of w][16] */
} block_dot_scratch;

#define BLOCK_DOT_FACTOR_BYTES ((size_t)BLOCK_DOT_PANEL / SETUN_Q6_K_PART * BLOCK_UNIT * sizeof(int32_t))
#define BLOCK_DOT_D_BYTES      ((size_t)BLOCK_DOT_PANEL / SETUN_BLOCK * BLOCK_UNIT * sizeof(uint16_t))

static inline setun_status block_dot_plan(const setun_query *query, double bytes, block_cost cost, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)BLOCK_DOT_PANEL * BLOCK_UNIT + BLOCK_DOT_FACTOR_BYTES + BLOCK_DOT_D_BYTES;
    out_plan->cost_ns = block_cost_ns(query, bytes, cost);
    return SETUN_OK;
}

/* Sixteen columns, the c-th of a block of w, of four rows' blocks: four words of the panel, 4 rows of each. */
ALWAYS_INLINE void block_dot_turn(const uint8_t *const block[4], int c, int q6k, int8_t *out)
{
    int32x4_t row[4];

UNROLL(4)
    for (int r = 0; r < 4; r++)
        row[r] = vreinterpretq_s32_s8(q6k ? vsubq_s8(block_q6k_codes(block[r], c), vdupq_n_s8(SETUN_Q6_K_ZERO))
                                          : vld1q_s8((const int8_t *)block[r] + 2 + 16 * c));
    turn_words(row);
UNROLL(4)
    for (int j = 0; j < 4; j++)
        vst1q_s8(out + j * BLOCK_DOT_WORD, vreinterpretq_s8_s32(row[j]));
}

/* The factors of four rows' blocks, a part's 16 apart. */
static inline void block_dot_factors(const uint8_t *const block[4], int32_t *out)
{
    int32x4_t part[4][4]; /* [row][four parts] */

    for (int r = 0; r < 4; r++)
        block_widen_parts(block_q6k_parts(block[r]), part[r]);
    for (int p = 0; p < 4; p++) {
        int32x4_t row[4] = {part[0][p], part[1][p], part[2][p], part[3][p]};

        turn_words(row);
        for (int j = 0; j < 4; j++)
            vst1q_s32(out + (4 * p + j) * BLOCK_UNIT, row[j]);
    }
}

/* Columns c .. c + n_columns - 1 of the rows of unit u into the panel. Rows past the last are copies of it. */
ALWAYS_INLINE void block_dot_unpack(const setun_call *call, int64_t u, int64_t c, int64_t n_columns, int q6k, const block_dot_scratch *s)
{
    const int64_t last = call->in[1].dim[0] - 1, columns = q6k ? SETUN_Q6_K_BLOCK : SETUN_BLOCK;
    const int64_t block_bytes = q6k ? SETUN_Q6_K_BYTES : SETUN_Q8_0_BYTES, d_at = q6k ? SETUN_Q6_K_BYTES - 2 : 0;

    for (int64_t at = 0; at < n_columns; at += columns)
        for (int64_t r = 0; r < BLOCK_UNIT; r += 4) {
            const uint8_t *block[4];

            for (int e = 0; e < 4; e++) {
                block[e] = (const uint8_t *)in_row(call, 1, least(u * BLOCK_UNIT + r + e, last)) + (c + at) / columns * block_bytes;
                s->d[at / columns * BLOCK_UNIT + r + e] = block_bits_16(block[e] + d_at);
            }
            if (q6k) {
                block_dot_factors(block, s->factor + at / SETUN_Q6_K_PART * BLOCK_UNIT + r);
UNROLL(16)
                for (int j = 0; j < 16; j++)
                    block_dot_turn(block, j, 1, s->panel + (at / 4 + 4 * j) * BLOCK_DOT_WORD + 4 * r);
            } else {
                block_dot_turn(block, 0, 0, s->panel + at / 4 * BLOCK_DOT_WORD + 4 * r);
                block_dot_turn(block, 1, 0, s->panel + (at / 4 + 4) * BLOCK_DOT_WORD + 4 * r);
            }
        }
}

/* Sixteen columns of n_x rows of x from column j of the panel on, by eight rows of w. */
ALWAYS_INLINE void block_dot_part(const int8_t *const x[BLOCK_DOT_X], int n_x, const int8_t *w, int32x4_t e[BLOCK_DOT_X][2])
{
    int8x16_t words[BLOCK_DOT_X];

UNROLL(4)
    for (int a = 0; a < n_x; a++)
        words[a] = vld1q_s8(x[a]);
UNROLL(4)
    for (int p = 0; p < 4; p++) {
        const int8x16_t first = vld1q_s8(w + p * BLOCK_DOT_WORD), second = vld1q_s8(w + p * BLOCK_DOT_WORD + 16);

UNROLL(4)
        for (int a = 0; a < n_x; a++) {
            e[a][0] = block_dot4(e[a][0], first, words[a], p);
            e[a][1] = block_dot4(e[a][1], second, words[a], p);
        }
    }
}

/* chain[a] of eight rows of w from row `row` of the unit on: their steps for the panel of columns c .. c + n_columns - 1. */
ALWAYS_INLINE void block_dot_half(const setun_call *call, int64_t i, int n_x, int64_t c, int64_t n_columns, int64_t row, int q6k,
                                  const block_dot_scratch *s, float chain[BLOCK_DOT_X][BLOCK_UNIT])
{
    const int64_t k = call->in[0].dim[1], blocks_of_d = q6k ? SETUN_Q6_K_BLOCK / SETUN_BLOCK : 1;
    const int32x4_t zero = vdupq_n_s32(0);
    const int8_t *x[BLOCK_DOT_X];
    const float *scale[BLOCK_DOT_X];
    float32x4_t acc[BLOCK_DOT_X][2];

UNROLL(4)
    for (int a = 0; a < n_x; a++) {
        x[a] = (const int8_t *)in_row(call, 0, i + a) + c;
        scale[a] = block_scales(in_row(call, 0, i + a), k) + c / SETUN_BLOCK;
        acc[a][0] = vld1q_f32(chain[a] + row);
        acc[a][1] = vld1q_f32(chain[a] + row + 4);
    }
    for (int64_t b = 0; b < n_columns / SETUN_BLOCK; b++) {
        const float16x8_t d = vreinterpretq_f16_u16(vld1q_u16(s->d + b / blocks_of_d * BLOCK_UNIT + row));
        const float32x4_t d_first = vcvt_f32_f16(vget_low_f16(d)), d_second = vcvt_high_f32_f16(d);
        int32x4_t e[BLOCK_DOT_X][2];

UNROLL(4)
        for (int a = 0; a < n_x; a++)
            e[a][0] = e[a][1] = zero;
UNROLL(2)
        for (int part = 0; part < 2; part++) {
            const int8_t *w = s->panel + (8 * b + 4 * part) * BLOCK_DOT_WORD + 4 * row;

            if (q6k) {
                const int32_t *factor = s->factor + (2 * b + part) * BLOCK_UNIT + row;
                int32x4_t sums[BLOCK_DOT_X][2];

UNROLL(4)
                for (int a = 0; a < n_x; a++)
                    sums[a][0] = sums[a][1] = zero;
                block_dot_part(x, n_x, w, sums);
UNROLL(4)
                for (int a = 0; a < n_x; a++) {
                    e[a][0] = vmlaq_s32(e[a][0], sums[a][0], vld1q_s32(factor));
                    e[a][1] = vmlaq_s32(e[a][1], sums[a][1], vld1q_s32(factor + 4));
                }
            } else {
                block_dot_part(x, n_x, w, e);
            }
UNROLL(4)
            for (int a = 0; a < n_x; a++)
                x[a] += 16;
        }
UNROLL(4)
        for (int a = 0; a < n_x; a++) {
            acc[a][0] = vfmaq_f32(acc[a][0], vcvtq_f32_s32(e[a][0]), vmulq_n_f32(d_first, scale[a][b]));
            acc[a][1] = vfmaq_f32(acc[a][1], vcvtq_f32_s32(e[a][1]), vmulq_n_f32(d_second, scale[a][b]));
        }
    }
UNROLL(4)
    for (int a = 0; a < n_x; a++) {
        vst1q_f32(chain[a] + row, acc[a][0]);
        vst1q_f32(chain[a] + row + 4, acc[a][1]);
    }
}

/* n_x rows of x, constant where this is inlined, by the panel of columns c .. c + n_columns - 1. */
ALWAYS_INLINE void block_dot_tile(const setun_call *call, int64_t u, int64_t i, int n_x, int64_t c, int64_t n_columns, int q6k,
                                  const block_dot_scratch *s)
{
    const int64_t n = least(BLOCK_UNIT, call->in[1].dim[0] - u * BLOCK_UNIT);
    float chain[BLOCK_DOT_X][BLOCK_UNIT];

    for (int a = 0; a < n_x; a++)
        lanes_store(chain[a], c == 0 ? lanes_set(0.0f) : lanes_load_n((const float *)out_row(call, 0, i + a) + u * BLOCK_UNIT, n));
    for (int64_t row = 0; row < BLOCK_UNIT; row += 8)
        block_dot_half(call, i, n_x, c, n_columns, row, q6k, s, chain);
    for (int a = 0; a < n_x; a++)
        lanes_store_n((float *)out_row(call, 0, i + a) + u * BLOCK_UNIT, lanes_load(chain[a]), n);
}

ALWAYS_INLINE void block_dot_run(const setun_call *call, const setun_tile *tile, int q6k)
{
    const int64_t m = call->in[0].dim[0], k = call->in[0].dim[1];
    block_dot_scratch s;

    s.panel = tile->scratch;
    s.factor = (int32_t *)(void *)(s.panel + (size_t)BLOCK_DOT_PANEL * BLOCK_UNIT);
    s.d = (uint16_t *)(void *)((char *)s.factor + BLOCK_DOT_FACTOR_BYTES);
    for (int64_t u = tile->begin; u < tile->end; u++)
        for (int64_t c = 0; c < k; c += BLOCK_DOT_PANEL) {
            const int64_t n_columns = least(BLOCK_DOT_PANEL, k - c);
            int64_t i = 0;

            block_dot_unpack(call, u, c, n_columns, q6k, &s);
            for (; i + BLOCK_DOT_X <= m; i += BLOCK_DOT_X)
                block_dot_tile(call, u, i, BLOCK_DOT_X, c, n_columns, q6k, &s);
            switch (m - i) {
            case 3:
                block_dot_tile(call, u, i, 3, c, n_columns, q6k, &s);
                break;
            case 2:
                block_dot_tile(call, u, i, 2, c, n_columns, q6k, &s);
                break;
            case 1:
                block_dot_tile(call, u, i, 1, c, n_columns, q6k, &s);
                break;
            default:
                break;
            }
        }
}
#endif
