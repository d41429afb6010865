/* pack_tern2hf_tern2row__scalar.c - ternary weights from Hugging Face's packing, four rows a byte, to tern2.row, four columns a byte.
 * in: tern2.hf[n, k], scale f32[n]; out: tern2.row[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple(1.5 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1], out_plan);
}

/* One unit is one row. Row r is in bits 2 * (r / (n / 4)) of the packed row r % (n / 4), which has k bytes. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t quarter = call->in[0].dim[0] / 4, k = call->in[0].dim[1];
    const uint8_t *packed = call->in[0].data;
    const float *scale_in = call->in[1].data;
    float *scale_out = call->out[1].data;

    for (int64_t r = tile->begin; r < tile->end; r++) {
        const uint8_t *from = packed + r % quarter * k;
        const int shift = (int)(2 * (r / quarter));
        uint8_t *codes = out_row(call, 0, r);

        ternary_clear_row(codes, k);
        for (int64_t j = 0; j < k; j++)
            ternary_set(codes, j, (unsigned)(from[j] >> shift) & 3);
        scale_out[r] = scale_in[r];
    }
}

const setun_kernel pack_tern2hf_tern2row__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_tern2hf_tern2row__scalar",
    .pattern = "pack",
    .fmts = "tern2.hf+f32>tern2.row+f32",
    .plan = plan,
    .units = units_in_rows,
    .run = run,
};
