/* embedding_i32_q6kb256_f32__avx512.c - y[m, n] = table[token[m], n], converted from q6_k.b256. Token ids are in range: the host checks. */
#include "blocks.h"
#include "kernels.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple((double)query->rows_max * (20.0 + 0.12 * (double)query->out[0].dim[1]), out_plan);
}

static void widen_block(const uint8_t *block, float *out)
{
    const float d = block_f16(block + SETUN_Q6_K_BYTES - 2);
    int8_t codes[SETUN_Q6_K_BLOCK];

UNROLL(4)
    for (int i = 0; i < 4; i++)
        _mm512_storeu_si512(codes + 64 * i, _mm512_sub_epi8(block_q6k_codes(block, i / 2, i % 2), _mm512_set1_epi8(SETUN_Q6_K_ZERO)));
    for (int p = 0; p < SETUN_Q6_K_BLOCK / SETUN_Q6_K_PART; p++) {
        const __m512i wide = _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(codes + SETUN_Q6_K_PART * p)));

        lanes_store(out + SETUN_Q6_K_PART * p, lanes_mul(lanes_set(d * (float)(int8_t)block[192 + p]), _mm512_cvtepi32_ps(wide)));
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

const setun_kernel embedding_i32_q6kb256_f32__avx512 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "embedding_i32_q6kb256_f32__avx512",
    .pattern = "embedding",
    .fmts = "i32,q6_k.b256>f32",
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};
