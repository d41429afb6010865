/* probe_int8_f32_f32__scalar.c - y = x, and SETUN_PROBE_OPS int8 operations in registers for each row: plain C. */
#include "kernels.h"
#include "scalar.h"

static inline void multiply(void)
{
    int32_t sum[4] = {0};

    for (int64_t i = 0; i < SETUN_PROBE_OPS / 2; i += 4) {
        for (int j = 0; j < 4; j++)
            sum[j] += (int8_t)(i + j) * (int8_t)j;
        __asm__ volatile("" : "+r"(sum[0]), "+r"(sum[1]), "+r"(sum[2]), "+r"(sum[3]));
    }
}

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 1;
    out_plan->cost_ns = 1e5 * (double)query->rows_max;
    return SETUN_OK;
}

static void run(const setun_call *call, const setun_tile *tile)
{
    for (int64_t i = tile->begin; i < tile->end; i++) {
        multiply();
        memcpy(out_row(call, 0, i), in_row(call, 0, i), (size_t)call->in[0].dim[1] * sizeof(float));
    }
}

const setun_kernel probe_int8_f32_f32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "probe_int8_f32_f32__scalar",
    .pattern = "probe_int8",
    .fmts = "f32>f32",
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};
