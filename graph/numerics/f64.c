/* f64.c - log, exp, sin and cos in double precision from + - * / alone. numerics.md gives every step; keep both the same. */
#include "numerics/numerics.h"

#include <string.h>

static const double log_term[SETUN_F64_LOG_TERMS] = SETUN_F64_LOG;
static const double inv_factorial[SETUN_F64_INV_FACTORIAL_TERMS] = SETUN_F64_INV_FACTORIAL;

static uint64_t bits_of(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static double of_bits(uint64_t bits)
{
    double x;

    memcpy(&x, &bits, sizeof(x));
    return x;
}

/* x = 2^e * m; with s = f / (2 + f): log(1 + f) = 2s + s * w = f - s * (f - w), w being the rest of the series of 2 atanh(s). */
double setun_log64(double x)
{
    const uint64_t bits = bits_of(x);
    double e = (double)((int64_t)(bits >> 52) - 1022);
    double m = of_bits((bits & UINT64_C(0x000FFFFFFFFFFFFF)) | UINT64_C(0x3FE0000000000000)); /* 0.5 <= m < 1 */
    double f, s, z, w, t;

    if (m < SETUN_F64_SQRT_HALF) {
        m = m * 2.0;
        e = e - 1.0;
    }
    f = m - 1.0;
    s = f / (2.0 + f);
    z = s * s;
    w = log_term[SETUN_F64_LOG_TERMS - 1];
    for (int k = SETUN_F64_LOG_TERMS - 2; k >= 0; k--)
        w = log_term[k] + z * w;
    w = z * w;
    t = s * (f - w) - e * SETUN_F64_LN2_LO;
    return e * SETUN_F64_LN2_HI - (t - f);
}

static double nearest_integer(double x)
{
    return (x + SETUN_F64_ROUND) - SETUN_F64_ROUND;
}

double setun_exp64(double x)
{
    const double n = nearest_integer(x * SETUN_F64_LOG2E);
    const double r = (x - n * SETUN_F64_LN2_HI) - n * SETUN_F64_LN2_LO;
    double p = inv_factorial[13];

    for (int k = 12; k >= 2; k--)
        p = inv_factorial[k] + r * p;
    p = 1.0 + (r + (r * r) * p);
    return p * of_bits((uint64_t)((int64_t)n + 1023) << 52);
}

/* r = x - k * pi / 2, |r| <= pi / 4. Returns k mod 4. */
static int reduce(double x, double *out_r)
{
    const double k = nearest_integer(x * SETUN_F64_TWO_OVER_PI);

    *out_r = ((x - k * SETUN_F64_PIO2_1) - k * SETUN_F64_PIO2_2) - k * SETUN_F64_PIO2_3;
    return (int)((int64_t)k & 3);
}

static double sin_series(double r)
{
    const double z = r * r;
    double p = inv_factorial[17];

    for (int k = 15; k >= 3; k -= 2)
        p = inv_factorial[k] - z * p;
    return r - (r * z) * p;
}

static double cos_series(double r)
{
    const double z = r * r;
    double p = inv_factorial[16];

    for (int k = 14; k >= 2; k -= 2)
        p = inv_factorial[k] - z * p;
    return 1.0 - z * p;
}

/* sin of r plus a number of quarter turns, 0 .. 3. */
static double sin_turned(double r, int quarters)
{
    const double y = (quarters & 1) ? cos_series(r) : sin_series(r);

    return (quarters & 2) ? -y : y;
}

double setun_sin64(double x)
{
    double r;
    const int quarters = reduce(x, &r);

    return sin_turned(r, quarters);
}

double setun_cos64(double x)
{
    double r;
    const int quarters = reduce(x, &r);

    return sin_turned(r, (quarters + 1) & 3);
}
