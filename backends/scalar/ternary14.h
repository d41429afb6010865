/* ternary14.h - tern14.r32k24 (formats.md): blocks of 32 rows by 24 columns in 160 bytes, three weights in an index of four bits and a sign. */
#ifndef SETUN_SCALAR_TERNARY14_H
#define SETUN_SCALAR_TERNARY14_H
#include "ternary_groups.h"

enum { TERNARY14_SIGNS = 128 /* byte of a block at which the signs begin */ };

static inline void ternary14_put(const uint8_t *codes, int64_t r, uint8_t *block)
{
    for (int64_t j = 0; j < 8; j++) {
        const int t = (int)ternary_number3(codes + 3 * j, 1) - 13;
        uint8_t *index = block + 16 * j + r % 16, *signs = block + TERNARY14_SIGNS + r;

        *index = (uint8_t)(*index | (unsigned)(t < 0 ? -t : t) << (r < 16 ? 0 : 4));
        *signs = (uint8_t)(*signs | (t < 0 ? 1u : 0u) << j);
    }
}

static inline void ternary14_get(const uint8_t *block, int64_t r, uint8_t *out_codes)
{
    for (int64_t j = 0; j < 8; j++) {
        const int index = block[16 * j + r % 16] >> (r < 16 ? 0 : 4) & 15, t = index > 13 ? 0 : index;

        ternary_codes3((unsigned)(13 + (block[TERNARY14_SIGNS + r] >> j & 1 ? -t : t)), out_codes + 3 * j, 1);
    }
}

static const ternary_shape ternary14 = {.rows = 32, .columns = 24, .n_bytes = 160, .put = ternary14_put, .get = ternary14_get};
#endif
