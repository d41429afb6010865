/* quantise_avx2.h - a row of f32 quantised on the way to tables. numerics.md: quantise. */
#ifndef SETUN_LUT_QUANTISE_AVX2_H
#define SETUN_LUT_QUANTISE_AVX2_H
#include "avx2.h"
#include "setun_numerics.h"
#include "tables.h"

static inline __m256 load_8(const float *x, int64_t n)
{
    return n >= 8 ? _mm256_loadu_ps(x) : _mm256_maskload_ps(x, first_of_8(n));
}

/* x[k] to q + 128, as tables_offset_row has it; returns the scale. */
static inline float quantise_offset_row(const float *x, int64_t k, int64_t columns, uint8_t *out_u)
{
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF));
    const int64_t end = (k + columns - 1) / columns * columns + 1;
    __m256 amax = _mm256_set1_ps(SETUN_QUANT_FLOOR), scale;
    __m128 t;
    float s;

    for (int64_t j = 0; j < k; j += 8)
        amax = _mm256_max_ps(_mm256_and_ps(load_8(x + j, k - j), magnitude), amax);
    t = _mm_max_ps(_mm256_castps256_ps128(amax), _mm256_extractf128_ps(amax, 1));
    t = _mm_max_ps(t, _mm_movehl_ps(t, t));
    s = SETUN_QUANT_MAX / _mm_cvtss_f32(_mm_max_ss(t, _mm_shuffle_ps(t, t, 1)));
    scale = _mm256_set1_ps(s);
    for (int64_t j = 0; j < k; j += 8) {
        const __m256i q = _mm256_cvtps_epi32(_mm256_mul_ps(load_8(x + j, k - j), scale));
        const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
        const __m128i bytes = _mm_xor_si128(_mm_packs_epi16(words, words), _mm_set1_epi8((char)0x80));

        memcpy(out_u + j, &bytes, (size_t)least(k - j, 8));
    }
    memset(out_u + k, 128, (size_t)(end - k));
    return s;
}
#endif
