/* block_tile.h - several rows of x by 16 rows of w, without DOTPROD. Codes times the factors of their parts fit 16 bits (q6_k.b256: 32 * 128),
 * and a dot of 32 columns of them fits 32, so both formats become the same panel in scratch: i16[columns][16 rows], which meets one column
 * of x in every lane (SMLAL by element). It is made once for all rows of x. Phase 0 widens x to i16 in shared scratch. A panel holds
 * BLOCK_PANEL columns; between panels the chains wait in y. */
#ifndef SETUN_NEON_BLOCK_TILE_H
#define SETUN_NEON_BLOCK_TILE_H
#include "blocks.h"

#define BLOCK_PANEL 1024 /* columns: 32 KiB of i16, for the second-level cache */
#define BLOCK_X     4    /* rows of x side by side: 16 registers of sums, 2 of w, one of each row of x; the chains wait in memory */

/* One block of w to i16: codes, less what stands for zero, times the factors of their parts. */
typedef void block_widen(const uint8_t *block, int16_t *out_codes);

static inline void block_widen_16(int8x16_t codes, int16_t *out_codes)
{
    vst1q_s16(out_codes, vmovl_s8(vget_low_s8(codes)));
    vst1q_s16(out_codes + 8, vmovl_high_s8(codes));
}

static inline void block_widen_q80(const uint8_t *block, int16_t *out_codes)
{
    block_widen_16(vld1q_s8((const int8_t *)block + 2), out_codes);
    block_widen_16(vld1q_s8((const int8_t *)block + 18), out_codes + 16);
}

static inline void block_widen_q6k(const uint8_t *block, int16_t *out_codes)
{
UNROLL(16)
    for (int c = 0; c < 16; c++) {
        const int8x16_t codes = vsubq_s8(block_q6k_codes(block, c), vdupq_n_s8(SETUN_Q6_K_ZERO)), factor = vdupq_n_s8((int8_t)block[192 + c]);

        vst1q_s16(out_codes + 16 * c, vmull_s8(vget_low_s8(codes), vget_low_s8(factor)));
        vst1q_s16(out_codes + 16 * c + 8, vmull_high_s8(codes, factor));
    }
}

/* Scratch of a worker: the panel, f16 d[blocks of w in it][16], and 16 rows of one block of w. */
typedef struct block_scratch {
    int16_t  *panel, *rows;
    uint16_t *d;
} block_scratch;

#define BLOCK_PANEL_BYTES ((size_t)BLOCK_PANEL * BLOCK_UNIT * sizeof(int16_t))
#define BLOCK_D_BYTES     ((size_t)BLOCK_PANEL / SETUN_BLOCK * BLOCK_UNIT * sizeof(uint16_t))
#define BLOCK_ROWS_BYTES  ((size_t)SETUN_Q6_K_BLOCK * BLOCK_UNIT * sizeof(int16_t))

static inline setun_status block_tile_plan(const setun_query *query, double bytes, block_cost cost, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 2;
    out_plan->worker_bytes = BLOCK_PANEL_BYTES + BLOCK_D_BYTES + BLOCK_ROWS_BYTES;
    out_plan->shared_bytes = (size_t)query->in[0].dim[0] * (size_t)query->in[0].dim[1] * sizeof(int16_t);
    out_plan->cost_ns = block_cost_ns(query, bytes, cost) + NEON_VECTOR_NS / 4 * (double)query->rows_max * (double)query->in[0].dim[1];
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

        for (int64_t c = 0; c < call->in[0].dim[1]; c += 16)
            block_widen_16(vld1q_s8(x + c), to + c);
    }
}

/* Eight rows, `stride` apart, of eight columns each: column j's eight rows go to out + 16 * j. */
static inline void block_turn(const int16_t *rows, int64_t stride, int16_t *out)
{
    int32x4_t first[4], second[4]; /* words are pairs of columns */

UNROLL(4)
    for (int r = 0; r < 4; r++) {
        first[r] = vreinterpretq_s32_s16(vld1q_s16(rows + r * stride));
        second[r] = vreinterpretq_s32_s16(vld1q_s16(rows + (4 + r) * stride));
    }
    turn_words(first);
    turn_words(second);
UNROLL(4)
    for (int j = 0; j < 4; j++) {
        const int16x8_t a = vreinterpretq_s16_s32(first[j]), b = vreinterpretq_s16_s32(second[j]);

        vst1q_s16(out + 2 * j * BLOCK_UNIT, vuzp1q_s16(a, b));
        vst1q_s16(out + (2 * j + 1) * BLOCK_UNIT, vuzp2q_s16(a, b));
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
        for (int64_t j = 0; j < columns; j += 8)
            for (int64_t r = 0; r < BLOCK_UNIT; r += 8)
                block_turn(s->rows + r * columns + j, columns, s->panel + (at + j) * BLOCK_UNIT + r);
    }
}

/* e += 16 rows of a column by element `lane` of x, a constant where this is inlined. */
ALWAYS_INLINE void block_add_column(int32x4_t e[4], int16x8_t first, int16x8_t second, int16x8_t x, int lane)
{
#define BLOCK_LANE(n)                                                        \
    case n:                                                                  \
        e[0] = vmlal_laneq_s16(e[0], vget_low_s16(first), x, n);             \
        e[1] = vmlal_high_laneq_s16(e[1], first, x, n);                      \
        e[2] = vmlal_laneq_s16(e[2], vget_low_s16(second), x, n);            \
        e[3] = vmlal_high_laneq_s16(e[3], second, x, n);                     \
        break
    switch (lane) {
        BLOCK_LANE(0);
        BLOCK_LANE(1);
        BLOCK_LANE(2);
        BLOCK_LANE(3);
        BLOCK_LANE(4);
        BLOCK_LANE(5);
        BLOCK_LANE(6);
        BLOCK_LANE(7);
    default:
        break;
    }
#undef BLOCK_LANE
}

/* n_x rows of x, constant where this is inlined, by the panel of columns c .. c + n_columns - 1. */
ALWAYS_INLINE void block_tile(const setun_call *call, int64_t u, int64_t i, int n_x, int64_t c, int64_t n_columns, int64_t blocks_of_d,
                              const block_scratch *s)
{
    const int64_t k = call->in[0].dim[1], n = least(BLOCK_UNIT, call->in[1].dim[0] - u * BLOCK_UNIT);
    const int16_t *x[BLOCK_X];
    const float *scale[BLOCK_X];
    lanes acc[BLOCK_X];

UNROLL(4)
    for (int a = 0; a < n_x; a++) {
        x[a] = block_wide_row(call, i + a) + c;
        scale[a] = block_scales(in_row(call, 0, i + a), k) + c / SETUN_BLOCK;
        acc[a] = c == 0 ? lanes_set(0.0f) : lanes_load_n((const float *)out_row(call, 0, i + a) + u * BLOCK_UNIT, n);
    }
    for (int64_t b = 0; b < n_columns / SETUN_BLOCK; b++) {
        const lanes d = lanes_load_f16(s->d + b / blocks_of_d * BLOCK_UNIT);
        int32x4_t e[BLOCK_X][4];

UNROLL(4)
        for (int a = 0; a < n_x; a++)
            e[a][0] = e[a][1] = e[a][2] = e[a][3] = vdupq_n_s32(0);
        for (int64_t j = b * SETUN_BLOCK; j < (b + 1) * SETUN_BLOCK; j += 8) {
            int16x8_t columns[BLOCK_X];

UNROLL(4)
            for (int a = 0; a < n_x; a++)
                columns[a] = vld1q_s16(x[a] + j);
UNROLL(8)
            for (int lane = 0; lane < 8; lane++) {
                const int16x8_t first = vld1q_s16(s->panel + (j + lane) * BLOCK_UNIT), second = vld1q_s16(s->panel + (j + lane) * BLOCK_UNIT + 8);

UNROLL(4)
                for (int a = 0; a < n_x; a++)
                    block_add_column(e[a], first, second, columns[a], lane);
            }
UNROLL(4)
            for (int a = 0; a < n_x; a++)
UNROLL(4)
                for (int r = 0; r < 4; r++)
                    KEEP_IN_REGISTER(e[a][r]);
        }
UNROLL(4)
        for (int a = 0; a < n_x; a++)
            acc[a] = lanes_fma(lanes_of_ints((const int32x4_t *)e[a]), lanes_mul(lanes_set(scale[a][b]), d), acc[a]);
    }
UNROLL(4)
    for (int a = 0; a < n_x; a++)
        lanes_store_n((float *)out_row(call, 0, i + a) + u * BLOCK_UNIT, acc[a], n);
}

/* The last rows of x, fewer than BLOCK_X, all at once. */
ALWAYS_INLINE void block_tile_rest(const setun_call *call, int64_t u, int64_t i, int64_t c, int64_t n_columns, int64_t blocks_of_d,
                                   const block_scratch *s)
{
    switch (call->in[0].dim[0] - i) {
    case 3:
        block_tile(call, u, i, 3, c, n_columns, blocks_of_d, s);
        break;
    case 2:
        block_tile(call, u, i, 2, c, n_columns, blocks_of_d, s);
        break;
    case 1:
        block_tile(call, u, i, 1, c, n_columns, blocks_of_d, s);
        break;
    default:
        break;
    }
}

/* columns, block_bytes: of w's blocks, whose d is at byte d_at. */
ALWAYS_INLINE void block_tile_run(const setun_call *call, const setun_tile *tile, int64_t columns, int64_t block_bytes, int64_t d_at,
                                  block_widen *widen)
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
                block_tile(call, u, i, BLOCK_X, c, n_columns, blocks_of_d, &s);
            block_tile_rest(call, u, i, c, n_columns, blocks_of_d, &s);
        }
}
#endif
