/* add.c - y = a + b, element by element: the residual connection. Both have the same rows and columns. */
#include "ops/ops.h"

static setun_status build(setun_op_call *call)
{
    const setun_graph_value *a = setun_op_in(call, 0);
    setun_status status = setun_op_check_same(call, 0, 1);

    return status != SETUN_OK ? status : setun_op_out(call, a->rows, a->n);
}

const setun_op setun_op_add = {.name = "add", .n_in = 2, .in_names = {"a", "b"}, .build = build};
