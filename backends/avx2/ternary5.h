/* ternary5.h - linear with int8 activations and ternary weights in tern5.r16k96 (formats.md): three weights in each code of five bits.
 *
 * A line of a block is two registers of 8 rows, whose 32-bit lanes hold four codes of their row. Two tables of 16 bytes turn codes into
 * c0 | c1 << 2 | c2 << 4, codes of weights as in tern2.r16k16: three words of q. One unit is a group of 16 rows. */
#ifndef SETUN_AVX2_TERNARY5_H
#define SETUN_AVX2_TERNARY5_H
#include "ternary_tile.h"

#define TERNARY5_COLUMNS 96
#define TERNARY5_BLOCK_BYTES 320
#define TERNARY5_WORDS 24 /* of q, in a block's columns */
#define TERNARY5_CODES 8
/* A block adds 8 pairs of products that count 4-fold: 16 of them fit 16 bits (ternary.h). */
#define TERNARY5_FOLD_BLOCKS 2

/* ns to stream one weight on one worker of a Zen 4. */
#define TERNARY5_READ_NS 0.0072

#define T5(a, b, c) ((a) | (b) << 2 | (c) << 4)
#define T5_3(b, c) T5(0, b, c), T5(1, b, c), T5(2, b, c)
#define T5_9(c) T5_3(0, c), T5_3(1, c), T5_3(2, c)
/* 27 .. 31 are no codes: weights 0. */
static const uint8_t ternary5_table[32] = {T5_9(0), T5_9(1), T5_9(2), T5(1, 1, 1), T5(1, 1, 1), T5(1, 1, 1), T5(1, 1, 1), T5(1, 1, 1)};

static inline setun_status ternary5_plan(const setun_query *query, double compute_ns, double unpack_ns, size_t panel_bytes,
                                         setun_kernel_plan *out_plan)
{
    return ternary_plan_at(query, TERNARY5_READ_NS, compute_ns, unpack_ns, panel_bytes, out_plan);
}

static inline int64_t ternary5_blocks(const setun_call *call)
{
    return (call->in[2].dim[1] + TERNARY5_COLUMNS - 1) / TERNARY5_COLUMNS;
}

static inline const uint8_t *ternary5_group(const setun_call *call, int64_t group)
{
    return (const uint8_t *)call->in[2].data + group * ternary5_blocks(call) * TERNARY5_BLOCK_BYTES;
}

/* Fields of two bits for codes with junk above their fifth bits. */
ALWAYS_INLINE __m256i ternary5_look_up(__m256i codes)
{
    const __m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)ternary5_table));
    const __m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)(ternary5_table + 16)));
    const __m256i index = _mm256_and_si256(codes, _mm256_set1_epi8(0x0F));

    /* The fifth bit, moved to the eighth, says which table; within 16 bits the shift takes junk over to other bits only. */
    return _mm256_blendv_epi8(_mm256_shuffle_epi8(low, index), _mm256_shuffle_epi8(high, index), _mm256_slli_epi16(codes, 3));
}

static inline __m256i ternary5_select(__m256i mask, __m256i a, __m256i b)
{
    return _mm256_or_si256(_mm256_and_si256(mask, a), _mm256_andnot_si256(mask, b));
}

/* The codes of one half, 8 rows, of a block's lines, with junk above their fifth bits. */
ALWAYS_INLINE void ternary5_codes(const uint8_t *block, int half, __m256i out_codes[TERNARY5_CODES])
{
    const __m256i three = _mm256_set1_epi8(0x07), four = _mm256_set1_epi8(0x0F);
    __m256i line[5];

UNROLL(5)
    for (int j = 0; j < 5; j++)
        out_codes[j] = line[j] = load_bytes(block + 64 * j + 32 * half);
    out_codes[5] = ternary5_select(three, _mm256_srli_epi16(line[0], 5), _mm256_srli_epi16(line[1], 2));
    out_codes[6] = ternary5_select(three, _mm256_srli_epi16(line[2], 5), _mm256_srli_epi16(line[3], 2));
    out_codes[7] = ternary5_select(three, _mm256_srli_epi16(line[4], 5), _mm256_srli_epi16(line[1], 4));
    out_codes[7] = ternary5_select(four, out_codes[7], _mm256_srli_epi16(line[3], 3));
}

/* ---- one row of q ---- */

/* low[h] += products of the fields that count once, high[h] of those that count 4-fold, for one block of one half. */
ALWAYS_INLINE void ternary5_half(const uint8_t *block, int half, const int8_t *q, __m256i *low, __m256i *high)
{
    const __m256i mask = _mm256_set1_epi8(3), mask4 = _mm256_set1_epi8(12);
    __m256i codes[TERNARY5_CODES];

    ternary5_codes(block, half, codes);
UNROLL(8)
    for (int s = 0; s < TERNARY5_CODES; s++) {
        const __m256i fields = ternary5_look_up(codes[s]);

        *low = _mm256_add_epi16(*low, _mm256_maddubs_epi16(_mm256_and_si256(fields, mask), ternary_word(q + 12 * s)));
        *high = _mm256_add_epi16(*high, _mm256_maddubs_epi16(_mm256_and_si256(fields, mask4), ternary_word(q + 12 * s + 4)));
        *low = _mm256_add_epi16(*low, _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(fields, 4), mask), ternary_word(q + 12 * s + 8)));
    }
}

/* tail: q's columns of the last block if that is not whole, then zeros. */
static inline void ternary5_row_group(const setun_call *call, int64_t i, int64_t group, const int8_t *tail, int32_t sum)
{
    const int64_t n_blocks = ternary5_blocks(call), n_whole = call->in[2].dim[1] / TERNARY5_COLUMNS;
    const uint8_t *w = ternary5_group(call, group);
    const int8_t *q = in_row(call, 0, i);
    __m256i low32[2], high32[2];

UNROLL(2)
    for (int h = 0; h < 2; h++)
        low32[h] = high32[h] = _mm256_setzero_si256();
    for (int64_t first = 0; first < n_blocks; first += TERNARY5_FOLD_BLOCKS) {
        const int64_t end = least(first + TERNARY5_FOLD_BLOCKS, n_blocks);

        for (int h = 0; h < 2; h++) {
            __m256i low = _mm256_setzero_si256(), high = _mm256_setzero_si256();

            for (int64_t b = first; b < end; b++)
                ternary5_half(w + b * TERNARY5_BLOCK_BYTES, h, b < n_whole ? q + b * TERNARY5_COLUMNS : tail, &low, &high);
            low32[h] = fold(low32[h], low);
            high32[h] = fold(high32[h], high);
        }
    }
    ternary_store(call, i, group, _mm256_add_epi32(low32[0], _mm256_srai_epi32(high32[0], 2)),
                  _mm256_add_epi32(low32[1], _mm256_srai_epi32(high32[1], 2)), sum);
}

/* With the sums of q in scratch. */
static inline void ternary5_row_groups(const setun_call *call, const setun_tile *tile)
{
    const int64_t k = call->in[2].dim[1], n_tail = k % TERNARY5_COLUMNS;
    const int32_t *sum = tile->scratch;

    for (int64_t g = tile->begin; g < tile->end; g++)
        for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
            int8_t tail[TERNARY5_COLUMNS] = {0};

            memcpy(tail, (const int8_t *)in_row(call, 0, i) + k - n_tail, (size_t)n_tail);
            ternary5_row_group(call, i, g, tail, sum[i]);
        }
}

static inline void ternary5_row_run(const setun_call *call, const setun_tile *tile)
{
    if (tile->begin == tile->end)
        return;
    ternary_sums(call, tile->scratch);
    ternary5_row_groups(call, tile);
}

/* ---- many rows of q, through a panel [words][64] in scratch, as ternary_tile.h wants it ---- */

static inline size_t ternary5_panel_bytes(const setun_query *query)
{
    return (size_t)((query->in[2].dim[1] + TERNARY5_COLUMNS - 1) / TERNARY5_COLUMNS) * TERNARY5_WORDS * TERNARY_BLOCK_BYTES;
}

static inline void ternary5_unpack(const setun_call *call, int64_t group, uint8_t *out_panel)
{
    const uint8_t *w = ternary5_group(call, group);
    const __m256i mask = _mm256_set1_epi8(3);

    for (int64_t b = 0; b < ternary5_blocks(call); b++, w += TERNARY5_BLOCK_BYTES, out_panel += TERNARY5_WORDS * TERNARY_BLOCK_BYTES)
        for (int half = 0; half < 2; half++) {
            __m256i codes[TERNARY5_CODES];

            ternary5_codes(w, half, codes);
UNROLL(8)
            for (int s = 0; s < TERNARY5_CODES; s++) {
                const __m256i fields = ternary5_look_up(codes[s]);

UNROLL(3)
                for (int p = 0; p < 3; p++)
                    _mm256_storeu_si256((__m256i *)(void *)(out_panel + (3 * s + p) * TERNARY_BLOCK_BYTES + 32 * half),
                                        _mm256_and_si256(_mm256_srli_epi16(fields, 2 * p), mask));
            }
        }
}

/* Where scratch goes on after the panel: the sums of q. */
static inline int32_t *ternary5_panel_sum(const setun_call *call, void *scratch)
{
    return (int32_t *)((uint8_t *)scratch + ternary5_blocks(call) * TERNARY5_WORDS * TERNARY_BLOCK_BYTES);
}

/* With the sums of q behind the panel. */
static inline void ternary5_panel_groups(const setun_call *call, const setun_tile *tile)
{
    const int32_t *sum = ternary5_panel_sum(call, tile->scratch);
    uint8_t *panel = tile->scratch;

    for (int64_t g = tile->begin; g < tile->end; g++) {
        ternary5_unpack(call, g, panel);
        ternary_tiles(call, g, panel, 0, sum);
    }
}

static inline void ternary5_panel_run(const setun_call *call, const setun_tile *tile)
{
    if (tile->begin == tile->end)
        return;
    ternary_sums(call, ternary5_panel_sum(call, tile->scratch));
    ternary5_panel_groups(call, tile);
}
#endif
