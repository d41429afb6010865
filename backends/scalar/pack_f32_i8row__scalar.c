/* pack_f32_i8row__scalar.c - quantises activations x f32[m, k] to q i8.row[m, k] with one scale s[m] a row: q = rint(x * s). */
#include "kernels.h"
#include "scalar.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple(2.5 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1], out_plan);
}

/* One unit is one row; its padding is zeroed with it. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t k = call->in[0].dim[1], padded = (k + 63) / 64 * 64;
    float *scale = call->out[1].data;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const float *x = in_row(call, 0, i);
        int8_t *q = out_row(call, 0, i);
        float amax = SETUN_QUANT_FLOOR, s;

        for (int64_t j = 0; j < k; j++)
            amax = fabsf(x[j]) > amax ? fabsf(x[j]) : amax;
        s = SETUN_QUANT_MAX / amax;
        for (int64_t j = 0; j < k; j++) {
            const float r = rintf(x[j] * s);

            q[j] = (int8_t)(r >= 127.0f ? 127.0f : r >= -128.0f ? r : -128.0f);
        }
        memset(q + k, 0, (size_t)(padded - k));
        scale[i] = s;
    }
}

const setun_kernel pack_f32_i8row__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_f32_i8row__scalar",
    .pattern = "pack",
    .fmts = "f32>i8.row+f32",
    .plan = plan,
    .units = units_in_rows,
    .run = run,
};
