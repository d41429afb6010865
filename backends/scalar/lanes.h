/* lanes.h - fma, dot and sum of numerics.md, without a fused instruction.
 *
 * This backend must run on CPUs without FMA, where libm's fmaf() takes tens of nanoseconds, and is a call that stops vectorisation where
 * the instruction exists. Two f32 multiply exactly in f64, so only the sum p + c is inexact, and rounding it twice (to f64, to f32) is
 * wrong only if the first rounding was inexact and ended on a tie of the second. fma_lanes() goes the short way unless that happened,
 * else fma_exact(), which rounds the sum to odd first: then the second rounding sees on which side of the tie it was.
 * Measured on Zen 4 with gcc 12, dot of 256, ns an element: libm's fmaf 2.6 (with the instruction), fma_exact 2.0, fma_lanes 1.0. */
#ifndef SETUN_SCALAR_LANES_H
#define SETUN_SCALAR_LANES_H
#include "scalar.h"

/* a * b + c, rounded once. */
static inline float fma_exact(float a, float b, float c)
{
    const double p = (double)a * (double)b, d = (double)c, s = p + d;
    const double t = s - p, error = (p - (s - t)) + (d - t); /* two-sum: s + error is p + d exactly; NaN if s is infinite */
    const uint64_t inexact = (uint64_t)0 - (uint64_t)((error > 0) | (error < 0));
    uint64_t bits = f64_bits(s);
    const uint64_t too_far = (uint64_t)0 - ((f64_bits(error) ^ bits) >> 63); /* all ones: |s| was rounded up */

    bits = (bits + (too_far & inexact)) | (inexact & 1); /* towards zero, then the last bit set */
    return (float)f64_of_bits(bits);
}

static inline void fma_lanes_exact(const float *a, const float *b, float *acc)
{
    for (int i = 0; i < SETUN_LANES; i++)
        acc[i] = fma_exact(a[i], b[i], acc[i]);
}

/* The compiler's own vector types, of the 16 bytes that every 64-bit CPU has: gcc 12 does not find the vectors by itself. */
typedef double pair __attribute__((vector_size(16)));
typedef uint64_t pair_bits __attribute__((vector_size(16)));

static inline pair pair_of(const float *x)
{
    return (pair){(double)x[0], (double)x[1]};
}

/* acc[i] = fma(a[i], b[i], acc[i]) for 16 lanes. */
static inline void fma_lanes(const float *a, const float *b, float *acc)
{
    float result[SETUN_LANES];
    pair_bits doubt = {0, 0};

#pragma GCC unroll 8
    for (int i = 0; i < SETUN_LANES; i += 2) {
        const pair c = pair_of(acc + i), p = pair_of(a + i) * pair_of(b + i), s = p + c;
        /* s minus the larger of its terms is exact, so where s is not p + c, one of these does not give the other term back. */
        const pair_bits inexact = (pair_bits)(s - p != c) | (pair_bits)(s - c != p);
        const pair_bits bits = (pair_bits)s;
        /* Top bit: the 29 bits that f32 has no room for are exactly a half; or |s| < 2^-125, where f32's grid is coarser. */
        const pair_bits tie = ((bits & 0x1FFFFFFF) ^ 0x10000000) - 1;
        const pair_bits tiny = (bits & UINT64_C(0x7FFFFFFFFFFFFFFF)) - UINT64_C(0x3820000000000000);

        result[i] = (float)s[0];
        result[i + 1] = (float)s[1];
        doubt |= inexact & (tie | tiny);
    }
    if (((doubt[0] | doubt[1]) >> 63) != 0)
        fma_lanes_exact(a, b, acc);
    else
        memcpy(acc, result, sizeof(result));
}

/* Lanes j and j + 8, then + 4, + 2, + 1. */
static inline float lanes_total(const float *lane)
{
    float t[SETUN_LANES];

    memcpy(t, lane, sizeof(t));
    for (int half = SETUN_LANES / 2; half >= 1; half /= 2)
        for (int j = 0; j < half; j++)
            t[j] = t[j] + t[j + half];
    return t[0];
}

static inline float dot(const float *x, const float *w, int64_t n)
{
    float lane[SETUN_LANES] = {0};
    int64_t i = 0;

    for (; i + SETUN_LANES <= n; i += SETUN_LANES)
        fma_lanes(x + i, w + i, lane);
    for (int64_t j = 0; i + j < n; j++)
        lane[j] = fma_exact(x[i + j], w[i + j], lane[j]);
    return lanes_total(lane);
}

/* acc[i] = fma(a, b[i], acc[i]), i < n. */
static inline void fma_scaled(float a, const float *b, float *acc, int64_t n)
{
    float copies[SETUN_LANES];
    int64_t i = 0;

    for (int j = 0; j < SETUN_LANES; j++)
        copies[j] = a;
    for (; i + SETUN_LANES <= n; i += SETUN_LANES)
        fma_lanes(copies, b + i, acc + i);
    for (; i < n; i++)
        acc[i] = fma_exact(a, b[i], acc[i]);
}
#endif
