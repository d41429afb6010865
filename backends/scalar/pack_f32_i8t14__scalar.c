/* pack_f32_i8t14__scalar.c - activations to tables of 14 sums in two bytes each for every three columns, quantised on the way.
 * in: x f32[m, k]; out: tables i8.t14[m, k], s f32[m]. */
#include "kernels.h"
#include "tables.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    tables_from_f32(call, tile, 24, 256, tables_put_t14);
}

const setun_kernel pack_f32_i8t14__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_f32_i8t14__scalar",
    .pattern = "pack",
    .fmts = "f32>i8.t14+f32",
    .plan = tables_plan,
    .units = units_in_rows,
    .run = run,
};
