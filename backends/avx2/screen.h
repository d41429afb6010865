/* screen.h - what the kernels of the ops screen and rescreen share: dots of bytes, and what z and e are made of. numerics.md: screen. */
#ifndef SETUN_AVX2_SCREEN_H
#define SETUN_AVX2_SCREEN_H
#include <string.h>

#include "lanes.h"

#define SCREEN_GROUP 16 /* rows of w that lie together, in two registers */

/* Four bytes of x in every lane. */
static inline __m256i four(const int8_t *x)
{
    int32_t bytes;

    memcpy(&bytes, x, sizeof(bytes));
    return _mm256_set1_epi32(bytes);
}

/* Neighbours of 16 bits, added up. */
static inline __m256i pairs_total(__m256i pairs)
{
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

static inline int32_t register_total(__m256i sum)
{
    const __m128i t4 = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    const __m128i t2 = _mm_add_epi32(t4, _mm_shuffle_epi32(t4, 0x4E));

    return _mm_cvtsi128_si32(_mm_add_epi32(t2, _mm_shuffle_epi32(t2, 0xB1)));
}

/* The sums of 16 rows of w by one row of x, for both halves of x. */
typedef struct screen_sums {
    __m256i high[2], low[2]; /* of rows 0 .. 7 and 8 .. 15 */
} screen_sums;

static inline screen_sums screen_zero(void)
{
    const __m256i zero = _mm256_setzero_si256();

    return (screen_sums){{zero, zero}, {zero, zero}};
}

/* fma(256, H, L), which the steps are still to be multiplied with. */
static inline lanes screen_join(screen_sums sum)
{
    return lanes_fma(lanes_set(256.0f), (lanes){_mm256_cvtepi32_ps(sum.high[0]), _mm256_cvtepi32_ps(sum.high[1])},
                     (lanes){_mm256_cvtepi32_ps(sum.low[0]), _mm256_cvtepi32_ps(sum.low[1])});
}

static inline lanes screen_bound(lanes a, lanes rest, lanes b, lanes size)
{
    return lanes_add(lanes_add(lanes_mul(a, rest), lanes_mul(b, size)), lanes_set(SETUN_SCREEN_TINY));
}

/* z and e of op screen: row i of x, rows j .. j + 15 of w, those there are. */
static inline void screen_put(const setun_call *call, int64_t i, int64_t j, screen_sums sum)
{
    const int64_t n_rows = least(SCREEN_GROUP, call->in[4].dim[0] - j);
    const float *x_step = call->in[1].data, *a = call->in[2].data, *b = call->in[3].data;
    const lanes w_step = lanes_load_n((const float *)call->in[5].data + j, n_rows), rest = lanes_load_n((const float *)call->in[6].data + j, n_rows),
                size = lanes_load_n((const float *)call->in[7].data + j, n_rows);

    lanes_store_n((float *)out_row(call, 0, i) + j, lanes_mul(screen_join(sum), lanes_mul(w_step, lanes_set(x_step[i]))), n_rows);
    lanes_store_n((float *)out_row(call, 1, i) + j, screen_bound(lanes_set(a[i]), rest, lanes_set(b[i]), size), n_rows);
}
#endif
