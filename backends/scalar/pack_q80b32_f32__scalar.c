/* pack_q80b32_f32__scalar.c - y[m, n] = x[m, n], from q8_0.b32 to f32: small matrices and vectors, and what converts files. */
#include "blocks.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple((double)query->in[0].dim[0] * (double)query->in[0].dim[1], out_plan);
}

/* One unit is one row. */
static void run(const setun_call *call, const setun_tile *tile)
{
    for (int64_t i = tile->begin; i < tile->end; i++)
        widen_q80(in_row(call, 0, i), call->in[0].dim[1], out_row(call, 0, i));
}

const setun_kernel pack_q80b32_f32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_q80b32_f32__scalar",
    .pattern = "pack",
    .fmts = "q8_0.b32>f32",
    .plan = plan,
    .units = units_in_rows,
    .run = run,
};
