/* ternary_row.h - one row of q at a time. The codes of the four columns of each byte are not shifted down but masked in place: they
 * then count 1, 4, 16 and 64-fold, each in a sum of its own, and the sums are divided at the end, exactly.
 *
 * One group at a time: its blocks are one stream of memory. On Zen 4 two groups side by side read 20 GB/s where one reads 29, and
 * prefetching 0.5 to 4 KB ahead gained nothing. */
#ifndef SETUN_AVX512_TERNARY_ROW_H
#define SETUN_AVX512_TERNARY_ROW_H
#include "ternary.h"

ALWAYS_INLINE void ternary_row_group(const setun_call *call, int64_t i, int64_t group, int32_t sum, dot4_op *dot4, ternary_join join)
{
    const uint8_t *w = ternary_group(call, group);
    const int8_t *q = in_row(call, 0, i);
    __m512i acc[4], low, high;

UNROLL(4)
    for (int p = 0; p < 4; p++)
        acc[p] = _mm512_setzero_si512();
    for (int64_t b = 0; b < ternary_blocks(call); b++) {
        const __m512i codes = _mm512_loadu_si512(w + b * TERNARY_BLOCK_BYTES);

UNROLL(4)
        for (int p = 0; p < 4; p++)
            acc[p] =
                dot4(acc[p], _mm512_and_si512(codes, _mm512_set1_epi8((char)(3 << (2 * p)))), ternary_word(q + 16 * b + 4 * p));
    }
    low = _mm512_add_epi32(acc[0], _mm512_srai_epi32(acc[1], 2));
    high = _mm512_add_epi32(_mm512_srai_epi32(acc[2], 4), _mm512_srai_epi32(acc[3], 6));
    ternary_store(call, i, group, _mm512_add_epi32(low, high), sum, join);
}

/* With the sums of q in scratch. */
ALWAYS_INLINE void ternary_row_groups(const setun_call *call, const setun_tile *tile, dot4_op *dot4, ternary_join join)
{
    const int32_t *sum = tile->scratch;

    for (int64_t g = tile->begin; g < tile->end; g++)
        for (int64_t i = 0; i < call->in[0].dim[0]; i++)
            ternary_row_group(call, i, g, sum[i], dot4, join);
}

ALWAYS_INLINE void ternary_row_run(const setun_call *call, const setun_tile *tile, dot4_op *dot4, ternary_join join)
{
    if (tile->begin == tile->end)
        return;
    ternary_sums(call, tile->scratch, dot4);
    ternary_row_groups(call, tile, dot4, join);
}
#endif
