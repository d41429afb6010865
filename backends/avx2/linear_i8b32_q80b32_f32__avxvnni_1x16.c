/* linear_i8b32_q80b32_f32__avxvnni_1x16.c - y[m, n] = x[m, k] . w[n, k], x in i8.b32, w in q8_0.b32: one row of x at a time. */
#include "block_row.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return block_row_plan(query, 0.056, 0.025, out_plan);
}

/* One operand is unsigned: w + 128, so that the dot is too large by 128 times the sum of x. */
static inline __m256i dot(__m256i w, __m256i x)
{
    return _mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), w, x);
}

ALWAYS_INLINE __m256i dots(const uint8_t *w, const int8_t *x, __m256i sums, int64_t n, uint16_t *out_d)
{
    __m256i v[BLOCK_STEP];

UNROLL(8)
    for (int b = 0; b < BLOCK_STEP; b++) {
        v[b] = _mm256_setzero_si256();
        if (b < n) {
            v[b] = dot(_mm256_xor_si256(block_load(w + b * SETUN_Q8_0_BYTES + 2), _mm256_set1_epi8(-128)), block_load(x + b * SETUN_BLOCK));
            out_d[b * BLOCK_UNIT] = block_bits_16(w + b * SETUN_Q8_0_BYTES);
        }
    }
    return _mm256_sub_epi32(block_sum_each(v), sums);
}

/* 128 times the sum of each block. */
static inline __m256i sum(const int8_t *x, int64_t n)
{
    __m256i v[BLOCK_STEP];

UNROLL(8)
    for (int b = 0; b < BLOCK_STEP; b++)
        v[b] = b < n ? dot(_mm256_set1_epi8(-128), block_load(x + b * SETUN_BLOCK)) : _mm256_setzero_si256();
    return block_sum_each(v);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    block_row_run(call, tile, SETUN_Q8_0_BYTES, 1, dots, sum);
}

const setun_kernel linear_i8b32_q80b32_f32__avxvnni_1x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8b32_q80b32_f32__avxvnni_1x16",
    .pattern = "linear",
    .fmts = "i8.b32,q8_0.b32>f32",
    .cpu = SETUN_CPU_AVX_VNNI,
    .plan = plan,
    .units = block_units,
    .run = run,
};
