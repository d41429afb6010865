/* block_linear.h - linear with activations in i8.b32 and weights in q8_0.b32 or q6_k.b256: acc = fma((float)e, sx * sw, acc), a chain over
 * the blocks of 32 columns; e is the exact dot of a block. */
#ifndef SETUN_SCALAR_BLOCK_LINEAR_H
#define SETUN_SCALAR_BLOCK_LINEAR_H
#include "blocks.h"
#include "lanes.h"

/* One row of w, unpacked into scratch: codes as i16 because compilers know an instruction that multiplies and adds pairs of i16. */
typedef struct block_row {
    int16_t *code;  /* [k] */
    int32_t *part;  /* [k / 16] factor of each 16 columns' dot */
    float   *scale; /* [k / 32] sw */
} block_row;

static inline size_t block_row_bytes(int64_t k)
{
    return (size_t)k * sizeof(int16_t) + (size_t)(k / SETUN_Q6_K_PART) * sizeof(int32_t) + (size_t)(k / SETUN_BLOCK) * sizeof(float);
}

/* Takes a row of w apart. */
typedef void block_unpack(const uint8_t *w, int64_t k, block_row *out_row);

static inline setun_status block_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const double n = (double)query->in[1].dim[0], k = (double)query->in[1].dim[1];

    out_plan->n_phases = 1;
    out_plan->worker_bytes = block_row_bytes(query->in[1].dim[1]);
    out_plan->cost_ns = (0.6 + 0.3 * (double)query->rows_max) * n * k;
    return SETUN_OK;
}

/* One unit is one row of w. */
static inline int64_t block_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->in[1].dim[0];
}

static inline int32_t block_part_dot(const int8_t *q, const int16_t *code)
{
    int32_t sum = 0;

    for (int c = 0; c < SETUN_Q6_K_PART; c++)
        sum += (int16_t)q[c] * code[c];
    return sum;
}

static inline float block_dot(const int8_t *q, int64_t k, const block_row *w)
{
    const float *scale = (const float *)(const void *)(q + block_scales_at(k));
    float acc = 0.0f;

    for (int64_t b = 0; b < k / SETUN_BLOCK; b++) {
        const int64_t c = b * SETUN_BLOCK;
        const int32_t e = w->part[2 * b] * block_part_dot(q + c, w->code + c) +
                          w->part[2 * b + 1] * block_part_dot(q + c + SETUN_Q6_K_PART, w->code + c + SETUN_Q6_K_PART);

        acc = fma_exact((float)e, scale[b] * w->scale[b], acc);
    }
    return acc;
}

static inline void block_run(const setun_call *call, const setun_tile *tile, block_unpack *unpack)
{
    const int64_t m = call->in[0].dim[0], k = call->in[0].dim[1];
    block_row w;

    w.code = tile->scratch;
    w.part = (int32_t *)(void *)(w.code + k);
    w.scale = (float *)(void *)(w.part + k / SETUN_Q6_K_PART);
    for (int64_t j = tile->begin; j < tile->end; j++) {
        unpack(in_row(call, 1, j), k, &w);
        for (int64_t i = 0; i < m; i++)
            ((float *)out_row(call, 0, i))[j] = block_dot(in_row(call, 0, i), k, &w);
    }
}
#endif
