/* ternary5_mix.h - linear by weights in tern5.r16k96 on all vector pipes of Zen 4: of the eight codes that a block has for each row, five
 * go to dot products and three to tables of sums: rows of q prepared for it, and codes made indices.
 *
 * vpdpbusd of 512 bits takes two of the four pipes for a cycle and does 64 products. vpermw takes one of these and a third: a code of five bits says
 * which of the 27 sums of three columns, words of 16 bits, a row of weights wants, 32 rows at a time; the addition after it takes any. So 96
 * products are done where no dot product could be, and together they do 88 a cycle where dot products alone end at 64. */
#ifndef SETUN_AVX512_TERNARY5_MIX_H
#define SETUN_AVX512_TERNARY5_MIX_H
#include "ternary5.h"

#define TERNARY5_DOT_CODES 5 /* codes 0 .. 4: columns 0 .. 59 of a block */
#define TERNARY5_DOT_WORDS (3 * TERNARY5_DOT_CODES)
#define TERNARY5_TABLES (4 * (TERNARY5_CODES - TERNARY5_DOT_CODES)) /* one for each byte of a lane's code */
#define TERNARY5_TABLE_BYTES 64 /* 32 words, those of 27 .. 31, which are no codes, 0 */

/* Byte by byte what a table's words take of x0 + 128, x1 + 128 and of x2 + 128, 128: all 128s cancel. */
#define TERNARY5_S01(a, b, c) (a) - 1, (b) - 1
#define TERNARY5_S2(a, b, c) (c) - 1, 3 - (a) - (b) - (c)
#define TERNARY5_3(S, b, c) S(0, b, c), S(1, b, c), S(2, b, c)
#define TERNARY5_9(S, c) TERNARY5_3(S, 0, c), TERNARY5_3(S, 1, c), TERNARY5_3(S, 2, c)
#define TERNARY5_27(S) TERNARY5_9(S, 0), TERNARY5_9(S, 1), TERNARY5_9(S, 2)
static const int8_t ternary5_signs01[64] = {TERNARY5_27(TERNARY5_S01)};
static const int8_t ternary5_signs2[64] = {TERNARY5_27(TERNARY5_S2)};

/* Four rows of q prepared, block by block, as a tile reads them: the words that are multiplied, word w of all four 64 * (w % 4) + 16 * (w / 4) bytes
 * from the block's first, then each table of all four. */
#define TERNARY5_X 4
#define TERNARY5_QUAD_BYTES (256 + TERNARY5_TABLES * TERNARY5_X * TERNARY5_TABLE_BYTES)

/* The four tables of a code, whose 12 columns are x, each TERNARY5_X tables from the one before. */
ALWAYS_INLINE void ternary5_tables(const int8_t *x, uint8_t *out_tables)
{
    const __m512i s01 = _mm512_loadu_si512(ternary5_signs01), s2 = _mm512_loadu_si512(ternary5_signs2);
    const __m128i columns = _mm_xor_si128(_mm_maskz_loadu_epi8(0x0FFF, x), _mm_set1_epi8((char)0x80));
    const __m512i all = _mm512_broadcast_i32x4(columns);

UNROLL(4)
    for (int b = 0; b < 4; b++) {
        const __m512i x01 = _mm512_shuffle_epi8(all, _mm512_set1_epi16((short)(b | (4 + b) << 8)));
        const __m512i x2 = _mm512_shuffle_epi8(all, _mm512_set1_epi16((short)((8 + b) | 12 << 8)));

        _mm512_storeu_si512(out_tables + b * TERNARY5_X * TERNARY5_TABLE_BYTES,
                            _mm512_add_epi16(_mm512_maddubs_epi16(x01, s01), _mm512_maddubs_epi16(x2, s2)));
    }
}

/* A block of four rows of q. The place of the next one is fetched meanwhile: it lies in the second cache. */
ALWAYS_INLINE void ternary5_prepare_block(const int8_t *const *x, uint8_t *out_quad)
{
    __m512i q[TERNARY5_X], pair[TERNARY5_X];

UNROLL(52)
    for (int l = 0; l < TERNARY5_QUAD_BYTES; l += 64)
        _mm_prefetch((const char *)out_quad + TERNARY5_QUAD_BYTES + l, _MM_HINT_T0);
UNROLL(4)
    for (int i = 0; i < TERNARY5_X; i++)
        q[i] = _mm512_loadu_si512(x[i]);
    pair[0] = _mm512_unpacklo_epi32(q[0], q[1]);
    pair[1] = _mm512_unpackhi_epi32(q[0], q[1]);
    pair[2] = _mm512_unpacklo_epi32(q[2], q[3]);
    pair[3] = _mm512_unpackhi_epi32(q[2], q[3]);
    _mm512_storeu_si512(out_quad, _mm512_unpacklo_epi64(pair[0], pair[2]));
    _mm512_storeu_si512(out_quad + 64, _mm512_unpackhi_epi64(pair[0], pair[2]));
    _mm512_storeu_si512(out_quad + 128, _mm512_unpacklo_epi64(pair[1], pair[3]));
    _mm512_storeu_si512(out_quad + 192, _mm512_unpackhi_epi64(pair[1], pair[3]));
UNROLL(3)
    for (int s = 0; s < TERNARY5_CODES - TERNARY5_DOT_CODES; s++)
UNROLL(4)
        for (int i = 0; i < TERNARY5_X; i++)
            ternary5_tables(x[i] + 12 * (TERNARY5_DOT_CODES + s), out_quad + 256 + (4 * s * TERNARY5_X + i) * TERNARY5_TABLE_BYTES);
}

/* n rows of q from row i on, at most four and repeated if they are fewer, and n_blocks blocks from block on. What is beyond k is zero. */
ALWAYS_INLINE void ternary5_prepare(const setun_call *call, int64_t i, int64_t n, int64_t block, int64_t n_blocks, uint8_t *out_quad)
{
    const int64_t n_whole = call->in[2].dim[1] / TERNARY5_COLUMNS, n_left = call->in[2].dim[1] % TERNARY5_COLUMNS;
    const int8_t *x[TERNARY5_X];

    for (int j = 0; j < TERNARY5_X; j++)
        x[j] = (const int8_t *)in_row(call, 0, i + (j < n ? j : 0)) + block * TERNARY5_COLUMNS;
    for (int64_t b = 0; b < n_blocks; b++) {
        if (block + b < n_whole)
            ternary5_prepare_block(x, out_quad);
        else {
            int8_t tail[TERNARY5_X][TERNARY5_COLUMNS] = {{0}};
            const int8_t *const tails[TERNARY5_X] = {tail[0], tail[1], tail[2], tail[3]};

            for (int j = 0; j < TERNARY5_X; j++)
                memcpy(tail[j], x[j], (size_t)n_left);
            ternary5_prepare_block(tails, out_quad);
        }
        for (int j = 0; j < TERNARY5_X; j++)
            x[j] += TERNARY5_COLUMNS;
        out_quad += TERNARY5_QUAD_BYTES;
    }
}

/* Of m rows of q from row i on the sum over the columns that are multiplied: their codes are weights + 1. */
ALWAYS_INLINE void ternary5_dot_sums(const setun_call *call, int64_t i, int64_t m, int32_t *out_sum, dot4_op *dot4)
{
    const int64_t k = call->in[2].dim[1];

    for (int64_t j = 0; j < m; j++) {
        const int8_t *x = in_row(call, 0, i + j);
        __m512i sum = _mm512_setzero_si512();

        for (int64_t c = 0; c < k; c += TERNARY5_COLUMNS)
            sum = dot4(sum, _mm512_set1_epi8(1),
                       _mm512_maskz_loadu_epi8((UINT64_C(1) << least(k - c, 4 * TERNARY5_DOT_WORDS)) - 1, x + c));
        out_sum[j] = _mm512_reduce_add_epi32(sum);
    }
}

/* Byte b of the codes of two groups as indices, whose five low bits count: even words are rows of the first group, odd ones of the second. */
ALWAYS_INLINE __m512i ternary5_index(__m512i first, __m512i second, int b)
{
    const __m512i even = b == 0 ? first : _mm512_srli_epi32(first, (unsigned)(8 * b));
    const __m512i odd = b < 2 ? _mm512_slli_epi32(second, (unsigned)(16 - 8 * b)) : b == 2 ? second : _mm512_srli_epi32(second, 8);

    return _mm512_mask_blend_epi16(0xAAAAAAAA, even, odd);
}

/* Looked up sums of two groups, to their 32-bit ones. */
ALWAYS_INLINE void ternary5_empty(__m512i summed, __m512i *acc_first, __m512i *acc_second)
{
    *acc_first = _mm512_add_epi32(*acc_first, _mm512_srai_epi32(_mm512_slli_epi32(summed, 16), 16));
    *acc_second = _mm512_add_epi32(*acc_second, _mm512_srai_epi32(summed, 16));
}
#endif
