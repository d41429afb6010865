/* screen.h - what the kernels around the op screen share: norms in f64, and rounding a row to codes. numerics.md: screen. */
#ifndef SETUN_SCALAR_SCREEN_H
#define SETUN_SCALAR_SCREEN_H
#include "scalar.h"

/* f64 lanes, totalled as lanes of f32 are. */
static inline double screen_total(double lane[SETUN_LANES])
{
    for (int half = SETUN_LANES / 2; half >= 1; half /= 2)
        for (int j = 0; j < half; j++)
            lane[j] = lane[j] + lane[j + half];
    return lane[0];
}

static inline float screen_up(double v)
{
    return (float)(v * (1.0 + SETUN_SCREEN_SLACK) + SETUN_SCREEN_FLOOR);
}

static inline float screen_amax(const float *v, int64_t k)
{
    float amax = 0.0f;

    for (int64_t j = 0; j < k; j++)
        amax = fabsf(v[j]) > amax ? fabsf(v[j]) : amax;
    return amax;
}

/* The codes of a row v[k], as whole floats, and the norms of the row and of what rounding left of it. A NaN gets some code; the norms are
 * NaN then. */
static inline float screen_round(const float *v, int64_t k, float code_max, float *out_code, double *out_size, double *out_rest)
{
    const float amax = screen_amax(v, k), step = amax / code_max, inverse = amax < SETUN_SCREEN_LEAST ? 0.0f : code_max / amax;
    double size[SETUN_LANES] = {0}, rest[SETUN_LANES] = {0};

    for (int64_t j = 0; j < k; j++) {
        const float c = rintf(v[j] * inverse);

        out_code[j] = c >= -code_max ? (c <= code_max ? c : code_max) : -code_max;
    }
    for (int64_t j = 0; j < k; j += SETUN_LANES) {
        const int64_t n = k - j < SETUN_LANES ? k - j : SETUN_LANES;

        for (int64_t i = 0; i < n; i++) {
            const double x = (double)v[j + i], r = x - (double)step * (double)out_code[j + i];

            size[i] = size[i] + x * x;
            rest[i] = rest[i] + r * r;
        }
    }
    *out_size = sqrt(screen_total(size));
    *out_rest = sqrt(screen_total(rest));
    return step;
}

/* Byte of i8.r16k4 where row `row`, column `column` (a multiple of 4) starts. */
static inline int64_t screen_byte(int64_t k, int64_t row, int64_t column)
{
    return (row / 16 * ((k + 3) / 4) + column / 4) * 64 + row % 16 * 4;
}
#endif
