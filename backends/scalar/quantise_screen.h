/* quantise_screen.h - masters w[n, k] to i8.r16k4 with step, rest and size of each row, for the op screen. numerics.md: screen. */
#ifndef SETUN_SCALAR_QUANTISE_SCREEN_H
#define SETUN_SCALAR_QUANTISE_SCREEN_H
#include "screen.h"

/* One row of w, widened, and its codes are the scratch. */
static inline setun_status quantise_screen_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 1;
    out_plan->worker_bytes = 2 * (size_t)query->in[0].dim[1] * sizeof(float);
    out_plan->cost_ns = 3.0 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1];
    return SETUN_OK;
}

/* One unit is a group of 16 rows. */
static inline int64_t quantise_screen_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[0].dim[0] + 15) / 16;
}

static inline void quantise_screen_run(const setun_call *call, const setun_tile *tile, widen *to_f32)
{
    const int64_t n = call->in[0].dim[0], k = call->in[0].dim[1], group_bytes = (k + 3) / 4 * 64;
    float *step = call->out[1].data, *rest = call->out[2].data, *size = call->out[3].data;
    float *w = tile->scratch, *code = w + k;
    int8_t *out = call->out[0].data;

    for (int64_t g = tile->begin; g < tile->end; g++) {
        memset(out + g * group_bytes, 0, (size_t)group_bytes);
        for (int64_t row = 16 * g; row < 16 * g + 16 && row < n; row++) {
            double size64, rest64;

            to_f32(in_row(call, 0, row), k, w);
            step[row] = screen_round(w, k, SETUN_SCREEN_W_MAX, code, &size64, &rest64);
            rest[row] = screen_up(rest64);
            size[row] = screen_up(size64);
            for (int64_t c = 0; c < k; c++)
                out[screen_byte(k, row, c / 4 * 4) + c % 4] = (int8_t)code[c];
        }
    }
}
#endif
