/* screen_i16hl_i7r256k32_f32__avx512vnni.c - about what every dot of x[m, k] and w[n, k] is, by five bits of w, and how far from it at most
 * (numerics.md: screen in 7 bits).
 * in: x i16.hl[m, k], step, a, b f32[m], w i7.r256k32[n, k], step, rest, size, fine f32[n]; out: z, e f32[m, n].
 *
 * A register holds the codes of 16 rows by 4 columns, 0 .. 31, which vpdpbusd takes as they are, and meets four broadcast bytes of each half of x.
 * Codes stand for 2u - 31: 31 times the sum of x is taken off twice the sums at the end; those are in scratch, i32[m][2]. */
#include "kernels.h"
#include "screen.h"
#include "screen7.h"

#define PAIR 2  /* groups at a time: what is broadcast serves both, as Zen 4 loads hardly more than it multiplies */
#define FEW_X 4 /* rows of x at a time: 16 sums, what is unpacked and what is broadcast */
#define SETS 2  /* of sums of one row of x by one group, in turns: eight products of a block in one chain would wait for each other */

/* How far ahead one row's codes are fetched: one group after the other they are one stream but for the lower bits between two bands, each of which
 * makes the processor's own fetching begin anew. On Zen 5 (128256 x 2560) 8 to 20 KB get 28 to 32 GB/s on one thread, nearly all that plain loads
 * do, 4 KB 23 to 27, nothing fetched 16 to 18; the four groups of a band side by side, and the next band fetched meanwhile, 17 to 24. */
#define AHEAD_BYTES (48 * UPPER_BLOCK)

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const double nk = (double)query->in[4].dim[0] * (double)query->in[4].dim[1], rows = (double)query->rows_max;

    if (query->in[4].dim[1] > SETUN_SCREEN_K_MAX)
        return setun_refuse(query, "screen: a row of more than 65536 weights could overflow its 32-bit sum");
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)query->rows_max * 2 * sizeof(int32_t);
    out_plan->cost_ns = nk * (0.026 + 0.006 * (rows - 1)); /* five bits streamed; two dots of 64 */
    return SETUN_OK;
}

/* One unit is a band. */
static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[4].dim[0] + BAND - 1) / BAND;
}

/* Codes of columns 4p .. 4p + 3 of a block: a half byte, and bit p of the fifth register to bit 4. */
ALWAYS_INLINE __m512i unpack(__m512i pair, __m512i fifth, unsigned p)
{
    const __m512i four_bits = p % 2 == 0 ? pair : _mm512_srli_epi16(pair, 4);
    const __m512i bit = p < 4 ? _mm512_slli_epi16(fifth, 4 - p) : _mm512_srli_epi16(fifth, p - 4);

    /* (four_bits & 15) | (bit & 16) */
    return _mm512_ternarylogic_epi32(_mm512_and_si512(bit, _mm512_set1_epi8(16)), four_bits, _mm512_set1_epi8(15), 0xf8);
}

/* A sum with the codes themselves to one with 2u - 31. */
ALWAYS_INLINE lanes centred(__m512i sum, int32_t excess_of)
{
    return _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_slli_epi32(sum, 1), _mm512_set1_epi32(excess_of)));
}

/* z and e of rows i .. i + n_x - 1 of x by n groups from g on; n_x and n are constants where this is inlined. */
ALWAYS_INLINE void store(const setun_call *call, int64_t g, int n, int64_t i, int n_x, __m512i high[FEW_X][PAIR], __m512i low[FEW_X][PAIR],
                         const int32_t (*excess_of)[2])
{
    const float *x_step = call->in[1].data, *a = call->in[2].data, *b = call->in[3].data;

UNROLL(4)
    for (int h = 0; h < n; h++) {
        const int64_t j = (g + h) * GROUP, n_rows = least(GROUP, call->in[4].dim[0] - j);
        const lanes w_step = lanes_load_n((const float *)call->in[5].data + j, n_rows), rest = lanes_load_n((const float *)call->in[6].data + j, n_rows),
                    size = lanes_load_n((const float *)call->in[7].data + j, n_rows);

UNROLL(4)
        for (int r = 0; r < n_x; r++) {
            const lanes sum = lanes_fma(lanes_set(256.0f), centred(high[r][h], excess_of[i + r][0]), centred(low[r][h], excess_of[i + r][1]));
            const lanes bound = lanes_add(lanes_mul(lanes_set(a[i + r]), rest), lanes_mul(lanes_set(b[i + r]), size));

            lanes_store_n((float *)out_row(call, 0, i + r) + j, lanes_mul(sum, lanes_mul(w_step, lanes_set(x_step[i + r]))), n_rows);
            lanes_store_n((float *)out_row(call, 1, i + r) + j, lanes_add(bound, lanes_set(SETUN_SCREEN_TINY)), n_rows);
        }
    }
}

/* Rows i .. i + n_x - 1 of x by n groups from g on, whose upper bits begin at w, as above. */
ALWAYS_INLINE void rows(const setun_call *call, int64_t g, const uint8_t *w, int n, int64_t i, int n_x, const int32_t (*excess_of)[2], fetch ahead)
{
    const int64_t k = call->in[0].dim[1], half = (k + 63) / 64 * 64, group_bytes = upper_bytes(k);
    const int8_t *x[FEW_X];
    const int one = n_x * n == 1, n_sums = one ? SETS : n;
    __m512i high[FEW_X][PAIR], low[FEW_X][PAIR];

UNROLL(4)
    for (int r = 0; r < n_x; r++) {
        x[r] = in_row(call, 0, i + r);
UNROLL(4)
        for (int h = 0; h < n_sums; h++)
            high[r][h] = low[r][h] = _mm512_setzero_si512();
    }
    for (int64_t c = 0; c < k; c += 32, w += UPPER_BLOCK, ahead.from += ahead.step) {
        const char *next = ahead.from + (ahead.from < ahead.end ? 0 : ahead.gap);
        __m512i fifth[PAIR];

UNROLL(4)
        for (int h = 0; h < n; h++) {
            fifth[h] = _mm512_loadu_si512(w + h * group_bytes);
UNROLL(5)
            for (int line = 0; line < 5; line++)
                if (one)
                    _mm_prefetch(next + h * UPPER_BLOCK + 64 * line, _MM_HINT_T0);
                else
                    _mm_prefetch(next + h * UPPER_BLOCK + 64 * line, _MM_HINT_T1);
        }
UNROLL(8)
        for (unsigned p = 0; p < 8; p++) {
            __m512i codes[PAIR];

UNROLL(4)
            for (int h = 0; h < n; h++)
                codes[h] = unpack(_mm512_loadu_si512(w + h * group_bytes + 64 + 64 * (p / 2)), fifth[h], p);
UNROLL(4)
            for (int r = 0; r < n_x; r++) {
                const __m512i upper = four(x[r] + c + 4 * p), lower = four(x[r] + half + c + 4 * p);

UNROLL(4)
                for (int h = 0; h < n; h++) {
                    const unsigned s = one ? p % SETS : (unsigned)h;

                    high[r][s] = _mm512_dpbusd_epi32(high[r][s], codes[h], upper);
                    low[r][s]  = _mm512_dpbusd_epi32(low[r][s], codes[h], lower);
                }
            }
        }
UNROLL(4)
        for (int r = 0; r < n_x; r++)
UNROLL(4)
            for (int h = 0; h < n_sums; h++) {
                KEEP_IN_REGISTER(high[r][h]);
                KEEP_IN_REGISTER(low[r][h]);
            }
    }
    if (one) {
        high[0][0] = _mm512_add_epi32(high[0][0], high[0][1]);
        low[0][0]  = _mm512_add_epi32(low[0][0], low[0][1]);
    }
    store(call, g, n, i, n_x, high, low, excess_of);
}

/* All rows of x by n groups from g on, as few at a time as can be and as even as can be. The next groups are fetched to the second cache
 * meanwhile, with several tiles one each time that these are gone through: fetched all at once they would be waited for. */
ALWAYS_INLINE void groups(const setun_call *call, int64_t g, const uint8_t *w, int n, const int32_t (*excess_of)[2], const uint8_t *next)
{
    const int64_t m = call->in[0].dim[0], group_bytes = upper_bytes(call->in[0].dim[1]);
    int64_t n_tiles = (m + FEW_X - 1) / FEW_X;
    fetch ahead = {.from = (const char *)next, .step = n_tiles > 1 ? UPPER_BLOCK : UPPER_BLOCK * n};

    for (int64_t i = 0, n_x; i < m; i += n_x, n_tiles--, ahead.from = (const char *)next + (n - 1) * group_bytes) {
        n_x = (m - i + n_tiles - 1) / n_tiles;
        switch (n_x) {
        case 4:
            rows(call, g, w, n, i, 4, excess_of, ahead);
            break;
        case 3:
            rows(call, g, w, n, i, 3, excess_of, ahead);
            break;
        case 2:
            rows(call, g, w, n, i, 2, excess_of, ahead);
            break;
        default:
            rows(call, g, w, n, i, 1, excess_of, ahead);
            break;
        }
    }
}

/* The row of x by n_groups groups from g on, the whole of a band. */
static void one_row(const setun_call *call, int64_t g, const uint8_t *w, int64_t n_groups, const int32_t (*excess_of)[2], const uint8_t *next_band)
{
    const int64_t group_bytes = upper_bytes(call->in[0].dim[1]);
    const uint8_t *end = w + n_groups * group_bytes;

    for (int64_t i = 0; i < n_groups; i++, w += group_bytes)
        rows(call, g + i, w, 1, 0, 1, excess_of,
             (fetch){.from = (const char *)w + AHEAD_BYTES, .step = UPPER_BLOCK, .end = (const char *)end, .gap = next_band - end});
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t m = call->in[0].dim[0], k = call->in[0].dim[1], half = (k + 63) / 64 * 64, n = call->in[4].dim[0], group_bytes = upper_bytes(k);
    int32_t(*excess_of)[2] = tile->scratch;

    for (int64_t i = 0; i < m; i++) {
        excess_of[i][0] = excess(in_row(call, 0, i), half, 31);
        excess_of[i][1] = excess((const int8_t *)in_row(call, 0, i) + half, half, 31);
    }
    for (int64_t band = tile->begin; band < tile->end; band++) {
        const int64_t first = BAND / GROUP * band, n_groups = (band_rows(n, band) + GROUP - 1) / GROUP;
        const uint8_t *w = (const uint8_t *)call->in[4].data + band_byte(k, band), *next_band = w + band_byte(k, 1);
        int64_t g = 0;

        if (m == 1) {
            one_row(call, first, w, n_groups, (const int32_t(*)[2])excess_of, next_band);
            continue;
        }
        for (; g + PAIR <= n_groups; g += PAIR, w += PAIR * group_bytes)
            groups(call, first + g, w, PAIR, (const int32_t(*)[2])excess_of, g + PAIR < n_groups ? w + PAIR * group_bytes : next_band);
        if (g < n_groups)
            groups(call, first + g, w, 1, (const int32_t(*)[2])excess_of, next_band);
    }
}

const setun_kernel screen_i16hl_i7r256k32_f32__avx512vnni = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "screen_i16hl_i7r256k32_f32__avx512vnni",
    .pattern = "screen",
    .fmts = "i16.hl+f32+f32+f32,i7.r256k32+f32+f32+f32+f32>f32,f32",
    .cpu = SETUN_CPU_AVX512_VNNI,
    .k_max = SETUN_SCREEN_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = units,
    .run = run,
};
