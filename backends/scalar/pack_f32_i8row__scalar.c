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

    for (int64_t i = tile->begin; i < tile->end; i++) {
        int8_t *q = out_row(call, 0, i);

        ((float *)call->out[1].data)[i] = quantise_row(in_row(call, 0, i), k, q);
        memset(q + k, 0, (size_t)(padded - k));
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
