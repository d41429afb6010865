/* linear_i8row_tern243r16k20_f32__neondot_1x16.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): one row of q at a time, by SDOT.
 * in: q i8.row[m, k], s f32[m], t tern243.r16k20[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary243_neon.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return t243_plan(query, T243_K_MAX, T243_K_WHY, LUT_NEON_READ_NS(1.6), LUT_NEON_NS(8.4), 0, 0, out_plan);
}

ALWAYS_INLINE void dots(const uint8_t *w, const int8_t *q, int64_t n_blocks, int32x4_t out_dot[4])
{
    for (int64_t b = 0; b < n_blocks; b++, w += T243_BLOCK_BYTES, q += T243_COLUMNS)
UNROLL(4)
        for (int r = 0; r < 4; r++) {
            uint8x16_t codes[5];

            t243_codes(vld1q_u8(w + 16 * r), codes);
UNROLL(5)
            for (int p = 0; p < 5; p++)
                out_dot[r] = vdotq_s32(out_dot[r], vreinterpretq_s8_u8(codes[p]), t243_word(q + 4 * p));
        }
}

static void run(const setun_call *call, const setun_tile *tile)
{
    t243_run(call, tile, dots);
}

const setun_kernel linear_i8row_tern243r16k20_f32__neondot_1x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8row_tern243r16k20_f32__neondot_1x16",
    .pattern = "linear",
    .fmts = "i8.row+f32,tern243.r16k20+f32>f32",
    .cpu = SETUN_CPU_DOTPROD,
    .k_max = T243_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = t243_units,
    .run = run,
};
