/* screen7.h - where i7.r256k32 has what of a row (formats.md), for the kernels of screen and rescreen that read or write it. */
#ifndef SETUN_SCALAR_SCREEN7_H
#define SETUN_SCALAR_SCREEN7_H
#include "screen.h"

#define BAND_ROWS 256

/* Bytes of the upper bits of 16 rows of k columns, and of the lower bits of one row. */
static inline int64_t upper_bytes(int64_t k)
{
    return (k + 31) / 32 * 320;
}

static inline int64_t lower_bytes(int64_t k)
{
    return (k + 255) / 256 * 64;
}

static inline int64_t band_byte(int64_t k, int64_t band)
{
    return band * (BAND_ROWS / 16 * upper_bytes(k) + BAND_ROWS * lower_bytes(k));
}

/* Rows of a band of w[n, k]. */
static inline int64_t band_rows(int64_t n, int64_t band)
{
    return n - BAND_ROWS * band < BAND_ROWS ? n - BAND_ROWS * band : BAND_ROWS;
}

/* Where the lower bits of a row of w[n, k] begin. */
static inline int64_t lower_byte(int64_t n, int64_t k, int64_t row)
{
    const int64_t band = row / BAND_ROWS;

    return band_byte(k, band) + (band_rows(n, band) + 15) / 16 * upper_bytes(k) + row % BAND_ROWS * lower_bytes(k);
}

/* Where the upper bits of a group of 16 rows begin. */
static inline int64_t upper_byte(int64_t k, int64_t group)
{
    return band_byte(k, group / (BAND_ROWS / 16)) + group % (BAND_ROWS / 16) * upper_bytes(k);
}

/* The lower two bits of column c of a row. */
static inline int lower_bits(const uint8_t *row, int64_t c)
{
    return row[c / 256 * 64 + c % 64] >> (c % 256 / 64 * 2) & 3;
}
#endif
