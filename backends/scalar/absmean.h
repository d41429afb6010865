/* absmean.h - ternary weights from floating-point masters w[n, k] (numerics.md: absmean): phase 0 sums |w| of each row in f64, phase 1
 * adds the row sums, in every worker in the same order, and writes codes and scales. */
#ifndef SETUN_SCALAR_ABSMEAN_H
#define SETUN_SCALAR_ABSMEAN_H
#include "scalar.h"
#include "ternary.h"

/* shared: double[n] row sums; worker: float[k], one widened row. */
static inline setun_status absmean_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const int64_t n = query->in[0].dim[0], k = query->in[0].dim[1];

    out_plan->n_phases = 2;
    out_plan->worker_bytes = (size_t)k * sizeof(float);
    out_plan->shared_bytes = (size_t)n * sizeof(double);
    out_plan->cost_ns = 4.0 * (double)n * (double)k;
    return SETUN_OK;
}

static inline void absmean_sum_rows(const setun_call *call, const setun_tile *tile, widen *to_f32)
{
    const int64_t k = call->in[0].dim[1];
    double *row_sum = call->shared;
    float *w = tile->scratch;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        double sum = 0.0;

        to_f32(in_row(call, 0, i), k, w);
        for (int64_t j = 0; j < k; j++)
            sum = sum + (double)fabsf(w[j]);
        row_sum[i] = sum;
    }
}

static inline float absmean_scale(const double *row_sum, int64_t n, int64_t k)
{
    double total = 0.0;
    float mean;

    for (int64_t i = 0; i < n; i++)
        total = total + row_sum[i];
    mean = (float)(total / (double)(n * k));
    return mean > SETUN_QUANT_FLOOR ? mean : SETUN_QUANT_FLOOR;
}

/* One unit is one row of w, in both phases. */
static inline void absmean_run(const setun_call *call, const setun_tile *tile, widen *to_f32)
{
    const int64_t n = call->in[0].dim[0], k = call->in[0].dim[1];
    float *scale = call->out[1].data, *w = tile->scratch;
    float m, inverse;

    if (tile->phase == 0) {
        absmean_sum_rows(call, tile, to_f32);
        return;
    }
    if (tile->begin == tile->end)
        return;
    m = absmean_scale(call->shared, n, k);
    inverse = 1.0f / m;
    for (int64_t i = tile->begin; i < tile->end; i++) {
        uint8_t *codes = out_row(call, 0, i);

        to_f32(in_row(call, 0, i), k, w);
        ternary_clear_row(codes, k);
        for (int64_t j = 0; j < k; j++) {
            const float t = rintf(w[j] * inverse);

            ternary_set(codes, j, t >= 1.0f ? 2 : t <= -1.0f ? 0 : 1);
        }
        scale[i] = m;
    }
}
#endif
