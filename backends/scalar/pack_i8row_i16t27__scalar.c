/* pack_i8row_i16t27__scalar.c - activations to tables of 27 sums of 16 bits for every three columns.
 * in: q i8.row[m, k], s f32[m]; out: tables i16.t27[m, k], s f32[m]. */
#include "kernels.h"
#include "tables.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    tables_from_i8(call, tile, 48, 1024, tables_put_t27);
}

const setun_kernel pack_i8row_i16t27__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_i8row_i16t27__scalar",
    .pattern = "pack",
    .fmts = "i8.row+f32>i16.t27+f32",
    .plan = tables_plan,
    .units = units_in_rows,
    .run = run,
};
