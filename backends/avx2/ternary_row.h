/* ternary_row.h - one row of q at a time. Of the four codes in a byte two are used where they are after one shift, and two count
 * 4-fold, in sums of their own that are divided at the end, exactly.
 *
 * One group at a time: its blocks are one stream of memory. On Zen 4 two groups side by side read 16 GB/s where one reads 23. */
#ifndef SETUN_AVX2_TERNARY_ROW_H
#define SETUN_AVX2_TERNARY_ROW_H
#include "ternary.h"

/* Registers of 8 rows: `low` sums are counted once and `high` ones 4-fold. */
static inline void ternary_row_group(const setun_call *call, int64_t i, int64_t group, int32_t sum)
{
    const int64_t n_blocks = ternary_blocks(call);
    const __m256i mask = _mm256_set1_epi8(3), mask4 = _mm256_set1_epi8(12);
    const uint8_t *w = ternary_group(call, group);
    const int8_t *q = in_row(call, 0, i);
    __m256i low32[2], high32[2];

UNROLL(2)
    for (int h = 0; h < 2; h++)
        low32[h] = high32[h] = _mm256_setzero_si256();
    for (int64_t first = 0; first < n_blocks; first += TERNARY_ROW_FOLD_BLOCKS) {
        const int64_t end = least(first + TERNARY_ROW_FOLD_BLOCKS, n_blocks);
        __m256i low[2], high[2];

UNROLL(2)
        for (int h = 0; h < 2; h++)
            low[h] = high[h] = _mm256_setzero_si256();
        for (int64_t b = first; b < end; b++, w += TERNARY_BLOCK_BYTES, q += 16) {
            const __m256i word0 = ternary_word(q), word1 = ternary_word(q + 4), word2 = ternary_word(q + 8),
                          word3 = ternary_word(q + 12);

UNROLL(2)
            for (int h = 0; h < 2; h++) {
                const __m256i codes = load_bytes(w + 32 * h), shifted = _mm256_srli_epi16(codes, 4);

                low[h] = _mm256_add_epi16(low[h], _mm256_maddubs_epi16(_mm256_and_si256(codes, mask), word0));
                high[h] = _mm256_add_epi16(high[h], _mm256_maddubs_epi16(_mm256_and_si256(codes, mask4), word1));
                low[h] = _mm256_add_epi16(low[h], _mm256_maddubs_epi16(_mm256_and_si256(shifted, mask), word2));
                high[h] = _mm256_add_epi16(high[h], _mm256_maddubs_epi16(_mm256_and_si256(shifted, mask4), word3));
            }
        }
UNROLL(2)
        for (int h = 0; h < 2; h++) {
            low32[h] = fold(low32[h], low[h]);
            high32[h] = fold(high32[h], high[h]);
        }
    }
UNROLL(2)
    for (int h = 0; h < 2; h++)
        low32[h] = _mm256_add_epi32(low32[h], _mm256_srai_epi32(high32[h], 2));
    ternary_store(call, i, group, low32[0], low32[1], sum);
}

/* With the sums of q in scratch. */
static inline void ternary_row_groups(const setun_call *call, const setun_tile *tile)
{
    const int32_t *sum = tile->scratch;

    for (int64_t g = tile->begin; g < tile->end; g++)
        for (int64_t i = 0; i < call->in[0].dim[0]; i++)
            ternary_row_group(call, i, g, sum[i]);
}

static inline void ternary_row_run(const setun_call *call, const setun_tile *tile)
{
    if (tile->begin == tile->end)
        return;
    ternary_sums(call, tile->scratch);
    ternary_row_groups(call, tile);
}
#endif
