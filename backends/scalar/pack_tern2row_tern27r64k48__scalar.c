/* pack_tern2row_tern27r64k48__scalar.c - ternary weights from rows to blocks of 64 rows by 48 columns, three weights in five bits of a word.
 * in: tern2.row[n, k], scale f32[n]; out: tern27.r64k48[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary27.h"

static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return ternary_shape_units(call, &ternary27);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    ternary_shape_pack(call, tile, &ternary27);
}

const setun_kernel pack_tern2row_tern27r64k48__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_tern2row_tern27r64k48__scalar",
    .pattern = "pack",
    .fmts = "tern2.row+f32>tern27.r64k48+f32",
    .plan = ternary_shape_plan,
    .units = units,
    .run = run,
};
