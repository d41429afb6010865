/* embedding_i32_q80b32_f32__neon.c - y[m, n] = table[token[m], n], converted from q8_0.b32. Token ids are in range: the host checks. */
#include "kernels.h"
#include "widen.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple((double)query->rows_max * (20.0 + 0.14 * (double)query->out[0].dim[1]), out_plan);
}

/* One unit is one row. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int32_t *token = call->in[0].data;
    const int64_t n = call->out[0].dim[1];

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const uint8_t *block = in_row(call, 1, token[i]);
        float *y = out_row(call, 0, i);

        for (int64_t j = 0; j < n; j += SETUN_BLOCK, block += SETUN_Q8_0_BYTES) {
            const float d = widen_f16(block);

            for (int64_t l = 0; l < SETUN_BLOCK; l += SETUN_LANES)
                lanes_store(y + j + l, widen_codes(vld1q_s8((const void *)(block + 2 + l)), d));
        }
    }
}

const setun_kernel embedding_i32_q80b32_f32__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "embedding_i32_q80b32_f32__neon",
    .pattern = "embedding",
    .fmts = "i32,q8_0.b32>f32",
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};
