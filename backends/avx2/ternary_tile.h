/* ternary_tile.h - several rows of q at a time, by 16 rows of weights: either straight from the packed blocks, which are unpacked
 * again for every four rows of q, or from a panel in scratch, unpacked once for all of them. */
#ifndef SETUN_AVX2_TERNARY_TILE_H
#define SETUN_AVX2_TERNARY_TILE_H
#include "ternary.h"

/* Codes of word p of block b, 8 rows. packed: w is the group's blocks; else a panel [blocks][4 words][64]. */
ALWAYS_INLINE __m256i ternary_codes(const uint8_t *w, int packed, int64_t b, int p, int half)
{
    if (!packed)
        return load_bytes(w + (4 * b + p) * TERNARY_BLOCK_BYTES + 32 * half);
    return _mm256_and_si256(_mm256_srli_epi16(load_bytes(w + b * TERNARY_BLOCK_BYTES + 32 * half), 2 * p), _mm256_set1_epi8(3));
}

/* n_x rows of q from row i on; a constant where this is inlined. */
ALWAYS_INLINE void ternary_tile(const setun_call *call, int64_t i, int n_x, int64_t group, const uint8_t *w, int packed,
                                const int32_t *sum)
{
    const int64_t n_blocks = ternary_blocks(call);
    const int8_t *q[TERNARY_X];
    __m256i acc[TERNARY_X][2];

    ternary_prefetch_join(call, i, n_x, group, 1);
UNROLL(4)
    for (int x = 0; x < n_x; x++) {
        q[x] = in_row(call, 0, i + x);
        acc[x][0] = acc[x][1] = _mm256_setzero_si256();
    }
    for (int64_t first = 0; first < n_blocks; first += TERNARY_FOLD_BLOCKS) {
        const int64_t end = least(first + TERNARY_FOLD_BLOCKS, n_blocks);
        __m256i sums[TERNARY_X][2];

UNROLL(4)
        for (int x = 0; x < n_x; x++)
            sums[x][0] = sums[x][1] = _mm256_setzero_si256();
        for (int64_t b = first; b < end; b++) {
UNROLL(4)
            for (int p = 0; p < 4; p++) {
                const __m256i codes_a = ternary_codes(w, packed, b, p, 0), codes_b = ternary_codes(w, packed, b, p, 1);

UNROLL(4)
                for (int x = 0; x < n_x; x++) {
                    const __m256i words = ternary_word(q[x] + 16 * b + 4 * p);

                    sums[x][0] = _mm256_add_epi16(sums[x][0], _mm256_maddubs_epi16(codes_a, words));
                    KEEP_IN_REGISTER(sums[x][0]);
                    sums[x][1] = _mm256_add_epi16(sums[x][1], _mm256_maddubs_epi16(codes_b, words));
                    KEEP_IN_REGISTER(sums[x][1]);
                }
            }
        }
UNROLL(4)
        for (int x = 0; x < n_x; x++) {
            acc[x][0] = fold(acc[x][0], sums[x][0]);
            acc[x][1] = fold(acc[x][1], sums[x][1]);
        }
    }
UNROLL(4)
    for (int x = 0; x < n_x; x++)
        ternary_store(call, i + x, group, acc[x][0], acc[x][1], sum[i + x]);
}

ALWAYS_INLINE void ternary_tiles(const setun_call *call, int64_t group, const uint8_t *w, int packed, const int32_t *sum)
{
    const int64_t m = call->in[0].dim[0];
    int64_t i = 0;

    for (; i + TERNARY_X <= m; i += TERNARY_X)
        ternary_tile(call, i, TERNARY_X, group, w, packed, sum);
    for (; i + 2 <= m; i += 2)
        ternary_tile(call, i, 2, group, w, packed, sum);
    if (i < m)
        ternary_tile(call, i, 1, group, w, packed, sum);
}

/* From the packed blocks, with the sums of q in scratch. */
static inline void ternary_stream_groups(const setun_call *call, const setun_tile *tile)
{
    const int32_t *sum = tile->scratch;

    for (int64_t g = tile->begin; g < tile->end; g++)
        ternary_tiles(call, g, ternary_group(call, g), 1, sum);
}

static inline void ternary_stream_run(const setun_call *call, const setun_tile *tile)
{
    if (tile->begin == tile->end)
        return;
    ternary_sums(call, tile->scratch);
    ternary_stream_groups(call, tile);
}

static inline size_t ternary_panel_bytes(const setun_query *query)
{
    return (size_t)((query->in[2].dim[1] + 15) / 16) * 4 * TERNARY_BLOCK_BYTES;
}

static inline void ternary_unpack(const setun_call *call, int64_t group, uint8_t *out_panel)
{
    const uint8_t *w = ternary_group(call, group);

    for (int64_t b = 0; b < ternary_blocks(call); b++)
UNROLL(4)
        for (int p = 0; p < 4; p++)
            for (int half = 0; half < 2; half++)
                _mm256_storeu_si256((__m256i *)(void *)(out_panel + (4 * b + p) * TERNARY_BLOCK_BYTES + 32 * half),
                                    ternary_codes(w, 1, b, p, half));
}

/* Where scratch goes on after the panel: the sums of q. */
static inline int32_t *ternary_panel_sum(const setun_call *call, void *scratch)
{
    return (int32_t *)((uint8_t *)scratch + ternary_blocks(call) * 4 * TERNARY_BLOCK_BYTES);
}

/* Through a panel in scratch, with the sums of q behind it. */
static inline void ternary_panel_groups(const setun_call *call, const setun_tile *tile)
{
    const int32_t *sum = ternary_panel_sum(call, tile->scratch);
    uint8_t *panel = tile->scratch;

    for (int64_t g = tile->begin; g < tile->end; g++) {
        ternary_unpack(call, g, panel);
        ternary_tiles(call, g, panel, 0, sum);
    }
}

static inline void ternary_panel_run(const setun_call *call, const setun_tile *tile)
{
    if (tile->begin == tile->end)
        return;
    ternary_sums(call, ternary_panel_sum(call, tile->scratch));
    ternary_panel_groups(call, tile);
}
#endif
