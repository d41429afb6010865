/* screen7.c - ops screen and rescreen over i7.r256k32 (formats.md), right but for one fault. */
#include <math.h>

#include "faulty.h"

enum { BAND = 256 };

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    if (query->in[4].dim[1] > SETUN_SCREEN_K_MAX)
        return setun_refuse(query, "k is too large");
    out_plan->n_phases = 1;
    out_plan->cost_ns = (double)query->rows_max;
    return SETUN_OK;
}

static int64_t upper_bytes(int64_t k)
{
    return (k + 31) / 32 * 320;
}

static int64_t lower_bytes(int64_t k)
{
    return (k + 255) / 256 * 64;
}

static const uint8_t *band(const setun_call *call, int64_t row)
{
    const int64_t k = call->in[4].dim[1];

    return (const uint8_t *)call->in[4].data + row / BAND * (BAND / 16 * upper_bytes(k) + BAND * lower_bytes(k));
}

static int upper(const setun_call *call, int64_t row, int64_t c)
{
    const uint8_t *block = band(call, row) + row % BAND / 16 * upper_bytes(call->in[4].dim[1]) + c / 32 * 320;
    const int64_t p = c % 32 / 4, at = row % 16 * 4 + c % 4;
    const int fifth = fault == FIFTH_BIT && p == 7 ? block[at] >> 6 & 1 : block[at] >> p & 1;

    return (block[64 + 64 * (p / 2) + at] >> (p % 2 * 4) & 15) + 16 * fifth;
}

static int lower(const setun_call *call, int64_t row, int64_t c)
{
    const int64_t k = call->in[4].dim[1], left = call->in[4].dim[0] - row / BAND * BAND, n_groups = left < BAND ? (left + 15) / 16 : BAND / 16;
    const uint8_t *at = band(call, row) + (n_groups + (fault == GROUP_TOO_FAR && left < BAND ? 1 : 0)) * upper_bytes(k) + row % BAND * lower_bytes(k);

    return at[c / 256 * 64 + c % 64] >> (c % 256 / 64 * 2) & 3;
}

/* What codes of either op give with row i of x, scaled: `by` is 1, or a quarter. */
static float product(const setun_call *call, int64_t i, int64_t row, bool fine, float by)
{
    const int64_t k = call->in[4].dim[1], half = (k + 63) / 64 * 64;
    const int8_t *x = in_row(call, 0, i);
    int32_t high = 0, low = 0;

    for (int64_t c = 0; c < k; c++) {
        const int code = fine ? 2 * lower(call, row, c) - 3 : 2 * upper(call, row, c) - 31;

        high += x[c] * code;
        low += x[half + c] * code;
    }
    if (fault == HIGH_HALF)
        low = 0;
    return fmaf(256.0f, (float)high, (float)low) * ((((const float *)call->in[5].data)[row] * ((const float *)call->in[1].data)[i]) * by);
}

/* rest: in[6], or in[8] for fine. */
static float bound(const setun_call *call, int64_t i, int64_t row, uint32_t rest)
{
    const float a = ((const float *)call->in[2].data)[i], b = ((const float *)call->in[3].data)[i];

    return (a * ((const float *)call->in[rest].data)[row] + b * ((const float *)call->in[7].data)[row]) + (fault == NO_TINY ? 0 : SETUN_SCREEN_TINY);
}

static int64_t screen_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[4].dim[0] + BAND - 1) / BAND;
}

static void run_screen(const setun_call *call, const setun_tile *tile)
{
    for (int64_t j = BAND * tile->begin; j < BAND * tile->end && j < call->in[4].dim[0]; j++)
        for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
            ((float *)out_row(call, 0, i))[j] = product(call, i, j, false, 1);
            ((float *)out_row(call, 1, i))[j] = bound(call, i, j, 6);
        }
}

static int64_t rescreen_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->in[10].dim[1];
}

static void run_rescreen(const setun_call *call, const setun_tile *tile)
{
    for (int64_t i = tile->begin; i < tile->end; i++) {
        const int64_t row = ((const int32_t *)call->in[10].data)[i];

        ((float *)call->out[0].data)[i] = ((const float *)call->in[9].data)[fault == COARSE_OF_PLACE ? i % call->in[4].dim[0] : row] +
                                          product(call, 0, row, true, 0.25f);
        ((float *)call->out[1].data)[i] = bound(call, 0, row, 8);
    }
}

static const setun_kernel screen = {
    .size = sizeof(screen), .flags = SETUN_KERNEL_EXACT, .name = "screen__faulty", .pattern = "screen",
    .fmts = "i16.hl+f32+f32+f32,i7.r256k32+f32+f32+f32+f32>f32,f32", .k_max = SETUN_SCREEN_K_MAX, .acc_bits = 32, .plan = plan,
    .units = screen_units, .run = run_screen,
};
static const setun_kernel rescreen = {
    .size = sizeof(rescreen), .flags = SETUN_KERNEL_EXACT, .name = "rescreen__faulty", .pattern = "rescreen",
    .fmts = "i16.hl+f32+f32+f32,i7.r256k32+f32+f32+f32+f32,f32,i32>f32,f32", .k_max = SETUN_SCREEN_K_MAX, .acc_bits = 32, .plan = plan,
    .units = rescreen_units, .run = run_rescreen,
};
static const setun_kernel *const kernels[] = {&screen, &rescreen, NULL};

FAULTY_PLUGIN(kernels);
