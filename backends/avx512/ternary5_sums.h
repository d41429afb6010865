/* ternary5_sums.h - weights in tern5.r16k96 by tables of sums, which takes other vector pipes than dot products do.
 *
 * A code of five bits, three weights, says which of the 27 sums of three columns of a row of q its row of weights wants. vpermw looks up words of 16 bits for
 * 32 codes, 96 products, by the lowest five bits of each word of its index, whatever is above them, and an addition takes them. On Zen 4 vpdpbusd of 512
 * bits does 64 products on two of the four pipes, for a cycle; vpermw takes one of these and a third, the addition any. */
#ifndef SETUN_AVX512_TERNARY5_SUMS_H
#define SETUN_AVX512_TERNARY5_SUMS_H
#include <cpuid.h>
#include <stdbool.h>

#include "ternary5.h"

#define TERNARY5_SUMMED_BYTES 64 /* of a table: 32 words, those of 27 .. 31, which are no codes, 0 */

/* AMD's family of Zen 3 and 4, of which the latter has AVX-512. */
#define TERNARY5_FAMILY_ZEN4 25

/* ns for a weight and a row of q: what was measured on a Zen 4, or an estimate for CPUs that do two dot products of 512 bits a cycle. Of Intel's servers,
 * which look up by one of the two pipes that multiply, none was measured. On a Zen 5 eight rows by dot products alone took 0.85 of the time of both, 256
 * rows 0.8 to 1.0. */
static inline double ternary5_mixed_ns(double zen4_ns, double two_pipes_ns)
{
    unsigned vendor, signature, rest[3];
    const bool amd = __get_cpuid(0, &rest[0], &vendor, &rest[1], &rest[2]) && vendor == signature_AMD_ebx;

    if (!amd || !__get_cpuid(1, &signature, &rest[0], &rest[1], &rest[2]))
        return two_pipes_ns;
    return (signature >> 8 & 0xf) + (signature >> 20 & 0xff) == TERNARY5_FAMILY_ZEN4 ? zen4_ns : two_pipes_ns;
}

/* Byte by byte what a table's words take of x0 + 128, x1 + 128 and of x2 + 128, 128: all 128s cancel. */
#define TERNARY5_S01(a, b, c) (a) - 1, (b) - 1
#define TERNARY5_S2(a, b, c) (c) - 1, 3 - (a) - (b) - (c)
#define TERNARY5_3(S, b, c) S(0, b, c), S(1, b, c), S(2, b, c)
#define TERNARY5_9(S, c) TERNARY5_3(S, 0, c), TERNARY5_3(S, 1, c), TERNARY5_3(S, 2, c)
#define TERNARY5_27(S) TERNARY5_9(S, 0), TERNARY5_9(S, 1), TERNARY5_9(S, 2)
static const int8_t ternary5_signs01[64] = {TERNARY5_27(TERNARY5_S01)};
static const int8_t ternary5_signs2[64] = {TERNARY5_27(TERNARY5_S2)};

/* The four tables of a code, whose 12 columns are x, each so many tables from the one before. */
ALWAYS_INLINE void ternary5_tables(const int8_t *x, int apart, uint8_t *out_tables)
{
    const __m512i s01 = _mm512_loadu_si512(ternary5_signs01), s2 = _mm512_loadu_si512(ternary5_signs2);
    const __m128i columns = _mm_xor_si128(_mm_maskz_loadu_epi8(0x0FFF, x), _mm_set1_epi8((char)0x80));
    const __m512i all = _mm512_broadcast_i32x4(columns);

UNROLL(4)
    for (int b = 0; b < 4; b++) {
        const __m512i x01 = _mm512_shuffle_epi8(all, _mm512_set1_epi16((short)(b | (4 + b) << 8)));
        const __m512i x2 = _mm512_shuffle_epi8(all, _mm512_set1_epi16((short)((8 + b) | 12 << 8)));

        _mm512_storeu_si512(out_tables + b * apart * TERNARY5_SUMMED_BYTES,
                            _mm512_add_epi16(_mm512_maddubs_epi16(x01, s01), _mm512_maddubs_epi16(x2, s2)));
    }
}

/* A code of two groups as indices of its four tables: even words are rows of the first group, odd ones of the second. Bytes 0 and 1 of a lane are
 * in the pair 0, its low bytes first, bytes 2 and 3 in the pair 1. */
ALWAYS_INLINE __m512i ternary5_index_pair(__m512i first, __m512i second, int pair)
{
    return pair == 0 ? _mm512_mask_blend_epi16(0xAAAAAAAA, first, _mm512_slli_epi32(second, 16))
                     : _mm512_mask_blend_epi16(0xAAAAAAAA, _mm512_srli_epi32(first, 16), second);
}

ALWAYS_INLINE __m512i ternary5_index(__m512i pair, int byte)
{
    return byte % 2 == 0 ? pair : _mm512_srli_epi16(pair, 8);
}

/* Looked up sums of two groups, to their 32-bit ones. */
ALWAYS_INLINE void ternary5_empty(__m512i summed, __m512i *acc_first, __m512i *acc_second)
{
    *acc_first = _mm512_add_epi32(*acc_first, _mm512_srai_epi32(_mm512_slli_epi32(summed, 16), 16));
    *acc_second = _mm512_add_epi32(*acc_second, _mm512_srai_epi32(summed, 16));
}
#endif
