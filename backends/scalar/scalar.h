/* scalar.h - what the kernels of this backend share: rows of tensors, bits, conversions, plan() helpers. numerics.md defines it all. */
#ifndef SETUN_SCALAR_H
#define SETUN_SCALAR_H
#include <math.h>
#include <string.h>

#include "setun_numerics.h"
#include "setun_plugin.h"

static inline const void *in_row(const setun_call *call, uint32_t operand, int64_t row)
{
    return (const char *)call->in[operand].data + row * call->in[operand].stride_bytes[0];
}

static inline void *out_row(const setun_call *call, uint32_t operand, int64_t row)
{
    return (char *)call->out[operand].data + row * call->out[operand].stride_bytes[0];
}

static inline uint32_t f32_bits(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static inline float f32_of_bits(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof(x));
    return x;
}

static inline uint64_t f64_bits(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static inline double f64_of_bits(uint64_t bits)
{
    double x;

    memcpy(&x, &bits, sizeof(x));
    return x;
}

static inline float bf16_to_f32(uint16_t h)
{
    return f32_of_bits((uint32_t)h << 16);
}

/* Exponent and mantissa move to their f32 places; the product mends the bias and is exact, also where h is subnormal. */
static inline float f16_to_f32(uint16_t h)
{
    const uint32_t magnitude = (uint32_t)(h & 0x7FFF) << 13;
    const uint32_t bits = f32_bits(f32_of_bits(magnitude) * 0x1p112f);
    const uint32_t special = (uint32_t)0 - (uint32_t)(magnitude >= 0x0F800000); /* infinity and NaN keep the largest exponent */

    return f32_of_bits(bits | (special & 0x7F800000) | (uint32_t)(h & 0x8000) << 16);
}

/* Round to nearest even; 65520 and more become infinity. */
static inline uint16_t f32_to_f16(float x)
{
    const uint32_t bits = f32_bits(x), sign = (bits >> 16) & 0x8000;
    uint32_t magnitude = bits & 0x7FFFFFFF;

    if (magnitude >= 0x47800000) /* 65536 */
        return (uint16_t)(sign | (magnitude > 0x7F800000 ? 0x7E00 : 0x7C00));
    if (magnitude < 0x38800000) /* 2^-14: the result is subnormal, in steps of 2^-24, which is the last bit of 0.5 */
        return (uint16_t)(sign | (f32_bits(f32_of_bits(magnitude) + 0.5f) - 0x3F000000));
    magnitude += 0x0FFF + ((magnitude >> 13) & 1);
    return (uint16_t)(sign | (magnitude - 0x38000000) >> 13);
}

/* Widens n stored elements to f32. */
typedef void widen(const void *from, int64_t n, float *out);

static inline void widen_f32(const void *from, int64_t n, float *out)
{
    memcpy(out, from, (size_t)n * sizeof(float));
}

static inline void widen_f16(const void *from, int64_t n, float *out)
{
    const uint16_t *h = from;

    for (int64_t i = 0; i < n; i++)
        out[i] = f16_to_f32(h[i]);
}

static inline void widen_bf16(const void *from, int64_t n, float *out)
{
    const uint16_t *h = from;

    for (int64_t i = 0; i < n; i++)
        out[i] = bf16_to_f32(h[i]);
}

/* x[k] to q[k]; returns the scale. numerics.md: quantise. */
static inline float quantise_row(const float *x, int64_t k, int8_t *out_q)
{
    float amax = SETUN_QUANT_FLOOR, s;

    for (int64_t j = 0; j < k; j++)
        amax = fabsf(x[j]) > amax ? fabsf(x[j]) : amax;
    s = SETUN_QUANT_MAX / amax;
    for (int64_t j = 0; j < k; j++) {
        const float r = rintf(x[j] * s);

        out_q[j] = (int8_t)(r >= 127.0f ? 127.0f : r >= -128.0f ? r : -128.0f);
    }
    return s;
}

/* One phase, no scratch. */
static inline setun_status plan_simple(double cost_ns, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 1;
    out_plan->cost_ns = cost_ns;
    return SETUN_OK;
}

/* One unit is one row of the first output, or of the first input. */
static inline int64_t units_out_rows(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->out[0].dim[0];
}

static inline int64_t units_in_rows(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->in[0].dim[0];
}
#endif
