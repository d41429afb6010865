/* ternary14_neon.h - tern14.r32k24 over i8.t14 (formats.md): a look-up (tbl) of an index of four bits gives the low bytes of the sums of three columns for 16
 * rows, another the high bytes; a multiplication by the sign, 1 or -1, adds each to its sum.
 *
 * Because sum = 25 * high + low with |high| <= 15 and |low| <= 12, the eight look-ups of a block can be added in bytes before they become 16 bits. */
#ifndef SETUN_LUT_TERNARY14_NEON_H
#define SETUN_LUT_TERNARY14_NEON_H
#include "neon.h"
#include "tables14_neon.h"

/* Ten blocks, 80 sums of at most 384, in 16 bits. */
enum { T14_FOLD_BLOCKS = 10 };

/* words[4] += the sums of one block, eight rows each. */
ALWAYS_INLINE void t14_block(const uint8_t *block, const int8_t *tables, int16x8_t words[4])
{
    const int8x8_t base = vdup_n_s8(25);

UNROLL(2)
    for (int h = 0; h < 2; h++) {
        const int8x16_t signs = vreinterpretq_s8_u8(vld1q_u8(block + T14_SIGNS + 16 * h));
        int8x16_t low = vdupq_n_s8(0), high = vdupq_n_s8(0);

#define T14_STEP(j) \
    do { \
        const int8_t *table = tables + (j) / 2 * T14_PAIR_BYTES + (j) % 2 * 16; \
        const uint8x16_t x = vld1q_u8(block + 16 * (j)), index = h == 0 ? vandq_u8(x, vdupq_n_u8(15)) : vshrq_n_u8(x, 4); \
        const int8x16_t sign = vorrq_s8(vshrq_n_s8(vshlq_n_s8(signs, 7 - (j)), 7), vdupq_n_s8(1)); \
\
        low = vmlaq_s8(low, vqtbl1q_s8(vld1q_s8(table), index), sign); \
        high = vmlaq_s8(high, vqtbl1q_s8(vld1q_s8(table + 32), index), sign); \
    } while (0)
        T14_STEP(0);
        T14_STEP(1);
        T14_STEP(2);
        T14_STEP(3);
        T14_STEP(4);
        T14_STEP(5);
        T14_STEP(6);
        T14_STEP(7);
#undef T14_STEP
        words[2 * h] = vaddw_s8(vmlal_s8(words[2 * h], vget_low_s8(high), base), vget_low_s8(low));
        words[2 * h + 1] = vaddw_s8(vmlal_s8(words[2 * h + 1], vget_high_s8(high), base), vget_high_s8(low));
    }
}

/* sums[32] of row i of q and one group += those of blocks first .. end - 1. */
static inline void t14_row_group(const setun_call *call, int64_t i, const uint8_t *w, int64_t first, int64_t end, int32_t *sums)
{
    const int8_t *tables = in_row(call, 0, i);

    for (int64_t start = first; start < end; start += T14_FOLD_BLOCKS) {
        const int64_t stop = least(start + T14_FOLD_BLOCKS, end);
        int16x8_t words[4] = {vdupq_n_s16(0), vdupq_n_s16(0), vdupq_n_s16(0), vdupq_n_s16(0)};

        for (int64_t b = start; b < stop; b++)
            t14_block(w + b * T14_BLOCK_BYTES, tables + b * T14_ROW_BYTES, words);
        for (int64_t j = 0; j < 4; j++) {
            vst1q_s32(sums + 8 * j, vaddw_s16(vld1q_s32(sums + 8 * j), vget_low_s16(words[j])));
            vst1q_s32(sums + 8 * j + 4, vaddw_s16(vld1q_s32(sums + 8 * j + 4), vget_high_s16(words[j])));
        }
    }
}

/* All groups before the next columns, so that the columns' tables stay in the first cache. */
static inline void t14_run(const setun_call *call, const setun_tile *tile)
{
    const int64_t m = call->in[0].dim[0], n_blocks = (call->in[2].dim[1] + T14_COLUMNS - 1) / T14_COLUMNS;
    int32_t *all = tile->scratch;

    memset(all, 0, (size_t)((tile->end - tile->begin) * m * T14_GROUP) * sizeof(*all));
    for (int64_t first = 0; first < n_blocks; first += T14_PANEL_BLOCKS)
        for (int64_t g = tile->begin; g < tile->end; g++)
            for (int64_t i = 0; i < m; i++)
                t14_row_group(call, i, (const uint8_t *)call->in[2].data + g * n_blocks * T14_BLOCK_BYTES, first, least(first + T14_PANEL_BLOCKS, n_blocks),
                              all + ((g - tile->begin) * m + i) * T14_GROUP);
    for (int64_t g = tile->begin; g < tile->end; g++)
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < T14_GROUP; j += 4)
                store_4(call, i, g * T14_GROUP + j, vld1q_s32(all + ((g - tile->begin) * m + i) * T14_GROUP + j));
}
#endif
