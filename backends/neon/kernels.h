/* kernels.h - the kernels of this backend, each in the file of its name; plugin.c makes the table of them. */
#ifndef SETUN_NEON_KERNELS_H
#define SETUN_NEON_KERNELS_H
#include "setun_plugin.h"

/* Those that do not multiply integers. */
#define NEON_FLOAT_KERNELS(X) \
    X(add_f32_f32_f32__neon) \
    X(attention_f32_f16kv256_f32__neon) \
    X(attention_f32_f32kv256_f32__neon) \
    X(embedding_i32_bf16_f32__neon) \
    X(embedding_i32_f16_f32__neon) \
    X(embedding_i32_f32_f32__neon) \
    X(embedding_i32_q6kb256_f32__neon) \
    X(embedding_i32_q80b32_f32__neon) \
    X(kv_write_f32_f16kv256__neon) \
    X(kv_write_f32_f32kv256__neon) \
    X(linear_f32_bf16_f32__neon) \
    X(linear_f32_f16_f32__neon) \
    X(linear_f32_f32_f32__neon) \
    X(mul_f32_f32_f32__neon) \
    X(output_rows_f32_f32__neon) \
    X(pack_f32_i8b32__neon) \
    X(pack_f32_i8row__neon) \
    X(relu2_f32_f32__neon) \
    X(relu2_mul_f32_f32_f32__neon) \
    X(relu2_mul_rms_norm_f32_f32_i8row__neon) \
    X(rms_norm_f32_f32_f32__neon) \
    X(rms_norm_f32_f32_i8row__neon) \
    X(rope_f32_f32_f32__neon) \
    X(silu_f32_f32__neon) \
    X(silu_mul_f32_f32_f32__neon) \
    X(top_k_f32_i32__neon)

/* Those that do. */
#define NEON_INTEGER_KERNELS(X) \
    X(linear_i8b32_q6kb256_f32__neondot_4x16panel) \
    X(linear_i8b32_q6kb256_f32__neondot_1x16) \
    X(linear_i8b32_q6kb256_f32__neon_4x16panel) \
    X(linear_i8b32_q6kb256_f32__neon_1x16) \
    X(linear_i8b32_q80b32_f32__neondot_4x16panel) \
    X(linear_i8b32_q80b32_f32__neondot_1x16) \
    X(linear_i8b32_q80b32_f32__neon_4x16panel) \
    X(linear_i8b32_q80b32_f32__neon_1x16) \
    X(linear_i8row_tern2r16k16_f32__neoni8mm_8x16panel) \
    X(linear_i8row_tern2r16k16_f32__neoni8mm_8x16) \
    X(linear_i8row_tern2r16k16_f32__neondot_8x16panel) \
    X(linear_i8row_tern2r16k16_f32__neondot_8x16) \
    X(linear_i8row_tern2r16k16_f32__neondot_1x16) \
    X(linear_i8row_tern2r16k16_f32__neon_4x16panel) \
    X(linear_i8row_tern2r16k16_f32__neon_4x16) \
    X(linear_i8row_tern2r16k16_f32__neon_1x16) \
    X(linear_i8row_tern5r16k96_f32__neoni8mm_8x16panel) \
    X(linear_i8row_tern5r16k96_f32__neondot_8x16panel) \
    X(linear_i8row_tern5r16k96_f32__neondot_1x16) \
    X(linear_i8row_tern5r16k96_f32__neon_4x16panel) \
    X(linear_i8row_tern5r16k96_f32__neon_1x16) \
    X(pack_f32_i16hl__neon) \
    X(probe_int8_f32_f32__neoni8mm) \
    X(probe_int8_f32_f32__neondot) \
    X(probe_int8_f32_f32__neon) \
    X(quantise_bf16_i7r256k32__neon) \
    X(quantise_bf16_i8r16k4__neon) \
    X(quantise_f16_i7r256k32__neon) \
    X(quantise_f16_i8r16k4__neon) \
    X(quantise_f32_i7r256k32__neon) \
    X(quantise_f32_i8r16k4__neon) \
    X(rescreen_i16hl_i7r256k32_f32_i32_f32__neondot) \
    X(rescreen_i16hl_i7r256k32_f32_i32_f32__neon) \
    X(screen_i16hl_i7r256k32_f32__neondot) \
    X(screen_i16hl_i7r256k32_f32__neon) \
    X(screen_i16hl_i8r16k4_f32__neondot) \
    X(screen_i16hl_i8r16k4_f32__neon)

#define NEON_KERNELS(X) NEON_FLOAT_KERNELS(X) NEON_INTEGER_KERNELS(X)

#define NEON_DECLARE(name) extern const setun_kernel name;
NEON_KERNELS(NEON_DECLARE)
#endif
