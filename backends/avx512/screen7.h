/* screen7.h - where i7.r256k32 has what of a row (formats.md), for the kernels of screen and rescreen that read or write it. */
#ifndef SETUN_AVX512_SCREEN7_H
#define SETUN_AVX512_SCREEN7_H
#include <string.h>

#include "lanes.h"

#define GROUP 16
#define BAND 256
#define UPPER_BLOCK 320 /* bytes of 16 rows by 32 columns: a register with eight times one bit a byte, four with two times four */
#define LOWER_BLOCK 64  /* bytes of a row by 256 columns */

static inline int64_t upper_bytes(int64_t k)
{
    return (k + 31) / 32 * UPPER_BLOCK;
}

static inline int64_t lower_bytes(int64_t k)
{
    return (k + 255) / 256 * LOWER_BLOCK;
}

static inline int64_t band_byte(int64_t k, int64_t band)
{
    return band * (BAND / GROUP * upper_bytes(k) + BAND * lower_bytes(k));
}

static inline int64_t band_rows(int64_t n, int64_t band)
{
    return least(BAND, n - BAND * band);
}

/* Where the lower bits of a row of w[n, k] begin. */
static inline int64_t lower_byte(int64_t n, int64_t k, int64_t row)
{
    const int64_t band = row / BAND;

    return band_byte(k, band) + (band_rows(n, band) + GROUP - 1) / GROUP * upper_bytes(k) + row % BAND * lower_bytes(k);
}
#endif
