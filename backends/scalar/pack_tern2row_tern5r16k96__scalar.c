/* pack_tern2row_tern5r16k96__scalar.c - ternary weights from rows to blocks of 16 rows by 96 columns, three weights in five bits.
 * in: tern2.row[n, k], scale f32[n]; out: tern5.r16k96[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary5.h"

/* Whole bytes, four codes each: the codes of a row's padding are 1, as those of the columns beyond it shall be. */
static void source(const setun_call *call, int64_t r, int64_t c, int64_t n, uint8_t *out_codes)
{
    const uint8_t *row = in_row(call, 0, r);

    for (int64_t i = 0; i < (n + 3) / 4; i++)
        for (int64_t j = 0; j < 4; j++)
            out_codes[4 * i + j] = (uint8_t)(row[c / 4 + i] >> (2 * j) & 3);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    pack_ternary5(call, tile, source);
}

const setun_kernel pack_tern2row_tern5r16k96__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_tern2row_tern5r16k96__scalar",
    .pattern = "pack",
    .fmts = "tern2.row+f32>tern5.r16k96+f32",
    .plan = ternary5_plan,
    .units = ternary5_units,
    .run = run,
};
