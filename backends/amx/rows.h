/* rows.h - rows of tensors, and what plan() of several kernels shares. */
#ifndef SETUN_AMX_ROWS_H
#define SETUN_AMX_ROWS_H
#include "setun_plugin.h"

static inline const void *in_row(const setun_call *call, uint32_t operand, int64_t row)
{
    return (const char *)call->in[operand].data + row * call->in[operand].stride_bytes[0];
}

static inline void *out_row(const setun_call *call, uint32_t operand, int64_t row)
{
    return (char *)call->out[operand].data + row * call->out[operand].stride_bytes[0];
}

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
#endif
