/* pack_tern2row_tern2tq2__scalar.c - ternary weights from rows to blocks as type TQ2_0 of GGUF files has them.
 * in: tern2.row[n, k], scale f32[n]; out: tern2.tq2[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary_blocks.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    rows_to_blocks(call, tile, tq2_put, TQ_COLUMNS, TQ2_BYTES);
}

const setun_kernel pack_tern2row_tern2tq2__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_tern2row_tern2tq2__scalar",
    .pattern = "pack",
    .fmts = "tern2.row+f32>tern2.tq2+f32",
    .plan = blocks_plan,
    .units = units_in_rows,
    .run = run,
};
