/* screen7.h - where i7.r256k32 has what of a row (formats.md), and how much the activations add up to, for the kernels of screen and rescreen that
 * read or write it. */
#ifndef SETUN_NEON_SCREEN7_H
#define SETUN_NEON_SCREEN7_H
#include "screen.h"

#define BAND_ROWS 256
#define BLOCK_COLUMNS 32
#define BLOCK_BYTES 320 /* of 16 rows by 32 columns: 64 of fifth bits of u, 256 of low bits */
#define LOW_BITS 64

/* Bytes of the upper bits of 16 rows of k columns, and of the lower bits of one row. */
static inline int64_t upper_bytes(int64_t k)
{
    return (k + BLOCK_COLUMNS - 1) / BLOCK_COLUMNS * BLOCK_BYTES;
}

static inline int64_t lower_bytes(int64_t k)
{
    return (k + 255) / 256 * 64;
}

static inline int64_t band_byte(int64_t k, int64_t band)
{
    return band * (BAND_ROWS / SCREEN_GROUP * upper_bytes(k) + BAND_ROWS * lower_bytes(k));
}

/* Rows of a band of w[n, k], and its groups of 16. */
static inline int64_t band_rows(int64_t n, int64_t band)
{
    return least(BAND_ROWS, n - BAND_ROWS * band);
}

static inline int64_t band_groups(int64_t n, int64_t band)
{
    return (band_rows(n, band) + SCREEN_GROUP - 1) / SCREEN_GROUP;
}

/* Where the upper bits of group `group` of a band begin. */
static inline int64_t upper_byte(int64_t k, int64_t band, int64_t group)
{
    return band_byte(k, band) + group * upper_bytes(k);
}

/* Where the lower bits of a row of w[n, k] begin. */
static inline int64_t lower_byte(int64_t n, int64_t k, int64_t row)
{
    const int64_t band = row / BAND_ROWS;

    return upper_byte(k, band, band_groups(n, band)) + row % BAND_ROWS * lower_bytes(k);
}

/* Bytes of one half of a row of x, with padding of zeros. */
static inline int64_t half_bytes(int64_t k)
{
    return (k + 63) / 64 * 64;
}

/* The sum of n int8, n a multiple of 16: codes are taken as they are stored, without sign, and what that is too much is a multiple of it. */
static inline int32_t total_of(const int8_t *x, int64_t n)
{
    int32_t sum = 0;

    for (int64_t i = 0; i < n; i += 16)
        sum += vaddlvq_s8(vld1q_s8(x + i));
    return sum;
}
#endif
