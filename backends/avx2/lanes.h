/* lanes.h - the 16 lanes of numerics.md: two ymm registers. Functions with a count touch the first n lanes only (n >= 16: all), in
 * memory too, so that rows of a mapped file may end where memory ends. */
#ifndef SETUN_AVX2_LANES_H
#define SETUN_AVX2_LANES_H
#include <immintrin.h>
#include <string.h>

#include "rows.h"
#include "setun_numerics.h"

typedef struct lanes {
    __m256 a, b; /* lanes 0..7 and 8..15 */
} lanes;

/* One function of one, two or three registers, for both halves. */
#define LANES1(f, x) ((lanes){f((x).a), f((x).b)})
#define LANES2(f, x, y) ((lanes){f((x).a, (y).a), f((x).b, (y).b)})
#define LANES3(f, x, y, z) ((lanes){f((x).a, (y).a, (z).a), f((x).b, (y).b, (z).b)})

/* All ones in the first n of 8 lanes, n from below 0 to above 8. */
static inline __m256i first_of_8(int64_t n)
{
    const __m256i count = _mm256_set1_epi32((int32_t)(n < 0 ? 0 : n < 8 ? n : 8));

    return _mm256_cmpgt_epi32(count, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* x in the first n lanes, y in the others. */
static inline lanes lanes_first(lanes x, lanes y, int64_t n)
{
    return (lanes){_mm256_blendv_ps(y.a, x.a, _mm256_castsi256_ps(first_of_8(n))),
                   _mm256_blendv_ps(y.b, x.b, _mm256_castsi256_ps(first_of_8(n - 8)))};
}

static inline lanes lanes_set(float x)
{
    return (lanes){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

static inline lanes lanes_load(const float *x)
{
    return (lanes){_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)};
}

/* The other lanes are +0. */
static inline lanes lanes_load_n(const float *x, int64_t n)
{
    if (n >= SETUN_LANES)
        return lanes_load(x);
    return (lanes){_mm256_maskload_ps(x, first_of_8(n)), _mm256_maskload_ps(x + 8, first_of_8(n - 8))};
}

static inline void lanes_store(float *y, lanes x)
{
    _mm256_storeu_ps(y, x.a);
    _mm256_storeu_ps(y + 8, x.b);
}

static inline void lanes_store_n(float *y, lanes x, int64_t n)
{
    if (n >= SETUN_LANES) {
        lanes_store(y, x);
    } else {
        _mm256_maskstore_ps(y, first_of_8(n), x.a);
        _mm256_maskstore_ps(y + 8, first_of_8(n - 8), x.b);
    }
}

/* Stored elements, widened. */
static inline lanes lanes_load_f32(const void *x)
{
    return lanes_load(x);
}

static inline lanes lanes_load_f32_n(const void *x, int64_t n)
{
    return lanes_load_n(x, n);
}

static inline lanes lanes_load_f16(const void *x)
{
    const __m128i *half = x;

    return (lanes){_mm256_cvtph_ps(_mm_loadu_si128(half)), _mm256_cvtph_ps(_mm_loadu_si128(half + 1))};
}

static inline lanes lanes_load_bf16(const void *x)
{
    const __m128i *half = x;

    return (lanes){_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(half)), 16)),
                   _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(half + 1)), 16))};
}

static inline lanes lanes_load_f16_n(const void *x, int64_t n)
{
    uint16_t whole[SETUN_LANES] = {0};

    if (n >= SETUN_LANES)
        return lanes_load_f16(x);
    memcpy(whole, x, (size_t)n * sizeof(uint16_t));
    return lanes_load_f16(whole);
}

static inline lanes lanes_load_bf16_n(const void *x, int64_t n)
{
    uint16_t whole[SETUN_LANES] = {0};

    if (n >= SETUN_LANES)
        return lanes_load_bf16(x);
    memcpy(whole, x, (size_t)n * sizeof(uint16_t));
    return lanes_load_bf16(whole);
}

static inline void lanes_store_f16_n(void *y, lanes x, int64_t n)
{
    __m128i half[2];

    half[0] = _mm256_cvtps_ph(x.a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    half[1] = _mm256_cvtps_ph(x.b, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    memcpy(y, half, (size_t)(n < SETUN_LANES ? n : SETUN_LANES) * sizeof(uint16_t));
}

static inline void lanes_store_f32_n(void *y, lanes x, int64_t n)
{
    lanes_store_n(y, x, n);
}

static inline lanes lanes_add(lanes x, lanes y)
{
    return LANES2(_mm256_add_ps, x, y);
}

static inline lanes lanes_sub(lanes x, lanes y)
{
    return LANES2(_mm256_sub_ps, x, y);
}

static inline lanes lanes_mul(lanes x, lanes y)
{
    return LANES2(_mm256_mul_ps, x, y);
}

static inline lanes lanes_div(lanes x, lanes y)
{
    return LANES2(_mm256_div_ps, x, y);
}

static inline lanes lanes_sqrt(lanes x)
{
    return LANES1(_mm256_sqrt_ps, x);
}

static inline lanes lanes_max(lanes x, lanes y)
{
    return LANES2(_mm256_max_ps, x, y);
}

static inline lanes lanes_abs(lanes x)
{
    return LANES2(_mm256_andnot_ps, lanes_set(-0.0f), x);
}

static inline lanes lanes_negate(lanes x)
{
    return LANES2(_mm256_xor_ps, x, lanes_set(-0.0f));
}

static inline lanes lanes_fma(lanes x, lanes y, lanes z)
{
    return LANES3(_mm256_fmadd_ps, x, y, z);
}

/* fma in the first n lanes, z in the others: a lane without an element takes no step. */
static inline lanes lanes_fma_n(lanes x, lanes y, lanes z, int64_t n)
{
    return lanes_first(lanes_fma(x, y, z), z, n);
}

/* x in the lanes first <= j < end, y in the others. */
static inline lanes lanes_between(lanes x, lanes y, int64_t first, int64_t end)
{
    return lanes_first(y, lanes_first(x, y, end), first);
}

/* Lanes j and j + 8, then + 4, + 2, + 1. */
static inline float lanes_total(lanes x)
{
    const __m256 t8 = _mm256_add_ps(x.a, x.b);
    const __m128 t4 = _mm_add_ps(_mm256_castps256_ps128(t8), _mm256_extractf128_ps(t8, 1));
    const __m128 t2 = _mm_add_ps(t4, _mm_movehl_ps(t4, t4));

    return _mm_cvtss_f32(_mm_add_ss(t2, _mm_shuffle_ps(t2, t2, 1)));
}

static inline float lanes_largest(lanes x)
{
    const __m256 t8 = _mm256_max_ps(x.a, x.b);
    const __m128 t4 = _mm_max_ps(_mm256_castps256_ps128(t8), _mm256_extractf128_ps(t8, 1));
    const __m128 t2 = _mm_max_ps(t4, _mm_movehl_ps(t4, t4));

    return _mm_cvtss_f32(_mm_max_ss(t2, _mm_shuffle_ps(t2, t2, 1)));
}

/* Eight registers of eight: row[i] lane j becomes row[j] lane i. */
ALWAYS_INLINE void transpose_8(__m256 row[8])
{
    __m256 t[8], u[8];

UNROLL(4)
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(row[i], row[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(row[i], row[i + 1]);
    }
UNROLL(2)
    for (int i = 0; i < 8; i += 4) {
        u[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        u[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
        u[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        u[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
    }
UNROLL(4)
    for (int i = 0; i < 4; i++) {
        row[i] = _mm256_permute2f128_ps(u[i], u[4 + i], 0x20);
        row[4 + i] = _mm256_permute2f128_ps(u[i], u[4 + i], 0x31);
    }
}

/* row[i] lane j becomes row[j] lane i: four squares of 8, two of which change places. */
static inline void lanes_transpose(lanes row[SETUN_LANES])
{
    __m256 square[8];

UNROLL(2)
    for (int half = 0; half < 16; half += 8) { /* the squares on the diagonal */
UNROLL(8)
        for (int i = 0; i < 8; i++)
            square[i] = half == 0 ? row[i].a : row[8 + i].b;
        transpose_8(square);
UNROLL(8)
        for (int i = 0; i < 8; i++)
            *(half == 0 ? &row[i].a : &row[8 + i].b) = square[i];
    }
UNROLL(8)
    for (int i = 0; i < 8; i++) {
        square[i] = row[i].b;
        row[i].b = row[8 + i].a;
        row[8 + i].a = square[i];
    }
UNROLL(8)
    for (int i = 0; i < 8; i++)
        square[i] = row[i].b;
    transpose_8(square);
UNROLL(8)
    for (int i = 0; i < 8; i++) {
        row[i].b = square[i];
        square[i] = row[8 + i].a;
    }
    transpose_8(square);
UNROLL(8)
    for (int i = 0; i < 8; i++)
        row[8 + i].a = square[i];
}

static inline lanes lanes_widen_f16(__m256i x)
{
    return (lanes){_mm256_cvtph_ps(_mm256_castsi256_si128(x)), _mm256_cvtph_ps(_mm256_extracti128_si256(x, 1))};
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
            out[e + 2 * i] = lanes_widen_f16(_mm256_unpacklo_epi64(r[2 * i], r[2 * i + 1]));
            out[e + 2 * i + 1] = lanes_widen_f16(_mm256_unpackhi_epi64(r[2 * i], r[2 * i + 1]));
        }
    }
}

/* numerics.md: exp32, of eight lanes. */
static inline __m256 exp_8(__m256 x)
{
    const __m256 zero = _mm256_cmp_ps(x, _mm256_set1_ps(SETUN_EXP_ZERO_BELOW), _CMP_LT_OQ);
    const __m256 infinite = _mm256_cmp_ps(x, _mm256_set1_ps(SETUN_EXP_INF_ABOVE), _CMP_GT_OQ);
    const __m256 n =
        _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(SETUN_EXP_LOG2E)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fmadd_ps(n, _mm256_set1_ps(-SETUN_EXP_LN2_HI), x), p = _mm256_set1_ps(SETUN_EXP_C6);

    r = _mm256_fmadd_ps(n, _mm256_set1_ps(-SETUN_EXP_LN2_LO), r);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(SETUN_EXP_C5));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(SETUN_EXP_C4));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(SETUN_EXP_C3));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(SETUN_EXP_C2));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    p = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23)));
    p = _mm256_andnot_ps(zero, p);
    return _mm256_blendv_ps(p, _mm256_set1_ps(__builtin_inff()), infinite);
}

static inline lanes lanes_exp(lanes x)
{
    return LANES1(exp_8, x);
}

/* numerics.md: quantise. q = rint(x * s) for the first n lanes, limited to -128 .. 127. */
static inline void lanes_store_q_n(int8_t *q, lanes x, lanes s, int64_t n)
{
    const lanes scaled = lanes_mul(x, s);
    const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(scaled.a), _mm256_cvtps_epi32(scaled.b)); /* halves 0, 2, 1, 3 */
    const __m256i sorted = _mm256_permute4x64_epi64(words, 0xD8);
    const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(sorted), _mm256_extracti128_si256(sorted, 1));

    if (n >= SETUN_LANES)
        _mm_storeu_si128((__m128i *)(void *)q, bytes);
    else
        memcpy(q, &bytes, (size_t)n);
}

/* Ways to load and widen stored elements. */
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
