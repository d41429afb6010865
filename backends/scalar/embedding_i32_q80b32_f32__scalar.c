/* embedding_i32_q80b32_f32__scalar.c - y[m, n] = table[token[m], n], converted from q8_0.b32 to f32. Token ids are in range: the host checks. */
#include "blocks.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple(20.0 * (double)query->rows_max + 1.0 * (double)query->rows_max * (double)query->out[0].dim[1], out_plan);
}

/* One unit is one row. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int32_t *token = call->in[0].data;

    for (int64_t i = tile->begin; i < tile->end; i++)
        widen_q80(in_row(call, 1, token[i]), call->out[0].dim[1], out_row(call, 0, i));
}

const setun_kernel embedding_i32_q80b32_f32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "embedding_i32_q80b32_f32__scalar",
    .pattern = "embedding",
    .fmts = "i32,q8_0.b32>f32",
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};
