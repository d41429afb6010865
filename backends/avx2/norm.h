/* norm.h - Euclidean norms in f64 of rows and of what rounding them to codes left, for the operands of op screen (numerics.md: screen). */
#ifndef SETUN_AVX2_NORM_H
#define SETUN_AVX2_NORM_H
#include "lanes.h"

/* The 16 lanes of a sum of squares in f64. */
typedef struct norm {
    __m256d a, b, c, d; /* lanes 0..3, 4..7, 8..11 and 12..15 */
} norm;

static inline norm norm_zero(void)
{
    return (norm){_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()};
}

/* A product and a sum, two roundings: never fused. */
static inline __m256d norm_add_square(__m256d sum, __m256d v)
{
    return _mm256_add_pd(sum, _mm256_mul_pd(v, v));
}

/* Four lanes. */
static inline __m256d norm_add4(__m256d rest, __m128 x, __m128 c, double step)
{
    return norm_add_square(rest, _mm256_sub_pd(_mm256_cvtps_pd(x), _mm256_mul_pd(_mm256_set1_pd(step), _mm256_cvtps_pd(c))));
}

/* x - step * c of 16 elements x of a row and their codes c. Lanes without an element are +0 in both and add nothing. */
static inline void norm_add_rest(norm *rest, lanes x, lanes c, double step)
{
    rest->a = norm_add4(rest->a, _mm256_castps256_ps128(x.a), _mm256_castps256_ps128(c.a), step);
    rest->b = norm_add4(rest->b, _mm256_extractf128_ps(x.a, 1), _mm256_extractf128_ps(c.a, 1), step);
    rest->c = norm_add4(rest->c, _mm256_castps256_ps128(x.b), _mm256_castps256_ps128(c.b), step);
    rest->d = norm_add4(rest->d, _mm256_extractf128_ps(x.b, 1), _mm256_extractf128_ps(c.b, 1), step);
}

/* The elements themselves. */
static inline void norm_add(norm *size, lanes x)
{
    size->a = norm_add_square(size->a, _mm256_cvtps_pd(_mm256_castps256_ps128(x.a)));
    size->b = norm_add_square(size->b, _mm256_cvtps_pd(_mm256_extractf128_ps(x.a, 1)));
    size->c = norm_add_square(size->c, _mm256_cvtps_pd(_mm256_castps256_ps128(x.b)));
    size->d = norm_add_square(size->d, _mm256_cvtps_pd(_mm256_extractf128_ps(x.b, 1)));
}

/* Lanes j and j + 8, then + 4, + 2, + 1; the root. */
static inline double norm_total(norm sum)
{
    const __m256d t4 = _mm256_add_pd(_mm256_add_pd(sum.a, sum.c), _mm256_add_pd(sum.b, sum.d));
    const __m128d t2 = _mm_add_pd(_mm256_castpd256_pd128(t4), _mm256_extractf128_pd(t4, 1));

    return _mm_cvtsd_f64(_mm_sqrt_sd(t2, _mm_add_sd(t2, _mm_unpackhi_pd(t2, t2))));
}

static inline float norm_up(double v)
{
    return (float)(v * (1.0 + SETUN_SCREEN_SLACK) + SETUN_SCREEN_FLOOR);
}

static inline __m256 norm_rint(__m256 x)
{
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* Codes of 16 elements, whole floats of at most `most`. */
static inline lanes norm_codes(lanes x, lanes inverse, lanes most)
{
    const lanes scaled = lanes_mul(x, inverse), rounded = LANES1(norm_rint, scaled), upper = LANES2(_mm256_min_ps, rounded, most);

    return lanes_max(upper, lanes_negate(most));
}
#endif
