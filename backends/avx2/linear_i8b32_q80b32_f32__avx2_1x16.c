/* linear_i8b32_q80b32_f32__avx2_1x16.c - y[m, n] = x[m, k] . w[n, k], x in i8.b32, w in q8_0.b32: one row of x at a time. */
#include "block_row.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return block_row_plan(query, 0.056, 0.03, out_plan);
}

/* One operand is unsigned: w's magnitude, 128 at most, and its sign goes to x, which is never -128. Pairs are at most 2 * 128 * 127:
 * 16 bits hold them. */
static inline __m256i dot(__m256i w, __m256i x)
{
    return _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w)), _mm256_set1_epi16(1));
}

ALWAYS_INLINE __m256i dots(const uint8_t *w, const int8_t *x, __m256i sums, int64_t n, uint16_t *out_d)
{
    __m256i v[BLOCK_STEP];

    (void)sums;
UNROLL(8)
    for (int b = 0; b < BLOCK_STEP; b++) {
        v[b] = _mm256_setzero_si256();
        if (b < n) {
            v[b] = dot(block_load(w + b * SETUN_Q8_0_BYTES + 2), block_load(x + b * SETUN_BLOCK));
            out_d[b * BLOCK_UNIT] = block_bits_16(w + b * SETUN_Q8_0_BYTES);
        }
    }
    return block_sum_each(v);
}

/* None are wanted. */
static inline __m256i sum(const int8_t *x, int64_t n)
{
    (void)x, (void)n;
    return _mm256_setzero_si256();
}

static void run(const setun_call *call, const setun_tile *tile)
{
    block_row_run(call, tile, SETUN_Q8_0_BYTES, 1, dots, sum);
}

const setun_kernel linear_i8b32_q80b32_f32__avx2_1x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8b32_q80b32_f32__avx2_1x16",
    .pattern = "linear",
    .fmts = "i8.b32,q8_0.b32>f32",
    .plan = plan,
    .units = block_units,
    .run = run,
};
