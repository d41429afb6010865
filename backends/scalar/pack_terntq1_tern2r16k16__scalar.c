/* pack_terntq1_tern2r16k16__scalar.c - ternary weights from type TQ1_0 of GGUF files to blocks of 16 rows by 16 columns.
 * in: tern.tq1[n, k], scale f32[n]; out: tern2.r16k16[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary_blocks.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    blocks_to_r16k16(call, tile, tq1_get, TQ_COLUMNS, TQ1_BYTES);
}

const setun_kernel pack_terntq1_tern2r16k16__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_terntq1_tern2r16k16__scalar",
    .pattern = "pack",
    .fmts = "tern.tq1+f32>tern2.r16k16+f32",
    .plan = blocks_plan,
    .units = units_of_16_rows,
    .run = run,
};
