/* screen_i16hl_i7r256k32_f32__scalar.c - about what every dot of x[m, k] and w[n, k] is, by five bits of w, and how far from it at most.
 * in: x i16.hl[m, k], step, a, b f32[m], w i7.r256k32[n, k], step, rest, size, fine f32[n]; out: z, e f32[m, n]. */
#include "kernels.h"
#include "lanes.h"
#include "screen7.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const int64_t n = query->in[4].dim[0], k = query->in[4].dim[1];

    if (k > SETUN_SCREEN_K_MAX)
        return setun_refuse(query, "screen: a row of more than 65536 weights could overflow its 32-bit sum");
    out_plan->n_phases = 1;
    out_plan->cost_ns = 1.4 * (double)query->rows_max * (double)n * (double)k;
    return SETUN_OK;
}

/* One unit is a band. */
static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[4].dim[0] + BAND_ROWS - 1) / BAND_ROWS;
}

/* 2u - 31 of 16 rows by 4 columns: those of number p of a block. */
static void unpack(const uint8_t *block, int p, int8_t out_code[64])
{
    const uint8_t *fours = block + 64 + 64 * (p / 2);
    const int shift = p % 2 * 4;

    for (int i = 0; i < 64; i++)
        out_code[i] = (int8_t)(2 * ((fours[i] >> shift & 15) | (block[i] >> p & 1) << 4) - 31);
}

/* The 16 sums of a group with both halves of x, whose padding is zero and reaches as far as the group's last block. */
static void dots(const uint8_t *group, const int8_t *x, int64_t k, int64_t half, int32_t high[16], int32_t low[16])
{
    int8_t code[64];

    memset(high, 0, 16 * sizeof(*high));
    memset(low, 0, 16 * sizeof(*low));
    for (int64_t c = 0; c < k; c += 4) {
        unpack(group + c / 32 * 320, (int)(c % 32 / 4), code);
        for (int r = 0; r < 16; r++)
            for (int e = 0; e < 4; e++) {
                high[r] += code[4 * r + e] * x[c + e];
                low[r] += code[4 * r + e] * x[half + c + e];
            }
    }
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t m = call->in[0].dim[0], k = call->in[0].dim[1], n = call->in[4].dim[0], half = (k + 63) / 64 * 64;
    const float *x_step = call->in[1].data, *a = call->in[2].data, *b = call->in[3].data;
    const float *w_step = call->in[5].data, *rest = call->in[6].data, *size = call->in[7].data;
    const uint8_t *w = call->in[4].data;

    for (int64_t first = BAND_ROWS * tile->begin; first < BAND_ROWS * tile->end && first < n; first += 16)
        for (int64_t i = 0; i < m; i++) {
            float *z = out_row(call, 0, i), *e = out_row(call, 1, i);
            int32_t high[16], low[16];

            dots(w + upper_byte(k, first / 16), in_row(call, 0, i), k, half, high, low);
            for (int64_t j = first; j < first + 16 && j < n; j++) {
                z[j] = fma_exact(256.0f, (float)high[j - first], (float)low[j - first]) * (w_step[j] * x_step[i]);
                e[j] = (a[i] * rest[j] + b[i] * size[j]) + SETUN_SCREEN_TINY;
            }
        }
}

const setun_kernel screen_i16hl_i7r256k32_f32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "screen_i16hl_i7r256k32_f32__scalar",
    .pattern = "screen",
    .fmts = "i16.hl+f32+f32+f32,i7.r256k32+f32+f32+f32+f32>f32,f32",
    .k_max = SETUN_SCREEN_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = units,
    .run = run,
};
