/* quantise_screen7.h - masters w[n, k] to i7.r256k32 with step, rest, size and fine of each row, for the ops screen and rescreen. numerics.md:
 * screen in 7 bits. */
#ifndef SETUN_SCALAR_QUANTISE_SCREEN7_H
#define SETUN_SCALAR_QUANTISE_SCREEN7_H
#include "screen7.h"

/* One row of w, widened, and its codes are the scratch. */
static inline setun_status quantise_screen7_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)query->in[0].dim[1] * (sizeof(float) + 1);
    out_plan->cost_ns = 4.0 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1];
    return SETUN_OK;
}

/* One unit is a band. */
static inline int64_t quantise_screen7_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[0].dim[0] + BAND_ROWS - 1) / BAND_ROWS;
}

/* The codes of a row w[k], and the norms of what rounding to five bits left, of the row, and of what rounding to seven bits left. A NaN gets some
 * code; the norms are NaN then. */
static inline float round_row(const float *w, int64_t k, uint8_t *out_code, double out_norm[3])
{
    const float amax = screen_amax(w, k), step = amax / SETUN_SCREEN_STEP, inverse = amax < SETUN_SCREEN_LEAST ? 0.0f : SETUN_SCREEN_CODES / amax;
    double sum[3][SETUN_LANES] = {{0}};

    for (int64_t j = 0; j < k; j++) {
        const float scaled = w[j] * inverse, c = floorf(scaled + SETUN_SCREEN_CODES);

        out_code[j] = (uint8_t)(c >= 0.0f ? (c <= 127.0f ? c : 127.0f) : 0.0f);
    }
    for (int64_t j = 0; j < k; j++) {
        const double x = (double)w[j], v = (double)step * (double)(2 * (out_code[j] >> 2) - 31), f = (double)step * 0.25 * (double)(2 * out_code[j] - 127);
        const double left[3] = {x - v, x, x - f};

        for (int i = 0; i < 3; i++)
            sum[i][j % SETUN_LANES] = sum[i][j % SETUN_LANES] + left[i] * left[i];
    }
    for (int i = 0; i < 3; i++)
        out_norm[i] = sqrt(screen_total(sum[i]));
    return step;
}

/* Into bytes that are zero: row `row` of a group, and the row's own lower bits. */
static inline void place_row(const uint8_t *code, int64_t k, int row, uint8_t *group, uint8_t *lower)
{
    for (int64_t c = 0; c < k; c++) {
        uint8_t *block = group + c / 32 * 320;
        const int p = (int)(c % 32 / 4), at = 4 * row + (int)(c % 4), u = code[c] >> 2;

        block[64 + 64 * (p / 2) + at] |= (uint8_t)((u & 15) << (p % 2 * 4));
        block[at] |= (uint8_t)(u >> 4 << p);
        lower[c / 256 * 64 + c % 64] |= (uint8_t)((code[c] & 3) << (c % 256 / 64 * 2));
    }
}

static inline void quantise_screen7_run(const setun_call *call, const setun_tile *tile, widen *to_f32)
{
    const int64_t n = call->in[0].dim[0], k = call->in[0].dim[1];
    float *step = call->out[1].data, *rest = call->out[2].data, *size = call->out[3].data, *fine = call->out[4].data;
    uint8_t *out = call->out[0].data;
    float *w = tile->scratch;
    uint8_t *code = (uint8_t *)(w + k);

    for (int64_t band = tile->begin; band < tile->end; band++) {
        const int64_t first = BAND_ROWS * band, n_rows = band_rows(n, band);

        memset(out + band_byte(k, band), 0, (size_t)((n_rows + 15) / 16 * upper_bytes(k) + n_rows * lower_bytes(k)));
        for (int64_t row = first; row < first + n_rows; row++) {
            double norm[3];

            to_f32(in_row(call, 0, row), k, w);
            step[row] = round_row(w, k, code, norm);
            rest[row] = screen_up(norm[0]);
            size[row] = screen_up(norm[1]);
            fine[row] = screen_up(norm[2]);
            place_row(code, k, (int)(row % 16), out + upper_byte(k, row / 16), out + lower_byte(n, k, row));
        }
    }
}
#endif
