/* blocks.h - linear with activations in i8.b32 and weights in q8_0.b32 or q6_k.b256 (formats.md): y = chain of fma((float)e, sx * sw, acc)
 * over blocks of 32 columns. The chain is each output's own, so lanes are rows of w: one unit is 16 of them. */
#ifndef SETUN_AVX2_BLOCKS_H
#define SETUN_AVX2_BLOCKS_H
#include <string.h>

#include "lanes.h"

#define BLOCK_UNIT 16
/* Blocks of 32 columns that the inner loops take at once: a ymm of dots, one block of q6_k.b256. */
#define BLOCK_STEP         8
#define BLOCK_STEP_COLUMNS (BLOCK_STEP * SETUN_BLOCK)

static inline int64_t block_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[1].dim[0] + BLOCK_UNIT - 1) / BLOCK_UNIT;
}

/* Where the scales of a row of k codes start: i8.b32. */
static inline const float *block_scales(const int8_t *q, int64_t k)
{
    return (const float *)(const void *)(q + (k + 63) / 64 * 64);
}

static inline uint16_t block_bits_16(const uint8_t *at)
{
    uint16_t bits;

    memcpy(&bits, at, sizeof(bits));
    return bits;
}

/* An f16 at any address, widened. */
static inline float block_f16(const uint8_t *at)
{
    return _cvtsh_ss(block_bits_16(at));
}

static inline __m256i block_load(const void *at)
{
    return _mm256_loadu_si256(at);
}

/* The codes of columns 32b .. 32b + 31 of a block of q6_k.b256, 0 .. 63; b is constant where this is inlined. */
ALWAYS_INLINE __m256i block_q6k_codes(const uint8_t *block, int b)
{
    const __m256i low = block_load(block + 64 * (b / 4) + 32 * (b % 2)), high = block_load(block + 128 + 32 * (b / 4));
    const int p = b % 4; /* bits 2p and 2p + 1 of `high` go to bits 4 and 5 */
    const __m256i bits = p == 0   ? _mm256_slli_epi16(high, 4)
                         : p == 1 ? _mm256_slli_epi16(high, 2)
                         : p == 2 ? high
                                  : _mm256_srli_epi16(high, 2);

    return _mm256_or_si256(_mm256_and_si256(p < 2 ? low : _mm256_srli_epi16(low, 4), _mm256_set1_epi8(0x0F)),
                           _mm256_and_si256(bits, _mm256_set1_epi8(0x30)));
}
#endif
