/* rescreen7.h - the op rescreen (numerics.md: screen in 7 bits) over i16.hl and i7.r256k32: a row's lower bits are bytes l, 0 .. 3, when masked, 16
 * columns in a register. w is 2 l - 3: three times the sum of x is taken off at the end. One unit is 16 ids. How registers are multiplied is
 * the caller's. */
#ifndef SETUN_NEON_RESCREEN7_H
#define SETUN_NEON_RESCREEN7_H
#include "screen7.h"

#define RESCREEN_IDS SCREEN_GROUP

static inline setun_status rescreen7_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    if (query->in[4].dim[1] > SETUN_SCREEN_K_MAX)
        return setun_refuse(query, "rescreen: a row of more than 65536 weights could overflow its 32-bit sum");
    /* Nearly all of it waiting: the ids name rows anywhere. */
    return plan_simple(0.06 * (double)query->in[10].dim[1] * (double)query->in[4].dim[1], out_plan);
}

static inline int64_t rescreen7_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[10].dim[1] + RESCREEN_IDS - 1) / RESCREEN_IDS;
}

/* sum += 64 columns of l by 64 of x, in whatever lanes. */
typedef int32x4_t rescreen7_dot(int32x4_t sum, const int8x16_t l[4], const int8_t *x);

/* Sums of l by both halves of x. */
ALWAYS_INLINE void rescreen7_row(const uint8_t *row, const int8_t *x, int64_t half, rescreen7_dot *dot, int32_t *out_high, int32_t *out_low)
{
    int32x4_t high = vdupq_n_s32(0), low = high;

    for (int64_t c = 0; c < half; c += 64) {
        const uint8_t *bits = row + c / 256 * 64;
        const int8x16_t down = vdupq_n_s8((int8_t)(-2 * (c / 64 % 4)));
        int8x16_t l[4];

UNROLL(4)
        for (int e = 0; e < 4; e++)
            l[e] = vreinterpretq_s8_u8(vandq_u8(vshlq_u8(vld1q_u8(bits + 16 * e), down), vdupq_n_u8(3)));
        high = dot(high, l, x + c);
        low = dot(low, l, x + half + c);
    }
    *out_high = vaddvq_s32(high);
    *out_low = vaddvq_s32(low);
}

/* Ids first .. first + n_ids - 1, up to 16. */
ALWAYS_INLINE void rescreen7_unit(const setun_call *call, int64_t first, int64_t n_ids, int32_t high_total, int32_t low_total, rescreen7_dot *dot)
{
    const int64_t k = call->in[0].dim[1], n = call->in[4].dim[0];
    const int32_t *id = (const int32_t *)call->in[10].data + first;
    const lanes x_step = lanes_set(*(const float *)call->in[1].data), a = lanes_set(*(const float *)call->in[2].data),
                b = lanes_set(*(const float *)call->in[3].data);
    float step[RESCREEN_IDS] = {0}, size[RESCREEN_IDS] = {0}, fine[RESCREEN_IDS] = {0}, coarse[RESCREEN_IDS] = {0};
    int32_t high[RESCREEN_IDS] = {0}, low[RESCREEN_IDS] = {0};
    int32x4_t highs[4], lows[4];
    lanes z, e;

    for (int64_t i = 0; i < n_ids; i++) {
        const int32_t j = id[i];

        rescreen7_row((const uint8_t *)call->in[4].data + lower_byte(n, k, j), call->in[0].data, half_bytes(k), dot, &high[i], &low[i]);
        high[i] = 2 * high[i] - 3 * high_total;
        low[i] = 2 * low[i] - 3 * low_total;
        step[i] = ((const float *)call->in[5].data)[j];
        size[i] = ((const float *)call->in[7].data)[j];
        fine[i] = ((const float *)call->in[8].data)[j];
        coarse[i] = ((const float *)call->in[9].data)[j];
    }
    for (int q = 0; q < 4; q++) {
        highs[q] = vld1q_s32(high + 4 * q);
        lows[q] = vld1q_s32(low + 4 * q);
    }
    z = lanes_fma(lanes_set(256.0f), lanes_of_ints(highs), lanes_of_ints(lows));
    z = lanes_mul(z, lanes_mul(lanes_mul(lanes_load(step), x_step), lanes_set(0.25f)));
    e = lanes_add(lanes_mul(a, lanes_load(fine)), lanes_mul(b, lanes_load(size)));
    lanes_store_n((float *)call->out[0].data + first, lanes_add(lanes_load(coarse), z), n_ids);
    lanes_store_n((float *)call->out[1].data + first, lanes_add(e, lanes_set(SETUN_SCREEN_TINY)), n_ids);
}

ALWAYS_INLINE void rescreen7_run(const setun_call *call, const setun_tile *tile, rescreen7_dot *dot)
{
    const int64_t half = half_bytes(call->in[0].dim[1]), n_ids = call->in[10].dim[1];
    const int8_t *x = call->in[0].data;
    const int32_t high_total = total_of(x, half), low_total = total_of(x + half, half);

    for (int64_t i = RESCREEN_IDS * tile->begin; i < RESCREEN_IDS * tile->end && i < n_ids; i += RESCREEN_IDS)
        rescreen7_unit(call, i, least(RESCREEN_IDS, n_ids - i), high_total, low_total, dot);
}
#endif
