/* blocks.h - the block formats of formats.md: rows of i8.b32, q8_0.b32 and q6_k.b256. Blocks of weights are aligned to nothing. */
#ifndef SETUN_SCALAR_BLOCKS_H
#define SETUN_SCALAR_BLOCKS_H
#include "scalar.h"

/* Where the scales of a row of k codes start: i8.b32. */
static inline int64_t block_scales_at(int64_t k)
{
    return (k + 63) / 64 * 64;
}

/* An f16 at any address, widened. */
static inline float block_f16(const uint8_t *at)
{
    uint16_t h;

    memcpy(&h, at, sizeof(h));
    return f16_to_f32(h);
}

static inline void q80_block_put_d(uint8_t *at, uint16_t d)
{
    memcpy(at, &d, sizeof(d));
}

static inline int q80_code(const uint8_t *block, int64_t j)
{
    return (int8_t)block[2 + j];
}

/* Of a block of q6_k.b256. */
static inline const uint8_t *q6k_d(const uint8_t *block)
{
    return block + 208;
}

static inline int q6k_part(const uint8_t *block, int64_t p)
{
    return (int8_t)block[192 + p];
}

/* Places of column c, 0 .. 255: byte and shift of its low four bits and of its high two. */
typedef struct q6k_place {
    int64_t  low, high;
    unsigned low_shift, high_shift;
} q6k_place;

static inline q6k_place q6k_place_of(int64_t c)
{
    const int64_t h = c / 128, p = c / 32 % 4, l = c % 32;

    return (q6k_place){.low = 64 * h + 32 * (p % 2) + l, .high = 128 + 32 * h + l, .low_shift = p < 2 ? 0 : 4, .high_shift = 2 * (unsigned)p};
}

/* Code of column c less 32: -32 .. 31. */
static inline int q6k_code(const uint8_t *block, int64_t c)
{
    const q6k_place at = q6k_place_of(c);

    return ((block[at.low] >> at.low_shift & 15) | (block[at.high] >> at.high_shift & 3) << 4) - SETUN_Q6_K_ZERO;
}

static inline void widen_q80(const void *from, int64_t n, float *out)
{
    const uint8_t *block = from;

    for (int64_t i = 0; i < n; i += SETUN_BLOCK, block += SETUN_Q8_0_BYTES) {
        const float d = block_f16(block);

        for (int64_t j = 0; j < SETUN_BLOCK; j++)
            out[i + j] = d * (float)q80_code(block, j);
    }
}

static inline void widen_q6k(const void *from, int64_t n, float *out)
{
    const uint8_t *block = from;

    for (int64_t i = 0; i < n; i += SETUN_Q6_K_BLOCK, block += SETUN_Q6_K_BYTES) {
        const float d = block_f16(q6k_d(block));

        for (int64_t c = 0; c < SETUN_Q6_K_BLOCK; c++)
            out[i + c] = (d * (float)q6k_part(block, c / SETUN_Q6_K_PART)) * (float)q6k_code(block, c);
    }
}
#endif
