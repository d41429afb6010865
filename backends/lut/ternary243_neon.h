/* ternary243_neon.h - tern243.r16k20 with tables of 16 and 32 entries (tbl): a block is four registers of four rows, whose 32-bit lanes are the 20 columns of
 * a row. What multiplies is the kernel's: SDOT, or smlal into 16 bits for CPUs without it. */
#ifndef SETUN_LUT_TERNARY243_NEON_H
#define SETUN_LUT_TERNARY243_NEON_H
#include "neon.h"
#include "ternary243.h"

/* A sum of codes times q is at most 256 a column: 2^31 is reached at 2^23 columns. */
#define T243_K_MAX (INT64_C(1) << 22)
#define T243_K_WHY "linear: a row of more than 4194304 ternary weights could overflow a 32-bit sum"

/* The codes of y = (index & 7) + 1; an index above 15 gives 0, as y = 0 does. */
static const uint8_t t243_y[16] = {T243_Y(1), T243_Y(2), T243_Y(3), T243_Y(4), T243_Y(5), T243_Y(6), T243_Y(7), T243_Y(8),
                                   T243_Y(1), T243_Y(2), T243_Y(3), T243_Y(4), T243_Y(5), T243_Y(6), T243_Y(7), T243_Y(8)};
/* The codes of m = 4 h + z, of h in bits 0 .. 2 and z in bits 3 and 4. */
#define T243_H8(z) T243_M(z), T243_M(4 + (z)), T243_M(8 + (z)), T243_M(12 + (z)), T243_M(16 + (z)), T243_M(20 + (z)), T243_M(24 + (z)), T243_M(28 + (z))
static const uint8_t t243_m[32] = {T243_H8(0), T243_H8(1), T243_H8(2), T243_H8(3)};

/* The five codes, 0 .. 2, of 16 bytes. */
ALWAYS_INLINE void t243_codes(uint8x16_t x, uint8x16_t out_codes[5])
{
    const uint8x16x2_t table_m = {{vld1q_u8(t243_m), vld1q_u8(t243_m + 16)}};
    const uint8x16_t l = vandq_u8(x, vdupq_n_u8(7)), u = vshrq_n_u8(x, 3), escape = vceqq_u8(l, vdupq_n_u8(7));
    const uint8x16_t y = vqtbl1q_u8(vld1q_u8(t243_y), vorrq_u8(vandq_u8(u, vdupq_n_u8(7)), escape));
    const uint8x16_t m = vqtbl2q_u8(table_m, vbslq_u8(vorrq_u8(escape, vdupq_n_u8(0x18)), u, l));

    out_codes[0] = vandq_u8(m, vdupq_n_u8(3));
    out_codes[1] = vandq_u8(vshrq_n_u8(m, 2), vdupq_n_u8(3));
    out_codes[2] = vshrq_n_u8(m, 4);
    out_codes[3] = vandq_u8(y, vdupq_n_u8(3));
    out_codes[4] = vshrq_n_u8(y, 2);
}

/* Four columns of q, in every lane. */
static inline int8x16_t t243_word(const int8_t *q)
{
    int32_t word;

    memcpy(&word, q, sizeof(word));
    return vreinterpretq_s8_s32(vdupq_n_s32(word));
}

/* Dots of codes of 16 rows with the columns of row q of n_blocks blocks, added to out_dot[4]. */
typedef void t243_dots(const uint8_t *w, const int8_t *q, int64_t n_blocks, int32x4_t out_dot[4]);

ALWAYS_INLINE void t243_run(const setun_call *call, const setun_tile *tile, t243_dots *dots)
{
    const int64_t n_blocks = t243_blocks(call);

    for (int64_t i = 0; i < call->in[0].dim[0] && tile->begin < tile->end; i++) {
        const int32x4_t sum = vdupq_n_s32(sum_of_row(call, i));
        int8_t tail[T243_COLUMNS];
        const int64_t n_whole = t243_tail(call, i, tail);

        for (int64_t g = tile->begin; g < tile->end; g++) {
            const uint8_t *w = t243_group(call, g);
            int32x4_t dot[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};

            dots(w, in_row(call, 0, i), n_whole, dot);
            if (n_whole < n_blocks)
                dots(w + n_whole * T243_BLOCK_BYTES, tail, 1, dot);
            for (int64_t r = 0; r < 4; r++)
                store_4(call, i, g * T243_GROUP + 4 * r, vsubq_s32(dot[r], sum));
        }
    }
}
#endif
