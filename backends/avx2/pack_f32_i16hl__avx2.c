/* pack_f32_i16hl__avx2.c - activations x f32[m, k] to 16 bits, i16.hl[m, k], with step, a and b f32[m], for the op screen. */
#include <string.h>

#include "kernels.h"
#include "lanes.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple((double)query->in[0].dim[0] * (60.0 + 0.6 * (double)query->in[0].dim[1]), out_plan);
}

static float largest_magnitude(const float *x, int64_t k)
{
    lanes amax = lanes_set(0.0f);

    for (int64_t j = 0; j < k; j += SETUN_LANES)
        amax = lanes_max(lanes_abs(lanes_load_n(x + j, k - j)), amax);
    return lanes_largest(amax);
}

/* The 16 lanes of a sum of squares in f64. */
typedef struct norm {
    __m256d a, b, c, d; /* lanes 0..3, 4..7, 8..11 and 12..15 */
} norm;

static inline norm norm_zero(void)
{
    return (norm){_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()};
}

static inline lanes lanes_min(lanes x, lanes y)
{
    return LANES2(_mm256_min_ps, x, y);
}

static inline __m256 rint8(__m256 x)
{
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline lanes lanes_rint(lanes x)
{
    return LANES1(rint8, x);
}

/* A product and a sum, two roundings: never fused. */
static inline __m256d add_square(__m256d sum, __m256d v)
{
    return _mm256_add_pd(sum, _mm256_mul_pd(v, v));
}

/* Four lanes. */
static inline void add4(__m256d *size, __m256d *rest, __m128 x, __m128 q, double step)
{
    const __m256d wide = _mm256_cvtps_pd(x);

    *size = add_square(*size, wide);
    *rest = add_square(*rest, _mm256_sub_pd(wide, _mm256_mul_pd(_mm256_set1_pd(step), _mm256_cvtps_pd(q))));
}

static inline void norm_add(norm *size, norm *rest, lanes x, lanes q, double step)
{
    add4(&size->a, &rest->a, _mm256_castps256_ps128(x.a), _mm256_castps256_ps128(q.a), step);
    add4(&size->b, &rest->b, _mm256_extractf128_ps(x.a, 1), _mm256_extractf128_ps(q.a, 1), step);
    add4(&size->c, &rest->c, _mm256_castps256_ps128(x.b), _mm256_castps256_ps128(q.b), step);
    add4(&size->d, &rest->d, _mm256_extractf128_ps(x.b, 1), _mm256_extractf128_ps(q.b, 1), step);
}

/* Lanes j and j + 8, then + 4, + 2, + 1; the root. */
static inline double norm_total(norm sum)
{
    const __m256d t4 = _mm256_add_pd(_mm256_add_pd(sum.a, sum.c), _mm256_add_pd(sum.b, sum.d));
    const __m128d t2 = _mm_add_pd(_mm256_castpd256_pd128(t4), _mm256_extractf128_pd(t4, 1));

    return _mm_cvtsd_f64(_mm_sqrt_sd(t2, _mm_add_sd(t2, _mm_unpackhi_pd(t2, t2))));
}

static float up(double v)
{
    return (float)(v * (1.0 + SETUN_SCREEN_SLACK) + SETUN_SCREEN_FLOOR);
}

/* 16 codes; those past the row's end are 0, like the padding. */
static inline void store_halves(int8_t *high, int8_t *low, lanes q)
{
    const __m256i code_a = _mm256_cvtps_epi32(q.a), code_b = _mm256_cvtps_epi32(q.b), half = _mm256_set1_epi32(128);
    const __m256i h_a = _mm256_srai_epi32(_mm256_add_epi32(code_a, half), 8), h_b = _mm256_srai_epi32(_mm256_add_epi32(code_b, half), 8);
    const __m256i l_a = _mm256_sub_epi32(code_a, _mm256_slli_epi32(h_a, 8)), l_b = _mm256_sub_epi32(code_b, _mm256_slli_epi32(h_b, 8));
    const __m256i h = _mm256_permute4x64_epi64(_mm256_packs_epi32(h_a, h_b), 0xD8), l = _mm256_permute4x64_epi64(_mm256_packs_epi32(l_a, l_b), 0xD8);

    _mm_storeu_si128((void *)high, _mm_packs_epi16(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1)));
    _mm_storeu_si128((void *)low, _mm_packs_epi16(_mm256_castsi256_si128(l), _mm256_extracti128_si256(l, 1)));
}

/* One unit is one row; its padding is zeroed with it. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t k = call->in[0].dim[1], half = (k + 63) / 64 * 64;
    float *step = call->out[1].data, *a = call->out[2].data, *b = call->out[3].data;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const float *x = in_row(call, 0, i), amax = largest_magnitude(x, k);
        const lanes inverse = lanes_set(amax < SETUN_SCREEN_LEAST ? 0.0f : SETUN_SCREEN_MAX / amax), most = lanes_set(SETUN_SCREEN_MAX);
        int8_t *high = out_row(call, 0, i);
        norm size = norm_zero(), rest = norm_zero();
        double x_norm, r_norm;

        step[i] = amax / SETUN_SCREEN_MAX;
        memset(high, 0, (size_t)(2 * half));
        for (int64_t j = 0; j < k; j += SETUN_LANES) {
            const lanes v = lanes_load_n(x + j, k - j); /* lanes without an element add nothing: +0 */
            const lanes q = lanes_max(lanes_min(lanes_rint(lanes_mul(v, inverse)), most), lanes_negate(most));

            norm_add(&size, &rest, v, q, (double)step[i]);
            store_halves(high + j, high + half + j, q);
        }
        x_norm = norm_total(size);
        r_norm = norm_total(rest);
        a[i] = up(x_norm + r_norm);
        b[i] = up(r_norm + (x_norm + r_norm) * (((double)k * 0.0625 + SETUN_SCREEN_STEPS) * SETUN_SCREEN_ULP));
    }
}

const setun_kernel pack_f32_i16hl__avx2 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_f32_i16hl__avx2",
    .pattern = "pack",
    .fmts = "f32>i16.hl+f32+f32+f32",
    .plan = plan,
    .units = units_in_rows,
    .run = run,
};
