/* quantise_q6k.h - numerics.md: quantised weights, q6_k.b256. A part's ideal scale is searched among those that send its largest value to
 * 24 places near the ends of the codes; the block's f16 scale follows from the largest; each part's int8 is then the best of three. */
#ifndef SETUN_SCALAR_QUANTISE_Q6K_H
#define SETUN_SCALAR_QUANTISE_Q6K_H
#include "lanes.h"
#include "quantise_q80.h"

enum { Q6K_PARTS = SETUN_Q6_K_BLOCK / SETUN_Q6_K_PART, Q6K_LANDINGS = 24 };

#define Q6K_LARGEST  0x1p28f  /* f16's largest times 128 times 32 is below */
#define Q6K_SMALLEST 0x1p-40f /* a 2^16th of f16's least */

static inline setun_status quantise_q6k_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)query->in[0].dim[1] * sizeof(float);
    out_plan->cost_ns = 60.0 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1];
    return SETUN_OK;
}

/* rint() of |x| < 2^22 without a call, so that loops over it become vectors; larger ones stay far outside the codes. */
static inline float q6k_round(float x)
{
    return (x + 0x1.8p23f) - 0x1.8p23f;
}

/* c[j] = limit(rint(x[j] * factor), -32, 31) for the 16 columns of a part. */
static inline void q6k_codes(const float *x, float factor, float *out_code)
{
    for (int j = 0; j < SETUN_Q6_K_PART; j++)
        out_code[j] = limit(q6k_round(limit(x[j] * factor, -64.0f, 64.0f)), -32.0f, 31.0f);
}

static inline float q6k_ideal(const float *x)
{
    float m = 0.0f, most = -1.0f, ideal = 0.0f;

    for (int j = 0; j < SETUN_Q6_K_PART; j++)
        m = fabsf(x[j]) > fabsf(m) ? x[j] : m;
    if (fabsf(m) < Q6K_SMALLEST)
        return 0.0f;
    for (int t = 0; t < Q6K_LANDINGS; t++) {
        const float v = t < 16 ? -26.5f - 0.5f * (float)t : 28.0f + 0.5f * (float)(t - 16);
        float c[SETUN_Q6_K_PART], xc[SETUN_Q6_K_PART], cc[SETUN_Q6_K_PART], p, r, gain;

        q6k_codes(x, v / m, c);
        for (int j = 0; j < SETUN_Q6_K_PART; j++) {
            xc[j] = x[j] * c[j];
            cc[j] = c[j] * c[j];
        }
        p = lanes_total(xc);
        r = lanes_total(cc);
        gain = (p * p) / r;
        if (gain > most) {
            most = gain;
            ideal = p / r;
        }
    }
    return ideal;
}

/* Codes of part p, less 32, and its int8. */
static inline int8_t q6k_fit(const float *x, float ideal, float d, float *out_code)
{
    static const float steps[3] = {0.0f, -1.0f, 1.0f};
    const float nearest = limit(rintf(ideal / d), -128.0f, 127.0f);
    float least = INFINITY, part = nearest;

    for (int s = 0; s < 3; s++) {
        const float tried = nearest + steps[s], scale = d * tried;
        float c[SETUN_Q6_K_PART] = {0}, square[SETUN_Q6_K_PART], error;

        if (tried < -128.0f || tried > 127.0f)
            continue;
        for (int j = 0; j < SETUN_Q6_K_PART && scale != 0.0f; j++)
            c[j] = limit(q6k_round(limit(x[j] / scale, -64.0f, 64.0f)), -32.0f, 31.0f);
        for (int j = 0; j < SETUN_Q6_K_PART; j++) {
            const float off = x[j] - scale * c[j];

            square[j] = off * off;
        }
        error = lanes_total(square);
        if (error < least) {
            least = error;
            part = tried;
            memcpy(out_code, c, sizeof(c));
        }
    }
    return (int8_t)part;
}

static inline void q6k_put(uint8_t *block, int64_t c, unsigned code)
{
    const q6k_place at = q6k_place_of(c);

    block[at.low] = (uint8_t)(block[at.low] | (code & 15) << at.low_shift);
    block[at.high] = (uint8_t)(block[at.high] | code >> 4 << at.high_shift);
}

static inline void quantise_q6k_block(const float *w, uint8_t *out_block)
{
    float x[SETUN_Q6_K_BLOCK], ideal[Q6K_PARTS], code[SETUN_Q6_K_BLOCK] = {0}, largest = 0.0f, d;
    uint16_t half;

    for (int j = 0; j < SETUN_Q6_K_BLOCK; j++)
        x[j] = limit(w[j], -Q6K_LARGEST, Q6K_LARGEST);
    for (int p = 0; p < Q6K_PARTS; p++) {
        ideal[p] = q6k_ideal(x + SETUN_Q6_K_PART * p);
        largest = fabsf(ideal[p]) > fabsf(largest) ? ideal[p] : largest;
    }
    half = f32_to_f16(limit(largest / -128.0f, -F16_LARGEST, F16_LARGEST));
    d = f16_to_f32(half);
    memset(out_block, 0, SETUN_Q6_K_BYTES);
    if (d != 0.0f) {
        for (int p = 0; p < Q6K_PARTS; p++)
            out_block[192 + p] = (uint8_t)q6k_fit(x + SETUN_Q6_K_PART * p, ideal[p], d, code + SETUN_Q6_K_PART * p);
        q80_block_put_d(out_block + 208, half);
    }
    for (int64_t c = 0; c < SETUN_Q6_K_BLOCK; c++)
        q6k_put(out_block, c, (unsigned)((int)code[c] + SETUN_Q6_K_ZERO));
}

/* One unit is one row. */
static inline void quantise_q6k_run(const setun_call *call, const setun_tile *tile, widen *to_f32)
{
    const int64_t k = call->in[0].dim[1];
    float *w = tile->scratch;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        uint8_t *block = out_row(call, 0, i);

        to_f32(in_row(call, 0, i), k, w);
        for (int64_t c = 0; c < k; c += SETUN_Q6_K_BLOCK, block += SETUN_Q6_K_BYTES)
            quantise_q6k_block(w + c, block);
    }
}
#endif
