/* screen_i16hl_i8r16k4_f32__neondot.c - about what every dot of x[m, k] and w[n, k] is, and how far from it at most (numerics.md: screen).
 * in: x i16.hl[m, k], step, a, b f32[m], w i8.r16k4[n, k], step, rest, size f32[n]; out: z, e f32[m, n]. SDOT takes both operands as they are. */
#include "kernels.h"
#include "screen.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return screen_plan(query, 32, out_plan);
}

ALWAYS_INLINE int32x4_t dot(int32x4_t sum, int8x16_t w, int8x16_t x, int e)
{
    switch (e) {
    case 0:
        return vdotq_laneq_s32(sum, w, x, 0);
    case 1:
        return vdotq_laneq_s32(sum, w, x, 1);
    case 2:
        return vdotq_laneq_s32(sum, w, x, 2);
    default:
        return vdotq_laneq_s32(sum, w, x, 3);
    }
}

static void run(const setun_call *call, const setun_tile *tile)
{
    screen_run(call, tile, dot);
}

const setun_kernel screen_i16hl_i8r16k4_f32__neondot = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "screen_i16hl_i8r16k4_f32__neondot",
    .pattern = "screen",
    .fmts = "i16.hl+f32+f32+f32,i8.r16k4+f32+f32+f32>f32,f32",
    .cpu = SETUN_CPU_DOTPROD,
    .k_max = SETUN_SCREEN_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = screen_units,
    .run = run,
};
