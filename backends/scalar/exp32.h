/* exp32.h - exp in single precision, numerics.md. */
#ifndef SETUN_SCALAR_EXP32_H
#define SETUN_SCALAR_EXP32_H
#include "lanes.h"

static inline float exp32(float x)
{
    if (x < SETUN_EXP_ZERO_BELOW)
        return 0.0f;
    if (x > SETUN_EXP_INF_ABOVE)
        return INFINITY;
    if (x != x)
        return x;

    const float n = rintf(x * SETUN_EXP_LOG2E);
    float r = fma_exact(n, -SETUN_EXP_LN2_HI, x);
    float p = SETUN_EXP_C6;

    r = fma_exact(n, -SETUN_EXP_LN2_LO, r);
    p = fma_exact(p, r, SETUN_EXP_C5);
    p = fma_exact(p, r, SETUN_EXP_C4);
    p = fma_exact(p, r, SETUN_EXP_C3);
    p = fma_exact(p, r, SETUN_EXP_C2);
    p = fma_exact(p, r, 1.0f);
    p = fma_exact(p, r, 1.0f);
    return f32_of_bits(f32_bits(p) + ((uint32_t)(int32_t)n << 23)); /* times 2^n */
}
#endif
