/* pack_tern2row_tern2i2s__scalar.c - ternary weights from rows to blocks as type I2_S of GGUF files has them.
 * in: tern2.row[n, k], scale f32[n]; out: tern2.i2s[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary_blocks.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    rows_to_blocks(call, tile, i2s_put, I2S_COLUMNS, I2S_BYTES);
}

const setun_kernel pack_tern2row_tern2i2s__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_tern2row_tern2i2s__scalar",
    .pattern = "pack",
    .fmts = "tern2.row+f32>tern2.i2s+f32",
    .plan = blocks_plan,
    .units = units_in_rows,
    .run = run,
};
