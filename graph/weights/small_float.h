/* small_float.h - f16 and bf16 to f32, exactly. Internal to graph/weights. */
#ifndef SETUN_SMALL_FLOAT_H
#define SETUN_SMALL_FLOAT_H
#include <math.h>
#include <stdint.h>
#include <string.h>

/* bf16 is the upper half of an f32. */
static inline float setun_f32_of_bf16(uint16_t bits)
{
    const uint32_t wide = (uint32_t)bits << 16;
    float value;

    memcpy(&value, &wide, sizeof(value));
    return value;
}

/* f16: sign, 5 bits of exponent with bias 15, 10 bits of fraction. */
static inline float setun_f32_of_f16(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float value;

    if (exponent == 31)
        value = fraction == 0 ? INFINITY : NAN;
    else if (exponent == 0)
        value = ldexpf((float)fraction, -24);
    else
        value = ldexpf((float)(fraction + 1024), exponent - 25);
    return bits >> 15 != 0 ? -value : value;
}
#endif
