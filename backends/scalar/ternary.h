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

/* The block of 16 rows by 16 columns of tern2.r16k16[n, k] that holds row r, column c; see ternary_block_put_row(). */
static inline size_t ternary_block(int64_t k, int64_t r, int64_t c)
{
    return ((size_t)(r / 16) * (((size_t)k + 15) / 16) + (size_t)(c / 16)) * 64;
}

/* Words are four bytes side by side: their order in a register does not matter, because no bit crosses from byte to byte. */
static inline uint32_t word_of(const uint8_t *bytes)
{
    uint32_t word;

    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* codes[16] of row r, 0 .. 15, of a block. */
static inline void ternary_block_put_row(uint8_t *block, int64_t r, const uint8_t *codes)
{
    const uint32_t word = word_of(codes) | word_of(codes + 4) << 2 | word_of(codes + 8) << 4 | word_of(codes + 12) << 6;

    memcpy(block + 4 * r, &word, sizeof(word));
}

static inline unsigned ternary_block_get(const uint8_t *block, int64_t r, int64_t c)
{
    return (unsigned)block[4 * r + c % 4] >> (2 * (c / 4)) & 3;
}
#endif
