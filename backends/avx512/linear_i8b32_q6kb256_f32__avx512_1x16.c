/* linear_i8b32_q6kb256_f32__avx512_1x16.c - y[m, n] = x[m, k] . w[n, k], x in i8.b32, w in q6_k.b256: one row of x at a time. */
#include "block_row.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return block_row_plan(query, 0.037, 0.029, out_plan);
}

static inline __m512i dot4(__m512i acc, __m512i codes, __m512i x)
{
    /* Pairs are at most 2 * 63 * 127: 16 bits hold them. */
    return _mm512_add_epi32(acc, _mm512_madd_epi16(_mm512_maddubs_epi16(codes, x), _mm512_set1_epi16(1)));
}

static inline __m512i dots(const uint8_t *w, const int8_t *x, const __m512i sums[2], int64_t n, uint16_t *out_d)
{
    return block_q6k_dots(w, x, sums, n, out_d, dot4);
}

static inline void sum(const int8_t *x, int64_t n, __m512i out_sums[2])
{
    block_q6k_sums(x, n, out_sums, dot4);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    block_row_run(call, tile, SETUN_Q6_K_BYTES, SETUN_Q6_K_BLOCK / SETUN_BLOCK, dots, sum);
}

const setun_kernel linear_i8b32_q6kb256_f32__avx512_1x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8b32_q6kb256_f32__avx512_1x16",
    .pattern = "linear",
    .fmts = "i8.b32,q6_k.b256>f32",
    .plan = plan,
    .units = block_units,
    .run = run,
};
