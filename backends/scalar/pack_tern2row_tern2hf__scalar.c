/* pack_tern2row_tern2hf__scalar.c - ternary weights from tern2.row, four columns a byte, to Hugging Face's packing, four rows a byte.
 * in: tern2.row[n, k], scale f32[n]; out: tern2.hf[n, k], scale f32[n]. n is a multiple of 4. */
#include "kernels.h"
#include "ternary.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple(1.5 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1], out_plan);
}

/* One unit is one packed row of k bytes, and its four rows' scales. */
static int64_t units_in_packed_rows(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->in[0].dim[0] / 4;
}

/* Packed row p has rows p, p + n/4, p + n/2 and p + 3n/4, the first in the low bits. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t quarter = call->in[0].dim[0] / 4, k = call->in[0].dim[1];
    const float *scale_in = call->in[1].data;
    float *scale_out = call->out[1].data;

    for (int64_t p = tile->begin; p < tile->end; p++) {
        const uint8_t *row[4];
        uint8_t *packed = (uint8_t *)call->out[0].data + p * k;

        for (int i = 0; i < 4; i++) {
            row[i] = in_row(call, 0, i * quarter + p);
            scale_out[i * quarter + p] = scale_in[i * quarter + p];
        }
        for (int64_t j = 0; j < k; j++) {
            const int shift = (int)(2 * (j % 4));

            packed[j] = (uint8_t)((row[0][j / 4] >> shift & 3) | (row[1][j / 4] >> shift & 3) << 2 | (row[2][j / 4] >> shift & 3) << 4 |
                                  (row[3][j / 4] >> shift & 3) << 6);
        }
    }
}

const setun_kernel pack_tern2row_tern2hf__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_tern2row_tern2hf__scalar",
    .pattern = "pack",
    .fmts = "tern2.row+f32>tern2.hf+f32",
    .plan = plan,
    .units = units_in_packed_rows,
    .run = run,
};
