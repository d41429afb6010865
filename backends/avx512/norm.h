/* norm.h - Euclidean norms in f64 of rows and of what rounding them to codes left, for the operands of op screen (numerics.md: screen). */
#ifndef SETUN_AVX512_NORM_H
#define SETUN_AVX512_NORM_H
#include "lanes.h"

/* The 16 lanes of a sum of squares in f64. */
typedef struct norm {
    __m512d a, b; /* lanes 0..7 and 8..15 */
} norm;

static inline norm norm_zero(void)
{
    return (norm){_mm512_setzero_pd(), _mm512_setzero_pd()};
}

/* A product and a sum, two roundings: never fused. */
static inline __m512d norm_add_square(__m512d sum, __m512d v)
{
    return _mm512_add_pd(sum, _mm512_mul_pd(v, v));
}

static inline __m512d lower_half(lanes a)
{
    return _mm512_cvtps_pd(_mm512_castps512_ps256(a));
}

static inline __m512d upper_half(lanes a)
{
    return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1));
}

/* 16 elements x of a row. Lanes without an element are +0 and add nothing. */
static inline void norm_add(norm *sum, lanes x)
{
    sum->a = norm_add_square(sum->a, lower_half(x));
    sum->b = norm_add_square(sum->b, upper_half(x));
}

/* What their codes c left of them, x - step * c. Lanes without an element are +0 in both. */
static inline void norm_add_rest(norm *sum, lanes x, lanes c, double step)
{
    sum->a = norm_add_square(sum->a, _mm512_sub_pd(lower_half(x), _mm512_mul_pd(_mm512_set1_pd(step), lower_half(c))));
    sum->b = norm_add_square(sum->b, _mm512_sub_pd(upper_half(x), _mm512_mul_pd(_mm512_set1_pd(step), upper_half(c))));
}

/* Lanes j and j + 8, then + 4, + 2, + 1; the root. */
static inline double norm_total(norm sum)
{
    const __m512d t8 = _mm512_add_pd(sum.a, sum.b);
    const __m256d t4 = _mm256_add_pd(_mm512_castpd512_pd256(t8), _mm512_extractf64x4_pd(t8, 1));
    const __m128d t2 = _mm_add_pd(_mm256_castpd256_pd128(t4), _mm256_extractf128_pd(t4, 1));

    return _mm_cvtsd_f64(_mm_sqrt_sd(t2, _mm_add_sd(t2, _mm_unpackhi_pd(t2, t2))));
}

static inline float norm_up(double v)
{
    return (float)(v * (1.0 + SETUN_SCREEN_SLACK) + SETUN_SCREEN_FLOOR);
}

/* Codes of 16 elements, whole floats of at most `most`. */
static inline lanes norm_codes(lanes x, lanes inverse, lanes most)
{
    const lanes rounded = _mm512_roundscale_ps(lanes_mul(x, inverse), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);

    return lanes_max(_mm512_min_ps(rounded, most), lanes_negate(most));
}
#endif
