/* screen_i16hl_i7r256k32_f32__neondot.c - about what every dot of x[m, k] and w[n, k] is, by five bits of w, and how far from it at most (numerics.md:
 * screen in 7 bits). in: x i16.hl[m, k], step, a, b f32[m], w i7.r256k32[n, k], step, rest, size, fine f32[n]; out: z, e f32[m, n].
 * SDOT takes bytes u as they are, below 128. */
#include "kernels.h"
#include "screen7_dot.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return screen7_plan(query, 32, out_plan);
}

ALWAYS_INLINE int32x4_t dot(int32x4_t sum, const int8x16_t u[4], int8x16_t x)
{
    sum = vdotq_laneq_s32(sum, u[0], x, 0);
    sum = vdotq_laneq_s32(sum, u[1], x, 1);
    sum = vdotq_laneq_s32(sum, u[2], x, 2);
    return vdotq_laneq_s32(sum, u[3], x, 3);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    screen7_run(call, tile, dot);
}

const setun_kernel screen_i16hl_i7r256k32_f32__neondot = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "screen_i16hl_i7r256k32_f32__neondot",
    .pattern = "screen",
    .fmts = "i16.hl+f32+f32+f32,i7.r256k32+f32+f32+f32+f32>f32,f32",
    .cpu = SETUN_CPU_DOTPROD,
    .k_max = SETUN_SCREEN_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = screen7_units,
    .run = run,
};
