/* elementwise.h - the frame of ops that work on one row at a time with no memory of their own. */
#ifndef SETUN_SCALAR_ELEMENTWISE_H
#define SETUN_SCALAR_ELEMENTWISE_H
#include "scalar.h"

static inline setun_status elementwise_plan(const setun_query *query, double ns_each, setun_kernel_plan *out_plan)
{
    return plan_simple(ns_each * (double)query->rows_max * (double)query->out[0].dim[1], out_plan);
}
#endif
