/* probe_int8_f32_f32__amx.c - y = x, and SETUN_PROBE_OPS int8 operations in tiles for each row: tdpbssd. */
#include <string.h>

#include "kernels.h"
#include "rows.h"
#include "setun_ops.h"
#include "tiles.h"

/* Four sums at a time hide the instruction's latency of 52 cycles, for one begins every 16. */
enum { SUMS = 4, OPS_EACH = 2 * TILE_ROWS * TILE_ROWS * TILE_ROW_BYTES };

static inline void multiply(void)
{
    for (int64_t i = 0; i < SETUN_PROBE_OPS; i += (int64_t)SUMS * OPS_EACH) {
        TILE_DOT(0, 4, 6);
        TILE_DOT(1, 4, 7);
        TILE_DOT(2, 5, 6);
        TILE_DOT(3, 5, 7);
    }
}

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 1;
    out_plan->cost_ns = 0.1e3 * (double)query->rows_max;
    return SETUN_OK;
}

static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->out[0].dim[0];
}

static void run(const setun_call *call, const setun_tile *tile)
{
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    TILE_ZERO(4);
    TILE_ZERO(5);
    TILE_ZERO(6);
    TILE_ZERO(7);
    for (int64_t i = tile->begin; i < tile->end; i++) {
        multiply();
        memcpy(out_row(call, 0, i), in_row(call, 0, i), (size_t)call->in[0].dim[1] * sizeof(float));
    }
}

const setun_kernel probe_int8_f32_f32__amx = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "probe_int8_f32_f32__amx",
    .pattern = "probe_int8",
    .fmts = "f32>f32",
    .plan = plan,
    .units = units,
    .run = run,
};
