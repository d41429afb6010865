/* blocks.c - kernels of block formats, right but for one fault: linear over q6_k.b256 and q8_0.b32, and the quantising of activations. */
#include <math.h>

#include "faulty.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 1;
    out_plan->cost_ns = (double)query->rows_max;
    return SETUN_OK;
}

static int64_t units_in(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->in[0].dim[0];
}

static int64_t units_w(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->in[1].dim[0];
}

static float f16(const uint8_t *at)
{
    const int bits = at[0] | at[1] << 8, exponent = bits >> 10 & 31, fraction = bits & 1023;
    const float x = exponent == 0 ? ldexpf((float)fraction, fault == FLUSH ? -1000 : -24) : ldexpf((float)(1024 + fraction), exponent - 25);

    return bits >> 15 != 0 ? -x : x;
}

/* Code of a column of a block of q6_k.b256, times the factor of its part. */
static int q6k_at(const uint8_t *block, int64_t c)
{
    const int64_t h = c / 128, p = c / 32 % 4, l = c % 32;
    const int low = block[64 * h + 32 * (p % 2) + l] >> (p < 2 ? 0 : 4) & 15, high = block[128 + 32 * h + l] >> 2 * p & 3;

    return (low + 16 * high - 32) * (int8_t)block[192 + (fault == PART ? c / 32 * 2 : c / 16)];
}

/* The magnitude of -128 does not fit a signed byte. */
static int q80_at(const uint8_t *block, int64_t c)
{
    const int8_t code = (int8_t)block[2 + c];

    return fault == MAGNITUDE && code == -128 ? -127 : code;
}

static float dot(const int8_t *q, const uint8_t *w, int64_t k, int q6k)
{
    const float *scale = (const float *)(const void *)(q + (k + 63) / 64 * 64);
    const int64_t n_blocks = k / SETUN_BLOCK;
    float acc = 0.0f;

    for (int64_t i = 0; i < n_blocks; i++) {
        const int64_t b = fault == BACKWARDS ? n_blocks - 1 - i : i;
        const uint8_t *block = q6k ? w + b / 8 * SETUN_Q6_K_BYTES : w + b * SETUN_Q8_0_BYTES;
        const float d = f16(q6k ? block + SETUN_Q6_K_BYTES - 2 : block);
        int32_t e = 0;

        for (int64_t c = 0; c < SETUN_BLOCK; c++)
            e += q[SETUN_BLOCK * b + c] * (q6k ? q6k_at(block, SETUN_BLOCK * (b % 8) + c) : q80_at(block, c));
        acc = fault == TWO_ROUNDINGS ? acc + (float)e * (scale[b] * d) : fmaf((float)e, scale[b] * d, acc);
    }
    return acc;
}

static void run(const setun_call *call, const setun_tile *tile, int q6k)
{
    for (int64_t j = tile->begin; j < tile->end; j++) {
        const uint8_t *w = in_row(call, 1, j);

        if (fault == WHOLE_VECTORS) { /* the last codes by a load of 64 bytes, which a row of 34 does not have */
            const volatile uint8_t *beyond = w + call->in[1].stride_bytes[0];

            (void)*beyond;
        }
        for (int64_t i = 0; i < call->in[0].dim[0]; i++)
            ((float *)out_row(call, 0, i))[j] = dot(in_row(call, 0, i), w, call->in[0].dim[1], q6k);
    }
}

static void q6k_run(const setun_call *call, const setun_tile *tile)
{
    run(call, tile, 1);
}

static void q80_run(const setun_call *call, const setun_tile *tile)
{
    run(call, tile, 0);
}

static void pack_run(const setun_call *call, const setun_tile *tile)
{
    const int64_t k = call->in[0].dim[1], scales_at = (k + 63) / 64 * 64;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const float *x = in_row(call, 0, i);
        int8_t *q = out_row(call, 0, i);
        float *scale = (float *)(void *)(q + scales_at);

        memset(q + k, 0, (size_t)(scales_at - k));
        if (fault != BLOCK_PADDING)
            memset(scale, 0, (size_t)(call->out[0].stride_bytes[0] - scales_at));
        for (int64_t b = 0; b < k / SETUN_BLOCK; b++) {
            float a = SETUN_QUANT_FLOOR;

            for (int64_t j = 32 * b; j < 32 * b + 32; j++)
                a = fmaxf(a, fabsf(x[j]));
            for (int64_t j = 32 * b; j < 32 * b + 32; j++)
                q[j] = (int8_t)rintf(x[j] * (SETUN_QUANT_MAX / a));
            scale[b] = fault == INVERSE ? 1.0f / (SETUN_QUANT_MAX / a) : a / SETUN_QUANT_MAX;
        }
    }
}

#define KERNEL(symbol, op, text, units_function, run_function)                                                                 \
    static const setun_kernel symbol = {                                                                                       \
        .size = sizeof(setun_kernel), .flags = SETUN_KERNEL_EXACT, .name = #symbol "__faulty", .pattern = op, .fmts = text,    \
        .plan = plan, .units = units_function, .run = run_function,                                                            \
    }
KERNEL(q6k, "linear", "i8.b32,q6_k.b256>f32", units_w, q6k_run);
KERNEL(q80, "linear", "i8.b32,q8_0.b32>f32", units_w, q80_run);
KERNEL(pack, "pack", "f32>i8.b32", units_in, pack_run);

static const setun_kernel *const kernels[] = {&q6k, &q80, &pack, NULL};
FAULTY_PLUGIN(kernels);
