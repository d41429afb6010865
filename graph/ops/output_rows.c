/* output_rows.c - y = the rows of x whose logits are wanted: after it a pass computes no more than it must. x has the pass's rows. */
#include "ops/ops.h"

static setun_status build(setun_op_call *call)
{
    setun_status status = setun_op_check_batch(call, 0);

    return status != SETUN_OK ? status : setun_op_out(call, SETUN_ROWS_OUT, setun_op_in(call, 0)->n);
}

const setun_op setun_op_output_rows = {.name = "output_rows", .n_in = 1, .in_names = {"x"}, .build = build};
