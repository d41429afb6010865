/* kernels.h - the kernels of this backend, each in the file of its name; plugin.c makes the table of them. */
#ifndef SETUN_AVX2_KERNELS_H
#define SETUN_AVX2_KERNELS_H
#include "setun_plugin.h"

#define AVX2_KERNELS(X) \
    X(add_f32_f32_f32__avx2) \
    X(attention_f32_f16kv256_f32__avx2) \
    X(attention_f32_f32kv256_f32__avx2) \
    X(embedding_i32_bf16_f32__avx2) \
    X(embedding_i32_f16_f32__avx2) \
    X(embedding_i32_f32_f32__avx2) \
    X(embedding_i32_q6kb256_f32__avx2) \
    X(embedding_i32_q80b32_f32__avx2) \
    X(kv_write_f32_f16kv256__avx2) \
    X(kv_write_f32_f32kv256__avx2) \
    X(linear_add_i8row_tern2r16k16_f32__avx2_1x16) \
    X(linear_add_i8row_tern2r16k16_f32__avx2_4x16) \
    X(linear_add_i8row_tern2r16k16_f32__avx2_4x16panel) \
    X(linear_add_i8row_tern5r16k96_f32__avx2_1x16) \
    X(linear_add_i8row_tern5r16k96_f32__avx2_4x16panel) \
    X(linear_f32_bf16_f32__avx2) \
    X(linear_f32_f16_f32__avx2) \
    X(linear_f32_f32_f32__avx2) \
    X(linear_i8b32_q6kb256_f32__avx2_1x16) \
    X(linear_i8b32_q6kb256_f32__avx2_4x16panel) \
    X(linear_i8b32_q80b32_f32__avx2_1x16) \
    X(linear_i8b32_q80b32_f32__avx2_4x16panel) \
    X(linear_i8row_tern2r16k16_f32__avx2_1x16) \
    X(linear_i8row_tern2r16k16_f32__avx2_4x16) \
    X(linear_i8row_tern2r16k16_f32__avx2_4x16panel) \
    X(linear_i8row_tern5r16k96_f32__avx2_1x16) \
    X(linear_i8row_tern5r16k96_f32__avx2_4x16panel) \
    X(linear_linear_linear_i8row_tern2r16k16_f32__avx2_1x16) \
    X(linear_linear_linear_i8row_tern2r16k16_f32__avx2_4x16) \
    X(linear_linear_linear_i8row_tern2r16k16_f32__avx2_4x16panel) \
    X(linear_linear_linear_i8row_tern5r16k96_f32__avx2_1x16) \
    X(linear_linear_linear_i8row_tern5r16k96_f32__avx2_4x16panel) \
    X(linear_linear_relu2_mul_i8row_tern2r16k16_f32__avx2_1x16) \
    X(linear_linear_relu2_mul_i8row_tern2r16k16_f32__avx2_4x16) \
    X(linear_linear_relu2_mul_i8row_tern2r16k16_f32__avx2_4x16panel) \
    X(linear_linear_relu2_mul_i8row_tern5r16k96_f32__avx2_1x16) \
    X(linear_linear_relu2_mul_i8row_tern5r16k96_f32__avx2_4x16panel) \
    X(mul_f32_f32_f32__avx2) \
    X(output_rows_f32_f32__avx2) \
    X(pack_f32_i16hl__avx2) \
    X(pack_f32_i8b32__avx2) \
    X(pack_f32_i8row__avx2) \
    X(probe_int8_f32_f32__avx2) \
    X(quantise_bf16_i7r256k32__avx2) \
    X(quantise_bf16_i8r16k4__avx2) \
    X(quantise_f16_i7r256k32__avx2) \
    X(quantise_f16_i8r16k4__avx2) \
    X(quantise_f32_i7r256k32__avx2) \
    X(quantise_f32_i8r16k4__avx2) \
    X(relu2_f32_f32__avx2) \
    X(relu2_mul_f32_f32_f32__avx2) \
    X(relu2_mul_rms_norm_f32_f32_i8row__avx2) \
    X(rescreen_i16hl_i7r256k32_f32_i32_f32__avx2) \
    X(rms_norm_f32_f32_f32__avx2) \
    X(rms_norm_f32_f32_i8row__avx2) \
    X(rope_f32_f32_f32__avx2) \
    X(screen_i16hl_i7r256k32_f32__avx2) \
    X(screen_i16hl_i8r16k4_f32__avx2) \
    X(silu_f32_f32__avx2) \
    X(silu_mul_f32_f32_f32__avx2) \
    X(top_k_f32_i32__avx2)

/* Those that need AVX-VNNI too. */
#define AVXVNNI_KERNELS(X) \
    X(linear_add_i8row_tern2r16k16_f32__avxvnni_1x16) \
    X(linear_add_i8row_tern2r16k16_f32__avxvnni_6x16) \
    X(linear_add_i8row_tern2r16k16_f32__avxvnni_6x16panel) \
    X(linear_i8b32_q6kb256_f32__avxvnni_4x16panel) \
    X(linear_i8b32_q80b32_f32__avxvnni_1x16) \
    X(linear_i8b32_q80b32_f32__avxvnni_4x16panel) \
    X(linear_i8row_tern2r16k16_f32__avxvnni_1x16) \
    X(linear_i8row_tern2r16k16_f32__avxvnni_6x16) \
    X(linear_i8row_tern2r16k16_f32__avxvnni_6x16panel) \
    X(linear_linear_linear_i8row_tern2r16k16_f32__avxvnni_1x16) \
    X(linear_linear_linear_i8row_tern2r16k16_f32__avxvnni_6x16) \
    X(linear_linear_linear_i8row_tern2r16k16_f32__avxvnni_6x16panel) \
    X(linear_linear_relu2_mul_i8row_tern2r16k16_f32__avxvnni_1x16) \
    X(linear_linear_relu2_mul_i8row_tern2r16k16_f32__avxvnni_6x16) \
    X(linear_linear_relu2_mul_i8row_tern2r16k16_f32__avxvnni_6x16panel) \
    X(probe_int8_f32_f32__avxvnni)

#define AVX2_DECLARE(name) extern const setun_kernel name;
AVX2_KERNELS(AVX2_DECLARE)
AVXVNNI_KERNELS(AVX2_DECLARE)
#endif
