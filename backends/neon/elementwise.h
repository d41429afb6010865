/* elementwise.h - ops that compute every element by itself. One unit is up to 1024 columns of one row: enough that a worker's share
 * is worth waking for, small enough to cut a single long row. */
#ifndef SETUN_NEON_ELEMENTWISE_H
#define SETUN_NEON_ELEMENTWISE_H
#include "lanes.h"

#define ELEMENTWISE_UNIT 1024

static inline setun_status elementwise_plan(const setun_query *query, double ns_each, setun_kernel_plan *out_plan)
{
    return plan_simple(20.0 + ns_each * (double)query->rows_max * (double)query->out[0].dim[1], out_plan);
}

static inline int64_t elementwise_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->out[0].dim[0] * ((call->out[0].dim[1] + ELEMENTWISE_UNIT - 1) / ELEMENTWISE_UNIT);
}

typedef lanes elementwise_op(lanes a, lanes b);

/* y = op(a, b), or op(a, a) where there is one input. */
ALWAYS_INLINE void elementwise_run(const setun_call *call, const setun_tile *tile, uint32_t b_operand, elementwise_op *op)
{
    const int64_t n = call->out[0].dim[1], row_units = (n + ELEMENTWISE_UNIT - 1) / ELEMENTWISE_UNIT;

    for (int64_t u = tile->begin; u < tile->end; u++) {
        const int64_t row = u / row_units, first = u % row_units * ELEMENTWISE_UNIT, end = least(first + ELEMENTWISE_UNIT, n);
        const float *a = in_row(call, 0, row), *b = in_row(call, b_operand, row);
        float *y = out_row(call, 0, row);

        for (int64_t j = first; j < end; j += SETUN_LANES)
            lanes_store_n(y + j, op(lanes_load_n(a + j, end - j), lanes_load_n(b + j, end - j)), end - j);
    }
}
#endif
