/* ternary243_avx512.h - tern243.r16k20 with VBMI and VNNI: a block is one register, lane r the 20 columns of row r. Two look-ups of 64 entries (vpermb,
 * which sees six bits of an index and no other) give five codes; masks leave each in its place, where it counts 1, 4, 16 or 64-fold in vpdpbusd, and
 * the sums are divided at the end, exactly. Codes are weights + 1: the sum of q is taken off.
 *
 * 14 vector instructions for 320 weights: 2 look-ups, a shift, a selection, 5 masks, 5 dot products. */
#ifndef SETUN_LUT_TERNARY243_AVX512_H
#define SETUN_LUT_TERNARY243_AVX512_H
#include <immintrin.h>

#include "ternary243.h"

/* A block adds at most 4 * 64 * 2 * 128 to a lane of the field that counts 64-fold; 2^31 is the end. */
#define T243_K_MAX (INT64_C(32767) * T243_COLUMNS)

/* First table, of bits 0 .. 5: h in bits 0 .. 2, the codes of y in bits 4 .. 7. */
#define T243_FIRST(l, u) ((l) < 7 ? (l) | T243_Y((u) + 1) << 4 : (u))
#define T243_FIRST8(u) \
    T243_FIRST(0, u), T243_FIRST(1, u), T243_FIRST(2, u), T243_FIRST(3, u), T243_FIRST(4, u), T243_FIRST(5, u), T243_FIRST(6, u), T243_FIRST(7, u)
static const uint8_t t243_first[64] = {T243_FIRST8(0), T243_FIRST8(1), T243_FIRST8(2), T243_FIRST8(3),
                                       T243_FIRST8(4), T243_FIRST8(5), T243_FIRST8(6), T243_FIRST8(7)};

/* Second, of h in bits 0 .. 2, 0, and z in bits 4 and 5: the codes of m in bits 0 .. 5. */
#define T243_SECOND8(z) T243_M(z), T243_M(4 + (z)), T243_M(8 + (z)), T243_M(12 + (z)), T243_M(16 + (z)), T243_M(20 + (z)), T243_M(24 + (z)), T243_M(28 + (z))
#define T243_SECOND16(z) T243_SECOND8(z), T243_SECOND8(z)
static const uint8_t t243_second[64] = {T243_SECOND16(0), T243_SECOND16(1), T243_SECOND16(2), T243_SECOND16(3)};

enum { T243_FIELDS = 5, T243_SUMS = 4, T243_X = 8 /* rows of q side by side, at most */ };

/* Field p of both look-ups: its bits, in which, and in which sum of four (1, 4, 16, 64-fold). */
ALWAYS_INLINE __m512i t243_field(__m512i m, __m512i y, int p)
{
    return _mm512_and_si512(p < 3 ? m : y, _mm512_set1_epi8((char)(3 << (p < 3 ? 2 * p : 2 * p - 2))));
}

ALWAYS_INLINE void t243_look_up(__m512i x, __m512i *out_m, __m512i *out_y)
{
    const __m512i first = _mm512_loadu_si512(t243_first), second = _mm512_loadu_si512(t243_second);
    const __m512i y = _mm512_permutexvar_epi8(x, first);
    /* Bits 0 .. 3 of the first look-up, bits 6 and 7 of x moved to 4 and 5; a shift of 16 bits brings in a neighbour's bits above those only. */
    const __m512i index = _mm512_ternarylogic_epi32(_mm512_set1_epi8(0x0F), y, _mm512_srli_epi16(x, 2), 0xCA);

    *out_m = _mm512_permutexvar_epi8(index, second);
    *out_y = y;
}

static inline __m512i t243_word(const int8_t *q)
{
    int32_t word;

    memcpy(&word, q, sizeof(word));
    return _mm512_set1_epi32(word);
}

/* The sum of each row of q; its padding to 64 bytes is zero. */
static inline void t243_sums(const setun_call *call, int32_t *out_sum)
{
    for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
        const int8_t *q = in_row(call, 0, i);
        __m512i acc = _mm512_setzero_si512();

        for (int64_t c = 0; c < call->in[0].dim[1]; c += 64)
            acc = _mm512_dpbusd_epi32(acc, _mm512_set1_epi8(1), _mm512_loadu_si512(q + c));
        out_sum[i] = _mm512_reduce_add_epi32(acc);
    }
}

/* y of row i and the rows of one group. */
static inline void t243_store(const setun_call *call, int64_t i, int64_t group, __m512i dot, int32_t sum)
{
    const int64_t j = group * T243_GROUP, n = call->in[2].dim[0] - j;
    const __mmask16 first = (__mmask16)(n >= 16 ? 0xFFFF : (1 << n) - 1);
    const __m512 factor = _mm512_div_ps(_mm512_maskz_loadu_ps(first, (const float *)call->in[3].data + j),
                                        _mm512_set1_ps(((const float *)call->in[1].data)[i]));
    const __m512 d = _mm512_cvtepi32_ps(_mm512_sub_epi32(dot, _mm512_set1_epi32(sum)));

    _mm512_mask_storeu_ps((float *)out_row(call, 0, i) + j, first, _mm512_mul_ps(d, factor));
}

/* acc[x] += one block times q's columns from q[x] + column on. With more than four rows of q, which would need more sums than there are registers,
 * codes are shifted down and all in acc[x][0]. */
ALWAYS_INLINE void t243_block(const uint8_t *block, const int8_t *const *q, int64_t column, int n_x, __m512i (*acc)[T243_SUMS])
{
    static const int sum_of[T243_FIELDS] = {0, 1, 2, 2, 3};
    __m512i m, y;

    t243_look_up(_mm512_loadu_si512(block), &m, &y);
UNROLL(5)
    for (int p = 0; p < T243_FIELDS; p++) {
        const int shifted = n_x > 4, a = shifted ? 0 : sum_of[p];
        const __m512i c = shifted ? _mm512_and_si512(_mm512_srli_epi16(p < 3 ? m : y, (unsigned)(p < 3 ? 2 * p : 2 * p - 2)), _mm512_set1_epi8(3))
                                  : t243_field(m, y, p);

UNROLL(8)
        for (int x = 0; x < n_x; x++)
            acc[x][a] = _mm512_dpbusd_epi32(acc[x][a], c, t243_word(q[x] + column + 4 * p));
    }
}

/* How far ahead one row's weights are fetched. */
#define T243_AHEAD_BYTES (192 * T243_BLOCK_BYTES)

/* n_x rows of q from row i on, a constant where this is inlined. */
ALWAYS_INLINE void t243_rows(const setun_call *call, int64_t i, int n_x, int64_t group, const int32_t *sum)
{
    const int64_t n_blocks = t243_blocks(call);
    const uint8_t *w = t243_group(call, group);
    int8_t tail[T243_X][T243_COLUMNS];
    const int8_t *q[T243_X], *q_tail[T243_X];
    __m512i acc[T243_X][T243_SUMS], other[1][T243_SUMS];
    int64_t n_whole = 0, b = 0;

UNROLL(8)
    for (int x = 0; x < n_x; x++) {
        q[x] = in_row(call, 0, i + x);
        q_tail[x] = tail[x];
        n_whole = t243_tail(call, i + x, tail[x]);
UNROLL(4)
        for (int a = 0; a < T243_SUMS; a++)
            acc[x][a] = _mm512_setzero_si512();
    }
    /* Of one row every other block has sums of its own: the products of a sum wait for each other. */
    if (n_x == 1) {
UNROLL(4)
        for (int a = 0; a < T243_SUMS; a++)
            other[0][a] = _mm512_setzero_si512();
        for (; b + 2 <= n_whole; b += 2) {
            const uint8_t *block = w + b * T243_BLOCK_BYTES;

            _mm_prefetch((const char *)block + T243_AHEAD_BYTES, _MM_HINT_T0);
            _mm_prefetch((const char *)block + T243_AHEAD_BYTES + T243_BLOCK_BYTES, _MM_HINT_T0);
            t243_block(block, q, b * T243_COLUMNS, 1, acc);
            t243_block(block + T243_BLOCK_BYTES, q, (b + 1) * T243_COLUMNS, 1, other);
        }
UNROLL(4)
        for (int a = 0; a < T243_SUMS; a++)
            acc[0][a] = _mm512_add_epi32(acc[0][a], other[0][a]);
    }
    for (; b < n_whole; b++) {
        if (n_x > 1) /* the next group, which would else be waited for */
            _mm_prefetch((const char *)w + (n_blocks + b) * T243_BLOCK_BYTES, _MM_HINT_T0);
        t243_block(w + b * T243_BLOCK_BYTES, q, b * T243_COLUMNS, n_x, acc);
    }
    if (n_whole < n_blocks)
        t243_block(w + n_whole * T243_BLOCK_BYTES, q_tail, 0, n_x, acc);
UNROLL(8)
    for (int x = 0; x < n_x; x++) {
        const __m512i low = _mm512_add_epi32(acc[x][0], _mm512_srai_epi32(acc[x][1], 2));
        const __m512i high = _mm512_add_epi32(_mm512_srai_epi32(acc[x][2], 4), _mm512_srai_epi32(acc[x][3], 6));

        t243_store(call, i + x, group, _mm512_add_epi32(low, high), sum[i + x]);
    }
}
#endif
