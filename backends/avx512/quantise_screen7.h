/* quantise_screen7.h - masters w[n, k] to i7.r256k32 with step, rest, size and fine of each row, for the ops screen and rescreen (numerics.md:
 * screen in 7 bits). One unit is a band of 256 rows. The codes of 16 rows are made row by row in scratch, a byte each; their lower bits are cut
 * off row by row, their upper ones once four bytes of every row stand side by side. */
#ifndef SETUN_AVX512_QUANTISE_SCREEN7_H
#define SETUN_AVX512_QUANTISE_SCREEN7_H
#include "norm.h"
#include "screen7.h"

/* Bytes of a row of codes in scratch: as many columns as a block of lower bits has, zeros beyond k. */
static inline int64_t code_stride(int64_t k)
{
    return (k + 255) / 256 * 256;
}

static inline setun_status quantise_screen7_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)(GROUP * code_stride(query->in[0].dim[1]));
    out_plan->cost_ns = 0.3 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1];
    return SETUN_OK;
}

static inline int64_t quantise_screen7_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[0].dim[0] + BAND - 1) / BAND;
}

/* One row w[k] to codes, a byte each, with step, rest, size and fine. */
ALWAYS_INLINE void quantise7_row(const char *w, int64_t k, int64_t element_bytes, lanes_loader_n *load_n, uint8_t *out_codes, float *out_step,
                                 float *out_rest, float *out_size, float *out_fine)
{
    const lanes most = lanes_set(127.0f), zero = lanes_set(0.0f), middle = lanes_set(SETUN_SCREEN_CODES);
    norm rest = norm_zero(), size = norm_zero(), fine = norm_zero();
    lanes largest = zero, inverse;
    float amax;

    for (int64_t j = 0; j < k; j += SETUN_LANES)
        largest = lanes_max(lanes_abs(load_n(w + j * element_bytes, k - j)), largest);
    amax = lanes_largest(largest);
    *out_step = amax / SETUN_SCREEN_STEP;
    inverse = lanes_set(amax < SETUN_SCREEN_LEAST ? 0.0f : SETUN_SCREEN_CODES / amax);
    for (int64_t j = 0; j < k; j += SETUN_LANES) {
        const __mmask16 there = first_lanes(k - j);
        const lanes x = load_n(w + j * element_bytes, k - j);
        const lanes c = _mm512_roundscale_ps(lanes_add(lanes_mul(x, inverse), middle), _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
        const __m512i code = _mm512_maskz_cvtps_epi32(there, _mm512_min_ps(_mm512_max_ps(c, zero), most)); /* 0 of a NaN */
        const __m512i upper = _mm512_sub_epi32(_mm512_slli_epi32(_mm512_srli_epi32(code, 2), 1), _mm512_set1_epi32(31));
        const __m512i whole = _mm512_sub_epi32(_mm512_slli_epi32(code, 1), _mm512_set1_epi32(127));

        _mm_storeu_si128((void *)(out_codes + j), _mm512_cvtepi32_epi8(code));
        norm_add(&size, x);
        norm_add_rest(&rest, x, _mm512_maskz_cvtepi32_ps(there, upper), (double)*out_step);
        norm_add_rest(&fine, x, _mm512_maskz_cvtepi32_ps(there, whole), (double)*out_step * 0.25);
    }
    *out_rest = norm_up(norm_total(rest));
    *out_size = norm_up(norm_total(size));
    *out_fine = norm_up(norm_total(fine));
}

static inline void store_lower(const uint8_t *codes, int64_t k, uint8_t *out)
{
    const __m512i two = _mm512_set1_epi8(3);

    for (int64_t c = 0; c < k; c += 256, codes += 256, out += LOWER_BLOCK) {
        __m512i bits = _mm512_setzero_si512();

UNROLL(4)
        for (unsigned p = 0; p < 4; p++)
            bits = _mm512_or_si512(bits, _mm512_slli_epi16(_mm512_and_si512(_mm512_loadu_si512(codes + 64 * p), two), 2 * p));
        _mm512_storeu_si512(out, bits);
    }
}

/* A block: eight registers of codes, each 16 rows by 4 columns. */
ALWAYS_INLINE void store_upper_block(const lanes codes[8], uint8_t *out)
{
    __m512i fifth = _mm512_setzero_si512();

UNROLL(4)
    for (int v = 0; v < 4; v++) {
        const __m512i low = _mm512_srli_epi16(_mm512_castps_si512(codes[2 * v]), 2), high = _mm512_slli_epi16(_mm512_castps_si512(codes[2 * v + 1]), 2);

        _mm512_storeu_si512(out + 64 + 64 * v, _mm512_or_si512(_mm512_and_si512(low, _mm512_set1_epi8(15)), _mm512_and_si512(high, _mm512_set1_epi8(-16))));
    }
UNROLL(8)
    for (unsigned p = 0; p < 8; p++) {
        const __m512i c = _mm512_castps_si512(codes[p]); /* bit 6 is the fifth of the upper ones */
        const __m512i moved = p <= 6 ? _mm512_srli_epi16(c, 6 - p) : _mm512_slli_epi16(c, 1);

        fifth = _mm512_or_si512(fifth, _mm512_and_si512(moved, _mm512_set1_epi8((char)(1 << p))));
    }
    _mm512_storeu_si512(out, fifth);
}

/* Of 16 rows of codes. */
static inline void store_upper(const uint8_t *codes, int64_t k, uint8_t *out)
{
    const int64_t stride = code_stride(k);

    for (int64_t c = 0; c < k; c += 64) {
        lanes row[SETUN_LANES];

        for (int r = 0; r < SETUN_LANES; r++)
            row[r] = _mm512_castsi512_ps(_mm512_loadu_si512(codes + r * stride + c));
        lanes_transpose(row);
        store_upper_block(row, out + c / 32 * UPPER_BLOCK);
        if (c + 32 < k)
            store_upper_block(row + 8, out + (c / 32 + 1) * UPPER_BLOCK);
    }
}

ALWAYS_INLINE void quantise_screen7_run(const setun_call *call, const setun_tile *tile, int64_t element_bytes, lanes_loader_n *load_n)
{
    const int64_t n = call->in[0].dim[0], k = call->in[0].dim[1], stride = code_stride(k);
    float *step = call->out[1].data, *rest = call->out[2].data, *size = call->out[3].data, *fine = call->out[4].data;
    uint8_t *codes = tile->scratch, *out = call->out[0].data;

    for (int64_t first = BAND * tile->begin; first < least(BAND * tile->end, n); first += GROUP) {
        const int64_t n_rows = least(GROUP, n - first);

        memset(codes, 0, (size_t)(GROUP * stride));
        for (int64_t r = 0; r < n_rows; r++) {
            quantise7_row(in_row(call, 0, first + r), k, element_bytes, load_n, codes + r * stride, &step[first + r], &rest[first + r],
                          &size[first + r], &fine[first + r]);
            store_lower(codes + r * stride, k, out + lower_byte(n, k, first + r));
        }
        store_upper(codes, k, out + band_byte(k, first / BAND) + first % BAND / GROUP * upper_bytes(k));
    }
}
#endif
