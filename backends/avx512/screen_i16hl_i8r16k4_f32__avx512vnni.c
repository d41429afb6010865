/* screen_i16hl_i8r16k4_f32__avx512vnni.c - about what every dot of x[m, k] and w[n, k] is, and how far from it at most (numerics.md: screen).
 * in: x i16.hl[m, k], step, a, b f32[m], w i8.r16k4[n, k], step, rest, size f32[n]; out: z, e f32[m, n].
 *
 * A block of 16 rows by 4 columns is one register, and meets four broadcast bytes of each half of x. vpdpbusd wants one operand without
 * sign: w + 128, which makes the sum too large by 128 times the sum of x; those are in scratch, i32[m][2]. */
#include "kernels.h"
#include "screen.h"

#define GROUP 16
#define PAIR 2  /* groups at a time: what is broadcast serves both, as Zen 4 loads hardly more than it multiplies */
#define FEW_X 4 /* rows of x at a time: 16 sums, two blocks, and what is broadcast */

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const double nk = (double)query->in[4].dim[0] * (double)query->in[4].dim[1], rows = (double)query->rows_max;

    if (query->in[4].dim[1] > SETUN_SCREEN_K_MAX)
        return setun_refuse(query, "screen: a row of more than 65536 weights could overflow its 32-bit sum");
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)query->rows_max * 2 * sizeof(int32_t);
    out_plan->cost_ns = nk * (0.04 + 0.006 * (rows - 1)); /* one byte streamed; two dots of 64 */
    return SETUN_OK;
}

/* One unit is a group of 16 rows of w. */
static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[4].dim[0] + GROUP - 1) / GROUP;
}

/* z and e of rows i .. i + n_x - 1 of x by n groups from g on; n_x and n are constants where this is inlined. */
ALWAYS_INLINE void store(const setun_call *call, int64_t g, int n, int64_t i, int n_x, __m512i high[FEW_X][PAIR], __m512i low[FEW_X][PAIR])
{
    const float *x_step = call->in[1].data, *a = call->in[2].data, *b = call->in[3].data;

UNROLL(2)
    for (int h = 0; h < n; h++) {
        const int64_t j = (g + h) * GROUP, n_rows = least(GROUP, call->in[4].dim[0] - j);
        const lanes w_step = lanes_load_n((const float *)call->in[5].data + j, n_rows), rest = lanes_load_n((const float *)call->in[6].data + j, n_rows),
                    size = lanes_load_n((const float *)call->in[7].data + j, n_rows);

UNROLL(4)
        for (int r = 0; r < n_x; r++) {
            const lanes sum = lanes_fma(lanes_set(256.0f), _mm512_cvtepi32_ps(high[r][h]), _mm512_cvtepi32_ps(low[r][h]));
            const lanes bound = lanes_add(lanes_mul(lanes_set(a[i + r]), rest), lanes_mul(lanes_set(b[i + r]), size));

            lanes_store_n((float *)out_row(call, 0, i + r) + j, lanes_mul(sum, lanes_mul(w_step, lanes_set(x_step[i + r]))), n_rows);
            lanes_store_n((float *)out_row(call, 1, i + r) + j, lanes_add(bound, lanes_set(SETUN_SCREEN_TINY)), n_rows);
        }
    }
}

/* Rows i .. i + n_x - 1 of x by n groups from g on, as above. */
ALWAYS_INLINE void rows(const setun_call *call, int64_t g, int n, int64_t i, int n_x, const int32_t (*excess_of)[2], fetch ahead)
{
    const int64_t k = call->in[0].dim[1], half = (k + 63) / 64 * 64, group_bytes = (k + 3) / 4 * 64;
    const int8_t *w = (const int8_t *)call->in[4].data + g * group_bytes, *x[FEW_X];
    const __m512i sign = _mm512_set1_epi8(-128);
    __m512i high[FEW_X][PAIR], low[FEW_X][PAIR];

UNROLL(4)
    for (int r = 0; r < n_x; r++) {
        x[r] = in_row(call, 0, i + r);
UNROLL(2)
        for (int h = 0; h < n; h++) {
            high[r][h] = _mm512_set1_epi32(-excess_of[i + r][0]);
            low[r][h]  = _mm512_set1_epi32(-excess_of[i + r][1]);
        }
    }
    for (int64_t c = 0; c < k; c += 4, w += 64) {
        __m512i block[PAIR];

UNROLL(2)
        for (int h = 0; h < n; h++) {
            block[h] = _mm512_xor_si512(_mm512_loadu_si512(w + h * group_bytes), sign);
            if (n_x > 1)
                _mm_prefetch(ahead.from + 64 * h, _MM_HINT_T1);
        }
        ahead.from += ahead.step;
UNROLL(4)
        for (int r = 0; r < n_x; r++) {
            const __m512i upper = four(x[r] + c), lower = four(x[r] + half + c);

UNROLL(2)
            for (int h = 0; h < n; h++) {
                high[r][h] = _mm512_dpbusd_epi32(high[r][h], block[h], upper);
                low[r][h]  = _mm512_dpbusd_epi32(low[r][h], block[h], lower);
            }
        }
UNROLL(4)
        for (int r = 0; r < n_x; r++)
UNROLL(2)
            for (int h = 0; h < n; h++) {
                KEEP_IN_REGISTER(high[r][h]);
                KEEP_IN_REGISTER(low[r][h]);
            }
    }
    store(call, g, n, i, n_x, high, low);
}

/* All rows of x by n groups from g on, as few at a time as can be and as even as can be. With several rows the next groups are fetched to the
 * second cache meanwhile, one each time that these are gone through: fetched all at once they would be waited for. On Zen 4 eight rows take
 * 26 ms instead of 34 to the first cache (128256 x 2560, one thread). */
ALWAYS_INLINE void groups(const setun_call *call, int64_t g, int n, const int32_t (*excess_of)[2])
{
    const int64_t m = call->in[0].dim[0], group_bytes = (call->in[0].dim[1] + 3) / 4 * 64;
    const char *next = (const char *)call->in[4].data + (g + n) * group_bytes;
    int64_t n_tiles = (m + FEW_X - 1) / FEW_X;
    fetch ahead = {.from = next, .step = n_tiles > 1 ? 64 : 64 * n};

    for (int64_t i = 0, n_x; i < m; i += n_x, n_tiles--, ahead.from = next + (n - 1) * group_bytes) {
        n_x = (m - i + n_tiles - 1) / n_tiles;
        switch (n_x) {
        case 4:
            rows(call, g, n, i, 4, excess_of, ahead);
            break;
        case 3:
            rows(call, g, n, i, 3, excess_of, ahead);
            break;
        case 2:
            rows(call, g, n, i, 2, excess_of, ahead);
            break;
        default:
            rows(call, g, n, i, 1, excess_of, ahead);
            break;
        }
    }
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t m = call->in[0].dim[0], k = call->in[0].dim[1], half = (k + 63) / 64 * 64;
    int32_t(*excess_of)[2] = tile->scratch;
    int64_t g = tile->begin;

    for (int64_t i = 0; i < m; i++) {
        excess_of[i][0] = excess(in_row(call, 0, i), k, 128);
        excess_of[i][1] = excess((const int8_t *)in_row(call, 0, i) + half, k, 128);
    }
    for (; g + PAIR <= tile->end; g += PAIR)
        groups(call, g, PAIR, (const int32_t(*)[2])excess_of);
    if (g < tile->end)
        groups(call, g, 1, (const int32_t(*)[2])excess_of);
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
