/* pack_f32_i8b32__neon.c - quantises activations x f32[m, k] to i8.b32[m, k], one scale for each 32 columns: x = q * scale. */
#include <string.h>

#include "kernels.h"
#include "lanes.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple((double)query->in[0].dim[0] * (20.0 + 0.25 * (double)query->in[0].dim[1]), out_plan);
}

/* One block of 32 columns; returns its scale. */
static float quantise_block(const float *x, int8_t *out_q)
{
    const lanes low = lanes_load(x), high = lanes_load(x + SETUN_LANES);
    const float amax = lanes_largest(lanes_max(lanes_max(lanes_abs(low), lanes_abs(high)), lanes_set(SETUN_QUANT_FLOOR)));
    const lanes s = lanes_set(SETUN_QUANT_MAX / amax);

    lanes_store_q_n(out_q, low, s, SETUN_LANES);
    lanes_store_q_n(out_q + SETUN_LANES, high, s, SETUN_LANES);
    return amax / SETUN_QUANT_MAX;
}

/* One unit is one row; its padding is zeroed with it. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t k = call->in[0].dim[1], scales_at = (k + 63) / 64 * 64, n_blocks = k / SETUN_BLOCK;

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

const setun_kernel pack_f32_i8b32__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_f32_i8b32__neon",
    .pattern = "pack",
    .fmts = "f32>i8.b32",
    .plan = plan,
    .units = units_in_rows,
    .run = run,
};
