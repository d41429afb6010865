/* linear_i8b32_q80b32_f32__avx512_1x16.c - y[m, n] = x[m, k] . w[n, k], x in i8.b32, w in q8_0.b32: one row of x at a time. */
#include "block_row.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return block_row_plan(query, 0.047, 0.025, out_plan);
}

/* One operand is unsigned: w's magnitude, 128 at most, and its sign goes to x, which is never -128. Pairs are at most 2 * 128 * 127:
 * 16 bits hold them. */
static inline __m512i dot(__m512i w, __m512i x)
{
    const __m512i signed_x = _mm512_mask_sub_epi8(x, _mm512_movepi8_mask(w), _mm512_setzero_si512(), x);

    return _mm512_madd_epi16(_mm512_maddubs_epi16(_mm512_abs_epi8(w), signed_x), _mm512_set1_epi16(1));
}

static inline __m512i dots(const uint8_t *w, const int8_t *x, const __m512i sums[2], int64_t n, uint16_t *out_d)
{
    return block_q80_dots(w, x, sums, n, out_d, dot);
}

static inline void sum(const int8_t *x, int64_t n, __m512i out_sums[2])
{
    (void)x, (void)n;
    out_sums[0] = _mm512_setzero_si512(); /* nothing is taken off */
}

static void run(const setun_call *call, const setun_tile *tile)
{
    block_row_run(call, tile, SETUN_Q8_0_BYTES, 1, dots, sum);
}

const setun_kernel linear_i8b32_q80b32_f32__avx512_1x16 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8b32_q80b32_f32__avx512_1x16",
    .pattern = "linear",
    .fmts = "i8.b32,q8_0.b32>f32",
    .plan = plan,
    .units = block_units,
    .run = run,
};
