/* kernels.h - the kernels of this backend, each in the file of its name; plugin.c makes the table of them. */
#ifndef SETUN_SCALAR_KERNELS_H
#define SETUN_SCALAR_KERNELS_H
#include "setun_plugin.h"

#define SCALAR_KERNELS(X) \
    X(add_f32_f32_f32__scalar) \
    X(attention_f32_f16kv256_f32__scalar) \
    X(attention_f32_f32kv256_f32__scalar) \
    X(embedding_i32_bf16_f32__scalar) \
    X(embedding_i32_f16_f32__scalar) \
    X(embedding_i32_f32_f32__scalar) \
    X(embedding_i32_q6kb256_f32__scalar) \
    X(embedding_i32_q80b32_f32__scalar) \
    X(kv_write_f32_f16kv256__scalar) \
    X(kv_write_f32_f32kv256__scalar) \
    X(linear_f32_bf16_f32__scalar) \
    X(linear_f32_f16_f32__scalar) \
    X(linear_f32_f32_f32__scalar) \
    X(linear_i8b32_q6kb256_f32__scalar) \
    X(linear_i8b32_q80b32_f32__scalar) \
    X(linear_i8row_tern2row_f32__scalar) \
    X(mul_f32_f32_f32__scalar) \
    X(output_rows_f32_f32__scalar) \
    X(pack_bf16_f32__scalar) \
    X(pack_f16_f32__scalar) \
    X(pack_f32_f32__scalar) \
    X(pack_f32_i16hl__scalar) \
    X(pack_f32_i16t27__scalar) \
    X(pack_f32_i8b32__scalar) \
    X(pack_f32_i8row__scalar) \
    X(pack_f32_i8t14__scalar) \
    X(pack_i8row_i16t27__scalar) \
    X(pack_i8row_i8t14__scalar) \
    X(pack_q6kb256_f32__scalar) \
    X(pack_q80b32_f32__scalar) \
    X(pack_tern14r32k24_tern2row__scalar) \
    X(pack_tern243r16k20_tern2row__scalar) \
    X(pack_tern27r64k48_tern2row__scalar) \
    X(pack_tern2hf_tern2r16k16__scalar) \
    X(pack_tern2hf_tern2row__scalar) \
    X(pack_tern2i2s_tern2r16k16__scalar) \
    X(pack_tern2i2s_tern2row__scalar) \
    X(pack_tern2i2s_tern5r16k96__scalar) \
    X(pack_tern2r16k16_tern2row__scalar) \
    X(pack_tern2row_tern14r32k24__scalar) \
    X(pack_tern2row_tern243r16k20__scalar) \
    X(pack_tern2row_tern27r64k48__scalar) \
    X(pack_tern2row_tern2hf__scalar) \
    X(pack_tern2row_tern2i2s__scalar) \
    X(pack_tern2row_tern2r16k16__scalar) \
    X(pack_tern2row_tern2tq2__scalar) \
    X(pack_tern2row_tern5r16k96__scalar) \
    X(pack_tern2row_terntq1__scalar) \
    X(pack_tern2tq2_tern2r16k16__scalar) \
    X(pack_tern2tq2_tern2row__scalar) \
    X(pack_tern2tq2_tern5r16k96__scalar) \
    X(pack_tern5r16k96_tern2row__scalar) \
    X(pack_terntq1_tern2r16k16__scalar) \
    X(pack_terntq1_tern2row__scalar) \
    X(pack_terntq1_tern5r16k96__scalar) \
    X(probe_int8_f32_f32__scalar) \
    X(quantise_bf16_i7r256k32__scalar) \
    X(quantise_bf16_i8r16k4__scalar) \
    X(quantise_bf16_q6kb256__scalar) \
    X(quantise_bf16_q80b32__scalar) \
    X(quantise_f16_i7r256k32__scalar) \
    X(quantise_f16_i8r16k4__scalar) \
    X(quantise_f16_q6kb256__scalar) \
    X(quantise_f16_q80b32__scalar) \
    X(quantise_f32_i7r256k32__scalar) \
    X(quantise_f32_i8r16k4__scalar) \
    X(quantise_f32_q6kb256__scalar) \
    X(quantise_f32_q80b32__scalar) \
    X(relu2_f32_f32__scalar) \
    X(rescreen_i16hl_i7r256k32_f32_i32_f32__scalar) \
    X(rms_norm_f32_f32_f32__scalar) \
    X(rope_f32_f32_f32__scalar) \
    X(screen_i16hl_i7r256k32_f32__scalar) \
    X(screen_i16hl_i8r16k4_f32__scalar) \
    X(silu_f32_f32__scalar) \
    X(ternarise_bf16_tern2row__scalar) \
    X(ternarise_f16_tern2row__scalar) \
    X(ternarise_f32_tern2row__scalar) \
    X(top_k_f32_i32__scalar)

#define SCALAR_DECLARE(name) extern const setun_kernel name;
SCALAR_KERNELS(SCALAR_DECLARE)

/* formats.c */
extern const setun_format *const scalar_formats[];
#endif
