/* output_rows_f32_f32__scalar.c - y[o, n] = x[out_row[o], n]: the rows whose logits are wanted. */
#include "kernels.h"
#include "scalar.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple(0.2 * (double)query->rows_max * (double)query->out[0].dim[1], out_plan);
}

/* One unit is one row of y. */
static void run(const setun_call *call, const setun_tile *tile)
{
    for (int64_t i = tile->begin; i < tile->end; i++)
        widen_f32(in_row(call, 0, call->batch->out_row[i]), call->out[0].dim[1], out_row(call, 0, i));
}

const setun_kernel output_rows_f32_f32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "output_rows_f32_f32__scalar",
    .pattern = "output_rows",
    .fmts = "f32>f32",
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};
