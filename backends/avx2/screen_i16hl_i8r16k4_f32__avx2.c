/* screen_i16hl_i8r16k4_f32__avx2.c - about what every dot of x[m, k] and w[n, k] is, and how far from it at most (numerics.md: screen).
 * in: x i16.hl[m, k], step, a, b f32[m], w i8.r16k4[n, k], step, rest, size f32[n]; out: z, e f32[m, n].
 *
 * A block of 16 rows by 4 columns is two registers, each of which meets four broadcast bytes of each half of x. vpmaddubsw wants one operand
 * without sign: |x|, and w takes x's sign, which is safe as no code is -128. Two products are at most 2 * 127 * 128, which fits 16 bits. */
#include "kernels.h"
#include "screen.h"

#define FEW_X 2 /* rows of x at a time: 8 sums, a block, and what is made of it */

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const double nk = (double)query->in[4].dim[0] * (double)query->in[4].dim[1], rows = (double)query->rows_max;

    if (query->in[4].dim[1] > SETUN_SCREEN_K_MAX)
        return setun_refuse(query, "screen: a row of more than 65536 weights could overflow its 32-bit sum");
    return plan_simple(nk * (0.03 + 0.035 * rows), out_plan); /* one byte streamed; two dots of 32, five instructions each */
}

/* One unit is a group of 16 rows of w. */
static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[4].dim[0] + SCREEN_GROUP - 1) / SCREEN_GROUP;
}

static inline __m256i dot4(__m256i sum, __m256i w, __m256i x)
{
    return _mm256_add_epi32(sum, pairs_total(_mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(w, x))));
}

/* Rows i .. i + n_x - 1 of x by group g; n_x is a constant where this is inlined. */
ALWAYS_INLINE void rows(const setun_call *call, int64_t g, int64_t i, int n_x)
{
    const int64_t k = call->in[0].dim[1], half = (k + 63) / 64 * 64, n_blocks = (k + 3) / 4;
    const int8_t *w = (const int8_t *)call->in[4].data + g * n_blocks * 64, *x[FEW_X];
    screen_sums sum[FEW_X];

UNROLL(4)
    for (int r = 0; r < n_x; r++) {
        x[r] = in_row(call, 0, i + r);
        sum[r] = screen_zero();
    }
    for (int64_t c = 0; c < n_blocks; c++) {
        const __m256i first = _mm256_loadu_si256((const void *)(w + 64 * c)), second = _mm256_loadu_si256((const void *)(w + 64 * c + 32));

UNROLL(4)
        for (int r = 0; r < n_x; r++) {
            const __m256i high = four(x[r] + 4 * c), low = four(x[r] + half + 4 * c);

            sum[r].high[0] = dot4(sum[r].high[0], first, high);
            sum[r].high[1] = dot4(sum[r].high[1], second, high);
            sum[r].low[0] = dot4(sum[r].low[0], first, low);
            sum[r].low[1] = dot4(sum[r].low[1], second, low);
        }
    }
UNROLL(4)
    for (int r = 0; r < n_x; r++)
        screen_put(call, i + r, g * SCREEN_GROUP, sum[r]);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t m = call->in[0].dim[0];

    for (int64_t g = tile->begin; g < tile->end; g++) {
        int64_t i = 0;

        for (; i + FEW_X <= m; i += FEW_X)
            rows(call, g, i, FEW_X);
        if (i < m)
            rows(call, g, i, 1);
    }
}

const setun_kernel screen_i16hl_i8r16k4_f32__avx2 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "screen_i16hl_i8r16k4_f32__avx2",
    .pattern = "screen",
    .fmts = "i16.hl+f32+f32+f32,i8.r16k4+f32+f32+f32>f32,f32",
    .k_max = SETUN_SCREEN_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = units,
    .run = run,
};
