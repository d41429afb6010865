/* ternary.h - rows of tern2.row (formats.md): four codes a byte, code c = 0, 1, 2 is weight c - 1, rows padded to 64 bytes with code 1. */
#ifndef SETUN_SCALAR_TERNARY_H
#define SETUN_SCALAR_TERNARY_H
#include <string.h>

#include "scalar.h"

static inline size_t ternary_row_bytes(int64_t k)
{
    return (((size_t)k + 3) / 4 + 63) / 64 * 64;
}

/* All codes, padding included, become 1: weight 0. */
static inline void ternary_clear_row(uint8_t *codes, int64_t k)
{
    memset(codes, 0x55, ternary_row_bytes(k));
}

/* Sets code i of a cleared row. */
static inline void ternary_set(uint8_t *codes, int64_t i, unsigned code)
{
    codes[i / 4] = (uint8_t)(codes[i / 4] ^ (1u ^ code) << (2 * (i % 4)));
}

/* The block of 16 rows by 16 columns of tern2.r16k16[n, k] that holds row r, column c; see ternary_block_put(). */
static inline size_t ternary_block(int64_t k, int64_t r, int64_t c)
{
    return ((size_t)(r / 16) * (((size_t)k + 15) / 16) + (size_t)(c / 16)) * 64;
}

/* Code r, c (both below 16) of a block whose codes are all 1. */
static inline void ternary_block_put(uint8_t *block, int64_t r, int64_t c, unsigned code)
{
    uint8_t *byte = block + 4 * r + c % 4;

    *byte = (uint8_t)(*byte ^ (1u ^ code) << (2 * (c / 4)));
}

static inline unsigned ternary_block_get(const uint8_t *block, int64_t r, int64_t c)
{
    return (unsigned)block[4 * r + c % 4] >> (2 * (c / 4)) & 3;
}
#endif
