/* tables.h - tables of activations (formats.md: i8.t14, i16.t27): for every three columns of q the sums that three ternary weights can make of
 * them; from q, or from f32 that is quantised on the way. */
#ifndef SETUN_SCALAR_TABLES_H
#define SETUN_SCALAR_TABLES_H
#include <string.h>

#include "scalar.h"

/* The tables of `columns` columns of q, a whole block. */
typedef void put_tables(const int8_t *q, uint8_t *out_block);

enum { TABLES_MAX_COLUMNS = 48 };

/* One row of q[k] to tables, q being 0 beyond k. */
static inline void tables_row(const int8_t *q, int64_t k, int64_t columns, int64_t block_bytes, put_tables *put, uint8_t *out_row)
{
    for (int64_t c = 0; c < k; c += columns, out_row += block_bytes) {
        int8_t block[TABLES_MAX_COLUMNS] = {0};

        memcpy(block, q + c, (size_t)(k - c < columns ? k - c : columns));
        put(block, out_row);
    }
}

/* The sum of three columns that the number x, 0 .. 26, of three codes makes. */
static inline int tables_sum(const int8_t *q, int x)
{
    return (x % 3 - 1) * q[0] + (x / 3 % 3 - 1) * q[1] + (x / 9 - 1) * q[2];
}

/* Of 24 columns: 16 low bytes of one table and of the next, then their high bytes; entry i is the sum for x = 13 + i. */
static inline void tables_put_t14(const int8_t *q, uint8_t *out_block)
{
    memset(out_block, 0, 256);
    for (int s = 0; s < 8; s++)
        for (int i = 0; i < 14; i++) {
            const int sum = tables_sum(q + 3 * s, 13 + i);
            const int high = (sum + 12 + 25 * 16) / 25 - 16; /* floor((sum + 12) / 25): sum is above -25 * 16 */
            uint8_t *low = out_block + s / 2 * 64 + s % 2 * 16 + i;

            low[0] = (uint8_t)(sum - 25 * high);
            low[32] = (uint8_t)high;
        }
}

/* Of 48 columns: 32 words a table, little-endian. */
static inline void tables_put_t27(const int8_t *q, uint8_t *out_block)
{
    memset(out_block, 0, 1024);
    for (int s = 0; s < 16; s++)
        for (int x = 0; x < 27; x++) {
            const unsigned sum = (unsigned)tables_sum(q + 3 * s, x);

            out_block[64 * s + 2 * x] = (uint8_t)(sum & 0xFF);
            out_block[64 * s + 2 * x + 1] = (uint8_t)(sum >> 8 & 0xFF);
        }
}

/* i8.row to tables. One unit is one row. */
static inline void tables_from_i8(const setun_call *call, const setun_tile *tile, int64_t columns, int64_t block_bytes, put_tables *put)
{
    for (int64_t i = tile->begin; i < tile->end; i++) {
        tables_row(in_row(call, 0, i), call->in[0].dim[1], columns, block_bytes, put, out_row(call, 0, i));
        ((float *)call->out[1].data)[i] = ((const float *)call->in[1].data)[i];
    }
}

/* f32 to tables, by way of q, in scratch: numerics.md, quantise. */
static inline void tables_from_f32(const setun_call *call, const setun_tile *tile, int64_t columns, int64_t block_bytes, put_tables *put)
{
    const int64_t k = call->in[0].dim[1];
    int8_t *q = tile->scratch;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        ((float *)call->out[1].data)[i] = quantise_row(in_row(call, 0, i), k, q);
        tables_row(q, k, columns, block_bytes, put, out_row(call, 0, i));
    }
}

static inline setun_status tables_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const int64_t k = query->in[0].dim[1];

    out_plan->n_phases = 1;
    out_plan->worker_bytes = ((size_t)k + 63) / 64 * 64;
    out_plan->cost_ns = 30.0 * (double)query->in[0].dim[0] * (double)k;
    return SETUN_OK;
}
#endif
