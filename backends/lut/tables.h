/* tables.h - what all kernels over tables of activations share, whatever the instruction set: for every three columns of q the sums that three ternary
 * weights can make of them are looked up, and nothing is multiplied. */
#ifndef SETUN_LUT_TABLES_H
#define SETUN_LUT_TABLES_H
#include <string.h>

#include "rows.h"

/* A sum of three columns is within -384 .. 384: 85 of them fit 16 bits. 32-bit sums would hold 2^24 columns; the tables of such a row would be 350 MB. */
#define TABLES_K_MAX (INT64_C(1) << 18)
/* Rows of q at most: their tables, 55 KB a row of 2560 columns, shall stay in the second cache, and from about here on unpacking weights for dot products
 * costs less than looking up each row's sums. */
#define TABLES_X_MAX 16

/* Scratch: 32-bit sums for all groups of `group` rows and all rows of q. */
static inline setun_status tables_linear_plan(const setun_query *query, int64_t group, double read_ns, double compute_ns, setun_kernel_plan *out_plan)
{
    const double nk = (double)query->in[2].dim[0] * (double)query->in[2].dim[1], compute = compute_ns * (double)query->rows_max;

    if (query->in[2].dim[1] > TABLES_K_MAX)
        return setun_refuse(query, "linear: tables of a row of more than 262144 columns would be too large");
    if (query->rows_max > TABLES_X_MAX)
        return setun_refuse(query, "linear: tables of more than 16 rows leave the caches, and dot products of unpacked weights cost less");
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)((query->in[2].dim[0] + group - 1) / group * group) * (size_t)query->in[0].dim[0] * sizeof(int32_t);
    out_plan->cost_ns = nk * (compute > read_ns ? compute : read_ns);
    return SETUN_OK;
}

/* Making the tables of rows of k columns, of `columns` a block: scratch holds a row of q, offset by 128, and some bytes more that are read. */
static inline setun_status tables_pack_plan(const setun_query *query, int64_t columns, double ns, setun_kernel_plan *out_plan)
{
    const int64_t k = query->in[0].dim[1];

    out_plan->n_phases = 1;
    out_plan->worker_bytes = ((size_t)((k + columns - 1) / columns * columns) + 127) / 64 * 64;
    out_plan->cost_ns = (double)query->in[0].dim[0] * (50.0 + ns * (double)k);
    return SETUN_OK;
}

/* q + 128 of the columns up to the end of the last block, q being 0 from k on, and one byte more. */
static inline void tables_offset_row(const int8_t *q, int64_t k, int64_t columns, uint8_t *out_u)
{
    const int64_t end = (k + columns - 1) / columns * columns + 1;

    for (int64_t j = 0; j < k; j++)
        out_u[j] = (uint8_t)(q[j] + 128);
    memset(out_u + k, 128, (size_t)(end - k));
}
#endif
