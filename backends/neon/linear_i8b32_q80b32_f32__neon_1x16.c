/* linear_i8b32_q80b32_f32__neon_1x16.c - y[m, n] = x[m, k] . w[n, k], x in i8.b32, w in q8_0.b32: one row of x at a time. */
#include "block_row.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return block_row_plan(query, 8 * SETUN_Q8_0_BYTES, 66, out_plan);
}

ALWAYS_INLINE void dots(const uint8_t *w, const int8_t *x, const int32_t *sums, int64_t n, uint16_t *out_d, int32x4_t out_dots[2])
{
    (void)sums;
    block_dots_q80(w, x, n, out_d, out_dots, block_dot16_s8);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    block_row_run(call, tile, SETUN_Q8_0_BYTES, 1, dots);
}

const setun_kernel linear_i8b32_q80b32_f32__neon_1x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8b32_q80b32_f32__neon_1x16",
    .pattern = "linear",
    .fmts = "i8.b32,q8_0.b32>f32",
    .plan = plan,
    .units = block_units,
    .run = run,
};
