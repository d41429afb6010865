/* turn.h - keys of 4 positions turned, so that the lanes of a register are positions. */
#ifndef SETUN_NEON_TURN_H
#define SETUN_NEON_TURN_H
#include "lanes.h"

#define TURN_ROWS 4
#define TURN_DIMS 8

/* Turns 4 rows of 8 stored elements, stride_bytes apart: lane j of out[d] is element d of row j, widened. */
typedef void rows_turner(const char *x, int64_t stride_bytes, float32x4_t out[TURN_DIMS]);

ALWAYS_INLINE float32x4_t turn_load(const char *x)
{
    return vld1q_f32((const void *)x);
}

/* Pairs of 64 bits: the low or the high ones of x and y. */
ALWAYS_INLINE float32x4_t turn_low(float32x4_t x, float32x4_t y)
{
    return vreinterpretq_f32_f64(vzip1q_f64(vreinterpretq_f64_f32(x), vreinterpretq_f64_f32(y)));
}

ALWAYS_INLINE float32x4_t turn_high(float32x4_t x, float32x4_t y)
{
    return vreinterpretq_f32_f64(vzip2q_f64(vreinterpretq_f64_f32(x), vreinterpretq_f64_f32(y)));
}

ALWAYS_INLINE void turn_f32(const char *x, int64_t stride_bytes, float32x4_t out[TURN_DIMS])
{
UNROLL(2)
    for (int d = 0; d < TURN_DIMS; d += 4, x += 4 * sizeof(float)) {
        const float32x4_t row0 = turn_load(x), row1 = turn_load(x + stride_bytes), row2 = turn_load(x + 2 * stride_bytes),
                          row3 = turn_load(x + 3 * stride_bytes);
        const float32x4_t even01 = vtrn1q_f32(row0, row1), odd01 = vtrn2q_f32(row0, row1), even23 = vtrn1q_f32(row2, row3),
                          odd23 = vtrn2q_f32(row2, row3);

        out[d] = turn_low(even01, even23);
        out[d + 1] = turn_low(odd01, odd23);
        out[d + 2] = turn_high(even01, even23);
        out[d + 3] = turn_high(odd01, odd23);
    }
}

/* Turned while they are 16 bits wide: elements d and d + 4 of all four rows are the halves of a register then. */
ALWAYS_INLINE void turn_f16(const char *x, int64_t stride_bytes, float32x4_t out[TURN_DIMS])
{
    const uint16x8_t row0 = vld1q_u16((const void *)x), row1 = vld1q_u16((const void *)(x + stride_bytes)),
                     row2 = vld1q_u16((const void *)(x + 2 * stride_bytes)), row3 = vld1q_u16((const void *)(x + 3 * stride_bytes));
    const uint32x4_t even01 = vreinterpretq_u32_u16(vtrn1q_u16(row0, row1)), odd01 = vreinterpretq_u32_u16(vtrn2q_u16(row0, row1)),
                     even23 = vreinterpretq_u32_u16(vtrn1q_u16(row2, row3)), odd23 = vreinterpretq_u32_u16(vtrn2q_u16(row2, row3));
    const float16x8_t dims04 = vreinterpretq_f16_u32(vtrn1q_u32(even01, even23)),
                      dims15 = vreinterpretq_f16_u32(vtrn1q_u32(odd01, odd23)),
                      dims26 = vreinterpretq_f16_u32(vtrn2q_u32(even01, even23)),
                      dims37 = vreinterpretq_f16_u32(vtrn2q_u32(odd01, odd23));

    out[0] = vcvt_f32_f16(vget_low_f16(dims04));
    out[1] = vcvt_f32_f16(vget_low_f16(dims15));
    out[2] = vcvt_f32_f16(vget_low_f16(dims26));
    out[3] = vcvt_f32_f16(vget_low_f16(dims37));
    out[4] = vcvt_high_f32_f16(dims04);
    out[5] = vcvt_high_f32_f16(dims15);
    out[6] = vcvt_high_f32_f16(dims26);
    out[7] = vcvt_high_f32_f16(dims37);
}

/* The same where rows have only n_dims < 8 elements left; the others are +0. */
ALWAYS_INLINE void turn_last(const char *x, int64_t stride_bytes, int64_t n_dims, int64_t element_bytes, rows_turner *turn,
                             float32x4_t out[TURN_DIMS])
{
    float whole[TURN_ROWS * TURN_DIMS] = {0}; /* room for the widest elements */
    const int64_t row_bytes = TURN_DIMS * element_bytes;

    for (int i = 0; i < TURN_ROWS; i++)
        memcpy((char *)whole + i * row_bytes, x + i * stride_bytes, (size_t)(n_dims * element_bytes));
    turn((const char *)whole, row_bytes, out);
}
#endif
