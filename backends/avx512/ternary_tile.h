/* ternary_tile.h - several rows of q at a time, by 64 rows of weights: either straight from the packed blocks, which are unpacked
 * again for every six rows of q, or from a panel in scratch, unpacked once for all of them. What a tile of them does is the kernel's:
 * 32-bit sums here, 16-bit ones in ternary_tile16.h. */
#ifndef SETUN_AVX512_TERNARY_TILE_H
#define SETUN_AVX512_TERNARY_TILE_H
#include "ternary.h"

/* n_x rows of q from row i on by n groups; both constants where this is inlined. packed: w is the groups' blocks, group_bytes apart;
 * else a panel [blocks][4 words][4 groups][64]. */
typedef void ternary_tile_op(const setun_call *call, int64_t i, int n_x, int64_t group, int n, const uint8_t *w, int packed,
                             const int32_t *sum);

/* Codes of word p of block b of group g, 64 bytes. */
ALWAYS_INLINE __m512i ternary_codes(const uint8_t *w, int packed, int64_t group_bytes, int64_t b, int p, int g)
{
    if (!packed)
        return _mm512_loadu_si512(w + ((4 * b + p) * TERNARY_PANEL + g) * TERNARY_BLOCK_BYTES);
    return _mm512_and_si512(_mm512_srli_epi16(_mm512_loadu_si512(w + g * group_bytes + b * TERNARY_BLOCK_BYTES), (unsigned)(2 * p)),
                            _mm512_set1_epi8(3));
}

/* Block b of the groups that come next, while these are computed, to the second cache: with few rows they would else be waited for. On Zen 4
 * two rows take 110 us instead of 159 to the first cache or 197 without, four 183 instead of 218 without (2560 x 6912, 2 threads). */
ALWAYS_INLINE void ternary_prefetch(const uint8_t *w, int packed, int64_t group_bytes, int64_t b, int n)
{
    if (packed)
UNROLL(4)
        for (int g = 0; g < n; g++)
            _mm_prefetch((const char *)w + (n + g) * group_bytes + b * TERNARY_BLOCK_BYTES, _MM_HINT_T1);
}

/* A tile with 32-bit sums, as ternary_tile_op wants it but for dot4. */
ALWAYS_INLINE void ternary_tile32(const setun_call *call, int64_t i, int n_x, int64_t group, int n, const uint8_t *w, int packed,
                                  const int32_t *sum, dot4_op *dot4)
{
    const int64_t n_blocks = ternary_blocks(call), group_bytes = n_blocks * TERNARY_BLOCK_BYTES;
    const int8_t *q[TERNARY_X];
    __m512i acc[TERNARY_X][TERNARY_PANEL];

    ternary_prefetch_join(call, i, n_x, group, n);
UNROLL(6)
    for (int x = 0; x < n_x; x++) {
        q[x] = in_row(call, 0, i + x);
UNROLL(4)
        for (int g = 0; g < n; g++)
            acc[x][g] = _mm512_setzero_si512();
    }
    for (int64_t b = 0; b < n_blocks; b++) {
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
                for (int g = 0; g < n; g++)
                    acc[x][g] = dot4(acc[x][g], codes[g], words);
            }
        }
UNROLL(6)
        for (int x = 0; x < n_x; x++)
UNROLL(4)
            for (int g = 0; g < n; g++)
                KEEP_IN_REGISTER(acc[x][g]);
    }
UNROLL(6)
    for (int x = 0; x < n_x; x++)
UNROLL(4)
        for (int g = 0; g < n; g++)
            ternary_store(call, i + x, group + g, acc[x][g], sum[i + x]);
}

/* All rows of q: as few tiles as can be, as even as can be, for what a tile does once is the dearer the fewer rows share it. */
ALWAYS_INLINE void ternary_tiles(const setun_call *call, int64_t group, int n, const uint8_t *w, int packed, const int32_t *sum,
                                 ternary_tile_op *tile_op)
{
    const int64_t m = call->in[0].dim[0];
    int64_t n_tiles = (m + TERNARY_X - 1) / TERNARY_X;

    for (int64_t i = 0, n_x; i < m; i += n_x, n_tiles--) {
        n_x = (m - i + n_tiles - 1) / n_tiles;
        switch (n_x) {
        case 6:
            tile_op(call, i, 6, group, n, w, packed, sum);
            break;
        case 5:
            tile_op(call, i, 5, group, n, w, packed, sum);
            break;
        case 4:
            tile_op(call, i, 4, group, n, w, packed, sum);
            break;
        case 3:
            tile_op(call, i, 3, group, n, w, packed, sum);
            break;
        case 2:
            tile_op(call, i, 2, group, n, w, packed, sum);
            break;
        default:
            tile_op(call, i, 1, group, n, w, packed, sum);
            break;
        }
    }
}

/* From the packed blocks. */
ALWAYS_INLINE void ternary_stream_run(const setun_call *call, const setun_tile *tile, dot4_op *dot4, ternary_tile_op *tile_op)
{
    int32_t *sum = tile->scratch;
    int64_t g = tile->begin;

    if (tile->begin == tile->end)
        return;
    ternary_sums(call, sum, dot4);
    for (; g + TERNARY_PANEL <= tile->end; g += TERNARY_PANEL)
        ternary_tiles(call, g, TERNARY_PANEL, ternary_group(call, g), 1, sum, tile_op);
    for (; g < tile->end; g++)
        ternary_tiles(call, g, 1, ternary_group(call, g), 1, sum, tile_op);
}

static inline size_t ternary_panel_bytes(const setun_query *query)
{
    return (size_t)((query->in[2].dim[1] + 15) / 16) * 4 * TERNARY_PANEL * TERNARY_BLOCK_BYTES;
}

/* n groups; the panel is written from its first byte to its last. */
static inline void ternary_unpack(const setun_call *call, int64_t group, int64_t n, uint8_t *out_panel)
{
    const int64_t n_blocks = ternary_blocks(call), group_bytes = n_blocks * TERNARY_BLOCK_BYTES;
    const uint8_t *w = ternary_group(call, group);

    for (int64_t b = 0; b < n_blocks; b++)
UNROLL(4)
        for (int p = 0; p < 4; p++)
            for (int64_t g = 0; g < n; g++)
                _mm512_storeu_si512(out_panel + ((4 * b + p) * TERNARY_PANEL + g) * TERNARY_BLOCK_BYTES,
                                    ternary_codes(w + g * group_bytes, 1, 0, b, p, 0));
}

/* Through a panel in scratch. */
ALWAYS_INLINE void ternary_panel_run(const setun_call *call, const setun_tile *tile, dot4_op *dot4, ternary_tile_op *tile_op)
{
    uint8_t *panel = tile->scratch;
    int32_t *sum = (int32_t *)(panel + ternary_blocks(call) * 4 * TERNARY_PANEL * TERNARY_BLOCK_BYTES);
    int64_t g = tile->begin;

    if (tile->begin == tile->end)
        return;
    ternary_sums(call, sum, dot4);
    for (; g + TERNARY_PANEL <= tile->end; g += TERNARY_PANEL) {
        ternary_unpack(call, g, TERNARY_PANEL, panel);
        ternary_tiles(call, g, TERNARY_PANEL, panel, 0, sum, tile_op);
    }
    for (; g < tile->end; g++) {
        ternary_unpack(call, g, 1, panel);
        ternary_tiles(call, g, 1, panel, 0, sum, tile_op);
    }
}
#endif
