/* ternary_vnni.h - ternary.h's linear with AVX-VNNI: vpdpbusd adds four products of a lane to its 32-bit sum, so that no sums of 16 bits
 * have to be emptied. Rows of q one at a time, with codes masked where they are: they count 1, 4, 16 and 64-fold, each in a sum of its own,
 * and the sums are divided at the end, exactly. Or six at a time, with codes of ternary_tile.h. */
#ifndef SETUN_AVX2_TERNARY_VNNI_H
#define SETUN_AVX2_TERNARY_VNNI_H
#include "ternary_tile.h"

#define TERNARY_VNNI_X 6 /* rows of q side by side: 6 * 2 sums, 2 registers of codes and a word of the 16 registers */
/* A block adds at most 4 * 64 * 2 * 128 to a lane of the sum that counts 64-fold, and 2^31 is the end. */
#define TERNARY_VNNI_K_MAX (INT64_C(32767) * 16)

static inline __m256i dot4(__m256i acc, __m256i codes, __m256i words)
{
    return _mm256_dpbusd_avx_epi32(acc, codes, words);
}

static inline setun_status ternary_vnni_plan(const setun_query *query, double compute_ns, double unpack_ns, size_t panel_bytes,
                                             setun_kernel_plan *out_plan)
{
    if (query->in[2].dim[1] > TERNARY_VNNI_K_MAX)
        return setun_refuse(query, "linear: a row of more than 524272 ternary weights could overflow a 32-bit sum");
    return ternary_plan(query, compute_ns, unpack_ns, panel_bytes, out_plan);
}

/* ---- one row of q at a time ---- */

static inline void ternary_vnni_row_group(const setun_call *call, int64_t i, int64_t group, int32_t sum)
{
    const int64_t n_blocks = ternary_blocks(call);
    const uint8_t *w = ternary_group(call, group);
    const int8_t *q = in_row(call, 0, i);
    __m256i acc[4][2], dot[2];

UNROLL(4)
    for (int p = 0; p < 4; p++)
        acc[p][0] = acc[p][1] = _mm256_setzero_si256();
    for (int64_t b = 0; b < n_blocks; b++, w += TERNARY_BLOCK_BYTES, q += 16) {
        const __m256i codes_a = load_bytes(w), codes_b = load_bytes(w + 32);

UNROLL(4)
        for (int p = 0; p < 4; p++) {
            const __m256i mask = _mm256_set1_epi8((char)(3 << (2 * p))), words = ternary_word(q + 4 * p);

            acc[p][0] = dot4(acc[p][0], _mm256_and_si256(codes_a, mask), words);
            acc[p][1] = dot4(acc[p][1], _mm256_and_si256(codes_b, mask), words);
            KEEP_IN_REGISTER(acc[p][0]);
            KEEP_IN_REGISTER(acc[p][1]);
        }
    }
UNROLL(2)
    for (int h = 0; h < 2; h++)
        dot[h] = _mm256_add_epi32(_mm256_add_epi32(acc[0][h], _mm256_srai_epi32(acc[1][h], 2)),
                                  _mm256_add_epi32(_mm256_srai_epi32(acc[2][h], 4), _mm256_srai_epi32(acc[3][h], 6)));
    ternary_store(call, i, group, dot[0], dot[1], sum);
}

/* With the sums of q in scratch. */
static inline void ternary_vnni_row_groups(const setun_call *call, const setun_tile *tile)
{
    const int32_t *sum = tile->scratch;

    for (int64_t g = tile->begin; g < tile->end; g++)
        for (int64_t i = 0; i < call->in[0].dim[0]; i++)
            ternary_vnni_row_group(call, i, g, sum[i]);
}

static inline void ternary_vnni_row_run(const setun_call *call, const setun_tile *tile)
{
    if (tile->begin == tile->end)
        return;
    ternary_sums(call, tile->scratch);
    ternary_vnni_row_groups(call, tile);
}

/* ---- several ---- */

/* n_x rows of q from row i on; a constant where this is inlined. */
ALWAYS_INLINE void ternary_vnni_tile(const setun_call *call, int64_t i, int n_x, int64_t group, const uint8_t *w, int packed,
                                     const int32_t *sum)
{
    const int64_t n_blocks = ternary_blocks(call);
    const int8_t *q[TERNARY_VNNI_X];
    __m256i acc[TERNARY_VNNI_X][2];

    ternary_prefetch_join(call, i, n_x, group, 1);
UNROLL(6)
    for (int x = 0; x < n_x; x++) {
        q[x] = in_row(call, 0, i + x);
        acc[x][0] = acc[x][1] = _mm256_setzero_si256();
    }
    for (int64_t b = 0; b < n_blocks; b++) {
UNROLL(4)
        for (int p = 0; p < 4; p++) {
            const __m256i codes_a = ternary_codes(w, packed, b, p, 0), codes_b = ternary_codes(w, packed, b, p, 1);

UNROLL(6)
            for (int x = 0; x < n_x; x++) {
                const __m256i words = ternary_word(q[x] + 16 * b + 4 * p);

                acc[x][0] = dot4(acc[x][0], codes_a, words);
                acc[x][1] = dot4(acc[x][1], codes_b, words);
            }
        }
UNROLL(6)
        for (int x = 0; x < n_x; x++) {
            KEEP_IN_REGISTER(acc[x][0]);
            KEEP_IN_REGISTER(acc[x][1]);
        }
    }
UNROLL(6)
    for (int x = 0; x < n_x; x++)
        ternary_store(call, i + x, group, acc[x][0], acc[x][1], sum[i + x]);
}

/* All rows of q: as few tiles as can be, as even as can be, for what a tile does once is the dearer the fewer rows share it. */
ALWAYS_INLINE void ternary_vnni_tiles(const setun_call *call, int64_t group, const uint8_t *w, int packed, const int32_t *sum)
{
    const int64_t m = call->in[0].dim[0];
    int64_t n_tiles = (m + TERNARY_VNNI_X - 1) / TERNARY_VNNI_X;

    for (int64_t i = 0, n_x; i < m; i += n_x, n_tiles--) {
        n_x = (m - i + n_tiles - 1) / n_tiles;
        switch (n_x) {
        case 6:
            ternary_vnni_tile(call, i, 6, group, w, packed, sum);
            break;
        case 5:
            ternary_vnni_tile(call, i, 5, group, w, packed, sum);
            break;
        case 4:
            ternary_vnni_tile(call, i, 4, group, w, packed, sum);
            break;
        case 3:
            ternary_vnni_tile(call, i, 3, group, w, packed, sum);
            break;
        case 2:
            ternary_vnni_tile(call, i, 2, group, w, packed, sum);
            break;
        default:
            ternary_vnni_tile(call, i, 1, group, w, packed, sum);
            break;
        }
    }
}

/* From the packed blocks, with the sums of q in scratch. */
static inline void ternary_vnni_stream_groups(const setun_call *call, const setun_tile *tile)
{
    const int32_t *sum = tile->scratch;

    for (int64_t g = tile->begin; g < tile->end; g++)
        ternary_vnni_tiles(call, g, ternary_group(call, g), 1, sum);
}

static inline void ternary_vnni_stream_run(const setun_call *call, const setun_tile *tile)
{
    if (tile->begin == tile->end)
        return;
    ternary_sums(call, tile->scratch);
    ternary_vnni_stream_groups(call, tile);
}

/* Through a panel in scratch, with the sums of q behind it. */
static inline void ternary_vnni_panel_groups(const setun_call *call, const setun_tile *tile)
{
    const int32_t *sum = ternary_panel_sum(call, tile->scratch);
    uint8_t *panel = tile->scratch;

    for (int64_t g = tile->begin; g < tile->end; g++) {
        ternary_unpack(call, g, panel);
        ternary_vnni_tiles(call, g, panel, 0, sum);
    }
}

static inline void ternary_vnni_panel_run(const setun_call *call, const setun_tile *tile)
{
    if (tile->begin == tile->end)
        return;
    ternary_sums(call, ternary_panel_sum(call, tile->scratch));
    ternary_vnni_panel_groups(call, tile);
}
#endif
