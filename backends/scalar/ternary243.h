/* ternary243.h - tern243.r16k20 (formats.md): blocks of 16 rows by 20 columns in 64 bytes, five weights a byte. */
#ifndef SETUN_SCALAR_TERNARY243_H
#define SETUN_SCALAR_TERNARY243_H
#include "ternary_groups.h"

/* Byte e of a row's four holds columns e, 4 + e, 8 + e (the number m) and 12 + e, 16 + e (the number y). */
static inline void ternary243_put(const uint8_t *codes, int64_t r, uint8_t *block)
{
    for (int64_t e = 0; e < 4; e++) {
        const unsigned m = ternary_number3(codes + e, 4), y = codes[12 + e] + 3u * codes[16 + e], h = m / 4;

        block[4 * r + e] = (uint8_t)((y == 0 ? 7 | h << 3 : h | (y - 1) << 3) | (m % 4) << 6);
    }
}

static inline void ternary243_get(const uint8_t *block, int64_t r, uint8_t *out_codes)
{
    for (int64_t e = 0; e < 4; e++) {
        const unsigned byte = block[4 * r + e], l = byte & 7, u = byte >> 3 & 7, z = byte >> 6;
        const unsigned y = l == 7 ? 0 : u + 1, h = l == 7 ? u : l;

        ternary_codes3(4 * h + z, out_codes + e, 4);
        out_codes[12 + e] = (uint8_t)(y % 3);
        out_codes[16 + e] = (uint8_t)(y / 3);
    }
}

static const ternary_shape ternary243 = {.rows = 16, .columns = 20, .n_bytes = 64, .put = ternary243_put, .get = ternary243_get};
#endif
