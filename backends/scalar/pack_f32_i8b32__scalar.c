/* pack_f32_i8b32__scalar.c - quantises activations x f32[m, k] to i8.b32[m, k], one scale for each 32 columns: x = q * scale. */
#include "blocks.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple(2.5 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1], out_plan);
}

/* One block of 32 columns; returns its scale. */
static float quantise_block(const float *x, int8_t *out_q)
{
    float amax = SETUN_QUANT_FLOOR, s;

    for (int j = 0; j < SETUN_BLOCK; j++)
        amax = fabsf(x[j]) > amax ? fabsf(x[j]) : amax;
    s = SETUN_QUANT_MAX / amax;
    for (int j = 0; j < SETUN_BLOCK; j++) {
        const float r = rintf(x[j] * s);

        out_q[j] = (int8_t)(r >= -127.0f && r <= 127.0f ? r : 0.0f); /* outside only where x is not finite: nothing is promised */
    }
    return amax / SETUN_QUANT_MAX;
}

/* One unit is one row; its padding is zeroed with it. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t k = call->in[0].dim[1], scales_at = block_scales_at(k), n_blocks = k / SETUN_BLOCK;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const float *x = in_row(call, 0, i);
        int8_t *q = out_row(call, 0, i);
        float *scale = (float *)(void *)(q + scales_at);

        for (int64_t b = 0; b < n_blocks; b++)
            scale[b] = quantise_block(x + b * SETUN_BLOCK, q + b * SETUN_BLOCK);
        memset(q + k, 0, (size_t)(scales_at - k));
        memset(scale + n_blocks, 0, (size_t)((n_blocks + 15) / 16 * 16 - n_blocks) * sizeof(float));
    }
}

const setun_kernel pack_f32_i8b32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_f32_i8b32__scalar",
    .pattern = "pack",
    .fmts = "f32>i8.b32",
    .plan = plan,
    .units = units_in_rows,
    .run = run,
};
