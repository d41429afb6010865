/* pack_tern2row_tern14r32k24__scalar.c - ternary weights from rows to blocks of 32 rows by 24 columns, three weights in an index and a sign.
 * in: tern2.row[n, k], scale f32[n]; out: tern14.r32k24[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary14.h"

static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return ternary_shape_units(call, &ternary14);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    ternary_shape_pack(call, tile, &ternary14);
}

const setun_kernel pack_tern2row_tern14r32k24__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_tern2row_tern14r32k24__scalar",
    .pattern = "pack",
    .fmts = "tern2.row+f32>tern14.r32k24+f32",
    .plan = ternary_shape_plan,
    .units = units,
    .run = run,
};
