/* pack_f32_i16hl__avx512.c - activations x f32[m, k] to 16 bits, i16.hl[m, k], with step, a and b f32[m], for the op screen. */
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
    __m512d a, b; /* lanes 0..7 and 8..15 */
} norm;

static inline norm norm_zero(void)
{
    return (norm){_mm512_setzero_pd(), _mm512_setzero_pd()};
}

static inline lanes lanes_min(lanes x, lanes y)
{
    return _mm512_min_ps(x, y);
}

static inline lanes lanes_rint(lanes x)
{
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* A product and a sum, two roundings: never fused. */
static inline __m512d add_square(__m512d sum, __m512d v)
{
    return _mm512_add_pd(sum, _mm512_mul_pd(v, v));
}

static inline void norm_add(norm *size, norm *rest, lanes x, lanes q, double step)
{
    const __m512d x_a = _mm512_cvtps_pd(_mm512_castps512_ps256(x)), x_b = _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
    const __m512d q_a = _mm512_cvtps_pd(_mm512_castps512_ps256(q)), q_b = _mm512_cvtps_pd(_mm512_extractf32x8_ps(q, 1));

    size->a = add_square(size->a, x_a);
    size->b = add_square(size->b, x_b);
    rest->a = add_square(rest->a, _mm512_sub_pd(x_a, _mm512_mul_pd(_mm512_set1_pd(step), q_a)));
    rest->b = add_square(rest->b, _mm512_sub_pd(x_b, _mm512_mul_pd(_mm512_set1_pd(step), q_b)));
}

/* Lanes j and j + 8, then + 4, + 2, + 1; the root. */
static inline double norm_total(norm sum)
{
    const __m512d t8 = _mm512_add_pd(sum.a, sum.b);
    const __m256d t4 = _mm256_add_pd(_mm512_castpd512_pd256(t8), _mm512_extractf64x4_pd(t8, 1));
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
    const __m512i code = _mm512_cvtps_epi32(q), h = _mm512_srai_epi32(_mm512_add_epi32(code, _mm512_set1_epi32(128)), 8);

    _mm_storeu_si128((void *)high, _mm512_cvtepi32_epi8(h));
    _mm_storeu_si128((void *)low, _mm512_cvtepi32_epi8(code)); /* code - 256 h is the low byte, as a signed one */
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

const setun_kernel pack_f32_i16hl__avx512 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_f32_i16hl__avx512",
    .pattern = "pack",
    .fmts = "f32>i16.hl+f32+f32+f32",
    .plan = plan,
    .units = units_in_rows,
    .run = run,
};
