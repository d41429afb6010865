/* lanes.h - the 16 lanes of numerics.md: four registers. Functions with a count touch the first n lanes only (n >= 16: all), in memory
 * too, so that rows of a mapped file may end where memory ends. Nothing here needs more than Armv8.0: f16 is converted (FCVTL, FCVTN),
 * never computed with, which would round where numerics.md does not. */
#ifndef SETUN_NEON_LANES_H
#define SETUN_NEON_LANES_H
#include <arm_neon.h>
#include <string.h>

#include "rows.h"
#include "setun_numerics.h"

typedef struct lanes {
    float32x4_t a, b, c, d; /* lanes 0..3, 4..7, 8..11 and 12..15 */
} lanes;

/* One function of one, two or three registers, for all four. */
#define LANES1(f, x)       ((lanes){f((x).a), f((x).b), f((x).c), f((x).d)})
#define LANES2(f, x, y)    ((lanes){f((x).a, (y).a), f((x).b, (y).b), f((x).c, (y).c), f((x).d, (y).d)})
#define LANES3(f, x, y, z) ((lanes){f((x).a, (y).a, (z).a), f((x).b, (y).b, (z).b), f((x).c, (y).c, (z).c), f((x).d, (y).d, (z).d)})

/* x in the first n lanes, y in the others; n from below 0 to above 16. */
static inline lanes lanes_first(lanes x, lanes y, int64_t n)
{
    static const int32_t index[4] = {0, 1, 2, 3};
    const int32x4_t count = vdupq_n_s32((int32_t)(n < 0 ? 0 : least(n, SETUN_LANES))), lane = vld1q_s32(index);

    return (lanes){vbslq_f32(vcgtq_s32(count, lane), x.a, y.a), vbslq_f32(vcgtq_s32(count, vaddq_s32(lane, vdupq_n_s32(4))), x.b, y.b),
                   vbslq_f32(vcgtq_s32(count, vaddq_s32(lane, vdupq_n_s32(8))), x.c, y.c),
                   vbslq_f32(vcgtq_s32(count, vaddq_s32(lane, vdupq_n_s32(12))), x.d, y.d)};
}

static inline lanes lanes_set(float x)
{
    const float32x4_t all = vdupq_n_f32(x);

    return (lanes){all, all, all, all};
}

static inline lanes lanes_load(const float *x)
{
    return (lanes){vld1q_f32(x), vld1q_f32(x + 4), vld1q_f32(x + 8), vld1q_f32(x + 12)};
}

/* The other lanes are +0. */
static inline lanes lanes_load_n(const float *x, int64_t n)
{
    float whole[SETUN_LANES] = {0};

    if (n >= SETUN_LANES)
        return lanes_load(x);
    memcpy(whole, x, (size_t)n * sizeof(float));
    return lanes_load(whole);
}

static inline void lanes_store(float *y, lanes x)
{
    vst1q_f32(y, x.a);
    vst1q_f32(y + 4, x.b);
    vst1q_f32(y + 8, x.c);
    vst1q_f32(y + 12, x.d);
}

static inline void lanes_store_n(float *y, lanes x, int64_t n)
{
    float whole[SETUN_LANES];

    if (n >= SETUN_LANES) {
        lanes_store(y, x);
    } else {
        lanes_store(whole, x);
        memcpy(y, whole, (size_t)n * sizeof(float));
    }
}

/* Stored elements, widened. */
static inline lanes lanes_load_f32(const void *x)
{
    return lanes_load(x);
}

static inline lanes lanes_load_f32_n(const void *x, int64_t n)
{
    return lanes_load_n(x, n);
}

static inline lanes lanes_load_f16(const void *x)
{
    const uint16_t *half = x;
    const float16x8_t low = vreinterpretq_f16_u16(vld1q_u16(half)), high = vreinterpretq_f16_u16(vld1q_u16(half + 8));

    return (lanes){vcvt_f32_f16(vget_low_f16(low)), vcvt_high_f32_f16(low), vcvt_f32_f16(vget_low_f16(high)), vcvt_high_f32_f16(high)};
}

/* bf16 is the upper half: zipped with zeros, one instruction for four. */
static inline lanes lanes_load_bf16(const void *x)
{
    const uint16_t *half = x;
    const uint16x8_t zero = vdupq_n_u16(0), low = vld1q_u16(half), high = vld1q_u16(half + 8);

    return (lanes){vreinterpretq_f32_u16(vzip1q_u16(zero, low)), vreinterpretq_f32_u16(vzip2q_u16(zero, low)),
                   vreinterpretq_f32_u16(vzip1q_u16(zero, high)), vreinterpretq_f32_u16(vzip2q_u16(zero, high))};
}

static inline lanes lanes_load_f16_n(const void *x, int64_t n)
{
    uint16_t whole[SETUN_LANES] = {0};

    if (n >= SETUN_LANES)
        return lanes_load_f16(x);
    memcpy(whole, x, (size_t)n * sizeof(uint16_t));
    return lanes_load_f16(whole);
}

static inline lanes lanes_load_bf16_n(const void *x, int64_t n)
{
    uint16_t whole[SETUN_LANES] = {0};

    if (n >= SETUN_LANES)
        return lanes_load_bf16(x);
    memcpy(whole, x, (size_t)n * sizeof(uint16_t));
    return lanes_load_bf16(whole);
}

/* To nearest, ties to even: the mode that no kernel may change. */
static inline void lanes_store_f16_n(void *y, lanes x, int64_t n)
{
    const uint16x8_t low = vreinterpretq_u16_f16(vcvt_high_f16_f32(vcvt_f16_f32(x.a), x.b)),
                     high = vreinterpretq_u16_f16(vcvt_high_f16_f32(vcvt_f16_f32(x.c), x.d));

    if (n >= SETUN_LANES) {
        vst1q_u16(y, low);
        vst1q_u16((uint16_t *)y + 8, high);
    } else {
        uint16_t whole[SETUN_LANES];

        vst1q_u16(whole, low);
        vst1q_u16(whole + 8, high);
        memcpy(y, whole, (size_t)n * sizeof(uint16_t));
    }
}

static inline void lanes_store_f32_n(void *y, lanes x, int64_t n)
{
    lanes_store_n(y, x, n);
}

static inline lanes lanes_add(lanes x, lanes y)
{
    return LANES2(vaddq_f32, x, y);
}

static inline lanes lanes_sub(lanes x, lanes y)
{
    return LANES2(vsubq_f32, x, y);
}

static inline lanes lanes_mul(lanes x, lanes y)
{
    return LANES2(vmulq_f32, x, y);
}

static inline lanes lanes_div(lanes x, lanes y)
{
    return LANES2(vdivq_f32, x, y);
}

static inline lanes lanes_sqrt(lanes x)
{
    return LANES1(vsqrtq_f32, x);
}

static inline lanes lanes_max(lanes x, lanes y)
{
    return LANES2(vmaxq_f32, x, y);
}

static inline lanes lanes_abs(lanes x)
{
    return LANES1(vabsq_f32, x);
}

static inline lanes lanes_negate(lanes x)
{
    return LANES1(vnegq_f32, x);
}

/* x * y + z, rounded once. */
static inline lanes lanes_fma(lanes x, lanes y, lanes z)
{
    return LANES3(vfmaq_f32, z, x, y);
}

/* fma in the first n lanes, z in the others: a lane without an element takes no step. */
static inline lanes lanes_fma_n(lanes x, lanes y, lanes z, int64_t n)
{
    return lanes_first(lanes_fma(x, y, z), z, n);
}

/* x in the lanes first <= j < end, y in the others. */
static inline lanes lanes_between(lanes x, lanes y, int64_t first, int64_t end)
{
    return lanes_first(y, lanes_first(x, y, end), first);
}

/* Lanes j and j + 8, then + 4, + 2, + 1. */
static inline float lanes_total(lanes x)
{
    const float32x4_t t4 = vaddq_f32(vaddq_f32(x.a, x.c), vaddq_f32(x.b, x.d));
    const float32x2_t t2 = vadd_f32(vget_low_f32(t4), vget_high_f32(t4));

    return vget_lane_f32(t2, 0) + vget_lane_f32(t2, 1);
}

static inline float lanes_largest(lanes x)
{
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(x.a, x.c), vmaxq_f32(x.b, x.d)));
}

/* numerics.md: exp32, of four lanes. */
static inline float32x4_t exp_4(float32x4_t x)
{
    const uint32x4_t zero = vcltq_f32(x, vdupq_n_f32(SETUN_EXP_ZERO_BELOW));
    const uint32x4_t infinite = vcgtq_f32(x, vdupq_n_f32(SETUN_EXP_INF_ABOVE));
    const float32x4_t n = vrndnq_f32(vmulq_f32(x, vdupq_n_f32(SETUN_EXP_LOG2E)));
    float32x4_t r = vfmaq_f32(x, n, vdupq_n_f32(-SETUN_EXP_LN2_HI)), p = vdupq_n_f32(SETUN_EXP_C6);
    uint32x4_t bits;

    r = vfmaq_f32(r, n, vdupq_n_f32(-SETUN_EXP_LN2_LO));
    p = vfmaq_f32(vdupq_n_f32(SETUN_EXP_C5), p, r);
    p = vfmaq_f32(vdupq_n_f32(SETUN_EXP_C4), p, r);
    p = vfmaq_f32(vdupq_n_f32(SETUN_EXP_C3), p, r);
    p = vfmaq_f32(vdupq_n_f32(SETUN_EXP_C2), p, r);
    p = vfmaq_f32(vdupq_n_f32(1.0f), p, r);
    p = vfmaq_f32(vdupq_n_f32(1.0f), p, r);
    /* Unsigned: for gcc vaddq_s32 is a + b, which must not overflow, and does where x is out of range. */
    bits = vaddq_u32(vreinterpretq_u32_f32(p), vshlq_n_u32(vreinterpretq_u32_s32(vcvtnq_s32_f32(n)), 23));
    return vbslq_f32(infinite, vdupq_n_f32(__builtin_inff()), vreinterpretq_f32_u32(vbicq_u32(bits, zero)));
}

static inline lanes lanes_exp(lanes x)
{
    return LANES1(exp_4, x);
}

/* numerics.md: quantise. q = rint(x * s) for the first n lanes, limited to -128 .. 127: every step after the product saturates. */
static inline void lanes_store_q_n(int8_t *q, lanes x, lanes s, int64_t n)
{
    const lanes scaled = lanes_mul(x, s);
    const int16x8_t low = vqmovn_high_s32(vqmovn_s32(vcvtnq_s32_f32(scaled.a)), vcvtnq_s32_f32(scaled.b));
    const int16x8_t high = vqmovn_high_s32(vqmovn_s32(vcvtnq_s32_f32(scaled.c)), vcvtnq_s32_f32(scaled.d));
    const int8x16_t bytes = vqmovn_high_s16(vqmovn_s16(low), high);

    if (n >= SETUN_LANES) {
        vst1q_s8(q, bytes);
    } else {
        int8_t whole[SETUN_LANES];

        vst1q_s8(whole, bytes);
        memcpy(q, whole, (size_t)n);
    }
}

/* Ways to load and widen stored elements. */
typedef lanes lanes_loader(const void *x);
typedef lanes lanes_loader_n(const void *x, int64_t n);

static inline float lanes_dot(const float *x, const float *w, int64_t n)
{
    lanes acc = lanes_set(0.0f);
    int64_t i = 0;

    for (; i + SETUN_LANES <= n; i += SETUN_LANES)
        acc = lanes_fma(lanes_load(x + i), lanes_load(w + i), acc);
    if (i < n)
        acc = lanes_fma_n(lanes_load_n(x + i, n - i), lanes_load_n(w + i, n - i), acc, n - i);
    return lanes_total(acc);
}
#endif
