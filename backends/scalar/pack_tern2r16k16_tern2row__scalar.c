/* pack_tern2r16k16_tern2row__scalar.c - ternary weights from blocks of 16 rows by 16 columns back to rows.
 * in: tern2.r16k16[n, k], scale f32[n]; out: tern2.row[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple(1.5 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1], out_plan);
}

/* A unit is a group of 16 rows, because a group must stay together. */
static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[0].dim[0] + 15) / 16;
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t n = call->in[0].dim[0], k = call->in[0].dim[1], end = 16 * tile->end < n ? 16 * tile->end : n;
    const float *scale_in = call->in[1].data;
    float *scale_out = call->out[1].data;

    for (int64_t row = 16 * tile->begin; row < end; row++) {
        uint8_t *codes = out_row(call, 0, row);

        ternary_clear_row(codes, k);
        for (int64_t c = 0; c < k; c++) {
            const uint8_t *block = (const uint8_t *)call->in[0].data + ternary_block(k, row, c);

            ternary_set(codes, c, ternary_block_get(block, row % 16, c % 16));
        }
        scale_out[row] = scale_in[row];
    }
}

const setun_kernel pack_tern2r16k16_tern2row__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_tern2r16k16_tern2row__scalar",
    .pattern = "pack",
    .fmts = "tern2.r16k16+f32>tern2.row+f32",
    .plan = plan,
    .units = units,
    .run = run,
};
