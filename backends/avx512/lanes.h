/* lanes.h - the 16 lanes of numerics.md: one zmm register. Functions with a count touch the first n lanes only (n >= 16: all), in
 * memory too, so that rows of a mapped file may end where memory ends. */
#ifndef SETUN_AVX512_LANES_H
#define SETUN_AVX512_LANES_H
#include <immintrin.h>

#include "rows.h"
#include "setun_numerics.h"

typedef __m512 lanes;

static inline __mmask16 first_lanes(int64_t n)
{
    if (n >= SETUN_LANES)
        return 0xFFFF;
    return (__mmask16)((1u << n) - 1);
}

static inline lanes lanes_set(float x)
{
    return _mm512_set1_ps(x);
}

static inline lanes lanes_load(const float *x)
{
    return _mm512_loadu_ps(x);
}

/* The other lanes are +0. */
static inline lanes lanes_load_n(const float *x, int64_t n)
{
    return n >= SETUN_LANES ? lanes_load(x) : _mm512_maskz_loadu_ps(first_lanes(n), x);
}

static inline void lanes_store(float *y, lanes a)
{
    _mm512_storeu_ps(y, a);
}

static inline void lanes_store_n(float *y, lanes a, int64_t n)
{
    if (n >= SETUN_LANES)
        lanes_store(y, a);
    else
        _mm512_mask_storeu_ps(y, first_lanes(n), a);
}

/* Stored elements, widened. */
static inline lanes lanes_load_f32(const void *x)
{
    return _mm512_loadu_ps(x);
}

static inline lanes lanes_load_f32_n(const void *x, int64_t n)
{
    return lanes_load_n(x, n);
}

static inline lanes lanes_load_f16(const void *x)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256(x));
}

static inline lanes lanes_load_f16_n(const void *x, int64_t n)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(n), x));
}

static inline lanes lanes_load_bf16(const void *x)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(x)), 16));
}

static inline lanes lanes_load_bf16_n(const void *x, int64_t n)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first_lanes(n), x)), 16));
}

static inline void lanes_store_f16_n(void *y, lanes a, int64_t n)
{
    _mm256_mask_storeu_epi16(y, first_lanes(n), _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

static inline void lanes_store_f32_n(void *y, lanes a, int64_t n)
{
    lanes_store_n(y, a, n);
}

static inline lanes lanes_add(lanes a, lanes b)
{
    return _mm512_add_ps(a, b);
}

/* a + b in the first n lanes, a in the others. */
static inline lanes lanes_add_n(lanes a, lanes b, int64_t n)
{
    return _mm512_mask_add_ps(a, first_lanes(n), a, b);
}

static inline lanes lanes_sub(lanes a, lanes b)
{
    return _mm512_sub_ps(a, b);
}

static inline lanes lanes_mul(lanes a, lanes b)
{
    return _mm512_mul_ps(a, b);
}

static inline lanes lanes_div(lanes a, lanes b)
{
    return _mm512_div_ps(a, b);
}

static inline lanes lanes_sqrt(lanes a)
{
    return _mm512_sqrt_ps(a);
}

static inline lanes lanes_max(lanes a, lanes b)
{
    return _mm512_max_ps(a, b);
}

static inline lanes lanes_abs(lanes a)
{
    return _mm512_abs_ps(a);
}

static inline lanes lanes_negate(lanes a)
{
    return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f));
}

static inline lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* fma(*a, b, c) with *a read by the instruction itself. Compilers rather fill a register when they need *a several times, which on Zen 4 costs
 * issue slots that converting f16 needs: values of a chunk in cache 26 instead of 23 GB/s on one thread. */
static inline lanes lanes_fma_one(const float *a, lanes b, lanes c)
{
    __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(c) : "v"(b), "m"(*a));
    return c;
}

/* fma in the first n lanes, c in the others: a lane without an element takes no step. */
static inline lanes lanes_fma_n(lanes a, lanes b, lanes c, int64_t n)
{
    return _mm512_mask3_fmadd_ps(a, b, c, first_lanes(n));
}

/* a in the lanes first <= j < end, b in the others. */
static inline lanes lanes_between(lanes a, lanes b, int64_t first, int64_t end)
{
    return _mm512_mask_blend_ps((__mmask16)(first_lanes(end) & ~first_lanes(first)), b, a);
}

/* Lanes j and j + 8, then + 4, + 2, + 1. */
static inline float lanes_total(lanes a)
{
    const __m256 t8 = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    const __m128 t4 = _mm_add_ps(_mm256_castps256_ps128(t8), _mm256_extractf128_ps(t8, 1));
    const __m128 t2 = _mm_add_ps(t4, _mm_movehl_ps(t4, t4));

    return _mm_cvtss_f32(_mm_add_ss(t2, _mm_shuffle_ps(t2, t2, 1)));
}

static inline float lanes_largest(lanes a)
{
    return _mm512_reduce_max_ps(a);
}

/* row[i] lane j becomes row[j] lane i. */
static inline void lanes_transpose(lanes row[SETUN_LANES])
{
    lanes t[SETUN_LANES];

UNROLL(16)
    for (int i = 0; i < 16; i += 4) { /* 4 x 4 within each quarter of the register */
        const __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(row[i], row[i + 1])),
                      b = _mm512_castps_pd(_mm512_unpackhi_ps(row[i], row[i + 1]));
        const __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(row[i + 2], row[i + 3])),
                      d = _mm512_castps_pd(_mm512_unpackhi_ps(row[i + 2], row[i + 3]));

        t[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        t[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        t[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        t[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
UNROLL(4)
    for (int i = 0; i < 4; i++) { /* then the quarters: quarter q of t[4 r + i] goes to quarter r of row[4 q + i] */
        const lanes a = _mm512_shuffle_f32x4(t[i], t[4 + i], 0x44), b = _mm512_shuffle_f32x4(t[i], t[4 + i], 0xEE);
        const lanes c = _mm512_shuffle_f32x4(t[8 + i], t[12 + i], 0x44), d = _mm512_shuffle_f32x4(t[8 + i], t[12 + i], 0xEE);

        row[i] = _mm512_shuffle_f32x4(a, c, 0x88);
        row[4 + i] = _mm512_shuffle_f32x4(a, c, 0xDD);
        row[8 + i] = _mm512_shuffle_f32x4(b, d, 0x88);
        row[12 + i] = _mm512_shuffle_f32x4(b, d, 0xDD);
    }
}

/* Turns 16 rows of 16 stored elements, stride_bytes apart: lane j of out[i] is element i of row j, widened. */
typedef void lanes_turner(const char *x, int64_t stride_bytes, lanes out[SETUN_LANES]);

static inline void lanes_turn_f32(const char *x, int64_t stride_bytes, lanes out[SETUN_LANES])
{
UNROLL(16)
    for (int i = 0; i < SETUN_LANES; i++)
        out[i] = lanes_load_f32(x + i * stride_bytes);
    lanes_transpose(out);
}

/* Turned while they are 16 bits wide, half as many bits to move: rows j and j + 8 are the halves of a register, so that three rounds of
 * unpacking leave an element of all 16 rows, in order, in each. */
static inline void lanes_turn_f16(const char *x, int64_t stride_bytes, lanes out[SETUN_LANES])
{
UNROLL(2)
    for (int e = 0; e < SETUN_LANES; e += 8) {
        __m256i r[8], s[8];

UNROLL(8)
        for (int i = 0; i < 8; i++)
            r[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const void *)(x + i * stride_bytes + 2 * e))),
                                           _mm_loadu_si128((const void *)(x + (i + 8) * stride_bytes + 2 * e)), 1);
UNROLL(4)
        for (int i = 0; i < 4; i++) { /* pairs of rows 2 i and 2 i + 1: elements 0..3 in s[i], 4..7 in s[4 + i] */
            s[i] = _mm256_unpacklo_epi16(r[2 * i], r[2 * i + 1]);
            s[4 + i] = _mm256_unpackhi_epi16(r[2 * i], r[2 * i + 1]);
        }
UNROLL(4)
        for (int i = 0; i < 4; i++) { /* four rows: elements 2 i and 2 i + 1, rows 0..3 in r[2 i], rows 4..7 in r[2 i + 1] */
            const int a = i / 2 * 4;

            r[2 * i] = i % 2 == 0 ? _mm256_unpacklo_epi32(s[a], s[a + 1]) : _mm256_unpackhi_epi32(s[a], s[a + 1]);
            r[2 * i + 1] = i % 2 == 0 ? _mm256_unpacklo_epi32(s[a + 2], s[a + 3]) : _mm256_unpackhi_epi32(s[a + 2], s[a + 3]);
        }
UNROLL(4)
        for (int i = 0; i < 4; i++) {
            out[e + 2 * i] = _mm512_cvtph_ps(_mm256_unpacklo_epi64(r[2 * i], r[2 * i + 1]));
            out[e + 2 * i + 1] = _mm512_cvtph_ps(_mm256_unpackhi_epi64(r[2 * i], r[2 * i + 1]));
        }
    }
}

/* numerics.md: exp32. */
static inline lanes lanes_exp(lanes x)
{
    const __mmask16 zero = _mm512_cmp_ps_mask(x, lanes_set(SETUN_EXP_ZERO_BELOW), _CMP_LT_OQ);
    const __mmask16 infinite = _mm512_cmp_ps_mask(x, lanes_set(SETUN_EXP_INF_ABOVE), _CMP_GT_OQ);
    const lanes n = _mm512_roundscale_ps(lanes_mul(x, lanes_set(SETUN_EXP_LOG2E)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    lanes r = lanes_fma(n, lanes_set(-SETUN_EXP_LN2_HI), x), p = lanes_set(SETUN_EXP_C6);

    r = lanes_fma(n, lanes_set(-SETUN_EXP_LN2_LO), r);
    p = lanes_fma(p, r, lanes_set(SETUN_EXP_C5));
    p = lanes_fma(p, r, lanes_set(SETUN_EXP_C4));
    p = lanes_fma(p, r, lanes_set(SETUN_EXP_C3));
    p = lanes_fma(p, r, lanes_set(SETUN_EXP_C2));
    p = lanes_fma(p, r, lanes_set(1.0f));
    p = lanes_fma(p, r, lanes_set(1.0f));
    p = _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), _mm512_slli_epi32(_mm512_cvtps_epi32(n), 23)));
    p = _mm512_mask_mov_ps(p, zero, lanes_set(0.0f));
    return _mm512_mask_mov_ps(p, infinite, lanes_set(__builtin_inff()));
}

/* numerics.md: quantise. q = rint(x * s) for the first n lanes, limited to -128 .. 127. */
static inline void lanes_store_q_n(int8_t *q, lanes x, lanes s, int64_t n)
{
    _mm_mask_storeu_epi8(q, first_lanes(n), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(lanes_mul(x, s))));
}

/* The 16 lanes' dot; x and w are n elements, w as load and load_n widen it. */
typedef lanes lanes_loader(const void *x);
typedef lanes lanes_loader_n(const void *x, int64_t n);

static inline float lanes_dot(const float *x, const float *w, int64_t n)
{
    lanes acc = lanes_set(0.0f);
    int64_t i = 0;

    for (; i + SETUN_LANES <= n; i += SETUN_LANES)
        acc = lanes_fma(lanes_load(x + i), lanes_load(w + i), acc);
    if (i < n)
        acc = lanes_fma_n(lanes_load_n(x + i, n - i), lanes_load_n(w + i, n - i), acc, n - i);
    return lanes_total(acc);
}
#endif
