/* linear_i8row_tern243r16k20_f32__neon_1x16.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): one row of q at a time, products added in 16 bits.
 * in: q i8.row[m, k], s f32[m], t tern243.r16k20[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary243_neon.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return t243_plan(query, T243_K_MAX, T243_K_WHY, LUT_NEON_READ_NS(1.6), LUT_NEON_NS(13.3), 0, 0, out_plan);
}

/* A block adds five products, of at most 256 each, to a lane of 16 bits: 25 blocks fit. */
#define FOLD_BLOCKS 25

ALWAYS_INLINE void dots(const uint8_t *w, const int8_t *q, int64_t n_blocks, int32x4_t out_dot[4])
{
    int32x4_t sum[4][2];

UNROLL(4)
    for (int r = 0; r < 4; r++)
        sum[r][0] = sum[r][1] = vdupq_n_s32(0);
    for (int64_t first = 0; first < n_blocks; first += FOLD_BLOCKS) {
        const int64_t end = least(first + FOLD_BLOCKS, n_blocks);
        int16x8_t acc[4][2];

UNROLL(4)
        for (int r = 0; r < 4; r++)
            acc[r][0] = acc[r][1] = vdupq_n_s16(0);
        for (int64_t b = first; b < end; b++, w += T243_BLOCK_BYTES, q += T243_COLUMNS)
UNROLL(4)
            for (int r = 0; r < 4; r++) {
                uint8x16_t codes[5];

                t243_codes(vld1q_u8(w + 16 * r), codes);
UNROLL(5)
                for (int p = 0; p < 5; p++) {
                    const int8x16_t c = vreinterpretq_s8_u8(codes[p]), word = t243_word(q + 4 * p);

                    acc[r][0] = vmlal_s8(acc[r][0], vget_low_s8(c), vget_low_s8(word));
                    acc[r][1] = vmlal_high_s8(acc[r][1], c, word);
                }
            }
UNROLL(4)
        for (int r = 0; r < 4; r++) {
            sum[r][0] = vpadalq_s16(sum[r][0], acc[r][0]);
            sum[r][1] = vpadalq_s16(sum[r][1], acc[r][1]);
        }
    }
UNROLL(4)
    for (int r = 0; r < 4; r++)
        out_dot[r] = vaddq_s32(out_dot[r], vpaddq_s32(sum[r][0], sum[r][1]));
}

static void run(const setun_call *call, const setun_tile *tile)
{
    t243_run(call, tile, dots);
}

const setun_kernel linear_i8row_tern243r16k20_f32__neon_1x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8row_tern243r16k20_f32__neon_1x16",
    .pattern = "linear",
    .fmts = "i8.row+f32,tern243.r16k20+f32>f32",
    .k_max = T243_K_MAX,
    .acc_bits = 16,
    .plan = plan,
    .units = t243_units,
    .run = run,
};
