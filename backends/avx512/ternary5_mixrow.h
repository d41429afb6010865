/* ternary5_mixrow.h - weights in tern5.r16k96 straight from memory by a few rows of q: of a block's eight codes six go to dot products and two to
 * tables of sums, 32 rows of weights at a time.
 *
 * Six and two, for the tables come from the second cache, which gives half of one a cycle: eight rows of 6912 columns did 272 products a ns on one worker of
 * a Zen 4, 265 with five and three, 226 by dot products alone (ternary5_row.h). Some blocks of columns at a time, whose tables stay in the first cache, did
 * 262: their sums have to be put away and taken up again. */
#ifndef SETUN_AVX512_TERNARY5_MIXROW_H
#define SETUN_AVX512_TERNARY5_MIXROW_H
#include "ternary5_row.h"
#include "ternary5_sums.h"

#define TERNARY5_MIXROW_LEAST 4 /* of fewer rows of q dot products alone are faster: of two by 1.7 times */
#define TERNARY5_MIXROW_X 8    /* rows of q at a time: 8 * (2 + 1) sums */
#define TERNARY5_MIXROW_PAIR 2 /* groups at a time: a look-up does both */
#define TERNARY5_MIXROW_DOTS 6 /* codes 0 .. 5: columns 0 .. 71 of a block */
#define TERNARY5_MIXROW_STEPS (3 * TERNARY5_MIXROW_DOTS) /* words of q */
#define TERNARY5_MIXROW_Q_BYTES (4 * TERNARY5_MIXROW_STEPS)
#define TERNARY5_MIXROW_TABLES (4 * (TERNARY5_CODES - TERNARY5_MIXROW_DOTS))
#define TERNARY5_MIXROW_TABLES_BYTES (TERNARY5_MIXROW_TABLES * TERNARY5_SUMMED_BYTES)
#define TERNARY5_MIXROW_BLOCKS 10 /* whose looked up sums fit in 16 bits */
_Static_assert(TERNARY5_MIXROW_BLOCKS * TERNARY5_MIXROW_TABLES * 3 * 128 <= INT16_MAX, "looked up sums of some blocks must fit in 16 bits");

/* ns to prepare a column of a row of q. */
#define TERNARY5_MIXROW_PREPARE_NS 0.1

/* ns for a weight: to unpack it, and for a row of q, on one worker of a Zen 4; where prepared rows fill the second cache, they take twice as long. */
#define TERNARY5_MIXROW_UNPACK_NS 0.0047
#define TERNARY5_MIXROW_NS 0.00325
#define TERNARY5_MIXROW_TWO_PIPES_NS 0.0050
#define TERNARY5_MIXROW_FAR_NS 0.0065
#define TERNARY5_MIXROW_NEAR_BYTES (512 << 10)

/* Rows that m rows of q are done as, with a row of zeros or more: sums of 4, 6 and 8. */
static inline int64_t ternary5_mixrow_rows(int64_t m)
{
    return m < 4 ? 4 : (m + 1) / 2 * 2;
}

/* How many of the rows that are left come next. */
static inline int ternary5_mixrow_next(int64_t left)
{
    return left == 6 || left == 10 ? 6 : left == 4 ? 4 : TERNARY5_MIXROW_X;
}

/* Scratch: a block's words of q of all rows, u8[rows][72] up to a whole line, then their tables, [rows][8][64]; block after block; then i32[rows], the
 * sum of q over the columns that are multiplied, for their codes are weights + 1. */
static inline int64_t ternary5_mixrow_words_bytes(int64_t rows)
{
    return (rows * TERNARY5_MIXROW_Q_BYTES + 63) / 64 * 64;
}

static inline int64_t ternary5_mixrow_block_bytes(int64_t rows)
{
    return ternary5_mixrow_words_bytes(rows) + rows * TERNARY5_MIXROW_TABLES_BYTES;
}

static inline setun_status ternary5_mixrow_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const int64_t rows = ternary5_mixrow_rows(query->in[0].dim[0]), k = query->in[2].dim[1];
    const int64_t n_blocks = (k + TERNARY5_COLUMNS - 1) / TERNARY5_COLUMNS;
    const setun_status status = ternary5_plan(query, 0.0, 0.0, 0, out_plan);
    double weight_ns = 0.0, row_ns;

    if (status != SETUN_OK)
        return status;
    out_plan->worker_bytes = (size_t)(n_blocks * ternary5_mixrow_block_bytes(rows)) + (size_t)rows * sizeof(int32_t);
    row_ns = out_plan->worker_bytes > TERNARY5_MIXROW_NEAR_BYTES ? TERNARY5_MIXROW_FAR_NS
                                                                 : ternary5_mixed_ns(TERNARY5_MIXROW_NS, TERNARY5_MIXROW_TWO_PIPES_NS);
    for (int64_t left = ternary5_mixrow_rows(query->rows_max); left > 0; left -= ternary5_mixrow_next(left))
        weight_ns += TERNARY5_MIXROW_UNPACK_NS + row_ns * ternary5_mixrow_next(left);
    out_plan->cost_ns = weight_ns * (double)query->in[2].dim[0] * (double)k + TERNARY5_MIXROW_PREPARE_NS * (double)query->rows_max * (double)k;
    return SETUN_OK;
}

/* Compiled once: ternary5_mixrow__avx512vbmi.c. */
void ternary5_mixrow_begin(const setun_call *call, const setun_tile *tile);
void ternary5_mixrow_groups(const setun_call *call, const setun_tile *tile, ternary_join join);
#endif
