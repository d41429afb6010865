/* widen.h - weights in blocks, converted to f32: code * scale. */
#ifndef SETUN_NEON_WIDEN_H
#define SETUN_NEON_WIDEN_H
#include "lanes.h"

/* An f16 at any address. */
static inline float widen_f16(const uint8_t *at)
{
    uint16_t bits;

    memcpy(&bits, at, sizeof(bits));
    return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(bits))), 0);
}

static inline lanes widen_codes(int8x16_t codes, float scale)
{
    const int16x8_t low = vmovl_s8(vget_low_s8(codes)), high = vmovl_high_s8(codes);
    const lanes wide = {vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)),
                        vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_high_s16(high))};

    return lanes_mul(lanes_set(scale), wide);
}
#endif
