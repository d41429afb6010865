/* ternary5_mm.h - ternary5.h's linear with I8MM, many rows of q: its words zipped in twos, for ternary_mm.h's tile. */
#ifndef SETUN_NEON_TERNARY5_MM_H
#define SETUN_NEON_TERNARY5_MM_H
#include "ternary5.h"
#include "ternary_mm.h"

/* The panel of a group: [words / 2][8 pairs][16]. */
static inline void ternary5_mm_unpack(const setun_call *call, int64_t group, uint8_t *out_panel)
{
    const uint8x16x2_t table = ternary5_load_table();
    const uint8_t *w = ternary5_group(call, group);
    int8_t *out = (int8_t *)out_panel;

    for (int64_t b = 0; b < ternary5_blocks(call); b++, w += TERNARY5_BLOCK_BYTES, out += TERNARY5_WORDS * TERNARY_BLOCK_BYTES)
        for (int r = 0; r < 4; r++) {
            int8x16_t word[TERNARY5_WORDS];

            ternary5_words(w, r, table, word);
UNROLL(12)
            for (int p = 0; p < TERNARY5_WORDS; p += 2) {
                int8x16_t pair[2];

                ternary_mm_zip(word[p], word[p + 1], pair);
                vst1q_s8(out + p * TERNARY_BLOCK_BYTES + 32 * r, pair[0]);
                vst1q_s8(out + p * TERNARY_BLOCK_BYTES + 32 * r + 16, pair[1]);
            }
        }
}
#endif
