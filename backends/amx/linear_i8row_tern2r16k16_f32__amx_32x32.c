/* linear_i8row_tern2r16k16_f32__amx_32x32.c - y[m, n] = (q[m, k] . t[n, k]) * (w_scale[n] / s[m]): 32 rows of q by 32 rows of t in tiles.
 * in: q i8.row[m, k], s f32[m], t tern2.r16k16[n, k], w_scale f32[n]; out: y f32[m, n]. */
#include "kernels.h"
#include "ternary.h"

/* ns a weight on one worker. Estimates, made where no CPU with AMX was at hand: 1.3e12 operations in a second, a third less than the 2e12
 * of tiles alone that a Sapphire Rapids thread was seen to do, and 50 weights unpacked in a cycle of 2.6 GHz. The time to read a weight
 * is that of the avx512 backend, so that the two compare. */
#define BLOCK_NS (2.0 * TILE_ROWS / 1.3e3) /* a weight and 16 rows of q, whole or not */
#define UNPACK_NS 0.0077
#define READ_NS 0.0085

/* Fewer rows fill so little of a tile that kernels which unpack in registers are as fast. */
#define ROWS_MIN 4

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const int64_t n = query->in[2].dim[0], k = query->in[2].dim[1];
    const double compute = BLOCK_NS * (double)ternary_row_blocks(query->rows_max);

    if (k > TERNARY_K_MAX)
        return setun_refuse(query, "linear: a row of more than 16777215 ternary weights could overflow a 32-bit sum");
    if (query->rows_max < ROWS_MIN)
        return setun_refuse(query, "linear: tiles do not pay below 4 rows");
    out_plan->n_phases = 1;
    out_plan->choice[0] = (uint64_t)ternary_chunk_steps(query->machine->l1d_bytes, ternary_steps(k));
    out_plan->worker_bytes = ternary_scratch_bytes(query->rows_max, k, (int64_t)out_plan->choice[0]);
    out_plan->cost_ns = (double)n * (double)k * (UNPACK_NS + (compute > READ_NS ? compute : READ_NS));
    return SETUN_OK;
}

/* One unit is a group of 16 rows of t. */
static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[2].dim[0] + TILE_ROWS - 1) / TILE_ROWS;
}

static void run(const setun_call *call, const setun_tile *tile)
{
    ternary_run(call, tile);
}

const setun_kernel linear_i8row_tern2r16k16_f32__amx_32x32 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8row_tern2r16k16_f32__amx_32x32",
    .pattern = "linear",
    .fmts = "i8.row+f32,tern2.r16k16+f32>f32",
    .k_max = TERNARY_K_MAX,
    .acc_bits = 32,
    .plan = plan,
    .units = units,
    .run = run,
};
