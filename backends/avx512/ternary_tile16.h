/* ternary_tile16.h - a tile of ternary_tile.h for CPUs without VNNI: products are added in pairs to 16 bits (maddubs), there as long as
 * no input can overflow them, then folded into 32 bits. */
#ifndef SETUN_AVX512_TERNARY_TILE16_H
#define SETUN_AVX512_TERNARY_TILE16_H
#include "ternary_tile.h"

/* Codes are at most 2, so a sum of two products is within -512 .. 508; 64 of them fit 16 bits, and a block adds four. */
#define TERNARY_FOLD_BLOCKS 16

ALWAYS_INLINE void ternary_tile16(const setun_call *call, int64_t i, int n_x, int64_t group, int n, const uint8_t *w, int packed,
                                  const int32_t *sum, ternary_join join)
{
    const int64_t n_blocks = ternary_blocks(call), group_bytes = n_blocks * TERNARY_BLOCK_BYTES;
    const int8_t *q[TERNARY_X];
    __m512i acc[TERNARY_X][TERNARY_PANEL];

    ternary_begin(call, i, n_x, group, n, sum, q, acc);
    for (int64_t first = 0; first < n_blocks; first += TERNARY_FOLD_BLOCKS) {
        const int64_t end = least(first + TERNARY_FOLD_BLOCKS, n_blocks);
        __m512i sums[TERNARY_X][TERNARY_PANEL];

UNROLL(6)
        for (int x = 0; x < n_x; x++)
UNROLL(4)
            for (int g = 0; g < n; g++)
                sums[x][g] = _mm512_setzero_si512();
        for (int64_t b = first; b < end; b++) {
            ternary_prefetch(w, packed, group_bytes, b, n);
UNROLL(4)
            for (int p = 0; p < 4; p++) {
                __m512i codes[TERNARY_PANEL];

UNROLL(4)
                for (int g = 0; g < n; g++)
                    codes[g] = ternary_codes(w, packed, group_bytes, b, p, g);
UNROLL(6)
                for (int x = 0; x < n_x; x++) {
                    const __m512i words = ternary_word(q[x] + 16 * b + 4 * p);

UNROLL(4)
                    for (int g = 0; g < n; g++) {
                        sums[x][g] = _mm512_add_epi16(sums[x][g], _mm512_maddubs_epi16(codes[g], words));
                        KEEP_IN_REGISTER(sums[x][g]);
                    }
                }
            }
        }
UNROLL(6)
        for (int x = 0; x < n_x; x++)
UNROLL(4)
            for (int g = 0; g < n; g++)
                acc[x][g] = _mm512_add_epi32(acc[x][g], _mm512_madd_epi16(sums[x][g], _mm512_set1_epi16(1)));
    }
    ternary_finish(call, i, n_x, group, n, acc, join);
}
#endif
