/* norm.h - Euclidean norms in f64 of rows and of what rounding them to codes left, for the operands of op screen (numerics.md: screen). */
#ifndef SETUN_NEON_NORM_H
#define SETUN_NEON_NORM_H
#include "lanes.h"

/* The 16 lanes of a sum of squares in f64: lanes 2j and 2j + 1 in register j. */
typedef struct norm {
    float64x2_t lane[8];
} norm;

static inline norm norm_zero(void)
{
    const float64x2_t zero = vdupq_n_f64(0.0);

    return (norm){{zero, zero, zero, zero, zero, zero, zero, zero}};
}

/* A product and a sum, two roundings: never fused. */
static inline float64x2_t norm_add_square(float64x2_t sum, float64x2_t v)
{
    return vaddq_f64(sum, vmulq_f64(v, v));
}

ALWAYS_INLINE void norm_add_4(float64x2_t sum[2], float32x4_t x)
{
    sum[0] = norm_add_square(sum[0], vcvt_f64_f32(vget_low_f32(x)));
    sum[1] = norm_add_square(sum[1], vcvt_high_f64_f32(x));
}

/* 16 elements x of a row. Lanes without an element are +0 and add nothing. */
static inline void norm_add(norm *sum, lanes x)
{
    norm_add_4(sum->lane, x.a);
    norm_add_4(sum->lane + 2, x.b);
    norm_add_4(sum->lane + 4, x.c);
    norm_add_4(sum->lane + 6, x.d);
}

ALWAYS_INLINE void norm_add_rest_4(float64x2_t sum[2], float32x4_t x, float32x4_t c, float64x2_t step)
{
    sum[0] = norm_add_square(sum[0], vsubq_f64(vcvt_f64_f32(vget_low_f32(x)), vmulq_f64(step, vcvt_f64_f32(vget_low_f32(c)))));
    sum[1] = norm_add_square(sum[1], vsubq_f64(vcvt_high_f64_f32(x), vmulq_f64(step, vcvt_high_f64_f32(c))));
}

/* What their codes c left of them, x - step * c. Lanes without an element are +0 in both. */
static inline void norm_add_rest(norm *sum, lanes x, lanes c, double step)
{
    const float64x2_t steps = vdupq_n_f64(step);

    norm_add_rest_4(sum->lane, x.a, c.a, steps);
    norm_add_rest_4(sum->lane + 2, x.b, c.b, steps);
    norm_add_rest_4(sum->lane + 4, x.c, c.c, steps);
    norm_add_rest_4(sum->lane + 6, x.d, c.d, steps);
}

/* Lanes j and j + 8, then + 4, + 2, + 1; the root. */
static inline double norm_total(norm sum)
{
    float64x2_t *lane = sum.lane, t;

UNROLL(4)
    for (int j = 0; j < 4; j++)
        lane[j] = vaddq_f64(lane[j], lane[j + 4]);
    t = vaddq_f64(vaddq_f64(lane[0], lane[2]), vaddq_f64(lane[1], lane[3]));
    return vgetq_lane_f64(vsqrtq_f64(vdupq_n_f64(vgetq_lane_f64(t, 0) + vgetq_lane_f64(t, 1))), 0);
}

static inline float norm_up(double v)
{
    return (float)(v * (1.0 + SETUN_SCREEN_SLACK) + SETUN_SCREEN_FLOOR);
}

/* Codes of 16 elements, whole floats of at most `most`. */
static inline lanes norm_codes(lanes x, lanes inverse, lanes most)
{
    const lanes rounded = LANES1(vrndnq_f32, lanes_mul(x, inverse)), limited = LANES2(vminq_f32, rounded, most);

    return lanes_max(limited, lanes_negate(most));
}

static inline float norm_largest(const char *x, int64_t k, int64_t element_bytes, lanes_loader_n *load_n)
{
    lanes largest = lanes_set(0.0f);

    for (int64_t j = 0; j < k; j += SETUN_LANES)
        largest = lanes_max(lanes_abs(load_n(x + j * element_bytes, k - j)), largest);
    return lanes_largest(largest);
}

/* Whole floats to integers. */
static inline int16x8_t norm_low_codes(lanes c)
{
    return vcombine_s16(vmovn_s32(vcvtq_s32_f32(c.a)), vmovn_s32(vcvtq_s32_f32(c.b)));
}

static inline int16x8_t norm_high_codes(lanes c)
{
    return vcombine_s16(vmovn_s32(vcvtq_s32_f32(c.c)), vmovn_s32(vcvtq_s32_f32(c.d)));
}
#endif
