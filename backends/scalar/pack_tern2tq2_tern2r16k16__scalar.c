/* pack_tern2tq2_tern2r16k16__scalar.c - ternary weights from type TQ2_0 of GGUF files to blocks of 16 rows by 16 columns.
 * in: tern2.tq2[n, k], scale f32[n]; out: tern2.r16k16[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary_blocks.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    blocks_to_r16k16(call, tile, tq2_get, TQ_COLUMNS, TQ2_BYTES);
}

const setun_kernel pack_tern2tq2_tern2r16k16__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_tern2tq2_tern2r16k16__scalar",
    .pattern = "pack",
    .fmts = "tern2.tq2+f32>tern2.r16k16+f32",
    .plan = blocks_plan,
    .units = units_of_16_rows,
    .run = run,
};
