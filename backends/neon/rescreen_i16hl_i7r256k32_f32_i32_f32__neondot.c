/* rescreen_i16hl_i7r256k32_f32_i32_f32__neondot.c - what screen says of some rows of w[n, k], made more exact by two more bits (numerics.md: screen in 7
 * bits). in: x i16.hl[1, k], step, a, b f32[1], w i7.r256k32[n, k], step, rest, size, fine f32[n], coarse f32[1, n], id i32[1, c];
 * out: z, e f32[1, c]. SDOT takes bytes l as they are. */
#include "kernels.h"
#include "rescreen7.h"

ALWAYS_INLINE int32x4_t dot(int32x4_t sum, const int8x16_t l[4], const int8_t *x)
{
UNROLL(4)
    for (int e = 0; e < 4; e++)
        sum = vdotq_s32(sum, l[e], vld1q_s8(x + 16 * e));
    return sum;
}

static void run(const setun_call *call, const setun_tile *tile)
{
    rescreen7_run(call, tile, dot);
}

const setun_kernel rescreen_i16hl_i7r256k32_f32_i32_f32__neondot = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "rescreen_i16hl_i7r256k32_f32_i32_f32__neondot",
    .pattern = "rescreen",
    .fmts = "i16.hl+f32+f32+f32,i7.r256k32+f32+f32+f32+f32,f32,i32>f32,f32",
    .cpu = SETUN_CPU_DOTPROD,
    .k_max = SETUN_SCREEN_K_MAX,
    .acc_bits = 32,
    .plan = rescreen7_plan,
    .units = rescreen7_units,
    .run = run,
};
