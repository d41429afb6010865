/* rows.h - rows of tensors, and what plan() and units() of several kernels share. */
#ifndef SETUN_NEON_ROWS_H
#define SETUN_NEON_ROWS_H
#include "setun_plugin.h"

/* Small functions whose constant arguments must reach the loops inside. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Functions whose inner loop needs all general registers. */
#define NEVER_INLINE static __attribute__((noinline))

/* At the end of a loop that adds to several registers: gcc 12 otherwise makes a second copy of each for the time after the loop and
 * stores it in every turn, which cost a 6 x 4 tile of dot products a fifth of its speed. clang has no such trouble, and gets
 * slower. */
#if defined(__clang__)
#define KEEP_IN_REGISTER(vector) ((void)(vector))
#else
#define KEEP_IN_REGISTER(vector) __asm__("" : "+w"(vector))
#endif

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

/* One phase, no scratch. Costs of this backend are estimates, never timed: README.md says how they were reckoned. */
static inline setun_status plan_simple(double cost_ns, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 1;
    out_plan->cost_ns = cost_ns;
    return SETUN_OK;
}

/* One unit is one row of the first output, or of the first input. */
static inline int64_t units_out_rows(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->out[0].dim[0];
}

static inline int64_t units_in_rows(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->in[0].dim[0];
}
#endif
