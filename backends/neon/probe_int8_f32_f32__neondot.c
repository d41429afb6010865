/* probe_int8_f32_f32__neondot.c - y = x, and SETUN_PROBE_OPS int8 operations in registers for each row: SDOT. */
#include "kernels.h"
#include "ints.h"

/* As many sums at a time as hide the instruction's latency on every CPU. */
enum { SUMS = 16, OPS_EACH = 32 };

static inline void multiply(void)
{
    int8x16_t codes = vdupq_n_s8(1);
    const int8x16_t words = vdupq_n_s8(3);
    int32x4_t acc[SUMS];

    for (int j = 0; j < SUMS; j++)
        acc[j] = vdupq_n_s32(0);
    for (int64_t i = 0; i < SETUN_PROBE_OPS; i += (int64_t)SUMS * OPS_EACH) {
UNROLL(16)
        for (int j = 0; j < SUMS; j++) {
            __asm__ volatile("" : "+w"(codes)); /* each sum multiplies anew */
            acc[j] = vdotq_laneq_s32(acc[j], codes, words, 0);
        }
    }
    for (int j = 0; j < SUMS; j++)
        __asm__ volatile("" : : "w"(acc[j]));
}

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple(NEON_VECTOR_NS * SETUN_PROBE_OPS / OPS_EACH * (double)query->rows_max, out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    for (int64_t i = tile->begin; i < tile->end; i++) {
        multiply();
        memcpy(out_row(call, 0, i), in_row(call, 0, i), (size_t)call->in[0].dim[1] * sizeof(float));
    }
}

const setun_kernel probe_int8_f32_f32__neondot = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "probe_int8_f32_f32__neondot",
    .pattern = "probe_int8",
    .fmts = "f32>f32",
    .cpu = SETUN_CPU_DOTPROD,
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};
