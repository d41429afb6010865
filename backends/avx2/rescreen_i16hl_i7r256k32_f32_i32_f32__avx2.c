/* rescreen_i16hl_i7r256k32_f32_i32_f32__avx2.c - what screen says of some rows of w[n, k], made more exact by two more bits (numerics.md: screen in 7
 * bits). in: x i16.hl[1, k], step, a, b f32[1], w i7.r256k32[n, k], step, rest, size, fine f32[n], coarse f32[1, n], id i32[1, c];
 * out: z, e f32[1, c].
 *
 * The lower bits of a row are bytes l, 0 .. 3, when masked, 32 columns in a register: vpmaddubsw takes them without sign, and what is too much is
 * three times the sum of x, for w is 2 l - 3. Two products are at most 2 * 3 * 128, and those of a block of 256 columns, eight registers of
 * l, fit 16 bits. */
#include "kernels.h"
#include "screen7.h"

#define UNIT_IDS SCREEN_GROUP

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    if (query->in[4].dim[1] > SETUN_SCREEN_K_MAX)
        return setun_refuse(query, "rescreen: a row of more than 65536 weights could overflow its 32-bit sum");
    return plan_simple(0.06 * (double)query->in[10].dim[1] * (double)query->in[4].dim[1], out_plan); /* nearly all of it waiting: the ids name rows anywhere */
}

static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[10].dim[1] + UNIT_IDS - 1) / UNIT_IDS;
}

/* Sums of l by both halves of x. */
static void dots(const uint8_t *row, const int8_t *x, int64_t half, int32_t *out_high, int32_t *out_low)
{
    const __m256i mask = _mm256_set1_epi8(3);
    __m256i high = _mm256_setzero_si256(), low = high;

    for (int64_t c = 0; c < half; c += 256, row += 64) {
        const int64_t n_parts = least(4, (half - c) / 64);
        __m256i bits[2] = {_mm256_loadu_si256((const void *)row), _mm256_loadu_si256((const void *)(row + 32))};
        __m256i high_pairs = _mm256_setzero_si256(), low_pairs = high_pairs;

        for (int64_t p = 0; p < n_parts; p++)
            for (int h = 0; h < 2; h++) {
                const int8_t *columns = x + c + 64 * p + 32 * h;
                const __m256i l = _mm256_and_si256(bits[h], mask);

                high_pairs = _mm256_add_epi16(high_pairs, _mm256_maddubs_epi16(l, _mm256_loadu_si256((const void *)columns)));
                low_pairs = _mm256_add_epi16(low_pairs, _mm256_maddubs_epi16(l, _mm256_loadu_si256((const void *)(columns + half))));
                bits[h] = _mm256_srli_epi16(bits[h], 2);
            }
        high = _mm256_add_epi32(high, pairs_total(high_pairs));
        low = _mm256_add_epi32(low, pairs_total(low_pairs));
    }
    *out_high = register_total(high);
    *out_low = register_total(low);
}

/* The rows lie far from each other: one is fetched while that before is added up. */
static void prefetch_row(const uint8_t *row, int64_t k)
{
    for (int64_t b = 0; b < lower_bytes(k); b += 64)
        _mm_prefetch((const char *)row + b, _MM_HINT_T0);
}

/* Ids first .. first + n_ids - 1, up to 16. */
static void unit(const setun_call *call, int64_t first, int64_t n_ids, int32_t high_total, int32_t low_total)
{
    const int64_t k = call->in[0].dim[1], n = call->in[4].dim[0];
    const int32_t *id = (const int32_t *)call->in[10].data + first;
    const uint8_t *w = call->in[4].data;
    float step[UNIT_IDS] = {0}, size[UNIT_IDS] = {0}, fine[UNIT_IDS] = {0}, coarse[UNIT_IDS] = {0};
    int32_t high[UNIT_IDS] = {0}, low[UNIT_IDS] = {0};
    const lanes x_step = lanes_set(*(const float *)call->in[1].data), a = lanes_set(*(const float *)call->in[2].data),
                b = lanes_set(*(const float *)call->in[3].data);
    lanes z;

    for (int64_t i = 0; i < n_ids; i++) {
        const int32_t j = id[i];

        if (i + 1 < n_ids)
            prefetch_row(w + lower_byte(n, k, id[i + 1]), k);
        dots(w + lower_byte(n, k, j), call->in[0].data, half_bytes(k), &high[i], &low[i]);
        high[i] = 2 * high[i] - 3 * high_total;
        low[i] = 2 * low[i] - 3 * low_total;
        step[i] = ((const float *)call->in[5].data)[j];
        size[i] = ((const float *)call->in[7].data)[j];
        fine[i] = ((const float *)call->in[8].data)[j];
        coarse[i] = ((const float *)call->in[9].data)[j];
    }
    z = screen_join((screen_sums){{_mm256_loadu_si256((const void *)high), _mm256_loadu_si256((const void *)(high + 8))},
                                  {_mm256_loadu_si256((const void *)low), _mm256_loadu_si256((const void *)(low + 8))}});
    z = lanes_mul(z, lanes_mul(lanes_mul(lanes_load(step), x_step), lanes_set(0.25f)));
    lanes_store_n((float *)call->out[0].data + first, lanes_add(lanes_load(coarse), z), n_ids);
    lanes_store_n((float *)call->out[1].data + first, screen_bound(a, lanes_load(fine), b, lanes_load(size)), n_ids);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t half = half_bytes(call->in[0].dim[1]), n_ids = call->in[10].dim[1];
    const int8_t *x = call->in[0].data;
    const int32_t high_total = total_of(x, half), low_total = total_of(x + half, half);

    for (int64_t i = UNIT_IDS * tile->begin; i < UNIT_IDS * tile->end && i < n_ids; i += UNIT_IDS)
        unit(call, i, least(UNIT_IDS, n_ids - i), high_total, low_total);
}

const setun_kernel rescreen_i16hl_i7r256k32_f32_i32_f32__avx2 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "rescreen_i16hl_i7r256k32_f32_i32_f32__avx2",
    .pattern = "rescreen",
    .fmts = "i16.hl+f32+f32+f32,i7.r256k32+f32+f32+f32+f32,f32,i32>f32,f32",
    .k_max = SETUN_SCREEN_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = units,
    .run = run,
};
