/* pack_f32_i16hl__scalar.c - activations x f32[m, k] to 16 bits, i16.hl[m, k], with step, a and b f32[m], for the op screen. */
#include "kernels.h"
#include "screen.h"

/* The codes of a row are the scratch. */
static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)query->in[0].dim[1] * sizeof(float);
    out_plan->cost_ns = 4.0 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1];
    return SETUN_OK;
}

/* One unit is one row; its padding is zeroed with it. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t k = call->in[0].dim[1], half = (k + 63) / 64 * 64;
    float *step = call->out[1].data, *a = call->out[2].data, *b = call->out[3].data;
    float *code = tile->scratch;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        int8_t *high = out_row(call, 0, i), *low = high + half;
        double size, rest;

        step[i] = screen_round(in_row(call, 0, i), k, SETUN_SCREEN_MAX, code, &size, &rest);
        a[i] = screen_up(size + rest);
        b[i] = screen_up(rest + (size + rest) * (((double)k * 0.0625 + SETUN_SCREEN_STEPS) * SETUN_SCREEN_ULP));
        memset(high, 0, (size_t)(2 * half));
        for (int64_t j = 0; j < k; j++) {
            const int32_t q = (int32_t)code[j], h = (q + 128 + 65536) / 256 - 256; /* floor: the dividend is positive */

            high[j] = (int8_t)h;
            low[j] = (int8_t)(q - 256 * h);
        }
    }
}

const setun_kernel pack_f32_i16hl__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_f32_i16hl__scalar",
    .pattern = "pack",
    .fmts = "f32>i16.hl+f32+f32+f32",
    .plan = plan,
    .units = units_in_rows,
    .run = run,
};
