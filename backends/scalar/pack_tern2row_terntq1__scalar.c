/* pack_tern2row_terntq1__scalar.c - ternary weights from rows to blocks as type TQ1_0 of GGUF files has them.
 * in: tern2.row[n, k], scale f32[n]; out: tern.tq1[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary_blocks.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    rows_to_blocks(call, tile, tq1_put, TQ_COLUMNS, TQ1_BYTES);
}

const setun_kernel pack_tern2row_terntq1__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_tern2row_terntq1__scalar",
    .pattern = "pack",
    .fmts = "tern2.row+f32>tern.tq1+f32",
    .plan = blocks_plan,
    .units = units_in_rows,
    .run = run,
};
