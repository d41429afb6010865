/* exp32.c - numerics.md: exp32, for the host's sampler. Backends have their own copy: they share no code with the host. */
#include "numerics/numerics.h"

#include <math.h>
#include <string.h>

float setun_exp32(float x)
{
    float n, r, p;
    uint32_t bits;

    if (x < SETUN_EXP_ZERO_BELOW)
        return 0.0f;
    if (x > SETUN_EXP_INF_ABOVE)
        return INFINITY;
    if (isnan(x))
        return x;
    n = rintf(x * SETUN_EXP_LOG2E);
    r = fmaf(n, -SETUN_EXP_LN2_HI, x);
    r = fmaf(n, -SETUN_EXP_LN2_LO, r);
    p = SETUN_EXP_C6;
    p = fmaf(p, r, SETUN_EXP_C5);
    p = fmaf(p, r, SETUN_EXP_C4);
    p = fmaf(p, r, SETUN_EXP_C3);
    p = fmaf(p, r, SETUN_EXP_C2);
    p = fmaf(p, r, 1.0f);
    p = fmaf(p, r, 1.0f);
    memcpy(&bits, &p, sizeof(bits));
    bits += (uint32_t)(int32_t)n << 23; /* times 2^n */
    memcpy(&p, &bits, sizeof(p));
    return p;
}
