/* pack_tern2row_tern243r16k20__scalar.c - ternary weights from rows to blocks of 16 rows by 20 columns, five weights a byte.
 * in: tern2.row[n, k], scale f32[n]; out: tern243.r16k20[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary243.h"

static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return ternary_shape_units(call, &ternary243);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    ternary_shape_pack(call, tile, &ternary243);
}

const setun_kernel pack_tern2row_tern243r16k20__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_tern2row_tern243r16k20__scalar",
    .pattern = "pack",
    .fmts = "tern2.row+f32>tern243.r16k20+f32",
    .plan = ternary_shape_plan,
    .units = units,
    .run = run,
};
