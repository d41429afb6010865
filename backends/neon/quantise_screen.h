/* quantise_screen.h - masters w[n, k] to i8.r16k4 with step, rest and size of each row, for op screen. numerics.md: screen.
 * One unit is a group of 16 rows, whose codes are made row by row in scratch and then turned, four bytes as one. */
#ifndef SETUN_NEON_QUANTISE_SCREEN_H
#define SETUN_NEON_QUANTISE_SCREEN_H
#include "ints.h"
#include "norm.h"

#define QUANTISE_GROUP 16

/* Bytes of a row of codes in scratch: whole registers. */
static inline int64_t quantise_stride(int64_t k)
{
    return (k + 63) / 64 * 64;
}

static inline setun_status quantise_screen_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)(QUANTISE_GROUP * quantise_stride(query->in[0].dim[1]));
    out_plan->cost_ns = 0.8 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1]; /* not timed: 60 instructions for 16 weights */
    return SETUN_OK;
}

static inline int64_t quantise_screen_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[0].dim[0] + QUANTISE_GROUP - 1) / QUANTISE_GROUP;
}

/* One row w[k] to codes, with step, rest and size. */
ALWAYS_INLINE void quantise_row(const char *w, int64_t k, int64_t element_bytes, lanes_loader_n *load_n, int8_t *out_codes, float *out_step,
                                float *out_rest, float *out_size)
{
    const float amax = norm_largest(w, k, element_bytes, load_n);
    const lanes inverse = lanes_set(amax < SETUN_SCREEN_LEAST ? 0.0f : SETUN_SCREEN_W_MAX / amax);
    norm size = norm_zero(), rest = norm_zero();

    *out_step = amax / SETUN_SCREEN_W_MAX;
    for (int64_t j = 0; j < k; j += SETUN_LANES) {
        const lanes x = load_n(w + j * element_bytes, k - j), c = norm_codes(x, inverse, lanes_set(SETUN_SCREEN_W_MAX));

        norm_add(&size, x);
        norm_add_rest(&rest, x, c, (double)*out_step);
        vst1q_s8(out_codes + j, vcombine_s8(vmovn_s16(norm_low_codes(c)), vmovn_s16(norm_high_codes(c))));
    }
    *out_rest = norm_up(norm_total(rest));
    *out_size = norm_up(norm_total(size));
}

ALWAYS_INLINE void quantise_screen_run(const setun_call *call, const setun_tile *tile, int64_t element_bytes, lanes_loader_n *load_n)
{
    const int64_t n = call->in[0].dim[0], k = call->in[0].dim[1], n_blocks = (k + 3) / 4, stride = quantise_stride(k);
    float *step = call->out[1].data, *rest = call->out[2].data, *size = call->out[3].data;
    int8_t *codes = tile->scratch;

    for (int64_t g = tile->begin; g < tile->end; g++) {
        const int64_t first = g * QUANTISE_GROUP, n_rows = least(QUANTISE_GROUP, n - first);
        int8_t *out = (int8_t *)call->out[0].data + g * n_blocks * 64;

        memset(codes, 0, (size_t)(QUANTISE_GROUP * stride));
        for (int64_t r = 0; r < n_rows; r++)
            quantise_row(in_row(call, 0, first + r), k, element_bytes, load_n, codes + r * stride, &step[first + r], &rest[first + r], &size[first + r]);
        for (int64_t b = 0; b < n_blocks; b += 4)
            for (int64_t r = 0; r < QUANTISE_GROUP; r += 4) {
                int32x4_t word[4];

                for (int e = 0; e < 4; e++)
                    word[e] = vreinterpretq_s32_s8(vld1q_s8(codes + (r + e) * stride + 4 * b));
                turn_words(word);
                for (int64_t e = 0; e < least(4, n_blocks - b); e++)
                    vst1q_s8(out + (b + e) * 64 + 4 * r, vreinterpretq_s8_s32(word[e]));
            }
    }
}
#endif
