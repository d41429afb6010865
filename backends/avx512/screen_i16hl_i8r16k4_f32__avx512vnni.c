/* screen_i16hl_i8r16k4_f32__avx512vnni.c - about what every dot of x[m, k] and w[n, k] is, and how far from it at most (numerics.md: screen).
 * in: x i16.hl[m, k], step, a, b f32[m], w i8.r16k4[n, k], step, rest, size f32[n]; out: z, e f32[m, n].
 *
 * A block of 16 rows by 4 columns is one register, and meets four broadcast bytes of each half of x. vpdpbusd wants one operand without
 * sign: w + 128, which makes the sum too large by 128 times the sum of x; those are in scratch, i32[m][2]. */
#include <string.h>

#include "kernels.h"
#include "lanes.h"

#define GROUP 16
#define FEW_X 4 /* rows of x at a time: 8 sums, a block, and what is broadcast */

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const double nk = (double)query->in[4].dim[0] * (double)query->in[4].dim[1], rows = (double)query->rows_max;

    if (query->in[4].dim[1] > SETUN_SCREEN_K_MAX)
        return setun_refuse(query, "screen: a row of more than 65536 weights could overflow its 32-bit sum");
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)query->rows_max * 2 * sizeof(int32_t);
    out_plan->cost_ns = nk * (0.04 + 0.009 * (rows - 1)); /* one byte streamed; two dots of 64 */
    return SETUN_OK;
}

/* One unit is a group of 16 rows of w. */
static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[4].dim[0] + GROUP - 1) / GROUP;
}

static inline __m512i four(const int8_t *x)
{
    int32_t bytes;

    memcpy(&bytes, x, sizeof(bytes));
    return _mm512_set1_epi32(bytes);
}

/* 128 times the sum of a half row, whose padding is zero. */
static int32_t excess(const int8_t *x, int64_t k)
{
    __m512i sum = _mm512_setzero_si512();

    for (int64_t c = 0; c < k; c += 64)
        sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(-128), _mm512_loadu_si512(x + c));
    return _mm512_reduce_add_epi32(sum);
}

/* The dots of a group with n_x rows of x from row i on; n_x is a constant where this is inlined. Two sums of each take turns: the
 * instruction needs four cycles, and at n_x = 1 there would be only two of them under way. */
ALWAYS_INLINE void group(const setun_call *call, const int8_t *w, int64_t i, int n_x, const int32_t (*excess_of)[2], __m512i high[FEW_X],
                         __m512i low[FEW_X])
{
    const int64_t k = call->in[0].dim[1], half = (k + 63) / 64 * 64, pairs = (k + 3) / 4 / 2;
    const __m512i sign = _mm512_set1_epi8(-128);
    __m512i high2[FEW_X], low2[FEW_X];
    const int8_t *x[FEW_X];

#pragma GCC unroll 8
    for (int b = 0; b < n_x; b++) {
        x[b] = in_row(call, 0, i + b);
        high[b] = _mm512_set1_epi32(-excess_of[i + b][0]);
        low[b] = _mm512_set1_epi32(-excess_of[i + b][1]);
        high2[b] = low2[b] = _mm512_setzero_si512();
    }
    for (int64_t p = 0; p < pairs; p++) {
        const __m512i first = _mm512_xor_si512(_mm512_loadu_si512(w + 128 * p), sign),
                      second = _mm512_xor_si512(_mm512_loadu_si512(w + 128 * p + 64), sign);

#pragma GCC unroll 8
        for (int b = 0; b < n_x; b++) {
            high[b] = _mm512_dpbusd_epi32(high[b], first, four(x[b] + 8 * p));
            low[b] = _mm512_dpbusd_epi32(low[b], first, four(x[b] + half + 8 * p));
            high2[b] = _mm512_dpbusd_epi32(high2[b], second, four(x[b] + 8 * p + 4));
            low2[b] = _mm512_dpbusd_epi32(low2[b], second, four(x[b] + half + 8 * p + 4));
        }
    }
    if ((k + 3) / 4 % 2 != 0) {
        const __m512i last = _mm512_xor_si512(_mm512_loadu_si512(w + 128 * pairs), sign);

#pragma GCC unroll 8
        for (int b = 0; b < n_x; b++) {
            high2[b] = _mm512_dpbusd_epi32(high2[b], last, four(x[b] + 8 * pairs));
            low2[b] = _mm512_dpbusd_epi32(low2[b], last, four(x[b] + half + 8 * pairs));
        }
    }
#pragma GCC unroll 8
    for (int b = 0; b < n_x; b++) {
        high[b] = _mm512_add_epi32(high[b], high2[b]);
        low[b] = _mm512_add_epi32(low[b], low2[b]);
    }
}

/* Rows i .. i + n_x - 1 of x by group g. */
ALWAYS_INLINE void rows(const setun_call *call, int64_t g, int64_t i, int n_x, const int32_t (*excess_of)[2])
{
    const int64_t k = call->in[0].dim[1], n = call->in[4].dim[0], j = g * GROUP, n_rows = least(GROUP, n - j);
    const float *x_step = call->in[1].data, *a = call->in[2].data, *b = call->in[3].data;
    const lanes w_step = lanes_load_n((const float *)call->in[5].data + j, n_rows), rest = lanes_load_n((const float *)call->in[6].data + j, n_rows),
                size = lanes_load_n((const float *)call->in[7].data + j, n_rows);
    __m512i high[FEW_X], low[FEW_X];

    group(call, (const int8_t *)call->in[4].data + g * ((k + 3) / 4 * 64), i, n_x, excess_of, high, low);
#pragma GCC unroll 8
    for (int r = 0; r < n_x; r++) {
        const lanes sum = lanes_fma(lanes_set(256.0f), _mm512_cvtepi32_ps(high[r]), _mm512_cvtepi32_ps(low[r]));
        const lanes bound = lanes_add(lanes_mul(lanes_set(a[i + r]), rest), lanes_mul(lanes_set(b[i + r]), size));

        lanes_store_n((float *)out_row(call, 0, i + r) + j, lanes_mul(sum, lanes_mul(w_step, lanes_set(x_step[i + r]))), n_rows);
        lanes_store_n((float *)out_row(call, 1, i + r) + j, lanes_add(bound, lanes_set(SETUN_SCREEN_TINY)), n_rows);
    }
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t m = call->in[0].dim[0], k = call->in[0].dim[1], half = (k + 63) / 64 * 64;
    int32_t(*excess_of)[2] = tile->scratch;

    for (int64_t i = 0; i < m; i++) {
        excess_of[i][0] = excess(in_row(call, 0, i), k);
        excess_of[i][1] = excess((const int8_t *)in_row(call, 0, i) + half, k);
    }
    for (int64_t g = tile->begin; g < tile->end; g++) {
        int64_t i = 0;

        for (; i + FEW_X <= m; i += FEW_X)
            rows(call, g, i, FEW_X, (const int32_t(*)[2])excess_of);
        for (; i < m; i++)
            rows(call, g, i, 1, (const int32_t(*)[2])excess_of);
    }
}

const setun_kernel screen_i16hl_i8r16k4_f32__avx512vnni = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "screen_i16hl_i8r16k4_f32__avx512vnni",
    .pattern = "screen",
    .fmts = "i16.hl+f32+f32+f32,i8.r16k4+f32+f32+f32>f32,f32",
    .cpu = SETUN_CPU_AVX512_VNNI,
    .k_max = SETUN_SCREEN_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = units,
    .run = run,
};
