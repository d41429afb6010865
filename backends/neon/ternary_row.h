/* ternary_row.h - one row of q at a time, without DOTPROD. Products of eight codes are added to 16 bits (SMLAL), those of the second field
 * of each byte 4-fold where it is masked in place; both are emptied into 32 bits before any input can overflow them. */
#ifndef SETUN_NEON_TERNARY_ROW_H
#define SETUN_NEON_TERNARY_ROW_H
#include "ternary.h"

/* A product is within -256 .. 254, so 128 of them fit 16 bits, and 32 of those that count 4-fold. A block adds three of the former and
 * one of the latter to each sum. */
#define TERNARY_ROW_FOLD_BLOCKS 32

/* Four columns of a row of q, in every lane. */
static inline int8x16_t ternary_word(const int8_t *q)
{
    int32_t word;

    memcpy(&word, q, sizeof(word));
    return vreinterpretq_s8_s32(vdupq_n_s32(word));
}

/* sums[0], sums[1] += products of the two halves. */
ALWAYS_INLINE void ternary_add_products(int16x8_t sums[2], int8x16_t codes, int8x16_t words)
{
    sums[0] = vmlal_s8(sums[0], vget_low_s8(codes), vget_low_s8(words));
    sums[1] = vmlal_high_s8(sums[1], codes, words);
}

/* acc counts 4-fold: acc += 4 * low + high. */
ALWAYS_INLINE void ternary_fold(int32x4_t acc[2], const int16x8_t low[2], const int16x8_t high[2])
{
UNROLL(2)
    for (int h = 0; h < 2; h++)
        acc[h] = vaddq_s32(vpadalq_s16(acc[h], high[h]), vshlq_n_s32(vpaddlq_s16(low[h]), 2));
}

/* The dots of four rows from sums that count 4-fold, two lanes a row. */
ALWAYS_INLINE int32x4_t ternary_dots_4fold(const int32x4_t acc[2])
{
    return vpaddq_s32(vshrq_n_s32(acc[0], 2), vshrq_n_s32(acc[1], 2));
}

static inline void ternary_row_group(const setun_call *call, int64_t i, int64_t group, int32_t sum)
{
    const int64_t n_blocks = ternary_blocks(call);
    const uint8x16_t mask = vdupq_n_u8(3), mask4 = vdupq_n_u8(12);
    const uint8_t *w = ternary_group(call, group);
    const int8_t *q = in_row(call, 0, i);
    int32x4_t acc[4][2], dots[4];

UNROLL(4)
    for (int r = 0; r < 4; r++)
        acc[r][0] = acc[r][1] = vdupq_n_s32(0);
    for (int64_t first = 0; first < n_blocks; first += TERNARY_ROW_FOLD_BLOCKS) {
        const int64_t end = least(first + TERNARY_ROW_FOLD_BLOCKS, n_blocks);
        int16x8_t low[4][2], high[4][2];

UNROLL(4)
        for (int r = 0; r < 4; r++)
            low[r][0] = low[r][1] = high[r][0] = high[r][1] = vdupq_n_s16(0);
        for (int64_t b = first; b < end; b++, w += TERNARY_BLOCK_BYTES, q += 16) {
            const int8x16_t word0 = ternary_word(q), word1 = ternary_word(q + 4), word2 = ternary_word(q + 8), word3 = ternary_word(q + 12);

UNROLL(4)
            for (int r = 0; r < 4; r++) {
                const uint8x16_t codes = vld1q_u8(w + 16 * r);

                ternary_add_products(low[r], vreinterpretq_s8_u8(vandq_u8(codes, mask)), word0);
                ternary_add_products(high[r], vreinterpretq_s8_u8(vandq_u8(codes, mask4)), word1);
                ternary_add_products(low[r], ternary_codes(codes, 2), word2);
                ternary_add_products(low[r], ternary_codes(codes, 3), word3);
                KEEP_IN_REGISTER(low[r][0]);
                KEEP_IN_REGISTER(low[r][1]);
                KEEP_IN_REGISTER(high[r][0]);
                KEEP_IN_REGISTER(high[r][1]);
            }
        }
UNROLL(4)
        for (int r = 0; r < 4; r++)
            ternary_fold(acc[r], low[r], high[r]);
    }
UNROLL(4)
    for (int r = 0; r < 4; r++)
        dots[r] = ternary_dots_4fold(acc[r]);
    ternary_store(call, i, group, dots, sum);
}

static inline void ternary_row_run(const setun_call *call, const setun_tile *tile)
{
    int32_t *sum = tile->scratch;

    if (tile->begin == tile->end)
        return;
    ternary_sums(call, sum);
    for (int64_t g = tile->begin; g < tile->end; g++)
        for (int64_t i = 0; i < call->in[0].dim[0]; i++)
            ternary_row_group(call, i, g, sum[i]);
}
#endif
