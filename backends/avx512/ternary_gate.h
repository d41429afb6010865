/* ternary_gate.h - gate and up in one go: g = linear(h, w) and u = linear(h, v), y = t * t * u with t = max(g, 0).
 *
 * A worker does gate for some groups of rows into y, then up for the same groups, which finds g in its place and joins u to it: no one waits
 * between them, u is never in memory, and the function of a linear that does both is that of the linear alone. */
#ifndef SETUN_AVX512_TERNARY_GATE_H
#define SETUN_AVX512_TERNARY_GATE_H
#include "ternary.h"

/* Groups before up follows gate: all of a worker's where y is a few rows, which stay in its cache, for each change from one matrix to the
 * other lets its stream of memory run dry; and 512 columns where y is many rows, 512 KB of 256. */
#define TERNARY_GATE_STREAM INT64_MAX
#define TERNARY_GATE_PANEL  32

typedef void ternary_linear_run(const setun_call *call, const setun_tile *tile);

/* in: q, s, w, its scale, v, its scale; out: y. */
static inline void ternary_gate_run(const setun_call *call, const setun_tile *tile, int64_t n_groups, ternary_linear_run *linear)
{
    const setun_tensor up_in[] = {call->in[0], call->in[1], call->in[4], call->in[5], call->out[0]};
    setun_call gate = *call, up = *call;

    gate.n_in = 4;
    up.n_in = 5;
    up.in = up_in;
    for (int64_t begin = tile->begin; begin < tile->end;) {
        setun_tile part = *tile;

        part.begin = begin;
        part.end = tile->end - begin > n_groups ? begin + n_groups : tile->end;
        linear(&gate, &part);
        linear(&up, &part);
        begin = part.end;
    }
}
#endif
