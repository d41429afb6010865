/* definition.h - numerics.md written down a second time, as plainly as it reads there: libm's fmaf for fma, tables for conversions, no
 * code of the scalar backend. Slow and obvious. */
#ifndef SETUN_TEST_KERNELS_DEFINITION_H
#define SETUN_TEST_KERNELS_DEFINITION_H
#include <stdint.h>

float    define_f16_to_f32(uint16_t h);
uint16_t define_f32_to_f16(float x); /* finite x */
float    define_bf16_to_f32(uint16_t h);

float define_dot(const float *x, const float *w, int64_t n);
float define_exp(float x);

/* One row: q[n], returns s. */
float define_quantise(const float *x, int64_t n, int8_t *q);

/* y[n]. */
void define_rms_norm(const float *x, const float *w, int64_t n, int64_t groups, float eps, float offset, float *y);

/* t[n * k] in -1, 0, 1; w [n * k]. Returns the scale. */
float define_absmean(const float *w, int64_t n, int64_t k, int8_t *t);

/* One row and one query head over widened keys and values of positions 0 .. hi of its sequence: k, v [hi + 1][head_dim]. Positions below
 * lo are not seen. y[head_dim]. */
void define_attention(const float *q, const float *k, const float *v, int64_t lo, int64_t hi, int64_t head_dim, float scale, float *y);
#endif
