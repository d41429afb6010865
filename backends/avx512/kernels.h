/* kernels.h - the kernels of this backend, each in the file of its name; plugin.c makes the table of them. */
#ifndef SETUN_AVX512_KERNELS_H
#define SETUN_AVX512_KERNELS_H
#include "setun_plugin.h"

#define AVX512_KERNELS(X) \
    X(add_f32_f32_f32__avx512) \
    X(attention_f32_f16kv256_f32__avx512) \
    X(attention_f32_f32kv256_f32__avx512) \
    X(embedding_i32_bf16_f32__avx512) \
    X(embedding_i32_f16_f32__avx512) \
    X(embedding_i32_f32_f32__avx512) \
    X(embedding_i32_q6kb256_f32__avx512) \
    X(embedding_i32_q80b32_f32__avx512) \
    X(kv_write_f32_f16kv256__avx512) \
    X(kv_write_f32_f32kv256__avx512) \
    X(linear_add_i8row_tern2r16k16_f32__avx512vnni_1x16) \
    X(linear_add_i8row_tern2r16k16_f32__avx512vnni_6x64) \
    X(linear_add_i8row_tern2r16k16_f32__avx512vnni_6x64panel) \
    X(linear_add_i8row_tern5r16k96_f32__avx512vbmi_1x16) \
    X(linear_add_i8row_tern5r16k96_f32__avx512vbmi_6x64panel) \
    X(linear_add_i8row_tern5r16k96_f32__avx512vbmi_8x16) \
    X(linear_f32_bf16_f32__avx512) \
    X(linear_f32_f16_f32__avx512) \
    X(linear_f32_f32_f32__avx512) \
    X(linear_i8b32_q6kb256_f32__avx512_1x16) \
    X(linear_i8b32_q6kb256_f32__avx512_8x16panel) \
    X(linear_i8b32_q6kb256_f32__avx512vnni_1x16) \
    X(linear_i8b32_q6kb256_f32__avx512vnni_8x16panel) \
    X(linear_i8b32_q80b32_f32__avx512_1x16) \
    X(linear_i8b32_q80b32_f32__avx512_8x16panel) \
    X(linear_i8b32_q80b32_f32__avx512vnni_1x16) \
    X(linear_i8b32_q80b32_f32__avx512vnni_8x16panel) \
    X(linear_i8row_tern2r16k16_f32__avx512_1x16) \
    X(linear_i8row_tern2r16k16_f32__avx512_6x64) \
    X(linear_i8row_tern2r16k16_f32__avx512_6x64panel) \
    X(linear_i8row_tern2r16k16_f32__avx512vnni_1x16) \
    X(linear_i8row_tern2r16k16_f32__avx512vnni_6x64) \
    X(linear_i8row_tern2r16k16_f32__avx512vnni_6x64panel) \
    X(linear_i8row_tern5r16k96_f32__avx512_1x16) \
    X(linear_i8row_tern5r16k96_f32__avx512_6x64panel) \
    X(linear_i8row_tern5r16k96_f32__avx512vbmi_1x16) \
    X(linear_i8row_tern5r16k96_f32__avx512vbmi_6x64panel) \
    X(linear_i8row_tern5r16k96_f32__avx512vbmi_8x16) \
    X(linear_i8row_tern5r16k96_f32__avx512vnni_1x16) \
    X(linear_i8row_tern5r16k96_f32__avx512vnni_6x64panel) \
    X(linear_i8row_tern5r16k96_f32__avx512vnni_8x16) \
    X(linear_linear_linear_i8row_tern2r16k16_f32__avx512vnni_1x16) \
    X(linear_linear_linear_i8row_tern2r16k16_f32__avx512vnni_6x64) \
    X(linear_linear_linear_i8row_tern2r16k16_f32__avx512vnni_6x64panel) \
    X(linear_linear_linear_i8row_tern5r16k96_f32__avx512vbmi_1x16) \
    X(linear_linear_linear_i8row_tern5r16k96_f32__avx512vbmi_6x64panel) \
    X(linear_linear_linear_i8row_tern5r16k96_f32__avx512vbmi_8x16) \
    X(linear_linear_relu2_mul_i8row_tern2r16k16_f32__avx512vnni_1x16) \
    X(linear_linear_relu2_mul_i8row_tern2r16k16_f32__avx512vnni_6x64) \
    X(linear_linear_relu2_mul_i8row_tern2r16k16_f32__avx512vnni_6x64panel) \
    X(linear_linear_relu2_mul_i8row_tern5r16k96_f32__avx512vbmi_1x16) \
    X(linear_linear_relu2_mul_i8row_tern5r16k96_f32__avx512vbmi_6x64panel) \
    X(linear_linear_relu2_mul_i8row_tern5r16k96_f32__avx512vbmi_8x16) \
    X(mul_f32_f32_f32__avx512) \
    X(output_rows_f32_f32__avx512) \
    X(pack_f32_i16hl__avx512) \
    X(pack_f32_i8b32__avx512) \
    X(pack_f32_i8row__avx512) \
    X(probe_int8_f32_f32__avx512) \
    X(probe_int8_f32_f32__avx512vnni) \
    X(quantise_bf16_i7r64k32__avx512) \
    X(quantise_bf16_i8r16k4__avx512) \
    X(quantise_f16_i7r64k32__avx512) \
    X(quantise_f16_i8r16k4__avx512) \
    X(quantise_f32_i7r64k32__avx512) \
    X(quantise_f32_i8r16k4__avx512) \
    X(relu2_f32_f32__avx512) \
    X(relu2_mul_f32_f32_f32__avx512) \
    X(relu2_mul_rms_norm_f32_f32_i8row__avx512) \
    X(rescreen_i16hl_i7r64k32_f32_i32_f32__avx512vnni) \
    X(rms_norm_f32_f32_f32__avx512) \
    X(rms_norm_f32_f32_i8row__avx512) \
    X(rope_f32_f32_f32__avx512) \
    X(screen_i16hl_i7r64k32_f32__avx512vnni) \
    X(screen_i16hl_i8r16k4_f32__avx512vnni) \
    X(silu_f32_f32__avx512) \
    X(silu_mul_f32_f32_f32__avx512)

#define AVX512_DECLARE(name) extern const setun_kernel name;
AVX512_KERNELS(AVX512_DECLARE)
#endif
