/* ternary_mm.h - ternary.h's linear with I8MM: SMMLA multiplies two rows of eight columns by two others, sixteen columns' worth of SDOT's work.
 * Phase 0 puts rows of q together in twos, eight columns of each in a register, for all workers: shared scratch, [pairs][words / 2][16].
 * Words of weights are zipped in twos likewise: a register holds eight columns of two rows. */
#ifndef SETUN_NEON_TERNARY_MM_H
#define SETUN_NEON_TERNARY_MM_H
#include "ternary_tile.h"

#define TERNARY_MM_X 8     /* rows of q side by side: 4 * 4 sums of 2 x 2, 4 registers of q and a few of weights */
#define TERNARY_MM_PAIRS 4 /* pairs of rows of weights in half a group */

static inline int64_t ternary_pairs(int64_t m)
{
    return (m + 1) / 2;
}

static inline setun_status ternary_mm_plan_at(const setun_query *query, double bits, ternary_cost cost, size_t scratch_bytes,
                                              setun_kernel_plan *out_plan)
{
    const setun_status status = ternary_plan_at(query, bits, cost, scratch_bytes, out_plan);

    if (status != SETUN_OK)
        return status;
    out_plan->n_phases = 2;
    out_plan->shared_bytes = (size_t)ternary_pairs(query->in[0].dim[0]) * (size_t)((query->in[2].dim[1] + 15) / 16) * 32;
    out_plan->cost_ns += NEON_VECTOR_NS / 4 * (double)query->rows_max * (double)query->in[2].dim[1] / 4;
    return SETUN_OK;
}

/* Pairs of rows of q, then groups of 16 rows of weights. */
static inline int64_t ternary_mm_units(const setun_call *call, uint32_t phase)
{
    return phase == 0 ? ternary_pairs(call->in[0].dim[0]) : ternary_units(call, phase);
}

static inline int8_t *ternary_pair(const setun_call *call, int64_t pair)
{
    return (int8_t *)call->shared + pair * ternary_blocks(call) * 32;
}

/* Phase 0. The row that an odd last one lacks is zeros. */
static inline void ternary_mm_put_together(const setun_call *call, const setun_tile *tile)
{
    const int64_t m = call->in[0].dim[0], n_blocks = ternary_blocks(call);

    for (int64_t pair = tile->begin; pair < tile->end; pair++) {
        const int8_t *q = in_row(call, 0, 2 * pair), *next = 2 * pair + 1 < m ? in_row(call, 0, 2 * pair + 1) : NULL;
        int8_t *out = ternary_pair(call, pair);

        for (int64_t b = 0; b < n_blocks; b++) {
            const int64x2_t first = vreinterpretq_s64_s8(vld1q_s8(q + 16 * b));
            const int64x2_t second = next != NULL ? vreinterpretq_s64_s8(vld1q_s8(next + 16 * b)) : vdupq_n_s64(0);

            vst1q_s8(out + 32 * b, vreinterpretq_s8_s64(vzip1q_s64(first, second)));
            vst1q_s8(out + 32 * b + 16, vreinterpretq_s8_s64(vzip2q_s64(first, second)));
        }
    }
}

/* Eight columns of the rows 4r, 4r + 1 and of 4r + 2, 4r + 3, from two words of all four. */
ALWAYS_INLINE void ternary_mm_zip(int8x16_t word, int8x16_t next, int8x16_t out_pair[2])
{
    const int32x4_t a = vreinterpretq_s32_s8(word), b = vreinterpretq_s32_s8(next);

    out_pair[0] = vreinterpretq_s8_s32(vzip1q_s32(a, b));
    out_pair[1] = vreinterpretq_s8_s32(vzip2q_s32(a, b));
}

/* The panel of a group: [words / 2][8 pairs][16]. */
static inline void ternary_mm_unpack(const setun_call *call, int64_t group, uint8_t *out_panel)
{
    const uint8_t *w = ternary_group(call, group);
    int8_t *out = (int8_t *)out_panel;

    for (int64_t b = 0; b < ternary_blocks(call); b++, w += TERNARY_BLOCK_BYTES, out += 4 * TERNARY_BLOCK_BYTES)
UNROLL(4)
        for (int r = 0; r < 4; r++) {
            const uint8x16_t packed = vld1q_u8(w + 16 * r);

UNROLL(2)
            for (int e = 0; e < 2; e++) {
                int8x16_t pair[2];

                ternary_mm_zip(ternary_codes(packed, 2 * e), ternary_codes(packed, 2 * e + 1), pair);
                vst1q_s8(out + 2 * e * TERNARY_BLOCK_BYTES + 32 * r, pair[0]);
                vst1q_s8(out + 2 * e * TERNARY_BLOCK_BYTES + 32 * r + 16, pair[1]);
            }
        }
}

/* Eight columns, the e-th of the two eights of block c / 4, of the four pairs of rows of half a group. */
ALWAYS_INLINE void ternary_mm_codes(const uint8_t *w, int packed, int64_t c, int e, int half, int8x16_t out_pair[TERNARY_MM_PAIRS])
{
UNROLL(2)
    for (int r = 0; r < 2; r++)
        if (packed) {
            ternary_mm_zip(ternary_tile_codes(w, 1, c, 2 * e, half + r), ternary_tile_codes(w, 1, c, 2 * e + 1, half + r), out_pair + 2 * r);
        } else {
            out_pair[2 * r] = vld1q_s8((const int8_t *)w + (c + 2 * e) * TERNARY_BLOCK_BYTES + 32 * (half + r));
            out_pair[2 * r + 1] = vld1q_s8((const int8_t *)w + (c + 2 * e) * TERNARY_BLOCK_BYTES + 32 * (half + r) + 16);
        }
}

/* i is even; with an odd n_x the last row of the last pair is left out. */
ALWAYS_INLINE void ternary_tile_mm(const setun_call *call, int64_t i, int n_x, const uint8_t *w, int packed, int64_t n_words,
                                   int32x4_t out_dots[TERNARY_X_MAX][4])
{
    const int n_pairs = (n_x + 1) / 2;

    for (int half = 0; half < 4; half += 2) {
        const int8_t *q[TERNARY_MM_X / 2];
        int32x4_t acc[TERNARY_MM_X / 2][TERNARY_MM_PAIRS];

UNROLL(4)
        for (int x = 0; x < n_pairs; x++) {
            q[x] = ternary_pair(call, i / 2 + x);
UNROLL(4)
            for (int j = 0; j < TERNARY_MM_PAIRS; j++)
                acc[x][j] = vdupq_n_s32(0);
        }
        for (int64_t c = 0; c < n_words; c += 4) {
UNROLL(2)
            for (int e = 0; e < 2; e++) {
                int8x16_t pair[TERNARY_MM_PAIRS];

                ternary_mm_codes(w, packed, c, e, half, pair);
UNROLL(4)
                for (int x = 0; x < n_pairs; x++) {
                    const int8x16_t rows = vld1q_s8(q[x] + 8 * c + 16 * e);

UNROLL(4)
                    for (int j = 0; j < TERNARY_MM_PAIRS; j++)
                        acc[x][j] = vmmlaq_s32(acc[x][j], rows, pair[j]);
                }
            }
UNROLL(4)
            for (int x = 0; x < n_pairs; x++)
UNROLL(4)
                for (int j = 0; j < TERNARY_MM_PAIRS; j++)
                    KEEP_IN_REGISTER(acc[x][j]);
        }
UNROLL(4)
        for (int x = 0; x < n_pairs; x++)
UNROLL(2)
            for (int r = 0; r < 2; r++) {
                const int64x2_t a = vreinterpretq_s64_s32(acc[x][2 * r]), b = vreinterpretq_s64_s32(acc[x][2 * r + 1]);

                out_dots[2 * x][half + r] = vreinterpretq_s32_s64(vzip1q_s64(a, b));
                if (2 * x + 1 < n_x)
                    out_dots[2 * x + 1][half + r] = vreinterpretq_s32_s64(vzip2q_s64(a, b));
            }
    }
}

/* All rows of q, eight at a time, then what is left. */
ALWAYS_INLINE void ternary_mm_tiles(const setun_call *call, int64_t group, const uint8_t *w, int packed, const int32_t *sum)
{
    const int64_t m = call->in[0].dim[0], n_words = 4 * ternary_blocks(call);
    int64_t i = 0;

    for (; i + TERNARY_MM_X <= m; i += TERNARY_MM_X)
        ternary_tile_store(call, i, TERNARY_MM_X, group, w, packed, n_words, sum, ternary_tile_mm);
    switch (m - i) {
    case 7:
        ternary_tile_store(call, i, 7, group, w, packed, n_words, sum, ternary_tile_mm);
        break;
    case 6:
        ternary_tile_store(call, i, 6, group, w, packed, n_words, sum, ternary_tile_mm);
        break;
    case 5:
        ternary_tile_store(call, i, 5, group, w, packed, n_words, sum, ternary_tile_mm);
        break;
    case 4:
        ternary_tile_store(call, i, 4, group, w, packed, n_words, sum, ternary_tile_mm);
        break;
    case 3:
        ternary_tile_store(call, i, 3, group, w, packed, n_words, sum, ternary_tile_mm);
        break;
    case 2:
        ternary_tile_store(call, i, 2, group, w, packed, n_words, sum, ternary_tile_mm);
        break;
    case 1:
        ternary_tile_store(call, i, 1, group, w, packed, n_words, sum, ternary_tile_mm);
        break;
    default:
        break;
    }
}

/* A group into a panel [words / 2][8 pairs][16]. */
typedef void ternary_mm_unpacker(const setun_call *call, int64_t group, uint8_t *out_panel);

/* Through a panel of panel_bytes in scratch; or, where unpack is NULL, from the packed blocks of tern2.r16k16. */
ALWAYS_INLINE void ternary_mm_run(const setun_call *call, const setun_tile *tile, ternary_mm_unpacker *unpack, int64_t panel_bytes)
{
    uint8_t *panel = tile->scratch;
    int32_t *sum = (int32_t *)(void *)(panel + panel_bytes);

    if (tile->begin == tile->end)
        return;
    if (tile->phase == 0) {
        ternary_mm_put_together(call, tile);
        return;
    }
    ternary_sums(call, sum);
    for (int64_t g = tile->begin; g < tile->end; g++)
        if (unpack == NULL) {
            ternary_mm_tiles(call, g, ternary_group(call, g), 1, sum);
        } else {
            unpack(call, g, panel);
            ternary_mm_tiles(call, g, panel, 0, sum);
        }
}
#endif
