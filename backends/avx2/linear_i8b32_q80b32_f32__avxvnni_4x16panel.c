/* linear_i8b32_q80b32_f32__avxvnni_4x16panel.c - y[m, n] = x[m, k] . w[n, k], x in i8.b32, w in q8_0.b32: four rows of x at a time. */
#include "block_tile.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return block_tile_plan(query, 0.1, 0.012, out_plan);
}

static inline __m256i dot2(__m256i sums, __m256i w, __m256i x)
{
    return _mm256_dpwssd_avx_epi32(sums, w, x);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    block_tile_run(call, tile, SETUN_BLOCK, SETUN_Q8_0_BYTES, 0, block_widen_q80, dot2);
}

const setun_kernel linear_i8b32_q80b32_f32__avxvnni_4x16panel = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8b32_q80b32_f32__avxvnni_4x16panel",
    .pattern = "linear",
    .fmts = "i8.b32,q8_0.b32>f32",
    .cpu = SETUN_CPU_AVX_VNNI,
    .plan = plan,
    .units = block_tile_units,
    .run = run,
};
