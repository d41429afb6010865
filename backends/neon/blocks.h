/* blocks.h - linear with activations in i8.b32 and weights in q8_0.b32 or q6_k.b256 (formats.md): y = chain of fma((float)e, sx * sw, acc)
 * over blocks of 32 columns. The chain is each output's own, so lanes are rows of w: one unit is 16 of them. */
#ifndef SETUN_NEON_BLOCKS_H
#define SETUN_NEON_BLOCKS_H
#include "ints.h"

#define BLOCK_UNIT 16

static inline int64_t block_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[1].dim[0] + BLOCK_UNIT - 1) / BLOCK_UNIT;
}

/* What a kernel costs (ints.h): vector instructions for 256 weights, once for all rows of x and for each of them. */
typedef struct block_cost {
    double once, row;
} block_cost;

/* bytes: of 256 weights. */
static inline double block_cost_ns(const setun_query *query, double bytes, block_cost cost)
{
    const double nk = (double)query->in[1].dim[0] * (double)query->in[1].dim[1], read = NEON_READ_NS * bytes;
    const double compute = NEON_VECTOR_NS * cost.row * (double)query->rows_max;

    return nk / 256 * (NEON_VECTOR_NS * cost.once + (compute > read ? compute : read));
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

/* The factors of the parts of a block of q6_k.b256. */
static inline int8x16_t block_q6k_parts(const uint8_t *block)
{
    return vld1q_s8((const int8_t *)block + 192);
}

static inline void block_widen_parts(int8x16_t part, int32x4_t out_factor[4])
{
    const int16x8_t low = vmovl_s8(vget_low_s8(part)), high = vmovl_high_s8(part);

    out_factor[0] = vmovl_s16(vget_low_s16(low));
    out_factor[1] = vmovl_high_s16(low);
    out_factor[2] = vmovl_s16(vget_low_s16(high));
    out_factor[3] = vmovl_high_s16(high);
}

/* The codes of columns 16c .. 16c + 15 of a block of q6_k.b256, 0 .. 63; c is a constant where this is inlined. SLI shifts and inserts: the
 * low four bits of its first operand stay. */
ALWAYS_INLINE int8x16_t block_q6k_codes(const uint8_t *block, int c)
{
    const int p = c / 2 % 4; /* bits 2p and 2p + 1 of `high` go to bits 4 and 5 */
    const uint8x16_t low = vld1q_u8(block + 64 * (c / 8) + 32 * (p % 2) + 16 * (c % 2)), high = vld1q_u8(block + 128 + 32 * (c / 8) + 16 * (c % 2));
    const uint8x16_t six = vdupq_n_u8(63);

    switch (p) {
    case 0:
        return vreinterpretq_s8_u8(vandq_u8(vsliq_n_u8(low, high, 4), six));
    case 1:
        return vreinterpretq_s8_u8(vandq_u8(vsliq_n_u8(low, vshrq_n_u8(high, 2), 4), six));
    case 2:
        return vreinterpretq_s8_u8(vorrq_u8(vshrq_n_u8(low, 4), vandq_u8(high, vdupq_n_u8(0x30))));
    default:
        return vreinterpretq_s8_u8(vsliq_n_u8(vshrq_n_u8(low, 4), vshrq_n_u8(high, 6), 4));
    }
}

/* acc + products of 16 columns, in any lanes. */
typedef int32x4_t block_dot16(int32x4_t acc, int8x16_t w, int8x16_t x);

/* Without DOTPROD. Two products are at most 2 * 128 * 127, as codes of x are never -128: 16 bits hold them. */
ALWAYS_INLINE int32x4_t block_dot16_s8(int32x4_t acc, int8x16_t w, int8x16_t x)
{
    return vpadalq_s16(acc, vmlal_high_s8(vmull_s8(vget_low_s8(w), vget_low_s8(x)), w, x));
}
#endif
