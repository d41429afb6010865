/* ternary27.h - tern27.r64k48 (formats.md): blocks of 64 rows by 48 columns in 640 bytes, three weights in each code of five bits, three codes and a
 * bit of a sixteenth in each word of 16 bits. */
#ifndef SETUN_SCALAR_TERNARY27_H
#define SETUN_SCALAR_TERNARY27_H
#include "ternary_groups.h"

enum { TERNARY27_LINES = 5, TERNARY27_LINE = 64 };

/* Word j of row r: little-endian bytes. */
static inline uint8_t *ternary27_word(uint8_t *block, int64_t r, int64_t j)
{
    return block + (2 * j + r / 32) * TERNARY27_LINE + 2 * (r % 32);
}

static inline void ternary27_put(const uint8_t *codes, int64_t r, uint8_t *block)
{
    const unsigned last = ternary_number3(codes + 45, 1);

    for (int64_t j = 0; j < TERNARY27_LINES; j++) {
        const unsigned word = ternary_number3(codes + 9 * j, 1) | ternary_number3(codes + 9 * j + 3, 1) << 5 |
                              ternary_number3(codes + 9 * j + 6, 1) << 10 | (last >> (4 - j) & 1) << 15;
        uint8_t *at = ternary27_word(block, r, j);

        at[0] = (uint8_t)(word & 0xFF);
        at[1] = (uint8_t)(word >> 8);
    }
}

static inline void ternary27_get(const uint8_t *block, int64_t r, uint8_t *out_codes)
{
    unsigned last = 0;

    for (int64_t j = 0; j < TERNARY27_LINES; j++) {
        const uint8_t *at = block + (2 * j + r / 32) * TERNARY27_LINE + 2 * (r % 32);
        const unsigned word = at[0] | (unsigned)at[1] << 8;

        for (int64_t s = 0; s < 3; s++)
            ternary_codes3(word >> (5 * s) & 31, out_codes + 9 * j + 3 * s, 1);
        last |= (word >> 15) << (4 - j);
    }
    ternary_codes3(last, out_codes + 45, 1);
}

static const ternary_shape ternary27 = {.rows = 64, .columns = 48, .n_bytes = 640, .put = ternary27_put, .get = ternary27_get};
#endif
