/* embedding.c - y[row] = table[token[row]]. The table is f32, f16 or bf16 [vocab, n]; y is f32[rows, n]. */
#include <string.h>

#include "ops/ops.h"

static setun_status build(setun_op_call *call)
{
    const setun_graph_weight *table;
    int64_t n;
    setun_status status = setun_op_weight(call, 2, NULL, &table);

    if (status != SETUN_OK)
        return status;
    if (table->fmt != NULL && strcmp(table->fmt, "f32") != 0 && strcmp(table->fmt, "f16") != 0 && strcmp(table->fmt, "bf16") != 0)
        return setun_op_fail_weight(call, table, "f32, f16 or bf16");
    n = table->dim[1];
    return setun_op_out(call, SETUN_ROWS_BATCH, n);
}

const setun_op setun_op_embedding = {
    .name = "embedding", .n_in = 1, .in_names = {"tokens"}, .weight = true, .tokens = true, .build = build};
