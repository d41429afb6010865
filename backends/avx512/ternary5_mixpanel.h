/* ternary5_mixpanel.h - rows of q as in ternary5_quads.h by weights that are unpacked once for all of them: some blocks of columns of the worker's rows of
 * weights, then four rows of q after the other are prepared and multiplied by them.
 *
 * Where what is read should lie, for else it is waited for: three blocks of four prepared rows, 10 KB, in the first cache; three blocks of 1728 unpacked
 * rows of weights, 440 KB, in the second, which gives a tile 20 bytes a cycle in time only if they follow each other in the order of their use. Sums, 8
 * bytes in and out for 288 products, may come from the last. Whole rows' tables instead, 15 MB of 256 rows of 6912 columns, took 1.5 times as long. */
#ifndef SETUN_AVX512_TERNARY5_MIXPANEL_H
#define SETUN_AVX512_TERNARY5_MIXPANEL_H
#include "ternary5_quads.h"
#include "ternary_tile.h"

#define TERNARY5_MIXED_CHUNK 3 /* blocks at a time */
#define TERNARY5_MIXED_ROWS 256 /* of q at a time */
#define TERNARY5_MIXED_PANELS 27 /* of 64 rows of weights */
#define TERNARY5_PAIRS (TERNARY_PANEL / 2)
_Static_assert(TERNARY5_MIXED_CHUNK * TERNARY5_TABLES * 3 * 128 <= INT16_MAX, "looked up sums of some blocks must fit in 16 bits");
/* A block of a panel, in the order in which it is read: words of codes of four groups, and between them indices of two pairs of groups. */
#define TERNARY5_MIXPANEL_BYTES ((TERNARY5_DOT_WORDS * TERNARY_PANEL + TERNARY5_TABLES * TERNARY5_PAIRS) * 64)

/* Scratch of a worker: panels of some blocks, four prepared rows, sums i32[rows / 4][panels][4][64] and i32[rows]. */
#define TERNARY5_PANEL_SCRATCH (TERNARY5_MIXED_PANELS * TERNARY5_MIXED_CHUNK * TERNARY5_MIXPANEL_BYTES)
#define TERNARY5_ROWS_SCRATCH (TERNARY5_MIXED_CHUNK * TERNARY5_QUAD_BYTES)
#define TERNARY5_SUMS_SCRATCH (TERNARY5_MIXED_PANELS * TERNARY5_MIXED_ROWS * TERNARY_SUMS * sizeof(int32_t))
#define TERNARY5_MIXED_SCRATCH \
    (TERNARY5_PANEL_SCRATCH + TERNARY5_ROWS_SCRATCH + TERNARY5_SUMS_SCRATCH + TERNARY5_MIXED_ROWS * sizeof(int32_t))

/* ns for a weight and a row of q, to unpack a weight for up to TERNARY5_MIXED_ROWS rows, and to prepare a column of a row, on one worker of a Zen 4. */
#if defined(__clang__)
#define TERNARY5_MIXED_NS 0.0055 /* clang 14 keeps some of the sums in memory */
#else
#define TERNARY5_MIXED_NS 0.0038
#endif
#define TERNARY5_MIXED_TWO_PIPES_NS 0.0050
#define TERNARY5_MIXED_UNPACK_NS 0.015
#define TERNARY5_PREPARE_NS 0.12

static inline int64_t ternary5_parts(int64_t n, int64_t most)
{
    return (n + most - 1) / most;
}

/* Each worker prepares all rows of q for each side of its own: with many workers that is much of the time, and dot products alone are faster. */
static inline setun_status ternary5_mixpanel_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const int64_t n = query->in[2].dim[0], k = query->in[2].dim[1], n_workers = query->machine->n_workers > 0 ? query->machine->n_workers : 1;
    const int64_t n_sides = n_workers * ternary5_parts(ternary5_parts(n, n_workers), TERNARY5_MIXED_PANELS * TERNARY_SUMS);
    const double unpack_ns = TERNARY5_MIXED_UNPACK_NS * (double)ternary5_parts(query->rows_max, TERNARY5_MIXED_ROWS);
    const setun_status status = ternary5_plan(query, ternary5_mixed_ns(TERNARY5_MIXED_NS, TERNARY5_MIXED_TWO_PIPES_NS), unpack_ns, 0, out_plan);

    if (status != SETUN_OK)
        return status;
    out_plan->worker_bytes = TERNARY5_MIXED_SCRATCH;
    out_plan->cost_ns += TERNARY5_PREPARE_NS * (double)(n_sides * query->rows_max * k);
    return SETUN_OK;
}

/* All rows of q by the tile's groups. Compiled once: ternary5_mixpanel__avx512vbmi.c. */
void ternary5_mixpanel_groups(const setun_call *call, const setun_tile *tile, ternary_join join);
#endif
