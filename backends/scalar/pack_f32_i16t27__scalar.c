/* pack_f32_i16t27__scalar.c - activations to tables of 27 sums of 16 bits for every three columns, quantised on the way.
 * in: x f32[m, k]; out: tables i16.t27[m, k], s f32[m]. */
#include "kernels.h"
#include "tables.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    tables_from_f32(call, tile, 48, 1024, tables_put_t27);
}

const setun_kernel pack_f32_i16t27__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_f32_i16t27__scalar",
    .pattern = "pack",
    .fmts = "f32>i16.t27+f32",
    .plan = tables_plan,
    .units = units_in_rows,
    .run = run,
};
