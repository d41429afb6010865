/* ternary5_panel.h - weights in tern5.r16k96 unpacked once for all rows of q, into the panel that ternary_tile.h multiplies by: four groups
 * of 16 rows side by side, the words of a block's columns one after the other. */
#ifndef SETUN_AVX512_TERNARY5_PANEL_H
#define SETUN_AVX512_TERNARY5_PANEL_H
#include "ternary5.h"
#include "ternary_tile.h"

static inline int64_t ternary5_panel_words(int64_t k)
{
    return (k + TERNARY5_COLUMNS - 1) / TERNARY5_COLUMNS * TERNARY5_WORDS;
}

static inline size_t ternary5_panel_bytes(const setun_query *query)
{
    return (size_t)ternary5_panel_words(query->in[2].dim[1]) * TERNARY_PANEL * TERNARY_BLOCK_BYTES;
}

ALWAYS_INLINE void ternary5_unpack(const setun_call *call, int64_t group, int64_t n, uint8_t *out_panel, ternary5_look_up *look_up)
{
    const __m512i mask = _mm512_set1_epi8(3);

    for (int64_t g = 0; g < n; g++) {
        const uint8_t *w = ternary5_group(call, group + g);
        uint8_t *to = out_panel + g * TERNARY_BLOCK_BYTES;

        for (int64_t b = 0; b < ternary5_blocks(call); b++, w += TERNARY5_BLOCK_BYTES) {
            __m512i codes[TERNARY5_CODES];

            ternary5_codes(w, codes);
UNROLL(8)
            for (int s = 0; s < TERNARY5_CODES; s++) {
                const __m512i fields = look_up(codes[s]);

UNROLL(3)
                for (int p = 0; p < 3; p++, to += TERNARY_PANEL * TERNARY_BLOCK_BYTES)
                    _mm512_storeu_si512(to, _mm512_and_si512(_mm512_srli_epi16(fields, (unsigned)(2 * p)), mask));
            }
        }
    }
}

ALWAYS_INLINE void ternary5_panel_run(const setun_call *call, const setun_tile *tile, dot4_op *dot4, ternary_tile_op *tile_op,
                                      ternary5_look_up *look_up)
{
    uint8_t *panel = tile->scratch;
    int32_t *sum = (int32_t *)(panel + ternary5_panel_words(call->in[2].dim[1]) * TERNARY_PANEL * TERNARY_BLOCK_BYTES);
    int64_t g = tile->begin;

    if (tile->begin == tile->end)
        return;
    ternary_sums(call, sum, dot4);
    for (; g + TERNARY_PANEL <= tile->end; g += TERNARY_PANEL) {
        ternary5_unpack(call, g, TERNARY_PANEL, panel, look_up);
        ternary_tiles(call, g, TERNARY_PANEL, panel, 0, sum, tile_op);
    }
    for (; g < tile->end; g++) {
        ternary5_unpack(call, g, 1, panel, look_up);
        ternary_tiles(call, g, 1, panel, 0, sum, tile_op);
    }
}
#endif
