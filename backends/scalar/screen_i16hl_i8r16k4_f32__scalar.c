/* screen_i16hl_i8r16k4_f32__scalar.c - about what every dot of x[m, k] and w[n, k] is, and how far from it at most.
 * in: x i16.hl[m, k], step, a, b f32[m], w i8.r16k4[n, k], step, rest, size f32[n]; out: z, e f32[m, n]. */
#include "kernels.h"
#include "lanes.h"
#include "screen.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const int64_t n = query->in[4].dim[0], k = query->in[4].dim[1];

    if (k > SETUN_SCREEN_K_MAX)
        return setun_refuse(query, "screen: a row of more than 65536 weights could overflow its 32-bit sum");
    out_plan->n_phases = 1;
    out_plan->cost_ns = 1.2 * (double)query->rows_max * (double)n * (double)k;
    return SETUN_OK;
}

/* One unit is a group of 16 rows of w. */
static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[4].dim[0] + 15) / 16;
}

/* The 16 sums of a group: x is one half of a row, whose padding is zero and reaches as far as the group's last block. */
static void dots(const int8_t *group, const int8_t *x, int64_t k, int32_t sum[16])
{
    memset(sum, 0, 16 * sizeof(*sum));
    for (int64_t c = 0; c < k; c += 4, group += 64)
        for (int r = 0; r < 16; r++)
            for (int e = 0; e < 4; e++)
                sum[r] += group[4 * r + e] * x[c + e];
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t m = call->in[0].dim[0], k = call->in[0].dim[1], n = call->in[4].dim[0], half = (k + 63) / 64 * 64;
    const float *x_step = call->in[1].data, *a = call->in[2].data, *b = call->in[3].data;
    const float *w_step = call->in[5].data, *rest = call->in[6].data, *size = call->in[7].data;
    const int8_t *w = call->in[4].data;

    for (int64_t g = tile->begin; g < tile->end; g++)
        for (int64_t i = 0; i < m; i++) {
            const int8_t *x = in_row(call, 0, i);
            float *z = out_row(call, 0, i), *e = out_row(call, 1, i);
            int32_t high[16], low[16];

            dots(w + screen_byte(k, 16 * g, 0), x, k, high);
            dots(w + screen_byte(k, 16 * g, 0), x + half, k, low);
            for (int64_t j = 16 * g; j < 16 * g + 16 && j < n; j++) {
                z[j] = fma_exact(256.0f, (float)high[j % 16], (float)low[j % 16]) * (w_step[j] * x_step[i]);
                e[j] = (a[i] * rest[j] + b[i] * size[j]) + SETUN_SCREEN_TINY;
            }
        }
}

const setun_kernel screen_i16hl_i8r16k4_f32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "screen_i16hl_i8r16k4_f32__scalar",
    .pattern = "screen",
    .fmts = "i16.hl+f32+f32+f32,i8.r16k4+f32+f32+f32>f32,f32",
    .k_max = SETUN_SCREEN_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = units,
    .run = run,
};
