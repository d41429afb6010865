/* ternary14_avx2.h - tern14.r32k24 over i8.t14 (formats.md): a look-up (pshufb) of an index of four bits gives the low bytes of the sums of three columns
 * for 16 rows, in each half of a register by a table of its own, another gives the high bytes; psignb makes them negative where the sign says so.
 *
 * Because sum = 25 * high + low with |high| <= 15 and |low| <= 12, eight look-ups can be added in bytes before two unpackings and maddubs with
 * 1 and 25 make 16 bits of them: with a split at 256 each would have to be unpacked by itself. */
#ifndef SETUN_LUT_TERNARY14_AVX2_H
#define SETUN_LUT_TERNARY14_AVX2_H
#include "avx2.h"
#include "tables14_avx2.h"

/* How many blocks ahead the weights are fetched by hand, into the second cache: see ternary27_avx512.h. */
enum { T14_AHEAD_BLOCKS = 40 };
/* Look-ups are added in bytes over two blocks, four of each half of a register in a block; ten times as much, 80 sums of at most 384, in 16 bits. */
enum { T14_BYTE_BLOCKS = 2, T14_FOLD_BLOCKS = 20 };

/* low[h] and high[h] += the look-ups of one block for its rows 16 h .. 16 h + 15, triples 0, 2, 4, 6 in the lower half and the others in the upper one. */
ALWAYS_INLINE void t14_block(const uint8_t *block, const uint8_t *tables, __m256i low[2], __m256i high[2])
{
    const __m256i nibble = _mm256_set1_epi8(15), one = _mm256_set1_epi8(1);
    const __m256i lower = _mm256_setr_epi64x(-1, -1, 0, 0);
    __m256i signs[2];

UNROLL(2)
    for (int h = 0; h < 2; h++) { /* the sign of triple 2 p in bit 2 p + 1 of the lower half, that of the next in the same bit of the upper one */
        const __m256i bits = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)(block + T14_SIGNS + 16 * h)));

        signs[h] = _mm256_add_epi8(bits, _mm256_and_si256(bits, lower));
    }
UNROLL(4)
    for (int p = 0; p < 4; p++) {
        const __m256i x = load_bytes(block + 32 * p), table_low = load_bytes(tables + T14_PAIR_BYTES * p);
        const __m256i table_high = load_bytes(tables + T14_PAIR_BYTES * p + 32);

UNROLL(2)
        for (int h = 0; h < 2; h++) {
            const __m256i index = _mm256_and_si256(h == 0 ? x : _mm256_srli_epi16(x, 4), nibble);
            /* Bit 7 is the sign; psignb makes 0 of what meets a 0. A neighbour's bits come in below bit 7 only. */
            const __m256i sign = _mm256_or_si256(_mm256_slli_epi16(signs[h], 6 - 2 * p), one);

            low[h] = _mm256_add_epi8(low[h], _mm256_sign_epi8(_mm256_shuffle_epi8(table_low, index), sign));
            high[h] = _mm256_add_epi8(high[h], _mm256_sign_epi8(_mm256_shuffle_epi8(table_high, index), sign));
        }
    }
}

/* 32-bit sums of eight rows, of 16-bit ones in both halves. */
static inline __m256i t14_fold(__m256i sum, __m256i words)
{
    return _mm256_add_epi32(sum, _mm256_add_epi32(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(words)),
                                                  _mm256_cvtepi16_epi32(_mm256_extracti128_si256(words, 1))));
}

/* sums[32] of row i of q and one group += those of blocks first .. end - 1. */
static inline void t14_row_group(const setun_call *call, int64_t i, const uint8_t *w, int64_t first, int64_t end, int64_t group_bytes, int32_t *sums)
{
    const __m256i bases = _mm256_set1_epi16(25 << 8 | 1);
    const uint8_t *tables = in_row(call, 0, i);

    for (int64_t start = first; start < end; start += T14_FOLD_BLOCKS) {
        const int64_t stop = least(start + T14_FOLD_BLOCKS, end);
        __m256i words[4]; /* rows 0 .. 7, 8 .. 15, 16 .. 23, 24 .. 31, twice */

        words[0] = words[1] = words[2] = words[3] = _mm256_setzero_si256();
        for (int64_t b = start; b < stop; b += T14_BYTE_BLOCKS) {
            /* In this panel of the group, else in that of the next one. */
            const uint8_t *ahead = w + (b + T14_AHEAD_BLOCKS) * T14_BLOCK_BYTES +
                                   (b + T14_AHEAD_BLOCKS < end ? 0 : group_bytes - (end - first) * T14_BLOCK_BYTES);
            __m256i low[2], high[2];

UNROLL(5)
            for (int line = 0; line < 5; line++)
                _mm_prefetch((const char *)ahead + 64 * line, _MM_HINT_T1);
            low[0] = low[1] = high[0] = high[1] = _mm256_setzero_si256();
            t14_block(w + b * T14_BLOCK_BYTES, tables + b * T14_ROW_BYTES, low, high);
            if (b + 1 < stop)
                t14_block(w + (b + 1) * T14_BLOCK_BYTES, tables + (b + 1) * T14_ROW_BYTES, low, high);
UNROLL(2)
            for (int h = 0; h < 2; h++) {
                words[2 * h] = _mm256_add_epi16(words[2 * h], _mm256_maddubs_epi16(bases, _mm256_unpacklo_epi8(low[h], high[h])));
                words[2 * h + 1] = _mm256_add_epi16(words[2 * h + 1], _mm256_maddubs_epi16(bases, _mm256_unpackhi_epi8(low[h], high[h])));
            }
        }
        for (int j = 0; j < 4; j++)
            _mm256_storeu_si256((__m256i *)(void *)(sums + 8 * j), t14_fold(load_bytes(sums + 8 * j), words[j]));
    }
}

/* All groups before the next columns, so that the columns' tables stay in the first cache. */
static inline void t14_run(const setun_call *call, const setun_tile *tile)
{
    const int64_t m = call->in[0].dim[0], n_blocks = (call->in[2].dim[1] + T14_COLUMNS - 1) / T14_COLUMNS;
    int32_t *all = tile->scratch;

    memset(all, 0, (size_t)((tile->end - tile->begin) * m * T14_GROUP) * sizeof(*all));
    for (int64_t first = 0; first < n_blocks; first += T14_PANEL_BLOCKS)
        for (int64_t g = tile->begin; g < tile->end; g++)
            for (int64_t i = 0; i < m; i++)
                t14_row_group(call, i, (const uint8_t *)call->in[2].data + g * n_blocks * T14_BLOCK_BYTES, first, least(first + T14_PANEL_BLOCKS, n_blocks),
                              n_blocks * T14_BLOCK_BYTES, all + ((g - tile->begin) * m + i) * T14_GROUP);
    for (int64_t g = tile->begin; g < tile->end; g++)
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < T14_GROUP; j += 8)
                store_8(call, i, g * T14_GROUP + j, load_bytes(all + ((g - tile->begin) * m + i) * T14_GROUP + j));
}
#endif
