/* neon.h - what the NEON kernels of this backend share. */
#ifndef SETUN_LUT_NEON_H
#define SETUN_LUT_NEON_H
#include <arm_neon.h>
#include <string.h>

#include "rows.h"

/* Costs for one weight are estimates, as no AArch64 CPU was at hand: 12.5 GB/s from memory; at 3 GHz, cycles for 64 weights, with SDOT two vector
 * instructions a cycle, as in backends/neon, without it those of llvm-mca's cortex-a72, where tern2.r16k16 takes 8.0. So the planner does not
 * prefer to multiplications what nobody has timed; `setun kernels tune` puts measured times in their place. */
#define LUT_NEON_READ_NS(bits) (0.08 / 8 * (bits))
#define LUT_NEON_NS(cycles)    ((cycles) / 3.0 / 64)

/* The sum of a row of q; its padding to 64 bytes is zero. */
static inline int32_t sum_of_row(const setun_call *call, int64_t i)
{
    const int8_t *q = in_row(call, 0, i);
    int32_t sum = 0;

    for (int64_t c = 0; c < call->in[0].dim[1]; c += 16)
        sum += vaddlvq_s8(vld1q_s8(q + c));
    return sum;
}

/* y of row i and four rows of w from row j on, of those that there are. */
static inline void store_4(const setun_call *call, int64_t i, int64_t j, int32x4_t dot)
{
    const int64_t n = least(call->in[2].dim[0] - j, 4);
    float32x4_t scale = vdupq_n_f32(0.0f), y;
    float *out = (float *)out_row(call, 0, i) + j;

    if (n <= 0)
        return;
    if (n == 4) {
        scale = vld1q_f32((const float *)call->in[3].data + j);
    } else {
        float few[4] = {0};

        memcpy(few, (const float *)call->in[3].data + j, (size_t)n * sizeof(float));
        scale = vld1q_f32(few);
    }
    y = vmulq_f32(vcvtq_f32_s32(dot), vdivq_f32(scale, vdupq_n_f32(((const float *)call->in[1].data)[i])));
    if (n == 4) {
        vst1q_f32(out, y);
    } else {
        float few[4];

        vst1q_f32(few, y);
        memcpy(out, few, (size_t)n * sizeof(float));
    }
}
#endif
