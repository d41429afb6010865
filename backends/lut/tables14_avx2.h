/* tables14_avx2.h - i8.t14 (formats.md): a table of 14 sums in two bytes each, sum = 25 * high + low. Two tables are made at a time, 16 words in a register
 * each.
 *
 * The sum of digits d times q is that of d times q + 128, unsigned times signed as maddubs wants it, less 128 times the sum of d. */
#ifndef SETUN_LUT_TABLES14_AVX2_H
#define SETUN_LUT_TABLES14_AVX2_H
#include <immintrin.h>

#include "tables14.h"

#define T14_PAIR01(i) T14_D(i, 1), T14_D(i, 3)
#define T14_PAIR2(i) T14_D(i, 9), 0
#define T14_8(f, i) f(i), f((i) + 1), f((i) + 2), f((i) + 3), f((i) + 4), f((i) + 5), f((i) + 6), f((i) + 7)
static const int8_t t14_digits01[32] = {T14_8(T14_PAIR01, 0), T14_8(T14_PAIR01, 8)};
static const int8_t t14_digits2[32] = {T14_8(T14_PAIR2, 0), T14_8(T14_PAIR2, 8)};

static inline __m256i t14_two(const uint8_t *u)
{
    int16_t word;

    memcpy(&word, u, sizeof(word));
    return _mm256_set1_epi16(word);
}

static inline __m256i t14_sums(const uint8_t *u)
{
    const __m256i d01 = _mm256_loadu_si256((const void *)t14_digits01), d2 = _mm256_loadu_si256((const void *)t14_digits2);
    const __m256i all = _mm256_add_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8((char)128), d01), _mm256_maddubs_epi16(_mm256_set1_epi8((char)128), d2));

    return _mm256_sub_epi16(_mm256_add_epi16(_mm256_maddubs_epi16(t14_two(u), d01), _mm256_maddubs_epi16(t14_two(u + 2), d2)), all);
}

/* floor((sum + 12) / 25): sum + 412 is within 28 .. 796, where the product with 2622 / 65536 gives the quotient exactly. */
static inline __m256i t14_high(__m256i sum)
{
    return _mm256_sub_epi16(_mm256_mulhi_epu16(_mm256_add_epi16(sum, _mm256_set1_epi16(412)), _mm256_set1_epi16(2622)), _mm256_set1_epi16(16));
}

/* Bytes of a, then of b. */
static inline __m256i t14_bytes(__m256i a, __m256i b)
{
    return _mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xD8);
}

/* u: q + 128 of the columns of whole blocks, and one byte. */
static inline void t14_make(const uint8_t *u, int64_t k, uint8_t *out_tables)
{
    const __m256i base = _mm256_set1_epi16(25);
    const int64_t n_pairs = (k + T14_COLUMNS - 1) / T14_COLUMNS * 4;

    for (int64_t p = 0; p < n_pairs; p++, u += 6, out_tables += T14_PAIR_BYTES) {
        const __m256i a = t14_sums(u), b = t14_sums(u + 3), high_a = t14_high(a), high_b = t14_high(b);
        const __m256i low_a = _mm256_sub_epi16(a, _mm256_mullo_epi16(high_a, base)), low_b = _mm256_sub_epi16(b, _mm256_mullo_epi16(high_b, base));

        _mm256_storeu_si256((__m256i *)(void *)out_tables, t14_bytes(low_a, low_b));
        _mm256_storeu_si256((__m256i *)(void *)(out_tables + 32), t14_bytes(high_a, high_b));
    }
}
#endif
