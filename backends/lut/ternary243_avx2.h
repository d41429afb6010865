/* ternary243_avx2.h - tern243.r16k20 with tables of 16 entries (pshufb): what the 64 of vpermb do takes a comparison and a few bit operations more.
 * A block is two registers of 8 rows, whose 32-bit lanes are the 20 columns of a row. Products are added in pairs to 16 bits (maddubs), there as long
 * as no input can overflow them. */
#ifndef SETUN_LUT_TERNARY243_AVX2_H
#define SETUN_LUT_TERNARY243_AVX2_H
#include "avx2.h"
#include "ternary243.h"

/* A lane of 32 bits gets at most 128 * 8 for each of two columns in four: 2^31 is reached at 2^22 columns. */
#define T243_K_MAX ((INT64_C(1) << 22) - 16)
/* A block adds two sums of two products of codes that count 4-fold, each within -2048 .. 2032, to 16 bits: eight blocks fit. Of the others it adds three
 * within -512 .. 508. */
#define T243_FOLD_BLOCKS 8

/* The codes of y = (index & 7) + 1; an index with bit 7 set gives 0, as y = 0 does. */
static const uint8_t t243_y[16] = {T243_Y(1), T243_Y(2), T243_Y(3), T243_Y(4), T243_Y(5), T243_Y(6), T243_Y(7), T243_Y(8),
                                   T243_Y(1), T243_Y(2), T243_Y(3), T243_Y(4), T243_Y(5), T243_Y(6), T243_Y(7), T243_Y(8)};
/* The codes of m = 4 h + z, of h in bits 0 .. 2 and bit 0 of z in bit 3; one table for each bit 1 of z. */
#define T243_H8(z) T243_M(z), T243_M(4 + (z)), T243_M(8 + (z)), T243_M(12 + (z)), T243_M(16 + (z)), T243_M(20 + (z)), T243_M(24 + (z)), T243_M(28 + (z))
static const uint8_t t243_m[32] = {T243_H8(0), T243_H8(1), T243_H8(2), T243_H8(3)};

static inline __m256i t243_table(const uint8_t *table)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)table));
}

/* Fields of two bits: three codes of m, two of y. */
ALWAYS_INLINE void t243_look_up(__m256i x, __m256i *out_m, __m256i *out_y)
{
    const __m256i seven = _mm256_set1_epi8(7), eight = _mm256_set1_epi8(8);
    const __m256i l = _mm256_and_si256(x, seven), u = _mm256_and_si256(_mm256_srli_epi16(x, 3), _mm256_set1_epi8(15));
    const __m256i escape = _mm256_cmpeq_epi8(l, seven); /* u with bit 0 of z above it is the index then, else l is */
    const __m256i index = _mm256_blendv_epi8(_mm256_or_si256(l, _mm256_and_si256(u, eight)), u, escape);

    *out_y = _mm256_shuffle_epi8(t243_table(t243_y), _mm256_or_si256(u, escape));
    *out_m = _mm256_blendv_epi8(_mm256_shuffle_epi8(t243_table(t243_m), index), _mm256_shuffle_epi8(t243_table(t243_m + 16), index), x);
}

/* low += products of the codes that count once, high of those that count 4-fold, of one half of a block. */
ALWAYS_INLINE void t243_half(__m256i x, const int8_t *q, __m256i *low, __m256i *high)
{
    const __m256i mask = _mm256_set1_epi8(3), mask4 = _mm256_set1_epi8(12);
    __m256i m, y;

    t243_look_up(x, &m, &y);
    *low = _mm256_add_epi16(*low, _mm256_maddubs_epi16(_mm256_and_si256(m, mask), word_of(q)));
    *high = _mm256_add_epi16(*high, _mm256_maddubs_epi16(_mm256_and_si256(m, mask4), word_of(q + 4)));
    *low = _mm256_add_epi16(*low, _mm256_maddubs_epi16(_mm256_srli_epi16(_mm256_and_si256(m, _mm256_set1_epi8(48)), 4), word_of(q + 8)));
    *low = _mm256_add_epi16(*low, _mm256_maddubs_epi16(_mm256_and_si256(y, mask), word_of(q + 12)));
    *high = _mm256_add_epi16(*high, _mm256_maddubs_epi16(_mm256_and_si256(y, mask4), word_of(q + 16)));
}

static inline void t243_row_group(const setun_call *call, int64_t i, int64_t group, const int8_t *tail, int32_t sum)
{
    const int64_t n_blocks = t243_blocks(call), n_whole = call->in[2].dim[1] / T243_COLUMNS;
    const uint8_t *w = t243_group(call, group);
    const int8_t *q = in_row(call, 0, i);
    __m256i dot[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    __m256i high32[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};

    for (int64_t first = 0; first < n_blocks; first += T243_FOLD_BLOCKS) {
        const int64_t end = least(first + T243_FOLD_BLOCKS, n_blocks);
        __m256i low[2], high[2];

        low[0] = low[1] = high[0] = high[1] = _mm256_setzero_si256();
        for (int64_t b = first; b < end; b++)
UNROLL(2)
            for (int h = 0; h < 2; h++)
                t243_half(load_bytes(w + b * T243_BLOCK_BYTES + 32 * h), b < n_whole ? q + b * T243_COLUMNS : tail, &low[h], &high[h]);
        for (int h = 0; h < 2; h++) {
            dot[h] = fold(dot[h], low[h]);
            high32[h] = fold(high32[h], high[h]);
        }
    }
    for (int h = 0; h < 2; h++)
        dot[h] = _mm256_sub_epi32(_mm256_add_epi32(dot[h], _mm256_srai_epi32(high32[h], 2)), _mm256_set1_epi32(sum));
    store_16(call, i, group * T243_GROUP, dot[0], dot[1]);
}
#endif
