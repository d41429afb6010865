/* ops.c - the table of ops: one line each. */
#include <string.h>

#include "base/base.h"
#include "ops/ops.h"

#define OPS(OP)         \
    OP(add)             \
    OP(attention)       \
    OP(embedding)       \
    OP(kv_write)        \
    OP(linear)          \
    OP(mul)             \
    OP(output_rows)     \
    OP(relu2)           \
    OP(rms_norm)        \
    OP(rope)            \
    OP(silu)

#define DECLARE(name) extern const setun_op setun_op_##name;
OPS(DECLARE)
#define ENTRY(name) &setun_op_##name,
const setun_op *const setun_ops[] = {OPS(ENTRY)};
const size_t setun_n_ops = SETUN_COUNT(setun_ops);

const setun_op *setun_op_find(const char *name)
{
    for (size_t i = 0; i < setun_n_ops; i++)
        if (strcmp(setun_ops[i]->name, name) == 0)
            return setun_ops[i];
    return NULL;
}
