/* ternary5_dot.h - ternary5.h's linear with DOTPROD, one row of q at a time. Fields of two bits count 1 and 4-fold, or are shifted; many rows
 * of q go through ternary5.h's panel and ternary_dot.h's tile. */
#ifndef SETUN_NEON_TERNARY5_DOT_H
#define SETUN_NEON_TERNARY5_DOT_H
#include "ternary5.h"
#include "ternary_dot.h"

static inline void ternary5_row_dot(const setun_call *call, int64_t i, int64_t group, const int8_t *tail, int32_t sum)
{
    const int64_t n_blocks = ternary5_blocks(call), n_whole = call->in[2].dim[1] / TERNARY5_COLUMNS;
    const uint8x16_t mask = vdupq_n_u8(3), mask4 = vdupq_n_u8(12);
    const uint8x16x2_t table = ternary5_load_table();
    const uint8_t *w = ternary5_group(call, group);
    const int8_t *q = in_row(call, 0, i);
    int32x4_t once[4], four[4], dots[4];

UNROLL(4)
    for (int r = 0; r < 4; r++)
        once[r] = four[r] = vdupq_n_s32(0);
    for (int64_t b = 0; b < n_blocks; b++, w += TERNARY5_BLOCK_BYTES) {
        const int8_t *columns = b < n_whole ? q + b * TERNARY5_COLUMNS : tail;
        int8x16_t words[TERNARY5_WORDS / 4];

UNROLL(6)
        for (int j = 0; j < TERNARY5_WORDS / 4; j++)
            words[j] = vld1q_s8(columns + 16 * j);
UNROLL(8)
        for (int s = 0; s < TERNARY5_CODES; s++) {
            const int p = 3 * s; /* the word of q of the first field */

            ONE_AT_A_TIME();
UNROLL(4)
            for (int r = 0; r < 4; r++) {
                const uint8x16_t fields = vqtbl2q_u8(table, ternary5_codes(w, r, s));

                once[r] = ternary_dot4(once[r], vreinterpretq_s8_u8(vandq_u8(fields, mask)), words[p / 4], p % 4);
                four[r] = ternary_dot4(four[r], vreinterpretq_s8_u8(vandq_u8(fields, mask4)), words[(p + 1) / 4], (p + 1) % 4);
                once[r] = ternary_dot4(once[r], vreinterpretq_s8_u8(vshrq_n_u8(fields, 4)), words[(p + 2) / 4], (p + 2) % 4);
            }
        }
    }
UNROLL(4)
    for (int r = 0; r < 4; r++)
        dots[r] = vaddq_s32(once[r], vshrq_n_s32(four[r], 2));
    ternary_store(call, i, group, dots, sum);
}
#endif
