/* tables27_avx512.h - i16.t27 (formats.md): a table is one register of 32 words, of which the numbers 0 .. 26 of three codes are entries.
 *
 * The sum of digits d times q is that of d times q + 128, unsigned times signed as maddubs wants it, less 128 times the sum of d. */
#ifndef SETUN_LUT_TABLES27_AVX512_H
#define SETUN_LUT_TABLES27_AVX512_H
#include <immintrin.h>

#include "tables.h"

enum { T27_COLUMNS = 48, T27_TABLES = 16 /* a block */, T27_TABLE_BYTES = 64 };

/* Digit p of entry x, 0 .. 31; entries that are no number have none. */
#define T27_D(x, power) (int8_t)((x) > 26 ? 0 : (x) / (power) % 3 - 1)
#define T27_PAIR01(x) T27_D(x, 1), T27_D(x, 3)
#define T27_PAIR2(x) T27_D(x, 9), 0
#define T27_8(f, x) f(x), f((x) + 1), f((x) + 2), f((x) + 3), f((x) + 4), f((x) + 5), f((x) + 6), f((x) + 7)
static const int8_t t27_digits01[64] = {T27_8(T27_PAIR01, 0), T27_8(T27_PAIR01, 8), T27_8(T27_PAIR01, 16), T27_8(T27_PAIR01, 24)};
static const int8_t t27_digits2[64] = {T27_8(T27_PAIR2, 0), T27_8(T27_PAIR2, 8), T27_8(T27_PAIR2, 16), T27_8(T27_PAIR2, 24)};

static inline __m512i t27_two(const uint8_t *u)
{
    int16_t word;

    memcpy(&word, u, sizeof(word));
    return _mm512_set1_epi16(word);
}

/* u: q + 128 of the columns of whole blocks, and one byte. */
static inline void t27_make(const uint8_t *u, int64_t k, uint8_t *out_tables)
{
    const __m512i d01 = _mm512_loadu_si512(t27_digits01), d2 = _mm512_loadu_si512(t27_digits2);
    const __m512i offset = _mm512_maddubs_epi16(_mm512_set1_epi8((char)128), d01), offset2 = _mm512_maddubs_epi16(_mm512_set1_epi8((char)128), d2);
    const __m512i all = _mm512_add_epi16(offset, offset2);
    const int64_t n = (k + T27_COLUMNS - 1) / T27_COLUMNS * T27_TABLES;

    for (int64_t s = 0; s < n; s++) {
        const __m512i sum = _mm512_add_epi16(_mm512_maddubs_epi16(t27_two(u + 3 * s), d01), _mm512_maddubs_epi16(t27_two(u + 3 * s + 2), d2));

        _mm512_storeu_si512(out_tables + s * T27_TABLE_BYTES, _mm512_sub_epi16(sum, all));
    }
}
#endif
