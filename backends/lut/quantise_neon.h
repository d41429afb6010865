/* quantise_neon.h - a row of f32 quantised on the way to tables. numerics.md: quantise. */
#ifndef SETUN_LUT_QUANTISE_NEON_H
#define SETUN_LUT_QUANTISE_NEON_H
#include <arm_neon.h>

#include "setun_numerics.h"
#include "tables.h"

/* The first n of 8 elements, then zeros. */
static inline void load_8(const float *x, int64_t n, float32x4_t out_x[2])
{
    float few[8] = {0};

    if (n < 8) {
        memcpy(few, x, (size_t)n * sizeof(float));
        x = few;
    }
    out_x[0] = vld1q_f32(x);
    out_x[1] = vld1q_f32(x + 4);
}

/* x[k] to q + 128, as tables_offset_row has it; returns the scale. */
static inline float quantise_offset_row(const float *x, int64_t k, int64_t columns, uint8_t *out_u)
{
    const int64_t end = (k + columns - 1) / columns * columns + 1;
    float32x4_t amax = vdupq_n_f32(SETUN_QUANT_FLOOR), part[2];
    float s;

    for (int64_t j = 0; j < k; j += 8) {
        load_8(x + j, k - j, part);
        amax = vmaxq_f32(amax, vmaxq_f32(vabsq_f32(part[0]), vabsq_f32(part[1])));
    }
    s = SETUN_QUANT_MAX / vmaxvq_f32(amax);
    for (int64_t j = 0; j < k; j += 8) {
        uint8_t eight[8];
        int16x8_t words;

        load_8(x + j, k - j, part);
        words = vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(part[0], s))), vqmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(part[1], s))));
        vst1_u8(eight, veor_u8(vreinterpret_u8_s8(vqmovn_s16(words)), vdup_n_u8(0x80)));
        memcpy(out_u + j, eight, (size_t)least(k - j, 8));
    }
    memset(out_u + k, 128, (size_t)(end - k));
    return s;
}
#endif
