/* rows.h - rows of tensors, and what several kernels share. */
#ifndef SETUN_LUT_ROWS_H
#define SETUN_LUT_ROWS_H
#include "setun_plugin.h"

/* Small functions whose constant arguments must reach the loops inside. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Before a loop of at most n turns, a constant where it is inlined, that is to be unrolled whole: its arrays of vectors are registers then. clang
 * 14 takes no heed of gcc's own pragma, and kept a 6 x 4 tile of sums in memory, at less than half of the speed. */
#if defined(__clang__)
#define UNROLL(n) _Pragma("clang loop unroll(full)")
#else
#define UNROLL_PRAGMA(text) _Pragma(#text)
#define UNROLL(n) UNROLL_PRAGMA(GCC unroll n)
#endif

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

/* One unit is one row of the first input. */
static inline int64_t units_in_rows(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->in[0].dim[0];
}
#endif
