/* rescreen_i16hl_i7r256k32_f32_i32_f32__avx512vnni.c - what screen says of some rows of w[n, k], made more exact by two more bits (numerics.md:
 * screen in 7 bits).
 * in: x i16.hl[1, k], step, a, b f32[1], w i7.r256k32[n, k], step, rest, size, fine f32[n], coarse f32[1, n], id i32[1, c]; out: z, e f32[1, c].
 *
 * A unit is 16 ids, the lanes of a register in the end. Their rows lie anywhere: those of the next ids are fetched meanwhile. */
#include "kernels.h"
#include "screen.h"
#include "screen7.h"

/* Ids, to the first cache: two workers of a Zen 5 take 0.20 ms for some 14700 ids of 2560 columns, to the second 0.39; 8 and 32 ahead the same. A Zen 4
 * took 2.3 ms for 44000 with 16 ahead to the second, 4.1 with four to the first, 3.0 with 64 to the second; 16 to the first was not run there. */
#define AHEAD 16

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    if (query->in[4].dim[1] > SETUN_SCREEN_K_MAX)
        return setun_refuse(query, "rescreen: a row of more than 65536 weights could overflow its 32-bit sum");
    out_plan->n_phases = 1;
    out_plan->cost_ns = 0.015 * (double)query->in[10].dim[1] * (double)query->in[4].dim[1]; /* a quarter of a byte, from anywhere */
    return SETUN_OK;
}

static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[10].dim[1] + SETUN_LANES - 1) / SETUN_LANES;
}

/* The sums of both halves of x with the lower bits of a row. */
static inline void dots(const uint8_t *row, const int8_t *x, int64_t half, int32_t *out_high, int32_t *out_low)
{
    __m512i high[4], low[4];

UNROLL(4)
    for (int p = 0; p < 4; p++)
        high[p] = low[p] = _mm512_setzero_si512();
    for (int64_t c = 0; c < half; c += 256, row += LOWER_BLOCK) {
        const __m512i bits = _mm512_loadu_si512(row);

UNROLL(4)
        for (unsigned p = 0; p < 4; p++)
            if (c + 64 * p < half) {
                const __m512i codes = _mm512_and_si512(_mm512_srli_epi16(bits, 2 * p), _mm512_set1_epi8(3));

                high[p] = _mm512_dpbusd_epi32(high[p], codes, _mm512_loadu_si512(x + c + 64 * p));
                low[p] = _mm512_dpbusd_epi32(low[p], codes, _mm512_loadu_si512(x + half + c + 64 * p));
            }
    }
    *out_high = _mm512_reduce_add_epi32(_mm512_add_epi32(_mm512_add_epi32(high[0], high[1]), _mm512_add_epi32(high[2], high[3])));
    *out_low = _mm512_reduce_add_epi32(_mm512_add_epi32(_mm512_add_epi32(low[0], low[1]), _mm512_add_epi32(low[2], low[3])));
}

static inline void fetch_row(const uint8_t *row, int64_t n_bytes)
{
    for (int64_t i = 0; i < n_bytes; i += 64)
        _mm_prefetch((const char *)row + i, _MM_HINT_T0);
}

static inline lanes gather(const setun_call *call, int input, __mmask16 there, __m512i id)
{
    return _mm512_mask_i32gather_ps(lanes_set(0.0f), there, id, call->in[input].data, 4);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t k = call->in[0].dim[1], n = call->in[4].dim[0], half = (k + 63) / 64 * 64, n_ids = call->in[10].dim[1];
    const lanes x_step = lanes_set(*(const float *)call->in[1].data), a = lanes_set(*(const float *)call->in[2].data),
                b = lanes_set(*(const float *)call->in[3].data);
    const uint8_t *w = call->in[4].data;
    const int8_t *x = call->in[0].data;
    const int32_t *id = call->in[10].data;
    const int64_t begin = SETUN_LANES * tile->begin, end = least(SETUN_LANES * tile->end, n_ids);
    const __m512i high_excess = _mm512_set1_epi32(excess(x, half, 3)), low_excess = _mm512_set1_epi32(excess(x + half, half, 3));

    for (int64_t i = begin; i < least(begin + AHEAD, end); i++)
        fetch_row(w + lower_byte(n, k, id[i]), lower_bytes(k));
    for (int64_t i = begin; i < end; i += SETUN_LANES) {
        const int64_t here = least(SETUN_LANES, n_ids - i);
        const __mmask16 there = first_lanes(here);
        const __m512i ids = _mm512_maskz_loadu_epi32(there, id + i);
        int32_t high[SETUN_LANES] = {0}, low[SETUN_LANES] = {0};
        lanes fine, z, e;

        for (int64_t j = 0; j < here; j++) {
            if (i + j + AHEAD < end)
                fetch_row(w + lower_byte(n, k, id[i + j + AHEAD]), lower_bytes(k));
            dots(w + lower_byte(n, k, id[i + j]), x, half, &high[j], &low[j]);
        }
        fine = lanes_fma(lanes_set(256.0f),
                         _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_slli_epi32(_mm512_loadu_si512(high), 1), high_excess)),
                         _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_slli_epi32(_mm512_loadu_si512(low), 1), low_excess)));
        fine = lanes_mul(fine, lanes_mul(lanes_mul(gather(call, 5, there, ids), x_step), lanes_set(0.25f)));
        z = lanes_add(gather(call, 9, there, ids), fine);
        e = lanes_add(lanes_mul(a, gather(call, 8, there, ids)), lanes_mul(b, gather(call, 7, there, ids)));
        lanes_store_n((float *)call->out[0].data + i, z, here);
        lanes_store_n((float *)call->out[1].data + i, lanes_add(e, lanes_set(SETUN_SCREEN_TINY)), here);
    }
}

const setun_kernel rescreen_i16hl_i7r256k32_f32_i32_f32__avx512vnni = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "rescreen_i16hl_i7r256k32_f32_i32_f32__avx512vnni",
    .pattern = "rescreen",
    .fmts = "i16.hl+f32+f32+f32,i7.r256k32+f32+f32+f32+f32,f32,i32>f32,f32",
    .cpu = SETUN_CPU_AVX512_VNNI,
    .k_max = SETUN_SCREEN_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = units,
    .run = run,
};
