/* ternary243.h - what all kernels for tern243.r16k20 (formats.md) share, whatever the instruction set: five weights a byte, whose codes a chain of two
 * tables in registers gives.
 *
 * A byte is l | u << 3 | z << 6. With l < 7: h = l and y = u + 1; else h = u and y = 0. Then m = 4 h + z is three codes in base 3 and y two. So the low six
 * bits alone give y and h, and h and z give the rest: no table needs more than 64 entries. */
#ifndef SETUN_LUT_TERNARY243_H
#define SETUN_LUT_TERNARY243_H
#include <string.h>

#include "rows.h"

#define T243_GROUP 16
#define T243_COLUMNS 20
#define T243_BLOCK_BYTES 64

/* Fields of two bits: the codes of m, 0 .. 26 (what is above is no code, and weights 0), and of y, 0 .. 8. */
#define T243_M(m) ((m) > 26 ? 1 | 1 << 2 | 1 << 4 : (m) % 3 | (m) / 3 % 3 << 2 | (m) / 9 << 4)
#define T243_Y(y) ((y) % 3 | (y) / 3 << 2)

static inline int64_t t243_blocks(const setun_call *call)
{
    return (call->in[2].dim[1] + T243_COLUMNS - 1) / T243_COLUMNS;
}

static inline const uint8_t *t243_group(const setun_call *call, int64_t group)
{
    return (const uint8_t *)call->in[2].data + group * t243_blocks(call) * T243_BLOCK_BYTES;
}

/* One unit is a group of 16 rows. */
static inline int64_t t243_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[2].dim[0] + T243_GROUP - 1) / T243_GROUP;
}

/* The columns of q's last block that is not whole, then zeros: q's own padding need not reach that far. Returns how many blocks are whole. */
static inline int64_t t243_tail(const setun_call *call, int64_t i, int8_t *out_tail)
{
    const int64_t k = call->in[2].dim[1], n_whole = k / T243_COLUMNS;

    memset(out_tail, 0, T243_COLUMNS);
    memcpy(out_tail, (const int8_t *)in_row(call, 0, i) + n_whole * T243_COLUMNS, (size_t)(k % T243_COLUMNS));
    return n_whole;
}

/* read_ns, compute_ns: for one weight, to stream it and to multiply it by one row. Scratch: sums of the rows of q. */
static inline setun_status t243_plan(const setun_query *query, int64_t k_max, const char *why, double read_ns, double compute_ns, double unpack_ns,
                                     size_t panel_bytes, setun_kernel_plan *out_plan)
{
    const double nk = (double)query->in[2].dim[0] * (double)query->in[2].dim[1], compute = compute_ns * (double)query->rows_max;

    if (query->in[2].dim[1] > k_max)
        return setun_refuse(query, why);
    out_plan->n_phases = 1;
    out_plan->worker_bytes = panel_bytes + ((size_t)query->in[0].dim[0] * sizeof(int32_t) + 63) / 64 * 64;
    out_plan->cost_ns = nk * (unpack_ns + (compute > read_ns ? compute : read_ns));
    return SETUN_OK;
}
#endif
