/* pack_tern2hf_tern2r16k16__scalar.c - ternary weights from Hugging Face's packing, four rows a byte, to blocks of 16 rows by 16 columns.
 * in: tern2.hf[n, k], scale f32[n]; out: tern2.r16k16[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple(0.8 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1], out_plan);
}

/* One unit is a group of 16 rows. */
static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[0].dim[0] + 15) / 16;
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t n = call->in[0].dim[0], quarter = n / 4, k = call->in[0].dim[1];
    const uint8_t *packed = call->in[0].data;
    const float *scale_in = call->in[1].data;
    float *scale_out = call->out[1].data;

    for (int64_t g = tile->begin; g < tile->end; g++) {
        const int64_t end = 16 * g + 16 < n ? 16 * g + 16 : n;

        if (end < 16 * g + 16) /* rows of padding */
            memset((uint8_t *)call->out[0].data + ternary_block(k, 16 * g, 0), 0x55, ternary_block(k, 16, 0));
        /* Row r is in bits 2 * (r / quarter) of the packed row r % quarter, which has k bytes. */
        for (int64_t r = 16 * g; r < end; r++) {
            const uint8_t *from = packed + r % quarter * k;
            const int shift = (int)(2 * (r / quarter));

            for (int64_t c = 0; c < k; c += 16) {
                uint8_t codes[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}; /* columns of padding are weights 0 */

                for (int64_t j = 0; j < 16 && c + j < k; j++)
                    codes[j] = (uint8_t)(from[c + j] >> shift & 3);
                ternary_block_put_row((uint8_t *)call->out[0].data + ternary_block(k, r, c), r % 16, codes);
            }
            scale_out[r] = scale_in[r];
        }
    }
}

const setun_kernel pack_tern2hf_tern2r16k16__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_tern2hf_tern2r16k16__scalar",
    .pattern = "pack",
    .fmts = "tern2.hf+f32>tern2.r16k16+f32",
    .plan = plan,
    .units = units,
    .run = run,
};
