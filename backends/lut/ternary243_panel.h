/* ternary243_panel.h - weights in tern243.r16k20 unpacked once for many rows of q, into a panel [words of q][4 groups][64] in scratch; then six rows of
 * q by four groups at a time. */
#ifndef SETUN_LUT_TERNARY243_PANEL_H
#define SETUN_LUT_TERNARY243_PANEL_H
#include "ternary243_avx512.h"

enum { T243_PANEL = 4 /* groups side by side */, T243_TILE = 6 /* rows of q: 24 sums, 4 registers of codes and a word */ };

/* gcc 12 otherwise makes a second copy of each sum for the time after the loop and stores it in every turn. */
#if defined(__clang__)
#define T243_KEEP(vector) ((void)(vector))
#else
#define T243_KEEP(vector) __asm__("" : "+v"(vector))
#endif

static inline size_t t243_panel_bytes(int64_t k)
{
    return (size_t)((k + T243_COLUMNS - 1) / T243_COLUMNS) * T243_FIELDS * T243_PANEL * T243_BLOCK_BYTES;
}

static inline void t243_unpack(const setun_call *call, int64_t group, int64_t n, uint8_t *out_panel)
{
    for (int64_t g = 0; g < n; g++) {
        const uint8_t *w = t243_group(call, group + g);
        uint8_t *to = out_panel + g * T243_BLOCK_BYTES;

        for (int64_t b = 0; b < t243_blocks(call); b++, w += T243_BLOCK_BYTES) {
            __m512i m, y;

            t243_look_up(_mm512_loadu_si512(w), &m, &y);
UNROLL(5)
            for (int p = 0; p < T243_FIELDS; p++, to += T243_PANEL * T243_BLOCK_BYTES)
                _mm512_storeu_si512(to, _mm512_and_si512(_mm512_srli_epi16(p < 3 ? m : y, (unsigned)(p < 3 ? 2 * p : 2 * p - 2)), _mm512_set1_epi8(3)));
        }
    }
}

/* n_x rows of q by n groups, constants where this is inlined. Words of q that are not whole are read from its padding, which is zero to 64 columns;
 * the panel's words beyond that are not read. */
ALWAYS_INLINE void t243_tile(const setun_call *call, int64_t i, int n_x, int64_t group, int n, const uint8_t *panel, const int32_t *sum)
{
    const int64_t n_words = (call->in[2].dim[1] + 3) / 4;
    const int8_t *q[T243_TILE];
    __m512i acc[T243_TILE][T243_PANEL];

UNROLL(6)
    for (int x = 0; x < n_x; x++) {
        q[x] = in_row(call, 0, i + x);
UNROLL(4)
        for (int g = 0; g < n; g++)
            acc[x][g] = _mm512_setzero_si512();
    }
    for (int64_t c = 0; c < n_words; c++) {
        __m512i codes[T243_PANEL];

UNROLL(4)
        for (int g = 0; g < n; g++)
            codes[g] = _mm512_loadu_si512(panel + (c * T243_PANEL + g) * T243_BLOCK_BYTES);
UNROLL(6)
        for (int x = 0; x < n_x; x++) {
            const __m512i word = t243_word(q[x] + 4 * c);

UNROLL(4)
            for (int g = 0; g < n; g++)
                acc[x][g] = _mm512_dpbusd_epi32(acc[x][g], codes[g], word);
        }
UNROLL(6)
        for (int x = 0; x < n_x; x++)
UNROLL(4)
            for (int g = 0; g < n; g++)
                T243_KEEP(acc[x][g]);
    }
UNROLL(6)
    for (int x = 0; x < n_x; x++)
UNROLL(4)
        for (int g = 0; g < n; g++)
            t243_store(call, i + x, group + g, acc[x][g], sum[i + x]);
}

ALWAYS_INLINE void t243_tiles(const setun_call *call, int64_t group, int n, const uint8_t *panel, const int32_t *sum)
{
    const int64_t m = call->in[0].dim[0];
    int64_t i = 0;

    for (; i + T243_TILE <= m; i += T243_TILE)
        t243_tile(call, i, T243_TILE, group, n, panel, sum);
    for (; i + 2 <= m; i += 2)
        t243_tile(call, i, 2, group, n, panel, sum);
    if (i < m)
        t243_tile(call, i, 1, group, n, panel, sum);
}

static inline void t243_panel_run(const setun_call *call, const setun_tile *tile)
{
    uint8_t *panel = tile->scratch;
    int32_t *sum = (int32_t *)(panel + t243_panel_bytes(call->in[2].dim[1]));
    int64_t g = tile->begin;

    if (tile->begin == tile->end)
        return;
    t243_sums(call, sum);
    for (; g + T243_PANEL <= tile->end; g += T243_PANEL) {
        t243_unpack(call, g, T243_PANEL, panel);
        t243_tiles(call, g, T243_PANEL, panel, sum);
    }
    for (; g < tile->end; g++) {
        t243_unpack(call, g, 1, panel);
        t243_tiles(call, g, 1, panel, sum);
    }
}
#endif
