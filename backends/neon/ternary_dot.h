/* ternary_dot.h - ternary.h's linear with DOTPROD: SDOT adds four products of a lane to its 32-bit sum, and takes one word of four columns of q
 * out of a register of four. Rows of q one at a time, with codes masked where they are: they count 1, 4 and 16-fold, each in a sum of its
 * own, and the sums are divided at the end, exactly. Or eight at a time, with codes that count once. */
#ifndef SETUN_NEON_TERNARY_DOT_H
#define SETUN_NEON_TERNARY_DOT_H
#include "ternary_tile.h"

#define TERNARY_DOT_X 8 /* rows of q side by side: 8 * 2 sums, 8 registers of q and a few of codes of the 32 registers */

/* acc += codes by word p of the four in `words`; p is a constant where this is inlined. */
ALWAYS_INLINE int32x4_t ternary_dot4(int32x4_t acc, int8x16_t codes, int8x16_t words, int p)
{
    switch (p) {
    case 0:
        return vdotq_laneq_s32(acc, codes, words, 0);
    case 1:
        return vdotq_laneq_s32(acc, codes, words, 1);
    case 2:
        return vdotq_laneq_s32(acc, codes, words, 2);
    default:
        return vdotq_laneq_s32(acc, codes, words, 3);
    }
}

/* ---- one row of q at a time ---- */

static inline void ternary_dot_row_group(const setun_call *call, int64_t i, int64_t group, int32_t sum)
{
    const int64_t n_blocks = ternary_blocks(call);
    const uint8x16_t mask = vdupq_n_u8(3), mask4 = vdupq_n_u8(12), mask16 = vdupq_n_u8(48);
    const uint8_t *w = ternary_group(call, group);
    const int8_t *q = in_row(call, 0, i);
    int32x4_t once[4], four[4], sixteen[4], dots[4];

UNROLL(4)
    for (int r = 0; r < 4; r++)
        once[r] = four[r] = sixteen[r] = vdupq_n_s32(0);
    for (int64_t b = 0; b < n_blocks; b++, w += TERNARY_BLOCK_BYTES, q += 16) {
        const int8x16_t words = vld1q_s8(q);

UNROLL(4)
        for (int r = 0; r < 4; r++) {
            const uint8x16_t codes = vld1q_u8(w + 16 * r);

            once[r] = ternary_dot4(once[r], vreinterpretq_s8_u8(vandq_u8(codes, mask)), words, 0);
            four[r] = ternary_dot4(four[r], vreinterpretq_s8_u8(vandq_u8(codes, mask4)), words, 1);
            sixteen[r] = ternary_dot4(sixteen[r], vreinterpretq_s8_u8(vandq_u8(codes, mask16)), words, 2);
            /* Counted 64-fold, code 2 would be the sign. */
            once[r] = ternary_dot4(once[r], ternary_codes(codes, 3), words, 3);
        }
    }
UNROLL(4)
    for (int r = 0; r < 4; r++)
        dots[r] = vaddq_s32(vaddq_s32(once[r], vshrq_n_s32(four[r], 2)), vshrq_n_s32(sixteen[r], 4));
    ternary_store(call, i, group, dots, sum);
}

static inline void ternary_dot_row_run(const setun_call *call, const setun_tile *tile)
{
    int32_t *sum = tile->scratch;

    if (tile->begin == tile->end)
        return;
    ternary_sums(call, sum);
    for (int64_t g = tile->begin; g < tile->end; g++)
        for (int64_t i = 0; i < call->in[0].dim[0]; i++)
            ternary_dot_row_group(call, i, g, sum[i]);
}

/* ---- several ---- */

/* Half a group after the other. n_words is a multiple of four. */
ALWAYS_INLINE void ternary_tile_dot(const setun_call *call, int64_t i, int n_x, const uint8_t *w, int packed, int64_t n_words,
                                    int32x4_t out_dots[TERNARY_X_MAX][4])
{
    for (int half = 0; half < 4; half += 2) {
        const int8_t *q[TERNARY_DOT_X];
        int32x4_t acc[TERNARY_DOT_X][2];

UNROLL(8)
        for (int x = 0; x < n_x; x++) {
            q[x] = in_row(call, 0, i + x);
            acc[x][0] = acc[x][1] = vdupq_n_s32(0);
        }
        for (int64_t c = 0; c < n_words; c += 4) {
            int8x16_t words[TERNARY_DOT_X];

UNROLL(8)
            for (int x = 0; x < n_x; x++)
                words[x] = vld1q_s8(q[x] + 4 * c);
UNROLL(4)
            for (int p = 0; p < 4; p++) {
                const int8x16_t a = ternary_tile_codes(w, packed, c, p, half), b = ternary_tile_codes(w, packed, c, p, half + 1);

UNROLL(8)
                for (int x = 0; x < n_x; x++) {
                    acc[x][0] = ternary_dot4(acc[x][0], a, words[x], p);
                    acc[x][1] = ternary_dot4(acc[x][1], b, words[x], p);
                }
            }
UNROLL(8)
            for (int x = 0; x < n_x; x++) {
                KEEP_IN_REGISTER(acc[x][0]);
                KEEP_IN_REGISTER(acc[x][1]);
            }
        }
UNROLL(8)
        for (int x = 0; x < n_x; x++) {
            out_dots[x][half] = acc[x][0];
            out_dots[x][half + 1] = acc[x][1];
        }
    }
}
#endif
