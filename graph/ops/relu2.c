/* relu2.c - y = max(x, 0) squared: the activation of BitNet b1.58 2B4T. Any rows and columns. */
#include "ops/ops.h"

static setun_status build(setun_op_call *call)
{
    const setun_graph_value *x = setun_op_in(call, 0);

    return setun_op_out(call, x->rows, x->n);
}

const setun_op setun_op_relu2 = {.name = "relu2", .n_in = 1, .in_names = {"x"}, .build = build};
