/* blocks.h - linear with activations in i8.b32 and weights in q8_0.b32 or q6_k.b256 (formats.md): y = chain of fma((float)e, sx * sw, acc)
 * over blocks of 32 columns. The chain is each output's own, so lanes are rows of w: one unit is 16 of them. */
#ifndef SETUN_AVX512_BLOCKS_H
#define SETUN_AVX512_BLOCKS_H
#include <string.h>

#include "lanes.h"

#define BLOCK_UNIT 16
/* Columns, and blocks of 32, in what the inner loops take at once: one zmm of blocks, two blocks of q6_k.b256. */
#define BLOCK_STEP        16
#define BLOCK_STEP_COLUMNS (BLOCK_STEP * SETUN_BLOCK)

/* acc[lane] + the four products of codes, unsigned, and x, signed, in each 32-bit lane. */
typedef __m512i block_dot4_op(__m512i acc, __m512i codes, __m512i x);

static inline int64_t block_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[1].dim[0] + BLOCK_UNIT - 1) / BLOCK_UNIT;
}

/* Where the scales of a row of k codes start: i8.b32. */
static inline const float *block_scales(const int8_t *q, int64_t k)
{
    return (const float *)(const void *)(q + (k + 63) / 64 * 64);
}

static inline uint16_t block_bits_16(const uint8_t *at)
{
    uint16_t bits;

    memcpy(&bits, at, sizeof(bits));
    return bits;
}

/* An f16 at any address, widened. */
static inline float block_f16(const uint8_t *at)
{
    return _cvtsh_ss(block_bits_16(at));
}

/* The 32-bit lanes' sums in fours: lane 4q + i of the result is the sum of the four lanes 4q .. 4q + 3 of v_i. */
static inline __m512i block_sum_fours(__m512i v0, __m512i v1, __m512i v2, __m512i v3)
{
    const __m512i a = _mm512_add_epi32(_mm512_unpacklo_epi32(v0, v1), _mm512_unpackhi_epi32(v0, v1));
    const __m512i b = _mm512_add_epi32(_mm512_unpacklo_epi32(v2, v3), _mm512_unpackhi_epi32(v2, v3));

    return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

/* Sums of two such: lanes 4q + i and 4q + 4 + i, q = 0 and 2, belong to one block, 2i + q / 2; `a` has blocks 0 .. 7, `b` 8 .. 15. */
static inline __m512i block_sum_pairs(__m512i a, __m512i b)
{
    const __m512i sum = _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xDD));

    return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15), sum);
}

/* The codes of columns 128h + 64 part .. + 63 of a block of q6_k.b256, 0 .. 63. */
ALWAYS_INLINE __m512i block_q6k_codes(const uint8_t *block, int h, int part)
{
    const __m512i low = _mm512_loadu_si512(block + 64 * h);
    const __m512i high = _mm512_broadcast_i64x4(_mm256_loadu_si256((const void *)(block + 128 + 32 * h)));
    /* 16-bit shifts that bring the two bits of the first and of the second 32 columns to bits 4 and 5. */
    const __m512i first = _mm512_inserti64x4(_mm512_set1_epi16(4), _mm256_set1_epi16(2), 1);
    const __m512i second = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(2), 1);
    const __m512i bits = _mm512_and_si512(part == 0 ? _mm512_sllv_epi16(high, first) : _mm512_srlv_epi16(high, second), _mm512_set1_epi8(0x30));

    return _mm512_ternarylogic_epi32(part == 0 ? low : _mm512_srli_epi16(low, 4), _mm512_set1_epi8(0x0F), bits, 0xEA); /* (a & b) | c */
}
#endif
