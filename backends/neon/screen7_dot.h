/* screen7_dot.h - the op screen (numerics.md: screen in 7 bits) over i16.hl and i7.r256k32: 16 columns of four rows are unpacked to four registers of bytes
 * u, 0 .. 31, which meet 16 columns of each half of x. w is 2 u - 31: 31 times the sum of x is taken off at the end. One unit is a band of 256 rows of
 * w. How registers are multiplied is the caller's. */
#ifndef SETUN_NEON_SCREEN7_DOT_H
#define SETUN_NEON_SCREEN7_DOT_H
#include "screen7.h"

/* Vector instructions for 256 weights (ints.h): those of unpacking, once for SCREEN_X rows of x, and the caller's for each row. */
static inline setun_status screen7_plan(const setun_query *query, double instructions, setun_kernel_plan *out_plan)
{
    const double nk = (double)query->in[4].dim[0] * (double)query->in[4].dim[1];
    const int64_t n_tiles = (query->rows_max + SCREEN_X - 1) / SCREEN_X;
    const double compute = NEON_VECTOR_NS * (72 * (double)n_tiles + instructions * (double)query->rows_max), read = NEON_READ_NS * 160;

    if (query->in[4].dim[1] > SETUN_SCREEN_K_MAX)
        return setun_refuse(query, "screen: a row of more than 65536 weights could overflow its 32-bit sum");
    return plan_simple(nk / 256 * (compute > read ? compute : read), out_plan);
}

static inline int64_t screen7_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[4].dim[0] + BAND_ROWS - 1) / BAND_ROWS;
}

/* sum += four words of four rows' columns by the four of x. */
typedef int32x4_t screen7_dot(int32x4_t sum, const int8x16_t u[4], int8x16_t x);

/* Word p of a block, 0 .. 7: bytes u of rows 4 q .. 4 q + 3. Shifts to the right are those by negative numbers. */
ALWAYS_INLINE int8x16_t screen7_unpack(const uint8_t *block, int p, int q)
{
    const uint8x16_t fifths = vld1q_u8(block + 16 * q), two = vld1q_u8(block + LOW_BITS + 64 * (p / 2) + 16 * q);
    const uint8x16_t low = p % 2 == 0 ? vandq_u8(two, vdupq_n_u8(15)) : vshrq_n_u8(two, 4);
    const uint8x16_t fifth = vandq_u8(vshlq_u8(fifths, vdupq_n_s8((int8_t)(4 - p))), vdupq_n_u8(16));

    return vreinterpretq_s8_u8(vorrq_u8(low, fifth));
}

/* Rows i .. i + n_x - 1 of x by a group of a band; n_x is a constant where this is inlined. */
ALWAYS_INLINE void screen7_rows(const setun_call *call, int64_t band, int64_t group, int64_t i, int n_x, screen7_dot *dot)
{
    const int64_t k = call->in[0].dim[1], half = half_bytes(k);
    const uint8_t *w = (const uint8_t *)call->in[4].data + upper_byte(k, band, group);
    const int8_t *x[SCREEN_X];
    int32x4_t high[SCREEN_X][4], low[SCREEN_X][4];

UNROLL(2)
    for (int r = 0; r < n_x; r++) {
        x[r] = in_row(call, 0, i + r);
UNROLL(4)
        for (int q = 0; q < 4; q++)
            high[r][q] = low[r][q] = vdupq_n_s32(0);
    }
    for (int64_t c = 0; c < k; c += BLOCK_COLUMNS, w += BLOCK_BYTES)
UNROLL(2)
        for (int first = 0; first < 8; first += 4) {
            int8x16_t words[SCREEN_X][2];

UNROLL(2)
            for (int r = 0; r < n_x; r++) {
                words[r][0] = vld1q_s8(x[r] + c + 4 * first);
                words[r][1] = vld1q_s8(x[r] + half + c + 4 * first);
            }
UNROLL(4)
            for (int q = 0; q < 4; q++) {
                int8x16_t u[4];

                ONE_AT_A_TIME();
UNROLL(4)
                for (int e = 0; e < 4; e++)
                    u[e] = screen7_unpack(w, first + e, q);
UNROLL(2)
                for (int r = 0; r < n_x; r++) {
                    high[r][q] = dot(high[r][q], u, words[r][0]);
                    low[r][q] = dot(low[r][q], u, words[r][1]);
                }
            }
        }
UNROLL(2)
    for (int r = 0; r < n_x; r++) {
        const int32x4_t too_high = vdupq_n_s32(31 * total_of(x[r], half)), too_low = vdupq_n_s32(31 * total_of(x[r] + half, half));

UNROLL(4)
        for (int q = 0; q < 4; q++) {
            high[r][q] = vsubq_s32(vshlq_n_s32(high[r][q], 1), too_high);
            low[r][q] = vsubq_s32(vshlq_n_s32(low[r][q], 1), too_low);
        }
        screen_put(call, i + r, BAND_ROWS * band + SCREEN_GROUP * group, (const int32x4_t *)high[r], (const int32x4_t *)low[r]);
    }
}

ALWAYS_INLINE void screen7_run(const setun_call *call, const setun_tile *tile, screen7_dot *dot)
{
    const int64_t m = call->in[0].dim[0], n = call->in[4].dim[0];

    for (int64_t band = tile->begin; band < tile->end; band++)
        for (int64_t group = 0; group < band_groups(n, band); group++) {
            int64_t i = 0;

            for (; i + SCREEN_X <= m; i += SCREEN_X)
                screen7_rows(call, band, group, i, SCREEN_X, dot);
            if (i < m)
                screen7_rows(call, band, group, i, 1, dot);
        }
}
#endif
