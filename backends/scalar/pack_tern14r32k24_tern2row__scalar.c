/* pack_tern14r32k24_tern2row__scalar.c - ternary weights from blocks of 32 rows by 24 columns, three weights in an index and a sign, back to rows.
 * in: tern14.r32k24[n, k], scale f32[n]; out: tern2.row[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary14.h"

static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return ternary_shape_units(call, &ternary14);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    ternary_shape_unpack(call, tile, &ternary14);
}

const setun_kernel pack_tern14r32k24_tern2row__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_tern14r32k24_tern2row__scalar",
    .pattern = "pack",
    .fmts = "tern14.r32k24+f32>tern2.row+f32",
    .plan = ternary_shape_plan,
    .units = units,
    .run = run,
};
