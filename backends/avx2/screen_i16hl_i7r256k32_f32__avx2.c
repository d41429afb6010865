/* screen_i16hl_i7r256k32_f32__avx2.c - about what every dot of x[m, k] and w[n, k] is, by five bits of w, and how far from it at most (numerics.md:
 * screen in 7 bits). in: x i16.hl[m, k], step, a, b f32[m], w i7.r256k32[n, k], step, rest, size, fine f32[n]; out: z, e f32[m, n].
 *
 * A block of 16 rows by 32 columns is unpacked to bytes u, 0 .. 31, two registers for four columns, each of which meets four broadcast bytes of each
 * half of x. vpmaddubsw takes u as it is, without sign; what a row is then too large by is 31 times the sum of x, for w is 2 u - 31. Two products
 * are at most 2 * 31 * 128, and four times that fits 16 bits: 16 columns are added before they are widened. */
#include "kernels.h"
#include "screen7.h"

#define FEW_X 8                         /* rows of x at a time, which share what unpacking costs */
#define WORDS 4                         /* of four columns: what is added up in 16 bits */
#define AHEAD_BYTES (48 * BLOCK_BYTES) /* prefetched for one row of x; more rows take longer than the memory does */

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const double nk = (double)query->in[4].dim[0] * (double)query->in[4].dim[1], rows = (double)query->rows_max;

    if (query->in[4].dim[1] > SETUN_SCREEN_K_MAX)
        return setun_refuse(query, "screen: a row of more than 65536 weights could overflow its 32-bit sum");
    return plan_simple(nk * (0.022 + 0.018 * rows), out_plan); /* five bits streamed and unpacked; two dots of 32, nine instructions for four of each */
}

/* One unit is a band of 256 rows of w. */
static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[4].dim[0] + BAND_ROWS - 1) / BAND_ROWS;
}

/* What the bytes of a row of x add up to, of either half. */
typedef struct totals {
    int32_t high, low;
} totals;

/* Word p of a block, 0 .. 7: bytes u of rows 8 h .. 8 h + 7. */
ALWAYS_INLINE __m256i unpack(const uint8_t *block, int p, int h)
{
    const __m256i two = _mm256_loadu_si256((const void *)(block + LOW_BITS + 64 * (p / 2) + 32 * h));
    const __m256i fifths = _mm256_loadu_si256((const void *)(block + 32 * h));
    const __m256i low = p % 2 == 0 ? two : _mm256_srli_epi16(two, 4);
    const __m256i fifth = p < 4 ? _mm256_slli_epi16(fifths, 4 - p) : _mm256_srli_epi16(fifths, p - 4);

    return _mm256_or_si256(_mm256_and_si256(low, _mm256_set1_epi8(15)), _mm256_and_si256(fifth, _mm256_set1_epi8(16)));
}

/* The products of a word, the first, second, .. of WORDS, added to pairs. */
ALWAYS_INLINE void add_products(__m256i *pairs, int i, __m256i u, __m256i x)
{
    const __m256i products = _mm256_maddubs_epi16(u, x);

    *pairs = i == 0 ? products : _mm256_add_epi16(*pairs, products);
    KEEP_IN_REGISTER(*pairs);
}

ALWAYS_INLINE void add_pairs(screen_sums *sum, const screen_sums *pairs)
{
UNROLL(2)
    for (int h = 0; h < 2; h++) {
        sum->high[h] = _mm256_add_epi32(sum->high[h], pairs_total(pairs->high[h]));
        sum->low[h] = _mm256_add_epi32(sum->low[h], pairs_total(pairs->low[h]));
    }
}

/* 2 u - 31 for u. */
static inline __m256i around_zero(__m256i sum, int32_t x_total)
{
    return _mm256_sub_epi32(_mm256_slli_epi32(sum, 1), _mm256_set1_epi32(31 * x_total));
}

ALWAYS_INLINE void put(const setun_call *call, int64_t i, int64_t row, screen_sums sum, totals total)
{
    for (int h = 0; h < 2; h++) {
        sum.high[h] = around_zero(sum.high[h], total.high);
        sum.low[h] = around_zero(sum.low[h], total.low);
    }
    screen_put(call, i, row, sum);
}

/* Row i of x by group `group` of a band: a word is unpacked when it is needed. What is prefetched behind the band's upper bits are the next one's. */
NEVER_INLINE void one_row(const setun_call *call, int64_t band, int64_t group, int64_t i, totals total)
{
    const int64_t k = call->in[0].dim[1], half = half_bytes(k);
    const int64_t end = upper_byte(k, band, band_groups(call->in[4].dim[0], band)), gap = band_byte(k, band + 1) - end;
    const uint8_t *w = (const uint8_t *)call->in[4].data + upper_byte(k, band, group), *ahead = w + AHEAD_BYTES;
    const uint8_t *band_end = (const uint8_t *)call->in[4].data + end;
    const int8_t *x = in_row(call, 0, i);
    screen_sums sum = screen_zero();

    for (int64_t c = 0; c < k; c += BLOCK_COLUMNS, w += BLOCK_BYTES, ahead += BLOCK_BYTES) {
        const char *next = (const char *)ahead + (ahead < band_end ? 0 : gap);

        for (int line = 0; line < BLOCK_BYTES; line += 64)
            _mm_prefetch(next + line, _MM_HINT_T0);
UNROLL(2)
        for (int first = 0; first < 2 * WORDS; first += WORDS) {
            screen_sums pairs;

UNROLL(4)
            for (int e = 0; e < WORDS; e++) {
                const __m256i high = four(x + c + 4 * (first + e)), low = four(x + half + c + 4 * (first + e));

UNROLL(2)
                for (int h = 0; h < 2; h++) {
                    const __m256i u = unpack(w, first + e, h);

                    add_products(&pairs.high[h], e, u, high);
                    add_products(&pairs.low[h], e, u, low);
                }
            }
            add_pairs(&sum, &pairs);
        }
    }
    put(call, i, BAND_ROWS * band + SCREEN_GROUP * group, sum, total);
}

/* Rows i .. i + n_x - 1 of x by a group: words are unpacked once for all of them. */
NEVER_INLINE void few_rows(const setun_call *call, int64_t band, int64_t group, int64_t i, int n_x, const totals total[FEW_X])
{
    const int64_t k = call->in[0].dim[1], half = half_bytes(k), stride = call->in[0].stride_bytes[0];
    const uint8_t *w = (const uint8_t *)call->in[4].data + upper_byte(k, band, group);
    const int8_t *x = in_row(call, 0, i);
    screen_sums sum[FEW_X];

    for (int r = 0; r < n_x; r++)
        sum[r] = screen_zero();
    for (int64_t c = 0; c < k; c += BLOCK_COLUMNS, w += BLOCK_BYTES)
UNROLL(2)
        for (int first = 0; first < 2 * WORDS; first += WORDS) {
            const int8_t *columns = x + c + 4 * first;
            __m256i u[WORDS][2];

UNROLL(4)
            for (int e = 0; e < WORDS; e++) {
                u[e][0] = unpack(w, first + e, 0);
                u[e][1] = unpack(w, first + e, 1);
            }
            for (int r = 0; r < n_x; r++, columns += stride) {
                screen_sums pairs;

UNROLL(4)
                for (int e = 0; e < WORDS; e++)
UNROLL(2)
                    for (int h = 0; h < 2; h++) {
                        add_products(&pairs.high[h], e, u[e][h], four(columns + 4 * e));
                        add_products(&pairs.low[h], e, u[e][h], four(columns + half + 4 * e));
                    }
                add_pairs(&sum[r], &pairs);
            }
        }
    for (int r = 0; r < n_x; r++)
        put(call, i + r, BAND_ROWS * band + SCREEN_GROUP * group, sum[r], total[r]);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t m = call->in[0].dim[0], half = half_bytes(call->in[0].dim[1]);

    for (int64_t band = tile->begin; band < tile->end; band++)
        for (int64_t i = 0; i < m; i += FEW_X) {
            const int n_x = (int)least(FEW_X, m - i);
            totals total[FEW_X];

            for (int r = 0; r < n_x; r++) {
                const int8_t *x = in_row(call, 0, i + r);

                total[r].high = total_of(x, half);
                total[r].low = total_of(x + half, half);
            }
            for (int64_t group = 0; group < band_groups(call->in[4].dim[0], band); group++)
                if (n_x == 1)
                    one_row(call, band, group, i, total[0]);
                else
                    few_rows(call, band, group, i, n_x, total);
        }
}

const setun_kernel screen_i16hl_i7r256k32_f32__avx2 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "screen_i16hl_i7r256k32_f32__avx2",
    .pattern = "screen",
    .fmts = "i16.hl+f32+f32+f32,i7.r256k32+f32+f32+f32+f32>f32,f32",
    .k_max = SETUN_SCREEN_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = units,
    .run = run,
};
