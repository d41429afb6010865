/* probe_int8_f32_f32__avx512vbmi.c - y = x, and SETUN_PROBE_OPS int8 operations in registers for each row: vpdpbusd on 512 bits, and beside it sums of
 * three columns looked up by vpermw and added, as kernels whose names end in mix do (ternary5_sums.h). */
#include <string.h>

#include "kernels.h"
#include "lanes.h"

/* Four dot products of 64 weights and two look-ups of 96 are a step; as many of both at a time as hide their latency on every CPU. */
enum { STEPS = 2, DOTS = 4, SUMS = 2, OPS_EACH = DOTS * 128 + SUMS * 192 };

static inline void multiply(void)
{
    __m512i acc[STEPS * DOTS], summed[STEPS * SUMS], codes = _mm512_set1_epi8(1), words = _mm512_set1_epi8(3);

    for (int j = 0; j < STEPS * DOTS; j++)
        acc[j] = _mm512_setzero_si512();
    for (int j = 0; j < STEPS * SUMS; j++)
        summed[j] = _mm512_setzero_si512();
    for (int64_t i = 0; i < SETUN_PROBE_OPS; i += (int64_t)STEPS * OPS_EACH) {
UNROLL(2)
        for (int s = 0; s < STEPS; s++) {
UNROLL(4)
            for (int j = s * DOTS; j < (s + 1) * DOTS; j++) {
                __asm__ volatile("" : "+v"(codes)); /* each sum multiplies anew */
                acc[j] = _mm512_dpbusd_epi32(acc[j], codes, words);
            }
UNROLL(2)
            for (int j = s * SUMS; j < (s + 1) * SUMS; j++) {
                __m512i looked_up = _mm512_permutexvar_epi16(codes, words);

                __asm__ volatile("" : "+v"(looked_up));
                summed[j] = _mm512_add_epi16(summed[j], looked_up);
            }
        }
    }
    for (int j = 0; j < STEPS * DOTS; j++)
        __asm__ volatile("" : : "v"(acc[j]));
    for (int j = 0; j < STEPS * SUMS; j++)
        __asm__ volatile("" : : "v"(summed[j]));
}

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple(1e3 * (double)query->rows_max, out_plan);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    for (int64_t i = tile->begin; i < tile->end; i++) {
        multiply();
        memcpy(out_row(call, 0, i), in_row(call, 0, i), (size_t)call->in[0].dim[1] * sizeof(float));
    }
}

const setun_kernel probe_int8_f32_f32__avx512vbmi = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "probe_int8_f32_f32__avx512vbmi",
    .pattern = "probe_int8",
    .fmts = "f32>f32",
    .cpu = SETUN_CPU_AVX512_VNNI | SETUN_CPU_AVX512_VBMI,
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};
