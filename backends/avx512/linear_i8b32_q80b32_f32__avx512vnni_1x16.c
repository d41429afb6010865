/* linear_i8b32_q80b32_f32__avx512vnni_1x16.c - y[m, n] = x[m, k] . w[n, k], x in i8.b32, w in q8_0.b32: one row of x at a time. */
#include "block_row.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return block_row_plan(query, 0.047, 0.025, out_plan);
}

/* One operand is unsigned: codes + 128, so that the dot is too large by 128 times the sum of x. */
static inline __m512i dot(__m512i w, __m512i x)
{
    return _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_xor_si512(w, _mm512_set1_epi8(-128)), x);
}

static inline __m512i dots(const uint8_t *w, const int8_t *x, const __m512i sums[2], int64_t n, uint16_t *out_d)
{
    return block_q80_dots(w, x, sums, n, out_d, dot);
}

static inline void sum(const int8_t *x, int64_t n, __m512i out_sums[2])
{
    __m512i v[8];

    for (int p = 0; p < 8; p++)
        v[p] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(-128), block_q80_x(x, p, n));
    out_sums[0] = block_sum_pairs(block_sum_fours(v[0], v[1], v[2], v[3]), block_sum_fours(v[4], v[5], v[6], v[7]));
}

static void run(const setun_call *call, const setun_tile *tile)
{
    block_row_run(call, tile, SETUN_Q8_0_BYTES, 1, dots, sum);
}

const setun_kernel linear_i8b32_q80b32_f32__avx512vnni_1x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8b32_q80b32_f32__avx512vnni_1x16",
    .pattern = "linear",
    .fmts = "i8.b32,q8_0.b32>f32",
    .cpu = SETUN_CPU_AVX512_VNNI,
    .plan = plan,
    .units = block_units,
    .run = run,
};
