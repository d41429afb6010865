/* pack_f32_i16hl__neon.c - activations x f32[m, k] to 16 bits, i16.hl[m, k], with step, a and b f32[m], for the op screen. */
#include "kernels.h"
#include "norm.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple((double)query->in[0].dim[0] * (80.0 + 0.9 * (double)query->in[0].dim[1]), out_plan); /* not timed: 70 instructions for 16 */
}

/* Eight codes q = 256 * h + l, |q| at most 32639: adding 128 fits 16 bits. */
static inline void split(int16x8_t q, int8x8_t *out_high, int8x8_t *out_low)
{
    *out_high = vmovn_s16(vshrq_n_s16(vaddq_s16(q, vdupq_n_s16(128)), 8));
    *out_low = vmovn_s16(q); /* the low byte, as 256 * h has none */
}

/* 16 codes; those past the row's end are 0, like the padding. */
static inline void store_halves(int8_t *high, int8_t *low, lanes q)
{
    int8x8_t h[2], l[2];

    split(norm_low_codes(q), &h[0], &l[0]);
    split(norm_high_codes(q), &h[1], &l[1]);
    vst1q_s8(high, vcombine_s8(h[0], h[1]));
    vst1q_s8(low, vcombine_s8(l[0], l[1]));
}

/* One unit is one row; its padding is zeroed with it. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t k = call->in[0].dim[1], half = (k + 63) / 64 * 64;
    float *step = call->out[1].data, *a = call->out[2].data, *b = call->out[3].data;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const float *x = in_row(call, 0, i), amax = norm_largest((const char *)x, k, sizeof(float), lanes_load_f32_n);
        const lanes inverse = lanes_set(amax < SETUN_SCREEN_LEAST ? 0.0f : SETUN_SCREEN_MAX / amax);
        int8_t *high = out_row(call, 0, i);
        norm size = norm_zero(), rest = norm_zero();
        double x_norm, r_norm;

        step[i] = amax / SETUN_SCREEN_MAX;
        memset(high, 0, (size_t)(2 * half));
        for (int64_t j = 0; j < k; j += SETUN_LANES) {
            const lanes v = lanes_load_n(x + j, k - j), q = norm_codes(v, inverse, lanes_set(SETUN_SCREEN_MAX));

            norm_add(&size, v);
            norm_add_rest(&rest, v, q, (double)step[i]);
            store_halves(high + j, high + half + j, q);
        }
        x_norm = norm_total(size);
        r_norm = norm_total(rest);
        a[i] = norm_up(x_norm + r_norm);
        b[i] = norm_up(r_norm + (x_norm + r_norm) * (((double)k * 0.0625 + SETUN_SCREEN_STEPS) * SETUN_SCREEN_ULP));
    }
}

const setun_kernel pack_f32_i16hl__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_f32_i16hl__neon",
    .pattern = "pack",
    .fmts = "f32>i16.hl+f32+f32+f32",
    .plan = plan,
    .units = units_in_rows,
    .run = run,
};
