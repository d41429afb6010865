/* tables14_neon.h - i8.t14 (formats.md): a table of 14 sums in two bytes each, sum = 25 * high + low. */
#ifndef SETUN_LUT_TABLES14_NEON_H
#define SETUN_LUT_TABLES14_NEON_H
#include <arm_neon.h>

#include "tables14.h"

#define T14_16(power) \
    T14_D(0, power), T14_D(1, power), T14_D(2, power), T14_D(3, power), T14_D(4, power), T14_D(5, power), T14_D(6, power), T14_D(7, power), \
    T14_D(8, power), T14_D(9, power), T14_D(10, power), T14_D(11, power), T14_D(12, power), T14_D(13, power), T14_D(14, power), T14_D(15, power)
static const int8_t t14_digits[3][16] = {{T14_16(1)}, {T14_16(3)}, {T14_16(9)}};

/* Eight entries: the sums of q[3] with these digits, in two bytes. */
static inline void t14_split(int16x8_t sum, int8x8_t *out_low, int8x8_t *out_high)
{
    /* floor((sum + 12) / 25): sum + 412 is within 28 .. 796, where twice the product with 1311, over 65536, gives the quotient exactly. */
    const int16x8_t high = vsubq_s16(vqdmulhq_n_s16(vaddq_s16(sum, vdupq_n_s16(412)), 1311), vdupq_n_s16(16));

    *out_high = vmovn_s16(high);
    *out_low = vmovn_s16(vmlsq_n_s16(sum, high, 25));
}

/* u: q + 128 of the columns of whole blocks. */
static inline void t14_make(const uint8_t *u, int64_t k, uint8_t *out_tables)
{
    const int8x16_t d0 = vld1q_s8(t14_digits[0]), d1 = vld1q_s8(t14_digits[1]), d2 = vld1q_s8(t14_digits[2]);
    const int64_t n = (k + T14_COLUMNS - 1) / T14_COLUMNS * 8;

    for (int64_t s = 0; s < n; s++, u += 3) {
        const int8x8_t q0 = vdup_n_s8((int8_t)(u[0] - 128)), q1 = vdup_n_s8((int8_t)(u[1] - 128)), q2 = vdup_n_s8((int8_t)(u[2] - 128));
        int8_t *to = (int8_t *)out_tables + s / 2 * T14_PAIR_BYTES + s % 2 * 16;
        int8x8_t low[2], high[2];

        t14_split(vmlal_s8(vmlal_s8(vmull_s8(vget_low_s8(d0), q0), vget_low_s8(d1), q1), vget_low_s8(d2), q2), &low[0], &high[0]);
        t14_split(vmlal_s8(vmlal_s8(vmull_s8(vget_high_s8(d0), q0), vget_high_s8(d1), q1), vget_high_s8(d2), q2), &low[1], &high[1]);
        vst1q_s8(to, vcombine_s8(low[0], low[1]));
        vst1q_s8(to + 32, vcombine_s8(high[0], high[1]));
    }
}
#endif
