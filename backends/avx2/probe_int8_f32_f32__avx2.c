/* probe_int8_f32_f32__avx2.c - y = x, and SETUN_PROBE_OPS int8 operations in registers for each row: vpmaddubsw and vpaddw on 256 bits.
 * Kernels widen their 16-bit sums now and then only, so that this is what they come near to. */
#include <string.h>

#include "kernels.h"
#include "lanes.h"

/* As many sums at a time as hide the instruction's latency on every CPU. */
enum { SUMS = 8, OPS_EACH = 64 };

static inline void multiply(void)
{
    __m256i acc[SUMS], codes = _mm256_set1_epi8(1), words = _mm256_set1_epi8(3);

    for (int j = 0; j < SUMS; j++)
        acc[j] = _mm256_setzero_si256();
    for (int64_t i = 0; i < SETUN_PROBE_OPS; i += (int64_t)SUMS * OPS_EACH) {
        for (int j = 0; j < SUMS; j++) {
            __asm__ volatile("" : "+x"(codes)); /* each sum multiplies anew */
            acc[j] = _mm256_add_epi16(acc[j], _mm256_maddubs_epi16(codes, words));
        }
    }
    for (int j = 0; j < SUMS; j++)
        __asm__ volatile("" : : "x"(acc[j]));
}

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple(4e3 * (double)query->rows_max, out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    for (int64_t i = tile->begin; i < tile->end; i++) {
        multiply();
        memcpy(out_row(call, 0, i), in_row(call, 0, i), (size_t)call->in[0].dim[1] * sizeof(float));
    }
}

const setun_kernel probe_int8_f32_f32__avx2 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "probe_int8_f32_f32__avx2",
    .pattern = "probe_int8",
    .fmts = "f32>f32",
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};
