/* linear_i8b32_q6kb256_f32__scalar.c - y[m, n] = x[m, k] . w[n, k], x in i8.b32, w in q6_k.b256: int8 dots of 32 columns, a chain of fma. */
#include "block_linear.h"
#include "kernels.h"

static void unpack(const uint8_t *w, int64_t k, block_row *out_row)
{
    for (int64_t c = 0; c < k; c += SETUN_Q6_K_BLOCK, w += SETUN_Q6_K_BYTES) {
        for (int64_t j = 0; j < SETUN_Q6_K_BLOCK; j++)
            out_row->code[c + j] = (int16_t)q6k_code(w, j);
        for (int64_t p = 0; p < SETUN_Q6_K_BLOCK / SETUN_Q6_K_PART; p++)
            out_row->part[c / SETUN_Q6_K_PART + p] = q6k_part(w, p);
        for (int64_t b = 0; b < SETUN_Q6_K_BLOCK / SETUN_BLOCK; b++)
            out_row->scale[c / SETUN_BLOCK + b] = block_f16(q6k_d(w));
    }
}

static void run(const setun_call *call, const setun_tile *tile)
{
    block_run(call, tile, unpack);
}

const setun_kernel linear_i8b32_q6kb256_f32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8b32_q6kb256_f32__scalar",
    .pattern = "linear",
    .fmts = "i8.b32,q6_k.b256>f32",
    .plan = block_plan,
    .units = block_units,
    .run = run,
};
