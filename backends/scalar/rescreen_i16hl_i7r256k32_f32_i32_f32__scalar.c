/* rescreen_i16hl_i7r256k32_f32_i32_f32__scalar.c - what screen says of some rows of w[n, k], made more exact by two more bits.
 * in: x i16.hl[1, k], step, a, b f32[1], w i7.r256k32[n, k], step, rest, size, fine f32[n], coarse f32[1, n], id i32[1, c]; out: z, e f32[1, c]. */
#include "kernels.h"
#include "lanes.h"
#include "screen7.h"

#define UNIT_IDS 16

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    if (query->in[4].dim[1] > SETUN_SCREEN_K_MAX)
        return setun_refuse(query, "rescreen: a row of more than 65536 weights could overflow its 32-bit sum");
    out_plan->n_phases = 1;
    out_plan->cost_ns = 2.0 * (double)query->in[10].dim[1] * (double)query->in[4].dim[1];
    return SETUN_OK;
}

static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[10].dim[1] + UNIT_IDS - 1) / UNIT_IDS;
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t k = call->in[0].dim[1], n = call->in[4].dim[0], half = (k + 63) / 64 * 64, n_ids = call->in[10].dim[1];
    const float x_step = *(const float *)call->in[1].data, a = *(const float *)call->in[2].data, b = *(const float *)call->in[3].data;
    const float *w_step = call->in[5].data, *size = call->in[7].data, *fine = call->in[8].data, *coarse = call->in[9].data;
    const int8_t *x = call->in[0].data;
    const int32_t *id = call->in[10].data;
    float *z = call->out[0].data, *e = call->out[1].data;

    for (int64_t i = UNIT_IDS * tile->begin; i < UNIT_IDS * tile->end && i < n_ids; i++) {
        const int64_t j = id[i];
        const uint8_t *row = (const uint8_t *)call->in[4].data + lower_byte(n, k, j);
        int32_t high = 0, low = 0;

        for (int64_t c = 0; c < k; c++) {
            const int32_t code = 2 * lower_bits(row, c) - 3;

            high += x[c] * code;
            low += x[half + c] * code;
        }
        z[i] = coarse[j] + fma_exact(256.0f, (float)high, (float)low) * ((w_step[j] * x_step) * 0.25f);
        e[i] = (a * fine[j] + b * size[j]) + SETUN_SCREEN_TINY;
    }
}

const setun_kernel rescreen_i16hl_i7r256k32_f32_i32_f32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "rescreen_i16hl_i7r256k32_f32_i32_f32__scalar",
    .pattern = "rescreen",
    .fmts = "i16.hl+f32+f32+f32,i7.r256k32+f32+f32+f32+f32,f32,i32>f32,f32",
    .k_max = SETUN_SCREEN_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = units,
    .run = run,
};
