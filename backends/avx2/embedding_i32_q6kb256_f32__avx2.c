/* embedding_i32_q6kb256_f32__avx2.c - y[m, n] = table[token[m], n], converted from q6_k.b256. Token ids are in range: the host checks. */
#include "blocks.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple((double)query->rows_max * (20.0 + 0.2 * (double)query->out[0].dim[1]), out_plan);
}

/* Sixteen columns of one part. */
static void widen_part(__m128i codes, float scale, float *out)
{
    const __m256 factor = _mm256_set1_ps(scale);

    _mm256_storeu_ps(out, _mm256_mul_ps(factor, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes))));
    _mm256_storeu_ps(out + 8, _mm256_mul_ps(factor, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(codes, 8)))));
}

static void widen_block(const uint8_t *block, float *out)
{
    const float d = block_f16(block + SETUN_Q6_K_BYTES - 2);

UNROLL(8)
    for (int b = 0; b < 8; b++) {
        const __m256i codes = _mm256_sub_epi8(block_q6k_codes(block, b), _mm256_set1_epi8(SETUN_Q6_K_ZERO));

        widen_part(_mm256_castsi256_si128(codes), d * (float)(int8_t)block[192 + 2 * b], out + 32 * b);
        widen_part(_mm256_extracti128_si256(codes, 1), d * (float)(int8_t)block[193 + 2 * b], out + 32 * b + 16);
    }
}

/* One unit is one row. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int32_t *token = call->in[0].data;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const uint8_t *block = in_row(call, 1, token[i]);
        float *y = out_row(call, 0, i);

        for (int64_t j = 0; j < call->out[0].dim[1]; j += SETUN_Q6_K_BLOCK, block += SETUN_Q6_K_BYTES)
            widen_block(block, y + j);
    }
}

const setun_kernel embedding_i32_q6kb256_f32__avx2 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "embedding_i32_q6kb256_f32__avx2",
    .pattern = "embedding",
    .fmts = "i32,q6_k.b256>f32",
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};
