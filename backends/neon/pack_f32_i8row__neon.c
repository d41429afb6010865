/* pack_f32_i8row__neon.c - quantises activations x f32[m, k] to q i8.row[m, k] with one scale s[m] a row: q = rint(x * s). */
#include <string.h>

#include "kernels.h"
#include "lanes.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple((double)query->in[0].dim[0] * (20.0 + 0.35 * (double)query->in[0].dim[1]), out_plan);
}

static float largest_magnitude(const float *x, int64_t k)
{
    lanes amax = lanes_set(SETUN_QUANT_FLOOR);

    for (int64_t j = 0; j < k; j += SETUN_LANES)
        amax = lanes_max(lanes_abs(lanes_load_n(x + j, k - j)), amax);
    return lanes_largest(amax);
}

/* One unit is one row; its padding is zeroed with it. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t k = call->in[0].dim[1], padded = (k + 63) / 64 * 64;
    float *scale = call->out[1].data;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const float *x = in_row(call, 0, i), s = SETUN_QUANT_MAX / largest_magnitude(x, k);
        int8_t *q = out_row(call, 0, i);

        for (int64_t j = 0; j < k; j += SETUN_LANES)
            lanes_store_q_n(q + j, lanes_load_n(x + j, k - j), lanes_set(s), k - j);
        memset(q + k, 0, (size_t)(padded - k));
        scale[i] = s;
    }
}

const setun_kernel pack_f32_i8row__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_f32_i8row__neon",
    .pattern = "pack",
    .fmts = "f32>i8.row+f32",
    .plan = plan,
    .units = units_in_rows,
    .run = run,
};
