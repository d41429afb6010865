/* pack_tern2row_tern2r16k16__scalar.c - ternary weights from rows to blocks of 16 rows by 16 columns.
 * in: tern2.row[n, k], scale f32[n]; out: tern2.r16k16[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple(0.4 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1], out_plan);
}

/* One unit is a group of 16 rows. */
static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[0].dim[0] + 15) / 16;
}

/* The four 2-bit fields of a byte, one in each byte of the result, the first lowest. */
static uint32_t spread(uint8_t byte)
{
    const uint32_t nibbles = (byte | (uint32_t)byte << 12) & 0x000F000F;

    return (nibbles | nibbles << 6) & 0x03030303;
}

/* Four bytes of a row, 16 columns, become four bytes of the block: byte e has columns e, 4 + e, 8 + e, 12 + e. */
static void put_row(const uint8_t *codes, int64_t n_bytes, uint8_t *block)
{
    uint32_t word = 0;

    for (int64_t p = 0; p < 4; p++)
        word |= spread(p < n_bytes ? codes[p] : 0x55) << (2 * p);
    for (int e = 0; e < 4; e++)
        block[e] = (uint8_t)(word >> (8 * e));
}

static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t n = call->in[0].dim[0], k = call->in[0].dim[1], row_bytes = (k + 3) / 4;
    const float *scale_in = call->in[1].data;
    float *scale_out = call->out[1].data;

    for (int64_t g = tile->begin; g < tile->end; g++)
        for (int64_t r = 0; r < 16; r++) {
            const int64_t row = 16 * g + r;
            const uint8_t *codes = row < n ? in_row(call, 0, row) : NULL;

            for (int64_t c = 0; c < k; c += 16) {
                uint8_t *to = (uint8_t *)call->out[0].data + ternary_block(k, row, c) + 4 * r;

                put_row(codes == NULL ? NULL : codes + c / 4, codes == NULL ? 0 : row_bytes - c / 4, to);
            }
            if (row < n)
                scale_out[row] = scale_in[row];
        }
}

const setun_kernel pack_tern2row_tern2r16k16__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_tern2row_tern2r16k16__scalar",
    .pattern = "pack",
    .fmts = "tern2.row+f32>tern2.r16k16+f32",
    .plan = plan,
    .units = units,
    .run = run,
};
