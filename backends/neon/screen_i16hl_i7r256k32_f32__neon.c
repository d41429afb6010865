/* screen_i16hl_i7r256k32_f32__neon.c - about what every dot of x[m, k] and w[n, k] is, by five bits of w, and how far from it at most (numerics.md:
 * screen in 7 bits). in: x i16.hl[m, k], step, a, b f32[m], w i7.r256k32[n, k], step, rest, size, fine f32[n]; out: z, e f32[m, n].
 * A product is at most 31 * 128, and eight of them fit 16 bits. */
#include "kernels.h"
#include "screen7_dot.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return screen7_plan(query, 88, out_plan);
}

/* Products of the four words are added in 16 bits, neighbours then too: two rows, four lanes, and two more. */
ALWAYS_INLINE int32x4_t dot(int32x4_t sum, const int8x16_t u[4], int8x16_t x)
{
    const int32x4_t words = vreinterpretq_s32_s8(x);
    const int8x16_t word[4] = {vreinterpretq_s8_s32(vdupq_laneq_s32(words, 0)), vreinterpretq_s8_s32(vdupq_laneq_s32(words, 1)),
                               vreinterpretq_s8_s32(vdupq_laneq_s32(words, 2)), vreinterpretq_s8_s32(vdupq_laneq_s32(words, 3))};
    int16x8_t first = vmull_s8(vget_low_s8(u[0]), vget_low_s8(word[0])), second = vmull_high_s8(u[0], word[0]);

UNROLL(4)
    for (int e = 1; e < 4; e++) {
        first = vmlal_s8(first, vget_low_s8(u[e]), vget_low_s8(word[e]));
        second = vmlal_high_s8(second, u[e], word[e]);
    }
    return vpadalq_s16(sum, vpaddq_s16(first, second));
}

static void run(const setun_call *call, const setun_tile *tile)
{
    screen7_run(call, tile, dot);
}

const setun_kernel screen_i16hl_i7r256k32_f32__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "screen_i16hl_i7r256k32_f32__neon",
    .pattern = "screen",
    .fmts = "i16.hl+f32+f32+f32,i7.r256k32+f32+f32+f32+f32>f32,f32",
    .k_max = SETUN_SCREEN_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = screen7_units,
    .run = run,
};
