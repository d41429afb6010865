/* ternary5.c - ternary linear over tern5.r16k96 (formats.md), right but for one fault. */
#include "faulty.h"

#define K_MAX_T5 (INT64_C(1) << 16) /* far below what 32 bits hold: longer rows would take this plain code too long */

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    if (query->in[2].dim[1] > K_MAX_T5)
        return setun_refuse(query, "k is too large");
    out_plan->n_phases = 1;
    out_plan->cost_ns = (double)query->rows_max;
    return SETUN_OK;
}

static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[2].dim[0] + 15) / 16;
}

/* Code s of byte e of a row's part of a block. */
static unsigned code(const uint8_t *row, int64_t s, int64_t e)
{
    const uint8_t *at = row + e;

    switch (s) {
    case 5:
        return at[0] >> 5 | (at[64] >> 5 & 3u) << 3;
    case 6:
        return at[128] >> 5 | (at[192] >> 5 & 3u) << 3;
    case 7:
        return at[256] >> 5 | (at[64] >> 7 & 1u) << 3 | (at[fault == JUNK_BIT ? 64 : 192] >> 7 & 1u) << 4;
    default:
        return at[64 * s] & 31u;
    }
}

static int weight(unsigned x, int64_t p)
{
    static const unsigned power[3] = {1, 3, 9};

    if (fault == TABLE_ENTRY && x == 23 && p == 1) /* codes 2, 1, 2 */
        return 1;
    return (int)(x / power[p] % 3) - 1;
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t n = call->in[2].dim[0], k = call->in[2].dim[1], n_blocks = (k + 95) / 96;
    const int64_t end = 16 * tile->end < n ? 16 * tile->end : n, k_done = fault == TAIL_BLOCK ? k / 96 * 96 : k;

    for (int64_t i = 0; i < call->in[0].dim[0]; i++)
        for (int64_t j = 16 * tile->begin; j < end; j++) {
            const int8_t *q = in_row(call, 0, i);
            int32_t sum = 0;

            for (int64_t c = 0; c < k_done; c++) {
                const uint8_t *row = (const uint8_t *)call->in[2].data + (j / 16 * n_blocks + c / 96) * 320 + j % 16 * 4;

                sum += q[c] * weight(code(row, c % 96 / 12, c % 4), c % 12 / 4);
            }
            ((float *)out_row(call, 0, i))[j] = (float)sum * (((const float *)call->in[3].data)[j] / ((const float *)call->in[1].data)[i]);
        }
}

static const setun_kernel linear = {
    .size = sizeof(linear), .flags = SETUN_KERNEL_EXACT, .name = "linear_i8row_tern5r16k96_f32__faulty", .pattern = "linear",
    .fmts = "i8.row+f32,tern5.r16k96+f32>f32", .k_max = K_MAX_T5, .acc_bits = 32, .plan = plan, .units = units, .run = run,
};
static const setun_kernel *const kernels[] = {&linear, NULL};

FAULTY_PLUGIN(kernels);
