/* pack_f32_i16hl__avx2.c - activations x f32[m, k] to 16 bits, i16.hl[m, k], with step, a and b f32[m], for the op screen. */
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
    const __m256i code_a = _mm256_cvtps_epi32(q.a), code_b = _mm256_cvtps_epi32(q.b), half = _mm256_set1_epi32(128);
    const __m256i h_a = _mm256_srai_epi32(_mm256_add_epi32(code_a, half), 8), h_b = _mm256_srai_epi32(_mm256_add_epi32(code_b, half), 8);
    const __m256i l_a = _mm256_sub_epi32(code_a, _mm256_slli_epi32(h_a, 8)), l_b = _mm256_sub_epi32(code_b, _mm256_slli_epi32(h_b, 8));
    const __m256i h = _mm256_permute4x64_epi64(_mm256_packs_epi32(h_a, h_b), 0xD8), l = _mm256_permute4x64_epi64(_mm256_packs_epi32(l_a, l_b), 0xD8);

    _mm_storeu_si128((void *)high, _mm_packs_epi16(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1)));
    _mm_storeu_si128((void *)low, _mm_packs_epi16(_mm256_castsi256_si128(l), _mm256_extracti128_si256(l, 1)));
}

/* One unit is one row; its padding is zeroed with it. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t k = call->in[0].dim[1], half = (k + 63) / 64 * 64;
    float *step = call->out[1].data, *a = call->out[2].data, *b = call->out[3].data;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const float *x = in_row(call, 0, i), amax = largest_magnitude(x, k);
        const lanes inverse = lanes_set(amax < SETUN_SCREEN_LEAST ? 0.0f : SETUN_SCREEN_MAX / amax);
        int8_t *high = out_row(call, 0, i);
        norm size = norm_zero(), rest = norm_zero();
        double x_norm, r_norm;

        step[i] = amax / SETUN_SCREEN_MAX;
        memset(high, 0, (size_t)(2 * half));
        for (int64_t j = 0; j < k; j += SETUN_LANES) {
            const lanes v = lanes_load_n(x + j, k - j); /* lanes without an element add nothing: +0 */
            const lanes q = norm_codes(v, inverse, lanes_set(SETUN_SCREEN_MAX));

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

const setun_kernel pack_f32_i16hl__avx2 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_f32_i16hl__avx2",
    .pattern = "pack",
    .fmts = "f32>i16.hl+f32+f32+f32",
    .plan = plan,
    .units = units_in_rows,
    .run = run,
};
