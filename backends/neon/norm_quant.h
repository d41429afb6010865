/* norm_quant.h - rows that are normalised and quantised in one go: y = (x * r) * (w + offset) is not stored but computed twice, the first time
 * for its largest magnitude. The bits are those of rms_norm and pack one after the other. */
#ifndef SETUN_NEON_NORM_QUANT_H
#define SETUN_NEON_NORM_QUANT_H
#include <stdbool.h>
#include <string.h>

#include "lanes.h"

static inline setun_status norm_quant_plan(const setun_query *query, const setun_attr_rms_norm *attr, double ns_each,
                                           setun_kernel_plan *out_plan)
{
    if (attr->groups != 1)
        return setun_refuse(query, "rms_norm: only whole rows are normalised and quantised in one go");
    return plan_simple((double)query->rows_max * (30.0 + ns_each * (double)query->out[0].dim[1]), out_plan);
}

ALWAYS_INLINE lanes norm_lanes(const float *x, const float *w, lanes r, lanes offset, bool has_offset, int64_t n)
{
    const lanes weight = has_offset ? lanes_add(lanes_load_n(w, n), offset) : lanes_load_n(w, n);

    return lanes_mul(lanes_mul(lanes_load_n(x, n), r), weight);
}

ALWAYS_INLINE float norm_quant(const float *x, const float *w, int64_t n, lanes r, lanes offset, bool has_offset, int8_t *q)
{
    lanes amax = lanes_set(SETUN_QUANT_FLOOR);
    float s;

    for (int64_t j = 0; j < n; j += SETUN_LANES)
        amax = lanes_max(lanes_abs(norm_lanes(x + j, w + j, r, offset, has_offset, n - j)), amax);
    s = SETUN_QUANT_MAX / lanes_largest(amax);
    for (int64_t j = 0; j < n; j += SETUN_LANES)
        lanes_store_q_n(q + j, norm_lanes(x + j, w + j, r, offset, has_offset, n - j), lanes_set(s), n - j);
    memset(q + n, 0, (size_t)((n + 63) / 64 * 64 - n));
    return s;
}

/* x, w [n], whose dot with itself is `dot`; q gets its padding, too. Returns the scale of q. */
static inline float norm_quant_row(const float *x, const float *w, int64_t n, float dot, const setun_attr_rms_norm *attr, int8_t *q)
{
    const float mean = dot / (float)n;
    const lanes r = lanes_div(lanes_set(1.0f), lanes_sqrt(lanes_set(mean + attr->eps))), offset = lanes_set(attr->weight_offset);

    if (attr->weight_offset != 0.0f)
        return norm_quant(x, w, n, r, offset, true, q);
    return norm_quant(x, w, n, r, offset, false, q);
}
#endif
