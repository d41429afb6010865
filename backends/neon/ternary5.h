/* ternary5.h - linear with int8 activations and ternary weights in tern5.r16k96 (formats.md): three weights in each code of five bits.
 *
 * A line of a block is four registers of 4 rows, whose 32-bit lanes hold four codes of their row. A table of 32 bytes turns codes into
 * c0 | c1 << 2 | c2 << 4, codes of weights as in tern2.r16k16: three words of q. One unit is a group of 16 rows. */
#ifndef SETUN_NEON_TERNARY5_H
#define SETUN_NEON_TERNARY5_H
#include "ternary_tile.h"

#define TERNARY5_COLUMNS 96
#define TERNARY5_BLOCK_BYTES 320
#define TERNARY5_BITS (5.0 / 3.0)
#define TERNARY5_WORDS 24 /* of q, in a block's columns */
#define TERNARY5_CODES 8
/* A block adds 8 products that count 4-fold to each sum, and 16 that count once: 32 and 128 of them fit 16 bits (ternary_row.h). */
#define TERNARY5_FOLD_BLOCKS 4

#define T5(a, b, c) ((a) | (b) << 2 | (c) << 4)
#define T5_3(b, c) T5(0, b, c), T5(1, b, c), T5(2, b, c)
#define T5_9(c) T5_3(0, c), T5_3(1, c), T5_3(2, c)
/* 27 .. 31 are no codes: weights 0. */
static const uint8_t ternary5_table[32] = {T5_9(0), T5_9(1), T5_9(2), T5(1, 1, 1), T5(1, 1, 1), T5(1, 1, 1), T5(1, 1, 1), T5(1, 1, 1)};

static inline setun_status ternary5_plan(const setun_query *query, ternary_cost cost, size_t scratch_bytes, setun_kernel_plan *out_plan)
{
    return ternary_plan_at(query, TERNARY5_BITS, cost, scratch_bytes, out_plan);
}

static inline int64_t ternary5_blocks(const setun_call *call)
{
    return (call->in[2].dim[1] + TERNARY5_COLUMNS - 1) / TERNARY5_COLUMNS;
}

static inline const uint8_t *ternary5_group(const setun_call *call, int64_t group)
{
    return (const uint8_t *)call->in[2].data + group * ternary5_blocks(call) * TERNARY5_BLOCK_BYTES;
}

/* The s-th codes of the rows 4r .. 4r + 3 of a block; s is a constant where this is inlined. SRI and SLI shift and insert: the bits of the
 * first operand that no bit of the second comes to stay. */
ALWAYS_INLINE uint8x16_t ternary5_codes(const uint8_t *block, int r, int s)
{
    const uint8_t *line = block + 16 * r;
    const uint8x16_t five = vdupq_n_u8(31);

    switch (s) {
    case 5:
        return vandq_u8(vsriq_n_u8(vshrq_n_u8(vld1q_u8(line + 64), 2), vld1q_u8(line), 5), five);
    case 6:
        return vandq_u8(vsriq_n_u8(vshrq_n_u8(vld1q_u8(line + 192), 2), vld1q_u8(line + 128), 5), five);
    case 7:
        return vsliq_n_u8(vsriq_n_u8(vshrq_n_u8(vld1q_u8(line + 64), 4), vld1q_u8(line + 256), 5), vshrq_n_u8(vld1q_u8(line + 192), 7), 4);
    default:
        return vandq_u8(vld1q_u8(line + 64 * s), five);
    }
}

/* Kept in registers: gcc would load a constant again for each look-up. */
ALWAYS_INLINE uint8x16x2_t ternary5_load_table(void)
{
    uint8x16x2_t table = {{vld1q_u8(ternary5_table), vld1q_u8(ternary5_table + 16)}};

    KEEP_IN_REGISTER(table);
    return table;
}

/* ---- one row of q ---- */

/* y of row i and one group; tail: q's columns of the last block if that is not whole, then zeros. */
typedef void ternary5_row(const setun_call *call, int64_t i, int64_t group, const int8_t *tail, int32_t sum);

ALWAYS_INLINE void ternary5_row_run(const setun_call *call, const setun_tile *tile, ternary5_row *multiply)
{
    const int64_t k = call->in[2].dim[1], n_tail = k % TERNARY5_COLUMNS;
    int32_t *sum = tile->scratch;

    if (tile->begin == tile->end)
        return;
    ternary_sums(call, sum);
    for (int64_t g = tile->begin; g < tile->end; g++)
        for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
            int8_t tail[TERNARY5_COLUMNS] = {0};

            memcpy(tail, (const int8_t *)in_row(call, 0, i) + k - n_tail, (size_t)n_tail);
            multiply(call, i, g, tail, sum[i]);
        }
}

/* Without DOTPROD. low += products of the fields that count once, high of those that count 4-fold, for one block. */
ALWAYS_INLINE void ternary5_block_s8(const uint8_t *block, const int8_t *q, uint8x16x2_t table, int16x8_t low[4][2], int16x8_t high[4][2])
{
    const uint8x16_t mask = vdupq_n_u8(3), mask4 = vdupq_n_u8(12);

UNROLL(8)
    for (int s = 0; s < TERNARY5_CODES; s++) {
        const int8x16_t word0 = ternary_word(q + 12 * s), word1 = ternary_word(q + 12 * s + 4), word2 = ternary_word(q + 12 * s + 8);

        ONE_AT_A_TIME();
UNROLL(4)
        for (int r = 0; r < 4; r++) {
            const uint8x16_t fields = vqtbl2q_u8(table, ternary5_codes(block, r, s));

            ternary_add_products(low[r], vreinterpretq_s8_u8(vandq_u8(fields, mask)), word0);
            ternary_add_products(high[r], vreinterpretq_s8_u8(vandq_u8(fields, mask4)), word1);
            ternary_add_products(low[r], vreinterpretq_s8_u8(vshrq_n_u8(fields, 4)), word2);
        }
    }
UNROLL(4)
    for (int r = 0; r < 4; r++) {
        KEEP_IN_REGISTER(low[r][0]);
        KEEP_IN_REGISTER(low[r][1]);
        KEEP_IN_REGISTER(high[r][0]);
        KEEP_IN_REGISTER(high[r][1]);
    }
}

static inline void ternary5_row_s8(const setun_call *call, int64_t i, int64_t group, const int8_t *tail, int32_t sum)
{
    const int64_t n_blocks = ternary5_blocks(call), n_whole = call->in[2].dim[1] / TERNARY5_COLUMNS;
    const uint8_t *w = ternary5_group(call, group);
    const int8_t *q = in_row(call, 0, i);
    const uint8x16x2_t table = ternary5_load_table();
    int32x4_t acc[4][2], dots[4];

UNROLL(4)
    for (int r = 0; r < 4; r++)
        acc[r][0] = acc[r][1] = vdupq_n_s32(0);
    for (int64_t first = 0; first < n_blocks; first += TERNARY5_FOLD_BLOCKS) {
        const int64_t end = least(first + TERNARY5_FOLD_BLOCKS, n_blocks);
        int16x8_t low[4][2], high[4][2];

UNROLL(4)
        for (int r = 0; r < 4; r++)
            low[r][0] = low[r][1] = high[r][0] = high[r][1] = vdupq_n_s16(0);
        for (int64_t b = first; b < end; b++)
            ternary5_block_s8(w + b * TERNARY5_BLOCK_BYTES, b < n_whole ? q + b * TERNARY5_COLUMNS : tail, table, low, high);
UNROLL(4)
        for (int r = 0; r < 4; r++)
            ternary_fold(acc[r], low[r], high[r]);
    }
UNROLL(4)
    for (int r = 0; r < 4; r++)
        dots[r] = ternary_dots_4fold(acc[r]);
    ternary_store(call, i, group, dots, sum);
}

/* ---- many rows of q, through a panel in scratch ---- */

static inline size_t ternary5_panel_bytes(const setun_query *query)
{
    return (size_t)((query->in[2].dim[1] + TERNARY5_COLUMNS - 1) / TERNARY5_COLUMNS) * TERNARY5_WORDS * TERNARY_BLOCK_BYTES;
}

/* The words of the rows 4r .. 4r + 3 of a block. */
ALWAYS_INLINE void ternary5_words(const uint8_t *block, int r, uint8x16x2_t table, int8x16_t out_word[TERNARY5_WORDS])
{
    const uint8x16_t mask = vdupq_n_u8(3);

UNROLL(8)
    for (int s = 0; s < TERNARY5_CODES; s++) {
        const uint8x16_t fields = vqtbl2q_u8(table, ternary5_codes(block, r, s));

        out_word[3 * s] = vreinterpretq_s8_u8(vandq_u8(fields, mask));
        out_word[3 * s + 1] = vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(fields, 2), mask));
        out_word[3 * s + 2] = vreinterpretq_s8_u8(vshrq_n_u8(fields, 4));
    }
}

/* The panel of a group, [words][64], as ternary_tile.h wants it. */
static inline void ternary5_unpack(const setun_call *call, int64_t group, uint8_t *out_panel)
{
    const uint8x16x2_t table = ternary5_load_table();
    const uint8_t *w = ternary5_group(call, group);
    int8_t *out = (int8_t *)out_panel;

    for (int64_t b = 0; b < ternary5_blocks(call); b++, w += TERNARY5_BLOCK_BYTES, out += TERNARY5_WORDS * TERNARY_BLOCK_BYTES)
        for (int r = 0; r < 4; r++) {
            int8x16_t word[TERNARY5_WORDS];

            ternary5_words(w, r, table, word);
UNROLL(24)
            for (int p = 0; p < TERNARY5_WORDS; p++)
                vst1q_s8(out + p * TERNARY_BLOCK_BYTES + 16 * r, word[p]);
        }
}

/* q is multiplied as far as it has words of four columns to a multiple of 16: it is not padded as far as the panel. */
ALWAYS_INLINE void ternary5_panel_run(const setun_call *call, const setun_tile *tile, int x_max, ternary_tile *multiply)
{
    uint8_t *panel = tile->scratch;
    int32_t *sum = (int32_t *)(void *)(panel + ternary5_blocks(call) * TERNARY5_WORDS * TERNARY_BLOCK_BYTES);

    if (tile->begin == tile->end)
        return;
    ternary_sums(call, sum);
    for (int64_t g = tile->begin; g < tile->end; g++) {
        ternary5_unpack(call, g, panel);
        ternary_tiles(call, g, panel, 0, 4 * ternary_blocks(call), sum, x_max, multiply);
    }
}
#endif
