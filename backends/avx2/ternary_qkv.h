/* ternary_qkv.h - three linears of one input in one go: q = linear(h, w), k = linear(h, v) and z = linear(h, u).
 *
 * As many units as groups in all three; a range of them is the same share of each matrix, so that a worker reads the rows that it would read
 * in three linears, which lie in memory near it. It does each part as the linear alone would; what the linear makes of the rows of h before
 * its first group, it makes once. */
#ifndef SETUN_AVX2_TERNARY_QKV_H
#define SETUN_AVX2_TERNARY_QKV_H
#include "ternary.h"

#define TERNARY_QKV_N 3

/* ns for each element of h that is summed, on one worker of a Zen 5: measured for one row of 2560 and for 256. */
#define TERNARY_QKV_SUM_NS 0.012

typedef setun_status ternary_linear_plan(const setun_query *query, setun_kernel_plan *out_plan);
typedef void ternary_linear_part(const setun_call *call, const setun_tile *tile);

/* As three of the linear, but that what takes once_ns for each element of h is done once. Scratch depends on h alone. */
static inline setun_status ternary_qkv_plan(const setun_query *query, ternary_linear_plan *linear, double once_ns, setun_kernel_plan *out_plan)
{
    double cost_ns = -(TERNARY_QKV_N - 1) * once_ns * (double)query->rows_max * (double)query->in[0].dim[1];

    for (int i = 0; i < TERNARY_QKV_N; i++) {
        const setun_tensor in[] = {query->in[0], query->in[1], query->in[2 + 2 * i], query->in[3 + 2 * i]};
        setun_query alone = *query;
        setun_status status;

        alone.n_in = 4;
        alone.n_out = 1;
        alone.in = in;
        alone.out = query->out + i;
        status = linear(&alone, out_plan);
        if (status != SETUN_OK)
            return status;
        cost_ns += out_plan->cost_ns;
    }
    out_plan->cost_ns = cost_ns > 0 ? cost_ns : 0;
    return SETUN_OK;
}

static inline int64_t ternary_qkv_units(const setun_call *call, uint32_t phase)
{
    int64_t n = 0;

    (void)phase;
    for (int i = 0; i < TERNARY_QKV_N; i++)
        n += (call->in[2 + 2 * i].dim[0] + TERNARY_GROUP - 1) / TERNARY_GROUP;
    return n;
}

/* in: h, s, w, its scale, v, its scale, u, its scale; out: q, k, z. begin: scratch of the tile from h, or NULL; part: some groups of one linear. */
static inline void ternary_qkv_run(const setun_call *call, const setun_tile *tile, ternary_linear_part *begin, ternary_linear_part *part)
{
    const int64_t n_units = ternary_qkv_units(call, tile->phase);

    if (tile->begin == tile->end)
        return;
    if (begin != NULL)
        begin(call, tile);
    for (int i = 0; i < TERNARY_QKV_N; i++) {
        const setun_tensor in[] = {call->in[0], call->in[1], call->in[2 + 2 * i], call->in[3 + 2 * i]};
        setun_call alone = *call;
        setun_tile groups = *tile;
        int64_t n_groups;

        alone.n_in = 4;
        alone.n_out = 1;
        alone.in = in;
        alone.out = call->out + i;
        n_groups = ternary_units(&alone, 0);
        groups.begin = tile->begin * n_groups / n_units;
        groups.end = tile->end * n_groups / n_units;
        if (groups.begin < groups.end)
            part(&alone, &groups);
    }
}
#endif
