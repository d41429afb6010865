/* pack_f32_i16hl__avx512.c - activations x f32[m, k] to 16 bits, i16.hl[m, k], with step, a and b f32[m], for the op screen. */
#include <string.h>

#include "kernels.h"
#include "norm.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple((double)query->in[0].dim[0] * (60.0 + 0.6 * (double)query->in[0].dim[1]), out_plan);
}

static float largest_magnitude(const float *x, int64_t k)
{
    lanes amax = lanes_set(0.0f);

    for (int64_t j = 0; j < k; j += SETUN_LANES)
        amax = lanes_max(lanes_abs(lanes_load_n(x + j, k - j)), amax);
    return lanes_largest(amax);
}

/* 16 codes; those past the row's end are 0, like the padding. */
static inline void store_halves(int8_t *high, int8_t *low, lanes q)
{
    const __m512i code = _mm512_cvtps_epi32(q), h = _mm512_srai_epi32(_mm512_add_epi32(code, _mm512_set1_epi32(128)), 8);

    _mm_storeu_si128((void *)high, _mm512_cvtepi32_epi8(h));
    _mm_storeu_si128((void *)low, _mm512_cvtepi32_epi8(code)); /* code - 256 h is the low byte, as a signed one */
}

/* One unit is one row; its padding is zeroed with it. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t k = call->in[0].dim[1], half = (k + 63) / 64 * 64;
    float *step = call->out[1].data, *a = call->out[2].data, *b = call->out[3].data;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const float *x = in_row(call, 0, i), amax = largest_magnitude(x, k);
        const lanes inverse = lanes_set(amax < SETUN_SCREEN_LEAST ? 0.0f : SETUN_SCREEN_MAX / amax), most = lanes_set(SETUN_SCREEN_MAX);
        int8_t *high = out_row(call, 0, i);
        norm size = norm_zero(), rest = norm_zero();
        double x_norm, r_norm;

        step[i] = amax / SETUN_SCREEN_MAX;
        memset(high, 0, (size_t)(2 * half));
        for (int64_t j = 0; j < k; j += SETUN_LANES) {
            const lanes v = lanes_load_n(x + j, k - j); /* lanes without an element add nothing: +0 */
            const lanes q = norm_codes(v, inverse, most);

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

const setun_kernel pack_f32_i16hl__avx512 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_f32_i16hl__avx512",
    .pattern = "pack",
    .fmts = "f32>i16.hl+f32+f32+f32",
    .plan = plan,
    .units = units_in_rows,
    .run = run,
};
