/* ternary_row.h - one row of q at a time. The codes of the four columns of each byte are not shifted down but masked in place: they then
 * count 1, 4, 16 and 64-fold, each in a sum of its own, and the sums are divided at the end, exactly. */
#ifndef SETUN_AVX512_TERNARY_ROW_H
#define SETUN_AVX512_TERNARY_ROW_H
#include "ternary.h"

#define PREFETCH_BYTES 2048 /* ahead in each of the streams; the hardware's own stops at every page */

/* n groups, a constant where this is inlined. */
ALWAYS_INLINE void ternary_row_tile(const setun_call *call, int64_t i, int64_t group, int n, int32_t sum, dot4_op *dot4)
{
    const int64_t n_blocks = ternary_blocks(call), group_bytes = n_blocks * TERNARY_BLOCK_BYTES;
    const uint8_t *w = ternary_group(call, group);
    const int8_t *q = in_row(call, 0, i);
    __m512i acc[TERNARY_PANEL][4];

#pragma GCC unroll 4
    for (int g = 0; g < n; g++)
#pragma GCC unroll 4
        for (int p = 0; p < 4; p++)
            acc[g][p] = _mm512_setzero_si512();
    for (int64_t b = 0; b < n_blocks; b++, w += TERNARY_BLOCK_BYTES, q += 16) {
        __m512i codes[TERNARY_PANEL];

#pragma GCC unroll 4
        for (int g = 0; g < n; g++) {
            codes[g] = _mm512_loadu_si512(w + g * group_bytes);
            _mm_prefetch((const char *)w + g * group_bytes + PREFETCH_BYTES, _MM_HINT_T0);
        }
#pragma GCC unroll 4
        for (int p = 0; p < 4; p++) {
            const __m512i words = ternary_word(q + 4 * p), mask = _mm512_set1_epi8((char)(3 << (2 * p)));

#pragma GCC unroll 4
            for (int g = 0; g < n; g++)
                acc[g][p] = dot4(acc[g][p], _mm512_and_si512(codes[g], mask), words);
        }
    }
#pragma GCC unroll 4
    for (int g = 0; g < n; g++) {
        const __m512i low = _mm512_add_epi32(acc[g][0], _mm512_srai_epi32(acc[g][1], 2));
        const __m512i high = _mm512_add_epi32(_mm512_srai_epi32(acc[g][2], 4), _mm512_srai_epi32(acc[g][3], 6));

        ternary_store(call, i, group + g, _mm512_add_epi32(low, high), sum);
    }
}

ALWAYS_INLINE void ternary_row_groups(const setun_call *call, int64_t group, int n, const int32_t *sum, dot4_op *dot4)
{
    for (int64_t i = 0; i < call->in[0].dim[0]; i++)
        ternary_row_tile(call, i, group, n, sum[i], dot4);
}

ALWAYS_INLINE void ternary_row_run(const setun_call *call, const setun_tile *tile, dot4_op *dot4)
{
    int32_t *sum = tile->scratch;
    int64_t g = tile->begin;

    if (tile->begin == tile->end)
        return;
    ternary_sums(call, sum, dot4);
    for (; g + TERNARY_PANEL <= tile->end; g += TERNARY_PANEL)
        ternary_row_groups(call, g, TERNARY_PANEL, sum, dot4);
    for (; g < tile->end; g++)
        ternary_row_groups(call, g, 1, sum, dot4);
}
#endif
