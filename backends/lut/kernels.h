/* kernels.h - the kernels of this backend, each in the file of its name; plugin.c makes the table of them. */
#ifndef SETUN_LUT_KERNELS_H
#define SETUN_LUT_KERNELS_H
#include "setun_plugin.h"

#if defined(__x86_64__)
#define LUT_CPU SETUN_CPU_AVX2
#define LUT_KERNELS(X) \
    X(linear_i16t27_tern27r64k48_f32__avx512_1x64) \
    X(linear_i16t27_tern27r64k48_f32__avx512vbmi_1x64) \
    X(linear_i8row_tern243r16k20_f32__avx2_1x16) \
    X(linear_i8row_tern243r16k20_f32__avx512vbmi_1x16) \
    X(linear_i8row_tern243r16k20_f32__avx512vbmi_6x64panel) \
    X(linear_i8row_tern243r16k20_f32__avx512vbmi_8x16) \
    X(linear_i8t14_tern14r32k24_f32__avx2_1x32) \
    X(pack_f32_i16t27__avx512) \
    X(pack_f32_i8t14__avx2) \
    X(pack_i8row_i16t27__avx512) \
    X(pack_i8row_i8t14__avx2)
#else
#define LUT_CPU SETUN_CPU_NEON
#define LUT_KERNELS(X) \
    X(linear_i8row_tern243r16k20_f32__neon_1x16) \
    X(linear_i8row_tern243r16k20_f32__neondot_1x16) \
    X(linear_i8t14_tern14r32k24_f32__neon_1x32) \
    X(pack_f32_i8t14__neon) \
    X(pack_i8row_i8t14__neon)
#endif

#define LUT_DECLARE(name) extern const setun_kernel name;
LUT_KERNELS(LUT_DECLARE)
#endif
