/* ternary_tile.h - several rows of q at a time, by 64 rows of weights: either straight from the packed blocks, which are unpacked
 * again for every six rows of q, or from a panel in scratch, unpacked once for all of them. */
#ifndef SETUN_AVX512_TERNARY_TILE_H
#define SETUN_AVX512_TERNARY_TILE_H
#include "ternary.h"

/* n_x rows of q from row i on by n groups; both constants where this is inlined. Codes of word p of block b and group g are in
 * codes(w, ...), 64 bytes. packed: w is the groups' blocks, group_bytes apart; else a panel [blocks][4 words][4 groups][64]. */
ALWAYS_INLINE void ternary_tile(const setun_call *call, int64_t i, int n_x, int64_t group, int n, const uint8_t *w, int packed,
                                const int32_t *sum, dot4_op *dot4)
{
    const int64_t n_blocks = ternary_blocks(call), group_bytes = n_blocks * TERNARY_BLOCK_BYTES;
    const int8_t *q[TERNARY_X];
    __m512i acc[TERNARY_X][TERNARY_PANEL];

#pragma GCC unroll 6
    for (int x = 0; x < n_x; x++) {
        q[x] = in_row(call, 0, i + x);
#pragma GCC unroll 4
        for (int g = 0; g < n; g++)
            acc[x][g] = _mm512_setzero_si512();
    }
    for (int64_t b = 0; b < n_blocks; b++) {
#pragma GCC unroll 4
        for (int p = 0; p < 4; p++) {
            __m512i codes[TERNARY_PANEL];

#pragma GCC unroll 4
            for (int g = 0; g < n; g++) {
                if (packed) {
                    const __m512i block = _mm512_loadu_si512(w + g * group_bytes + b * TERNARY_BLOCK_BYTES);

                    codes[g] = _mm512_and_si512(_mm512_srli_epi16(block, (unsigned)(2 * p)), _mm512_set1_epi8(3));
                } else {
                    codes[g] = _mm512_loadu_si512(w + ((4 * b + p) * TERNARY_PANEL + g) * TERNARY_BLOCK_BYTES);
                }
            }
#pragma GCC unroll 6
            for (int x = 0; x < n_x; x++) {
                const __m512i words = ternary_word(q[x] + 16 * b + 4 * p);

#pragma GCC unroll 4
                for (int g = 0; g < n; g++)
                    acc[x][g] = dot4(acc[x][g], codes[g], words);
            }
        }
#pragma GCC unroll 6
        for (int x = 0; x < n_x; x++)
#pragma GCC unroll 4
            for (int g = 0; g < n; g++)
                KEEP_IN_REGISTER(acc[x][g]);
    }
#pragma GCC unroll 6
    for (int x = 0; x < n_x; x++)
#pragma GCC unroll 4
        for (int g = 0; g < n; g++)
            ternary_store(call, i + x, group + g, acc[x][g], sum[i + x]);
}

ALWAYS_INLINE void ternary_tiles(const setun_call *call, int64_t group, int n, const uint8_t *w, int packed, const int32_t *sum,
                                 dot4_op *dot4)
{
    const int64_t m = call->in[0].dim[0];
    int64_t i = 0;

    for (; i + TERNARY_X <= m; i += TERNARY_X)
        ternary_tile(call, i, TERNARY_X, group, n, w, packed, sum, dot4);
    switch (m - i) {
    case 5:
        ternary_tile(call, i, 5, group, n, w, packed, sum, dot4);
        break;
    case 4:
        ternary_tile(call, i, 4, group, n, w, packed, sum, dot4);
        break;
    case 3:
        ternary_tile(call, i, 3, group, n, w, packed, sum, dot4);
        break;
    case 2:
        ternary_tile(call, i, 2, group, n, w, packed, sum, dot4);
        break;
    case 1:
        ternary_tile(call, i, 1, group, n, w, packed, sum, dot4);
        break;
    default:
        break;
    }
}

/* From the packed blocks. */
ALWAYS_INLINE void ternary_stream_run(const setun_call *call, const setun_tile *tile, dot4_op *dot4)
{
    int32_t *sum = tile->scratch;
    int64_t g = tile->begin;

    if (tile->begin == tile->end)
        return;
    ternary_sums(call, sum, dot4);
    for (; g + TERNARY_PANEL <= tile->end; g += TERNARY_PANEL)
        ternary_tiles(call, g, TERNARY_PANEL, ternary_group(call, g), 1, sum, dot4);
    for (; g < tile->end; g++)
        ternary_tiles(call, g, 1, ternary_group(call, g), 1, sum, dot4);
}

static inline size_t ternary_panel_bytes(const setun_query *query)
{
    return (size_t)((query->in[2].dim[1] + 15) / 16) * 4 * TERNARY_PANEL * TERNARY_BLOCK_BYTES;
}

static inline void ternary_unpack(const setun_call *call, int64_t group, int64_t n, uint8_t *out_panel)
{
    const int64_t n_blocks = ternary_blocks(call);

    for (int64_t g = 0; g < n; g++) {
        const uint8_t *w = ternary_group(call, group + g);

        for (int64_t b = 0; b < n_blocks; b++) {
            const __m512i block = _mm512_loadu_si512(w + b * TERNARY_BLOCK_BYTES);

#pragma GCC unroll 4
            for (int p = 0; p < 4; p++)
                _mm512_storeu_si512(out_panel + ((4 * b + p) * TERNARY_PANEL + g) * TERNARY_BLOCK_BYTES,
                                    _mm512_and_si512(_mm512_srli_epi16(block, (unsigned)(2 * p)), _mm512_set1_epi8(3)));
        }
    }
}

/* Through a panel in scratch. */
ALWAYS_INLINE void ternary_panel_run(const setun_call *call, const setun_tile *tile, dot4_op *dot4)
{
    uint8_t *panel = tile->scratch;
    int32_t *sum = (int32_t *)(panel + ternary_blocks(call) * 4 * TERNARY_PANEL * TERNARY_BLOCK_BYTES);
    int64_t g = tile->begin;

    if (tile->begin == tile->end)
        return;
    ternary_sums(call, sum, dot4);
    for (; g + TERNARY_PANEL <= tile->end; g += TERNARY_PANEL) {
        ternary_unpack(call, g, TERNARY_PANEL, panel);
        ternary_tiles(call, g, TERNARY_PANEL, panel, 0, sum, dot4);
    }
    for (; g < tile->end; g++) {
        ternary_unpack(call, g, 1, panel);
        ternary_tiles(call, g, 1, panel, 0, sum, dot4);
    }
}
#endif
