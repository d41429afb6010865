/* pack_tern5r16k96_tern2row__scalar.c - ternary weights from blocks of 16 rows by 96 columns, three weights in five bits, back to rows.
 * in: tern5.r16k96[n, k], scale f32[n]; out: tern2.row[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary5.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple(3.0 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1], out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t n = call->in[0].dim[0], k = call->in[0].dim[1];
    const int64_t end = TERNARY5_ROWS * tile->end < n ? TERNARY5_ROWS * tile->end : n;

    for (int64_t r = TERNARY5_ROWS * tile->begin; r < end; r++) {
        uint8_t *codes = out_row(call, 0, r);

        ternary_clear_row(codes, k);
        for (int64_t c = 0; c < k; c++) {
            const uint8_t *block = (const uint8_t *)call->in[0].data + ternary5_block(k, r, c);

            ternary_set(codes, c, ternary5_get(block, r % TERNARY5_ROWS, c % TERNARY5_COLUMNS));
        }
        ((float *)call->out[1].data)[r] = ((const float *)call->in[1].data)[r];
    }
}

const setun_kernel pack_tern5r16k96_tern2row__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_tern5r16k96_tern2row__scalar",
    .pattern = "pack",
    .fmts = "tern5.r16k96+f32>tern2.row+f32",
    .plan = plan,
    .units = ternary5_units,
    .run = run,
};
