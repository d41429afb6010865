/* quantise_q80.h - numerics.md: quantised weights, q8_0.b32. */
#ifndef SETUN_SCALAR_QUANTISE_Q80_H
#define SETUN_SCALAR_QUANTISE_Q80_H
#include "blocks.h"

#define F16_LARGEST 65504.0f

static inline float limit(float x, float lo, float hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* One row of w, widened, is the scratch. */
static inline setun_status quantise_q80_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)query->in[0].dim[1] * sizeof(float);
    out_plan->cost_ns = 4.0 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1];
    return SETUN_OK;
}

static inline void quantise_q80_block(const float *w, uint8_t *out_block)
{
    float amax = 0.0f, d;
    uint16_t half;

    for (int j = 0; j < SETUN_BLOCK; j++)
        amax = fabsf(w[j]) > amax ? fabsf(w[j]) : amax;
    half = f32_to_f16(limit(amax / 127.0f, -F16_LARGEST, F16_LARGEST));
    d = f16_to_f32(half);
    q80_block_put_d(out_block, half);
    for (int j = 0; j < SETUN_BLOCK; j++)
        out_block[2 + j] = (uint8_t)(int8_t)(d > 0.0f ? limit(rintf(w[j] / d), -127.0f, 127.0f) : 0.0f);
}

/* One unit is one row. */
static inline void quantise_q80_run(const setun_call *call, const setun_tile *tile, widen *to_f32)
{
    const int64_t k = call->in[0].dim[1];
    float *w = tile->scratch;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        uint8_t *block = out_row(call, 0, i);

        to_f32(in_row(call, 0, i), k, w);
        for (int64_t c = 0; c < k; c += SETUN_BLOCK, block += SETUN_Q8_0_BYTES)
            quantise_q80_block(w + c, block);
    }
}
#endif
