/* avx2.h - what the AVX2 kernels of this backend share. */
#ifndef SETUN_LUT_AVX2_H
#define SETUN_LUT_AVX2_H
#include <immintrin.h>
#include <string.h>

#include "rows.h"

static inline __m256i load_bytes(const void *bytes)
{
    return _mm256_loadu_si256(bytes);
}

/* acc of 32 bits + pairs of 16-bit sums. */
static inline __m256i fold(__m256i acc, __m256i sums)
{
    return _mm256_add_epi32(acc, _mm256_madd_epi16(sums, _mm256_set1_epi16(1)));
}

/* Four columns of a row of q, in every lane. */
static inline __m256i word_of(const int8_t *q)
{
    int32_t word;

    memcpy(&word, q, sizeof(word));
    return _mm256_set1_epi32(word);
}

/* The sum of each row of q; its padding to 64 bytes is zero. */
static inline void sums_of_rows(const setun_call *call, int32_t *out_sum)
{
    for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
        const int8_t *q = in_row(call, 0, i);
        __m256i acc = _mm256_setzero_si256();
        __m128i half;

        for (int64_t c = 0; c < call->in[0].dim[1]; c += 32)
            acc = fold(acc, _mm256_maddubs_epi16(_mm256_set1_epi8(1), load_bytes(q + c)));
        half = _mm_add_epi32(_mm256_castsi256_si128(acc), _mm256_extracti128_si256(acc, 1));
        half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
        out_sum[i] = _mm_cvtsi128_si32(_mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1)));
    }
}

/* All ones in the first n of 8 lanes, n from below 0 to above 8. */
static inline __m256i first_of_8(int64_t n)
{
    const __m256i count = _mm256_set1_epi32((int32_t)(n < 0 ? 0 : n < 8 ? n : 8));

    return _mm256_cmpgt_epi32(count, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* y of row i and up to 8 rows of w from row j on, of those that there are. */
static inline void store_8(const setun_call *call, int64_t i, int64_t j, __m256i dot)
{
    const __m256i first = first_of_8(call->in[2].dim[0] - j);
    const __m256 factor =
        _mm256_div_ps(_mm256_maskload_ps((const float *)call->in[3].data + j, first), _mm256_set1_ps(((const float *)call->in[1].data)[i]));

    _mm256_maskstore_ps((float *)out_row(call, 0, i) + j, first, _mm256_mul_ps(_mm256_cvtepi32_ps(dot), factor));
}

static inline void store_16(const setun_call *call, int64_t i, int64_t j, __m256i dot_a, __m256i dot_b)
{
    store_8(call, i, j, dot_a);
    store_8(call, i, j + 8, dot_b);
}
#endif
