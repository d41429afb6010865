/* pack_terntq1_tern2row__scalar.c - ternary weights from type TQ1_0 of GGUF files to rows.
 * in: tern.tq1[n, k], scale f32[n]; out: tern2.row[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary_blocks.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    blocks_to_rows(call, tile, tq1_get, TQ_COLUMNS, TQ1_BYTES);
}

const setun_kernel pack_terntq1_tern2row__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_terntq1_tern2row__scalar",
    .pattern = "pack",
    .fmts = "tern.tq1+f32>tern2.row+f32",
    .plan = blocks_plan,
    .units = units_in_rows,
    .run = run,
};
