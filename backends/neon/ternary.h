/* ternary.h - linear with int8 activations and ternary weights in tern2.r16k16 (formats.md): y[m, n] = (q[m, :] . t[n, :]) * (ws[n]
 * / s[m]).
 *
 * A block of 64 bytes is four registers of 4 rows: a 32-bit lane holds 16 columns of its row. Codes are weights + 1, so the dot of
 * the codes is too large by the sum of q, which is taken off at the end. One unit is a group of 16 rows. */
#ifndef SETUN_NEON_TERNARY_H
#define SETUN_NEON_TERNARY_H
#include "ints.h"

#define TERNARY_GROUP 16
#define TERNARY_BLOCK_BYTES 64
/* In ternary_dot.h a lane of 32 bits gets 4 * 16 * 2 * 128 for every 16 columns: 2^31 is reached at 2^21 columns. No other way of adding
 * up comes as near. */
#define TERNARY_K_MAX ((INT64_C(1) << 21) - 16)

/* Vector instructions (ints.h) for 256 weights, stores of a panel included. */
typedef struct ternary_cost {
    double  once, tile, row; /* for all rows of q, for each tile of them, for each row */
    int64_t x, step;         /* rows in a tile at most; rows that are multiplied at once */
} ternary_cost;

#define TERNARY_BITS 2.0

/* Of a packing of `bits` bits a weight. scratch_bytes: for each worker, besides the sums of q. */
static inline setun_status ternary_plan_at(const setun_query *query, double bits, ternary_cost cost, size_t scratch_bytes,
                                           setun_kernel_plan *out_plan)
{
    const double nk = (double)query->in[2].dim[0] * (double)query->in[2].dim[1], read = NEON_READ_NS * 256 / 8 * bits;
    const int64_t tiles = (query->rows_max + cost.x - 1) / cost.x, rows = (query->rows_max + cost.step - 1) / cost.step * cost.step;
    const double compute = NEON_VECTOR_NS * (cost.tile * (double)tiles + cost.row * (double)rows);

    if (query->in[2].dim[1] > TERNARY_K_MAX)
        return setun_refuse(query, "linear: a row of more than 2097136 ternary weights could overflow a 32-bit sum");
    out_plan->n_phases = 1;
    out_plan->worker_bytes = scratch_bytes + ((size_t)query->in[0].dim[0] * sizeof(int32_t) + 63) / 64 * 64;
    out_plan->cost_ns = nk / 256 * (NEON_VECTOR_NS * cost.once + (compute > read ? compute : read));
    return SETUN_OK;
}

static inline setun_status ternary_plan(const setun_query *query, ternary_cost cost, size_t scratch_bytes, setun_kernel_plan *out_plan)
{
    return ternary_plan_at(query, TERNARY_BITS, cost, scratch_bytes, out_plan);
}

static inline int64_t ternary_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[2].dim[0] + TERNARY_GROUP - 1) / TERNARY_GROUP;
}

static inline int64_t ternary_blocks(const setun_call *call)
{
    return (call->in[2].dim[1] + 15) / 16;
}

static inline const uint8_t *ternary_group(const setun_call *call, int64_t group)
{
    return (const uint8_t *)call->in[2].data + group * ternary_blocks(call) * TERNARY_BLOCK_BYTES;
}

/* The sum of each row of q; its padding to 64 bytes is zero. */
static inline void ternary_sums(const setun_call *call, int32_t *out_sum)
{
    for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
        const int8_t *q = in_row(call, 0, i);
        int32x4_t acc = vdupq_n_s32(0);

        for (int64_t c = 0; c < call->in[0].dim[1]; c += 16)
            acc = vpadalq_s16(acc, vpaddlq_s8(vld1q_s8(q + c)));
        out_sum[i] = vaddvq_s32(acc);
    }
}

/* y of row i and the 16 rows of one group, from the dots of the codes, four rows a register. */
static inline void ternary_store(const setun_call *call, int64_t i, int64_t group, const int32x4_t dots[4], int32_t sum)
{
    const int64_t j = group * TERNARY_GROUP, n = call->in[2].dim[0] - j;
    const lanes factor =
        lanes_div(lanes_load_n((const float *)call->in[3].data + j, n), lanes_set(((const float *)call->in[1].data)[i]));
    const int32x4_t sums = vdupq_n_s32(sum);
    int32x4_t d[4];

UNROLL(4)
    for (int r = 0; r < 4; r++)
        d[r] = vsubq_s32(dots[r], sums);
    lanes_store_n((float *)out_row(call, 0, i) + j, lanes_mul(lanes_of_ints(d), factor), n);
}

/* Codes of word p, columns 4p .. 4p + 3 of a block, of four rows' 16 bytes. p is a constant where this is inlined. */
ALWAYS_INLINE int8x16_t ternary_codes(uint8x16_t packed, int p)
{
    const uint8x16_t mask = vdupq_n_u8(3);

    switch (p) {
    case 0:
        return vreinterpretq_s8_u8(vandq_u8(packed, mask));
    case 1:
        return vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(packed, 2), mask));
    case 2:
        return vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(packed, 4), mask));
    default:
        return vreinterpretq_s8_u8(vshrq_n_u8(packed, 6));
    }
}
#endif
