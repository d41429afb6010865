/* small_float.h - f16 and bf16 to f32, exactly, and back, to the nearest. Internal to graph. */
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

/* To the nearest bf16, ties to even; the value is no NaN. */
static inline uint16_t setun_bf16_of_f32(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* To the nearest f16, ties to even, infinite from 65520 on; the value is no NaN. */
static inline uint16_t setun_f16_of_f32(float value)
{
    uint32_t bits, sign, magnitude;

    memcpy(&bits, &value, sizeof(bits));
    sign = bits >> 16 & 0x8000;
    magnitude = bits & 0x7fffffff;
    if (magnitude >= 0x477ff000) /* 65520 */
        return (uint16_t)(sign | 0x7c00);
    if (magnitude < 0x38800000) { /* below 2^-14: a multiple of 2^-24, which the addition rounds to */
        const float shifted = fabsf(value) + 0.5f;
        uint32_t low;

        memcpy(&low, &shifted, sizeof(low));
        return (uint16_t)(sign | (low - 0x3f000000));
    }
    magnitude += 0xfff + (magnitude >> 13 & 1);
    return (uint16_t)(sign | ((magnitude - 0x38000000) >> 13));
}
#endif
