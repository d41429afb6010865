/* pack_i8row_i8t14__neon.c - activations to tables of the sums that three ternary weights can make of three columns.
 * in: q i8.row[m, k], s f32[m]; out: tables i8.t14[m, k], s f32[m]. */
#include "kernels.h"
#include "tables14_neon.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return tables_pack_plan(query, T14_COLUMNS, 2.5, out_plan);
}

/* One unit is one row. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t k = call->in[0].dim[1];
    uint8_t *u = tile->scratch;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        tables_offset_row(in_row(call, 0, i), k, T14_COLUMNS, u);
        ((float *)call->out[1].data)[i] = ((const float *)call->in[1].data)[i];
        t14_make(u, k, out_row(call, 0, i));
    }
}

const setun_kernel pack_i8row_i8t14__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_i8row_i8t14__neon",
    .pattern = "pack",
    .fmts = "i8.row+f32>i8.t14+f32",
    .plan = plan,
    .units = units_in_rows,
    .run = run,
};
