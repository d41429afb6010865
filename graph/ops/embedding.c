/* embedding.c - y[row] = table[token[row]]. The table is f32, f16, bf16, q8_0.b32 or q6_k.b256 [vocab, n]; y is f32[rows, n]. */
#include <string.h>

#include "ops/ops.h"

static bool can_be_table(const char *fmt)
{
    static const char *const fmts[] = {"f32", "f16", "bf16", "q8_0.b32", "q6_k.b256"};

    for (size_t i = 0; i < SETUN_COUNT(fmts); i++)
        if (strcmp(fmt, fmts[i]) == 0)
            return true;
    return false;
}

static setun_status build(setun_op_call *call)
{
    const setun_graph_weight *table;
    int64_t n;
    setun_status status = setun_op_weight(call, 2, NULL, &table);

    if (status != SETUN_OK)
        return status;
    if (table->fmt != NULL && !can_be_table(table->fmt))
        return setun_op_fail_weight(call, table, "f32, f16, bf16, q8_0.b32 or q6_k.b256");
    n = table->dim[1];
    return setun_op_out(call, SETUN_ROWS_BATCH, n);
}

const setun_op setun_op_embedding = {
    .name = "embedding", .n_in = 1, .in_names = {"tokens"}, .weight = true, .tokens = true, .build = build};
