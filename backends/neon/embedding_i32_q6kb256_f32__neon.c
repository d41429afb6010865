/* embedding_i32_q6kb256_f32__neon.c - y[m, n] = table[token[m], n], converted from q6_k.b256. Token ids are in range: the host checks. */
#include "kernels.h"
#include "widen.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple((double)query->rows_max * (20.0 + 0.18 * (double)query->out[0].dim[1]), out_plan);
}

/* Codes - 32 of the 16 columns 32p + l of one half of a block; low: bytes 32 (p mod 2) + l of its low bits, high: bytes l of its high
 * bits, p: 0 .. 3, a constant where this is inlined. */
ALWAYS_INLINE int8x16_t part_codes(const uint8_t *low, const uint8_t *high, int p)
{
    const uint8x16_t four = vld1q_u8(low), two = vld1q_u8(high), mask = vdupq_n_u8(0x30);
    const uint8x16_t bottom = p < 2 ? vandq_u8(four, vdupq_n_u8(0x0F)) : vshrq_n_u8(four, 4);
    const uint8x16_t top = p == 0   ? vshlq_n_u8(two, 4)
                           : p == 1 ? vshlq_n_u8(two, 2)
                           : p == 2 ? two
                                    : vshrq_n_u8(two, 2);

    return vsubq_s8(vreinterpretq_s8_u8(vorrq_u8(bottom, vandq_u8(top, mask))), vdupq_n_s8(SETUN_Q6_K_ZERO));
}

static void widen_block(const uint8_t *block, float *out)
{
    const uint8_t *high = block + 128, *part = block + 192;
    const float d = widen_f16(block + SETUN_Q6_K_BYTES - 2);

    for (int h = 0; h < 2; h++, block += 64, high += 32) /* 128 columns */
UNROLL(4)
        for (int p = 0; p < 4; p++)
UNROLL(2)
            for (int l = 0; l < 32; l += SETUN_Q6_K_PART, out += SETUN_Q6_K_PART)
                lanes_store(out, widen_codes(part_codes(block + p % 2 * 32 + l, high + l, p), d * (float)(int8_t)*part++));
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

const setun_kernel embedding_i32_q6kb256_f32__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "embedding_i32_q6kb256_f32__neon",
    .pattern = "embedding",
    .fmts = "i32,q6_k.b256>f32",
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};
