/* ternary_tile.h - several rows of q at a time, by 64 rows of weights: either straight from the packed blocks, which are unpacked
 * again for every six rows of q, or from a panel in scratch, unpacked once for all of them. What a tile of them does is the kernel's:
 * 32-bit sums here, 16-bit ones in ternary_tile16.h.
 *
 * The first four rows of q are multiplied while the panel is written, for their sums leave registers for the unpacking: the second cache takes
 * a line in about ten cycles, which otherwise were waited for, 3 % of the time of 256 rows on Zen 4. */
#ifndef SETUN_AVX512_TERNARY_TILE_H
#define SETUN_AVX512_TERNARY_TILE_H
#include "ternary.h"

#define TERNARY_SUMS (TERNARY_PANEL * TERNARY_GROUP) /* of a row of q and a panel */
#define TERNARY_FIRST_X 4 /* rows of q that are multiplied while a panel is written */

/* n_x rows of q from row i on by n groups; both constants where this is inlined. packed: w is the groups' blocks, group_bytes apart;
 * else a panel [blocks][4 words][4 groups][64]. */
typedef void ternary_tile_op(const setun_call *call, int64_t i, int n_x, int64_t group, int n, const uint8_t *w, int packed,
                             const int32_t *sum, ternary_join join);

/* All rows of q from the first on by 4 groups or by one: w is packed or a panel, as the function wants it. */
typedef void ternary_tiles_op(const setun_call *call, int64_t first, int64_t group, int n, const uint8_t *w, const int32_t *sum, ternary_join join);

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

/* Sums start at what the codes' being weights + 1 adds too much. */
ALWAYS_INLINE void ternary_begin(const setun_call *call, int64_t i, int n_x, int64_t group, int n, const int32_t *sum, const int8_t **out_q,
                                 __m512i (*out_acc)[TERNARY_PANEL])
{
    ternary_prefetch_results(call, i, n_x, group, n);
UNROLL(6)
    for (int x = 0; x < n_x; x++) {
        out_q[x] = in_row(call, 0, i + x);
UNROLL(4)
        for (int g = 0; g < n; g++)
            out_acc[x][g] = _mm512_set1_epi32(-sum[i + x]);
    }
}

/* y from whole sums i32[n_x][64], n groups of them. Rows of weights are counted once and not for each register: a tile of 2560 columns lost 2 %
 * to that. */
static inline void ternary_finish_sums(const setun_call *call, int64_t i, int64_t n_x, int64_t group, int64_t n, const int32_t *sums,
                                       ternary_join join)
{
    const int64_t j = group * TERNARY_GROUP;
    const float *scale = (const float *)call->in[3].data + j;

    if (n < TERNARY_PANEL || call->in[2].dim[0] - j < n * TERNARY_GROUP) {
        for (int64_t x = 0; x < n_x; x++)
            for (int64_t g = 0; g < n; g++)
                ternary_store(call, i + x, group + g, _mm512_loadu_si512(sums + x * TERNARY_SUMS + g * TERNARY_GROUP), 0, join);
        return;
    }
    for (int64_t x = 0; x < n_x; x++, sums += TERNARY_SUMS) {
        const lanes s = lanes_set(((const float *)call->in[1].data)[i + x]);
        float *out = (float *)out_row(call, 0, i + x) + j;
        lanes y[TERNARY_PANEL];

UNROLL(4)
        for (int g = 0; g < TERNARY_PANEL; g++)
            y[g] = lanes_mul(_mm512_cvtepi32_ps(_mm512_loadu_si512(sums + g * TERNARY_GROUP)), lanes_div(lanes_load(scale + g * TERNARY_GROUP), s));
        if (call->n_in > 4) {
            const float *fifth = (const float *)in_row(call, 4, i + x) + j;

UNROLL(4)
            for (int g = 0; g < TERNARY_PANEL; g++)
                y[g] = ternary_join_lanes(join, lanes_load(fifth + g * TERNARY_GROUP), y[g]);
        }
UNROLL(4)
        for (int g = 0; g < TERNARY_PANEL; g++)
            lanes_store(out + g * TERNARY_GROUP, y[g]);
    }
}

/* By way of memory: what is done with sums is compiled once and not for each register. */
ALWAYS_INLINE void ternary_finish(const setun_call *call, int64_t i, int n_x, int64_t group, int n, __m512i (*acc)[TERNARY_PANEL], ternary_join join)
{
    _Alignas(64) int32_t sums[TERNARY_X * TERNARY_SUMS];

UNROLL(6)
    for (int x = 0; x < n_x; x++)
UNROLL(4)
        for (int g = 0; g < n; g++)
            _mm512_storeu_si512(sums + x * TERNARY_SUMS + g * TERNARY_GROUP, acc[x][g]);
    ternary_finish_sums(call, i, n_x, group, n, sums, join);
}

/* A tile with 32-bit sums, as ternary_tile_op wants it but for dot4. out_panel: NULL, or where codes of packed blocks go as well. */
ALWAYS_INLINE void ternary_tile_to(const setun_call *call, int64_t i, int n_x, int64_t group, int n, const uint8_t *w, int packed,
                                   const int32_t *sum, dot4_op *dot4, uint8_t *out_panel, ternary_join join)
{
    const int64_t n_blocks = ternary_blocks(call), group_bytes = n_blocks * TERNARY_BLOCK_BYTES;
    const int8_t *q[TERNARY_X];
    __m512i acc[TERNARY_X][TERNARY_PANEL];

    ternary_begin(call, i, n_x, group, n, sum, q, acc);
    for (int64_t b = 0; b < n_blocks; b++) {
        ternary_prefetch(w, packed, group_bytes, b, n);
UNROLL(4)
        for (int p = 0; p < 4; p++) {
            __m512i codes[TERNARY_PANEL];

UNROLL(4)
            for (int g = 0; g < n; g++) {
                codes[g] = ternary_codes(w, packed, group_bytes, b, p, g);
                if (out_panel != NULL)
                    _mm512_storeu_si512(out_panel + ((4 * b + p) * TERNARY_PANEL + g) * TERNARY_BLOCK_BYTES, codes[g]);
            }
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
    ternary_finish(call, i, n_x, group, n, acc, join);
}

ALWAYS_INLINE void ternary_tile32(const setun_call *call, int64_t i, int n_x, int64_t group, int n, const uint8_t *w, int packed,
                                  const int32_t *sum, dot4_op *dot4, ternary_join join)
{
    ternary_tile_to(call, i, n_x, group, n, w, packed, sum, dot4, NULL, join);
}

/* Rows of q from the first on: as few tiles as can be, as even as can be, for what a tile does once is the dearer the fewer rows share it. n and
 * packed are constants. */
ALWAYS_INLINE void ternary_tiles_n(const setun_call *call, int64_t first, int64_t group, int n, const uint8_t *w, int packed, const int32_t *sum,
                                   ternary_join join, ternary_tile_op *tile_op)
{
    const int64_t m = call->in[0].dim[0];
    int64_t n_tiles = (m - first + TERNARY_X - 1) / TERNARY_X;

    for (int64_t i = first, n_x; i < m; i += n_x, n_tiles--) {
        n_x = (m - i + n_tiles - 1) / n_tiles;
        switch (n_x) {
        case 6:
            tile_op(call, i, 6, group, n, w, packed, sum, join);
            break;
        case 5:
            tile_op(call, i, 5, group, n, w, packed, sum, join);
            break;
        case 4:
            tile_op(call, i, 4, group, n, w, packed, sum, join);
            break;
        case 3:
            tile_op(call, i, 3, group, n, w, packed, sum, join);
            break;
        case 2:
            tile_op(call, i, 2, group, n, w, packed, sum, join);
            break;
        default:
            tile_op(call, i, 1, group, n, w, packed, sum, join);
            break;
        }
    }
}

/* As ternary_tiles_op wants it but for packed, a constant, and tile_op. */
ALWAYS_INLINE void ternary_tiles(const setun_call *call, int64_t first, int64_t group, int n, const uint8_t *w, int packed, const int32_t *sum,
                                 ternary_join join, ternary_tile_op *tile_op)
{
    if (n == TERNARY_PANEL)
        ternary_tiles_n(call, first, group, TERNARY_PANEL, w, packed, sum, join, tile_op);
    else
        ternary_tiles_n(call, first, group, 1, w, packed, sum, join, tile_op);
}

/* From the packed blocks, with the sums of q in scratch. */
ALWAYS_INLINE void ternary_stream_groups(const setun_call *call, const setun_tile *tile, ternary_join join, ternary_tiles_op *tiles)
{
    const int32_t *sum = tile->scratch;
    int64_t g = tile->begin;

    for (; g + TERNARY_PANEL <= tile->end; g += TERNARY_PANEL)
        tiles(call, 0, g, TERNARY_PANEL, ternary_group(call, g), sum, join);
    for (; g < tile->end; g++)
        tiles(call, 0, g, 1, ternary_group(call, g), sum, join);
}

ALWAYS_INLINE void ternary_stream_run(const setun_call *call, const setun_tile *tile, ternary_join join, dot4_op *dot4, ternary_tiles_op *tiles)
{
    if (tile->begin == tile->end)
        return;
    ternary_sums(call, tile->scratch, dot4);
    ternary_stream_groups(call, tile, join, tiles);
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

/* Where scratch goes on after the panel: the sums of q. */
static inline int32_t *ternary_panel_sum(const setun_call *call, void *scratch)
{
    return (int32_t *)((uint8_t *)scratch + ternary_blocks(call) * 4 * TERNARY_PANEL * TERNARY_BLOCK_BYTES);
}

/* Through a panel in scratch, with the sums of q behind it. */
ALWAYS_INLINE void ternary_panel_groups(const setun_call *call, const setun_tile *tile, ternary_join join, dot4_op *dot4, ternary_tiles_op *tiles)
{
    const int64_t first = call->in[0].dim[0] < TERNARY_FIRST_X ? 0 : TERNARY_FIRST_X;
    const int32_t *sum = ternary_panel_sum(call, tile->scratch);
    uint8_t *panel = tile->scratch;
    int64_t g = tile->begin;

    for (; g + TERNARY_PANEL <= tile->end; g += TERNARY_PANEL) {
        if (first > 0)
            ternary_tile_to(call, 0, TERNARY_FIRST_X, g, TERNARY_PANEL, ternary_group(call, g), 1, sum, dot4, panel, join);
        else
            ternary_unpack(call, g, TERNARY_PANEL, panel);
        tiles(call, first, g, TERNARY_PANEL, panel, sum, join);
    }
    for (; g < tile->end; g++) {
        ternary_unpack(call, g, 1, panel);
        tiles(call, 0, g, 1, panel, sum, join);
    }
}

ALWAYS_INLINE void ternary_panel_run(const setun_call *call, const setun_tile *tile, ternary_join join, dot4_op *dot4, ternary_tiles_op *tiles)
{
    if (tile->begin == tile->end)
        return;
    ternary_sums(call, ternary_panel_sum(call, tile->scratch), dot4);
    ternary_panel_groups(call, tile, join, dot4, tiles);
}

/* By VNNI's instruction, compiled once: ternary_tile__avx512vnni.c. */
ternary_tiles_op ternary_panel_tiles_vnni;
void ternary_stream_groups_vnni(const setun_call *call, const setun_tile *tile, ternary_join join);
void ternary_panel_groups_vnni(const setun_call *call, const setun_tile *tile, ternary_join join);
#endif
