/* dense.h - linear with f32 activations and stored f32, f16 or bf16 weights: y[m, n] = dot(x[m, :], w[n, :]). */
#ifndef SETUN_SCALAR_DENSE_H
#define SETUN_SCALAR_DENSE_H
#include "lanes.h"

static inline setun_status dense_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const double n = (double)query->in[1].dim[0], k = (double)query->in[1].dim[1];

    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)query->in[1].dim[1] * sizeof(float);     /* one row of w, widened */
    out_plan->cost_ns = 0.8 * (double)query->rows_max * n * k + 0.4 * n * k; /* lanes.h; widening */
    return SETUN_OK;
}

/* One unit is one row of w. */
static inline int64_t dense_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->in[1].dim[0];
}

/* to_f32 NULL: w is f32 already. */
static inline void dense_run(const setun_call *call, const setun_tile *tile, widen *to_f32)
{
    const int64_t m = call->in[0].dim[0], k = call->in[0].dim[1];

    for (int64_t j = tile->begin; j < tile->end; j++) {
        const float *w = in_row(call, 1, j);

        if (to_f32 != NULL) {
            to_f32(w, k, tile->scratch);
            w = tile->scratch;
        }
        for (int64_t i = 0; i < m; i++)
            ((float *)out_row(call, 0, i))[j] = dot(in_row(call, 0, i), w, k);
    }
}
#endif
