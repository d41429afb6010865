/* embedding_i32_bf16_f32__neon.c - y[m, n] = table[token[m], n], widened from bf16. Token ids are in range: the host checks. */
#include "kernels.h"
#include "lanes.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple((double)query->rows_max * (20.0 + 0.13 * (double)query->out[0].dim[1]), out_plan);
}

/* One unit is one row. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int32_t *token = call->in[0].data;
    const int64_t n = call->out[0].dim[1];

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const char *row = in_row(call, 1, token[i]);
        float *y = out_row(call, 0, i);

        for (int64_t j = 0; j < n; j += SETUN_LANES)
            lanes_store_n(y + j, lanes_load_bf16_n(row + 2 * j, n - j), n - j);
    }
}

const setun_kernel embedding_i32_bf16_f32__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "embedding_i32_bf16_f32__neon",
    .pattern = "embedding",
    .fmts = "i32,bf16>f32",
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};
