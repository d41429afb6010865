/* screen_i16hl_i8r16k4_f32__neon.c - about what every dot of x[m, k] and w[n, k] is, and how far from it at most (numerics.md: screen).
 * in: x i16.hl[m, k], step, a, b f32[m], w i8.r16k4[n, k], step, rest, size f32[n]; out: z, e f32[m, n].
 * No code of w is -128, so a product is at most 127 * 128, and two of them fit 16 bits. */
#include "kernels.h"
#include "screen.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return screen_plan(query, 136, out_plan);
}

/* Products of both halves of the register, neighbours added up: two rows, four lanes, and two more. */
ALWAYS_INLINE int32x4_t dot(int32x4_t sum, int8x16_t w, int8x16_t x, int e)
{
    const int32x4_t words = vreinterpretq_s32_s8(x);
    const int8x16_t word = vreinterpretq_s8_s32(e == 0   ? vdupq_laneq_s32(words, 0)
                                                : e == 1 ? vdupq_laneq_s32(words, 1)
                                                : e == 2 ? vdupq_laneq_s32(words, 2)
                                                         : vdupq_laneq_s32(words, 3));
    int16x8_t first, second;

    ONE_AT_A_TIME();
    first = vmull_s8(vget_low_s8(w), vget_low_s8(word));
    second = vmull_high_s8(w, word);
    return vpadalq_s16(sum, vpaddq_s16(first, second));
}

static void run(const setun_call *call, const setun_tile *tile)
{
    screen_run(call, tile, dot);
}

const setun_kernel screen_i16hl_i8r16k4_f32__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "screen_i16hl_i8r16k4_f32__neon",
    .pattern = "screen",
    .fmts = "i16.hl+f32+f32+f32,i8.r16k4+f32+f32+f32>f32,f32",
    .k_max = SETUN_SCREEN_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = screen_units,
    .run = run,
};
