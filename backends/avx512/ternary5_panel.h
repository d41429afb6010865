/* ternary5_panel.h - weights in tern5.r16k96 unpacked once for all rows of q, into the panel that ternary_tile.h multiplies by: four groups
 * of 16 rows side by side, the words of a block's columns one after the other. */
#ifndef SETUN_AVX512_TERNARY5_PANEL_H
#define SETUN_AVX512_TERNARY5_PANEL_H
#include "ternary5.h"
#include "ternary_tile.h"

#define TERNARY5_PANEL_WORD_BYTES (TERNARY_PANEL * TERNARY_BLOCK_BYTES)

static inline int64_t ternary5_panel_words(int64_t k)
{
    return (k + TERNARY5_COLUMNS - 1) / TERNARY5_COLUMNS * TERNARY5_WORDS;
}

static inline size_t ternary5_panel_bytes(const setun_query *query)
{
    return (size_t)ternary5_panel_words(query->in[2].dim[1]) * TERNARY5_PANEL_WORD_BYTES;
}

/* One block of a group. */
ALWAYS_INLINE void ternary5_unpack_block(const uint8_t *block, uint8_t *out_words, ternary5_look_up *look_up)
{
    const __m512i mask = _mm512_set1_epi8(3);
    __m512i codes[TERNARY5_CODES];

    ternary5_codes(block, codes);
UNROLL(8)
    for (int s = 0; s < TERNARY5_CODES; s++) {
        const __m512i fields = look_up(codes[s]);

UNROLL(3)
        for (int p = 0; p < 3; p++)
            _mm512_storeu_si512(out_words + (3 * s + p) * TERNARY5_PANEL_WORD_BYTES,
                                _mm512_and_si512(_mm512_srli_epi16(fields, (unsigned)(2 * p)), mask));
    }
}

/* Blocks of n groups from one on. */
ALWAYS_INLINE void ternary5_unpack(const setun_call *call, int64_t group, int64_t n, int64_t block, uint8_t *out_panel, ternary5_look_up *look_up)
{
    for (int64_t g = 0; g < n; g++)
        for (int64_t b = block; b < ternary5_blocks(call); b++)
            ternary5_unpack_block(ternary5_group(call, group + g) + b * TERNARY5_BLOCK_BYTES,
                                  out_panel + b * TERNARY5_WORDS * TERNARY5_PANEL_WORD_BYTES + g * TERNARY_BLOCK_BYTES, look_up);
}

/* The first rows of q by whole blocks, whose words go to the panel; then by what is left, which is in the panel already. */
ALWAYS_INLINE void ternary5_first(const setun_call *call, int64_t group, const int32_t *sum, uint8_t *out_panel, ternary_join join,
                                  dot4_op *dot4, ternary5_look_up *look_up)
{
    const int64_t n_whole = call->in[2].dim[1] / TERNARY5_COLUMNS, group_bytes = ternary5_blocks(call) * TERNARY5_BLOCK_BYTES;
    const uint8_t *w = ternary5_group(call, group);
    const int8_t *q[TERNARY_X];
    __m512i acc[TERNARY_X][TERNARY_PANEL];

    ternary5_unpack(call, group, TERNARY_PANEL, n_whole, out_panel, look_up);
    ternary_begin(call, 0, TERNARY_FIRST_X, group, TERNARY_PANEL, sum, q, acc);
    for (int64_t b = 0; b < n_whole; b++) {
        uint8_t *to = out_panel + b * TERNARY5_WORDS * TERNARY5_PANEL_WORD_BYTES;

UNROLL(4)
        for (int g = 0; g < TERNARY_PANEL; g++)
UNROLL(5)
            for (int j = 0; j < 5; j++)
                _mm_prefetch((const char *)w + (TERNARY_PANEL + g) * group_bytes + b * TERNARY5_BLOCK_BYTES + 64 * j, _MM_HINT_T1);
UNROLL(8)
        for (int s = 0; s < TERNARY5_CODES; s++) {
            __m512i fields[TERNARY_PANEL];

UNROLL(4)
            for (int g = 0; g < TERNARY_PANEL; g++)
                fields[g] = look_up(ternary5_code(w + g * group_bytes + b * TERNARY5_BLOCK_BYTES, s));
UNROLL(3)
            for (int p = 0; p < 3; p++) {
                __m512i codes[TERNARY_PANEL];

UNROLL(4)
                for (int g = 0; g < TERNARY_PANEL; g++) {
                    codes[g] = _mm512_and_si512(_mm512_srli_epi16(fields[g], (unsigned)(2 * p)), _mm512_set1_epi8(3));
                    _mm512_storeu_si512(to + (3 * s + p) * TERNARY5_PANEL_WORD_BYTES + g * TERNARY_BLOCK_BYTES, codes[g]);
                }
UNROLL(4)
                for (int x = 0; x < TERNARY_FIRST_X; x++) {
                    const __m512i words = ternary_word(q[x] + b * TERNARY5_COLUMNS + 12 * s + 4 * p);

UNROLL(4)
                    for (int g = 0; g < TERNARY_PANEL; g++)
                        acc[x][g] = dot4(acc[x][g], codes[g], words);
                }
            }
        }
UNROLL(4)
        for (int x = 0; x < TERNARY_FIRST_X; x++)
UNROLL(4)
            for (int g = 0; g < TERNARY_PANEL; g++)
                KEEP_IN_REGISTER(acc[x][g]);
    }
    for (int64_t v = n_whole * TERNARY5_WORDS; v < 4 * ternary_blocks(call); v++) {
UNROLL(4)
        for (int x = 0; x < TERNARY_FIRST_X; x++) {
            const __m512i words = ternary_word(q[x] + 4 * v);

UNROLL(4)
            for (int g = 0; g < TERNARY_PANEL; g++) {
                acc[x][g] = dot4(acc[x][g], _mm512_loadu_si512(out_panel + v * TERNARY5_PANEL_WORD_BYTES + g * TERNARY_BLOCK_BYTES), words);
                KEEP_IN_REGISTER(acc[x][g]);
            }
        }
    }
    ternary_finish(call, 0, TERNARY_FIRST_X, group, TERNARY_PANEL, acc, join);
}

/* Where scratch goes on after the panel: the sums of q. */
static inline int32_t *ternary5_panel_sum(const setun_call *call, void *scratch)
{
    return (int32_t *)((uint8_t *)scratch + ternary5_panel_words(call->in[2].dim[1]) * TERNARY5_PANEL_WORD_BYTES);
}

/* With the sums of q behind the panel. n_first: TERNARY_FIRST_X rows of q while the panel is written, or 0. */
ALWAYS_INLINE void ternary5_panel_groups(const setun_call *call, const setun_tile *tile, ternary_join join, int n_first, dot4_op *dot4,
                                         ternary_tiles_op *tiles, ternary5_look_up *look_up)
{
    const int64_t first = call->in[0].dim[0] < n_first ? 0 : n_first;
    const int32_t *sum = ternary5_panel_sum(call, tile->scratch);
    uint8_t *panel = tile->scratch;
    int64_t g = tile->begin;

    for (; g + TERNARY_PANEL <= tile->end; g += TERNARY_PANEL) {
        if (n_first > 0 && first > 0)
            ternary5_first(call, g, sum, panel, join, dot4, look_up);
        else
            ternary5_unpack(call, g, TERNARY_PANEL, 0, panel, look_up);
        tiles(call, first, g, TERNARY_PANEL, panel, sum, join);
    }
    for (; g < tile->end; g++) {
        ternary5_unpack(call, g, 1, 0, panel, look_up);
        tiles(call, 0, g, 1, panel, sum, join);
    }
}

ALWAYS_INLINE void ternary5_panel_run(const setun_call *call, const setun_tile *tile, ternary_join join, int n_first, dot4_op *dot4,
                                      ternary_tiles_op *tiles, ternary5_look_up *look_up)
{
    if (tile->begin == tile->end)
        return;
    ternary_sums(call, ternary5_panel_sum(call, tile->scratch), dot4);
    ternary5_panel_groups(call, tile, join, n_first, dot4, tiles, look_up);
}

/* By VNNI's and VBMI's instructions, compiled once: ternary5_panel__avx512vbmi.c. */
void ternary5_panel_groups_vbmi(const setun_call *call, const setun_tile *tile, ternary_join join);
#endif
