/* linear_i8b32_q80b32_f32__scalar.c - y[m, n] = x[m, k] . w[n, k], x in i8.b32, w in q8_0.b32: int8 dots of 32 columns, a chain of fma. */
#include "block_linear.h"
#include "kernels.h"

static void unpack(const uint8_t *w, int64_t k, block_row *out_row)
{
    for (int64_t b = 0; b < k / SETUN_BLOCK; b++, w += SETUN_Q8_0_BYTES) {
        for (int64_t j = 0; j < SETUN_BLOCK; j++)
            out_row->code[b * SETUN_BLOCK + j] = (int16_t)q80_code(w, j);
        out_row->part[2 * b] = out_row->part[2 * b + 1] = 1;
        out_row->scale[b] = block_f16(w);
    }
}

static void run(const setun_call *call, const setun_tile *tile)
{
    block_run(call, tile, unpack);
}

const setun_kernel linear_i8b32_q80b32_f32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8b32_q80b32_f32__scalar",
    .pattern = "linear",
    .fmts = "i8.b32,q8_0.b32>f32",
    .plan = block_plan,
    .units = block_units,
    .run = run,
};
