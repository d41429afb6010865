/* linear_i8b32_q6kb256_f32__avx2_1x16.c - y[m, n] = x[m, k] . w[n, k], x in i8.b32, w in q6_k.b256: one row of x at a time. */
#include "block_row.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return block_row_plan(query, 0.042, 0.036, out_plan);
}

/* One block of w. Codes are unsigned as they are, 32 more than what they stand for; that is taken off through the sums of x. Pairs of
 * products are at most 2 * 63 * 127, so 16 bits hold them, and meet the factor of their part where pairs are added up. */
ALWAYS_INLINE __m256i dots(const uint8_t *w, const int8_t *x, __m256i sums, int64_t n, uint16_t *out_d)
{
    const __m128i even_odd = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    const __m128i part = _mm_loadu_si128((const void *)(w + 192));
    const __m256i parts = _mm256_cvtepi8_epi16(_mm_shuffle_epi8(part, even_odd)); /* block b's two: word b of each half */
    __m256i v[BLOCK_STEP];

    (void)n; /* always BLOCK_STEP */
    out_d[0] = block_bits_16(w + SETUN_Q6_K_BYTES - 2);
UNROLL(8)
    for (int b = 0; b < BLOCK_STEP; b++) {
        const __m256i factor = _mm256_shuffle_epi8(parts, _mm256_set1_epi16((int16_t)(0x0100 * (2 * b + 1) + 2 * b)));

        v[b] = _mm256_madd_epi16(_mm256_maddubs_epi16(block_q6k_codes(w, b), block_load(x + b * SETUN_BLOCK)), factor);
    }
    return _mm256_sub_epi32(block_sum_each(v), _mm256_slli_epi32(_mm256_madd_epi16(_mm256_cvtepi8_epi16(part), sums), 5));
}

/* i16 sums of 16 columns each. */
static inline __m256i sum(const int8_t *x, int64_t n)
{
    int16_t sums[16];

    (void)n;
    for (int p = 0; p < 16; p++) {
        int total = 0;

        for (int c = 0; c < SETUN_Q6_K_PART; c++)
            total += x[SETUN_Q6_K_PART * p + c];
        sums[p] = (int16_t)total;
    }
    return block_load(sums);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    block_row_run(call, tile, SETUN_Q6_K_BYTES, SETUN_Q6_K_BLOCK / SETUN_BLOCK, dots, sum);
}

const setun_kernel linear_i8b32_q6kb256_f32__avx2_1x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8b32_q6kb256_f32__avx2_1x16",
    .pattern = "linear",
    .fmts = "i8.b32,q6_k.b256>f32",
    .plan = plan,
    .units = block_units,
    .run = run,
};
