/* ternary_tile.h - several rows of q at a time, by a group of 16 rows of weights: either straight from the packed blocks, which are
 * unpacked again for every tile, or from a panel in scratch, unpacked once for all rows of q. How a tile is multiplied is the caller's:
 * ternary_tile_s8 needs Armv8.0 only. */
#ifndef SETUN_NEON_TERNARY_TILE_H
#define SETUN_NEON_TERNARY_TILE_H
#include "ternary_row.h"

#define TERNARY_X_MAX 8 /* rows of q in a tile at most */

/* The dots of n_x rows of q, from row i on, and the codes of one group. packed: w is the group's blocks; else a panel [words][64]. n_words:
 * of four columns. n_x and packed are constants where this is inlined. */
typedef void ternary_tile(const setun_call *call, int64_t i, int n_x, const uint8_t *w, int packed, int64_t n_words,
                          int32x4_t out_dots[TERNARY_X_MAX][4]);

ALWAYS_INLINE void ternary_tile_store(const setun_call *call, int64_t i, int n_x, int64_t group, const uint8_t *w, int packed, int64_t n_words,
                                      const int32_t *sum, ternary_tile *multiply)
{
    int32x4_t dots[TERNARY_X_MAX][4];

    multiply(call, i, n_x, w, packed, n_words, dots);
    for (int x = 0; x < n_x; x++)
        ternary_store(call, i + x, group, (const int32x4_t *)dots[x], sum[i + x]);
}

/* All rows of q: as few tiles of x_max at most as can be, as even as can be, for what a tile does once is the dearer the fewer rows share
 * it. */
ALWAYS_INLINE void ternary_tiles(const setun_call *call, int64_t group, const uint8_t *w, int packed, int64_t n_words, const int32_t *sum,
                                 int x_max, ternary_tile *multiply)
{
    const int64_t m = call->in[0].dim[0];
    int64_t n_tiles = (m + x_max - 1) / x_max;

#define TERNARY_CASE(n)                                                                    \
    case n:                                                                                \
        if (n <= x_max)                                                                    \
            ternary_tile_store(call, i, n, group, w, packed, n_words, sum, multiply);      \
        break
    for (int64_t i = 0, n_x; i < m; i += n_x, n_tiles--) {
        n_x = (m - i + n_tiles - 1) / n_tiles;
        switch (n_x) {
            TERNARY_CASE(8);
            TERNARY_CASE(7);
            TERNARY_CASE(6);
            TERNARY_CASE(5);
            TERNARY_CASE(4);
            TERNARY_CASE(3);
            TERNARY_CASE(2);
        default:
            ternary_tile_store(call, i, 1, group, w, packed, n_words, sum, multiply);
            break;
        }
    }
#undef TERNARY_CASE
}

/* From the packed blocks. */
ALWAYS_INLINE void ternary_stream_run(const setun_call *call, const setun_tile *tile, int x_max, ternary_tile *multiply)
{
    int32_t *sum = tile->scratch;

    if (tile->begin == tile->end)
        return;
    ternary_sums(call, sum);
    for (int64_t g = tile->begin; g < tile->end; g++)
        ternary_tiles(call, g, ternary_group(call, g), 1, 4 * ternary_blocks(call), sum, x_max, multiply);
}

static inline size_t ternary_panel_bytes(const setun_query *query)
{
    return (size_t)((query->in[2].dim[1] + 15) / 16) * 4 * TERNARY_BLOCK_BYTES;
}

static inline void ternary_unpack(const setun_call *call, int64_t group, uint8_t *out_panel)
{
    const uint8_t *w = ternary_group(call, group);

    for (int64_t b = 0; b < ternary_blocks(call); b++, w += TERNARY_BLOCK_BYTES, out_panel += 4 * TERNARY_BLOCK_BYTES)
UNROLL(4)
        for (int r = 0; r < 4; r++) {
            const uint8x16_t packed = vld1q_u8(w + 16 * r);

UNROLL(4)
            for (int p = 0; p < 4; p++)
                vst1q_s8((int8_t *)out_panel + p * TERNARY_BLOCK_BYTES + 16 * r, ternary_codes(packed, p));
        }
}

/* Through a panel in scratch. */
ALWAYS_INLINE void ternary_panel_run(const setun_call *call, const setun_tile *tile, int x_max, ternary_tile *multiply)
{
    const int64_t n_words = 4 * ternary_blocks(call);
    uint8_t *panel = tile->scratch;
    int32_t *sum = (int32_t *)(void *)(panel + n_words * TERNARY_BLOCK_BYTES);

    if (tile->begin == tile->end)
        return;
    ternary_sums(call, sum);
    for (int64_t g = tile->begin; g < tile->end; g++) {
        ternary_unpack(call, g, panel);
        ternary_tiles(call, g, panel, 0, n_words, sum, x_max, multiply);
    }
}

/* ---- without DOTPROD ---- */

#define TERNARY_S8_X 4 /* 4 * 2 registers of 4 rows make 16 sums of 16 bits */
/* Products are within -256 .. 254: 128 of them fit 16 bits, and a word adds one to each sum. */
#define TERNARY_S8_FOLD_WORDS 128

/* Codes of word c of the rows 4r .. 4r + 3. */
ALWAYS_INLINE int8x16_t ternary_tile_codes(const uint8_t *w, int packed, int64_t c, int p, int r)
{
    if (!packed)
        return vld1q_s8((const int8_t *)w + (c + p) * TERNARY_BLOCK_BYTES + 16 * r);
    return ternary_codes(vld1q_u8(w + c / 4 * TERNARY_BLOCK_BYTES + 16 * r), p);
}

/* Half a group after the other. n_words is a multiple of four: four words of a row of q are a register. */
ALWAYS_INLINE void ternary_tile_s8(const setun_call *call, int64_t i, int n_x, const uint8_t *w, int packed, int64_t n_words,
                                   int32x4_t out_dots[TERNARY_X_MAX][4])
{
    for (int half = 0; half < 4; half += 2) {
        const int8_t *q[TERNARY_S8_X];
        int32x4_t acc[TERNARY_S8_X][2][2];

UNROLL(4)
        for (int x = 0; x < n_x; x++) {
            q[x] = in_row(call, 0, i + x);
            acc[x][0][0] = acc[x][0][1] = acc[x][1][0] = acc[x][1][1] = vdupq_n_s32(0);
        }
        for (int64_t first = 0; first < n_words; first += TERNARY_S8_FOLD_WORDS) {
            const int64_t end = least(first + TERNARY_S8_FOLD_WORDS, n_words);
            int16x8_t sums[TERNARY_S8_X][2][2];

UNROLL(4)
            for (int x = 0; x < n_x; x++)
                sums[x][0][0] = sums[x][0][1] = sums[x][1][0] = sums[x][1][1] = vdupq_n_s16(0);
            for (int64_t c = first; c < end; c += 4) {
UNROLL(4)
                for (int p = 0; p < 4; p++) {
                    const int8x16_t a = ternary_tile_codes(w, packed, c, p, half), b = ternary_tile_codes(w, packed, c, p, half + 1);

                    ONE_AT_A_TIME();
UNROLL(4)
                    for (int x = 0; x < n_x; x++) {
                        const int8x16_t words = ternary_word(q[x] + 4 * (c + p));

                        ternary_add_products(sums[x][0], a, words);
                        ternary_add_products(sums[x][1], b, words);
                    }
                }
UNROLL(4)
                for (int x = 0; x < n_x; x++) {
                    KEEP_IN_REGISTER(sums[x][0][0]);
                    KEEP_IN_REGISTER(sums[x][0][1]);
                    KEEP_IN_REGISTER(sums[x][1][0]);
                    KEEP_IN_REGISTER(sums[x][1][1]);
                }
            }
UNROLL(4)
            for (int x = 0; x < n_x; x++)
UNROLL(2)
                for (int r = 0; r < 2; r++) {
                    acc[x][r][0] = vpadalq_s16(acc[x][r][0], sums[x][r][0]);
                    acc[x][r][1] = vpadalq_s16(acc[x][r][1], sums[x][r][1]);
                }
        }
UNROLL(4)
        for (int x = 0; x < n_x; x++)
UNROLL(2)
            for (int r = 0; r < 2; r++)
                out_dots[x][half + r] = vpaddq_s32(acc[x][r][0], acc[x][r][1]);
    }
}
#endif
