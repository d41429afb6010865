/* silu.c - y = x / (1 + exp(-x)): the activation of the Llama-like families. Any rows and columns. */
#include "ops/ops.h"

static setun_status build(setun_op_call *call)
{
    const setun_graph_value *x = setun_op_in(call, 0);

    return setun_op_out(call, x->rows, x->n);
}

const setun_op setun_op_silu = {.name = "silu", .n_in = 1, .in_names = {"x"}, .build = build};
