/* plugin.c - the table of the AVX-512 backend: F, BW, CD, DQ and VL, and FMA and F16C, which every such CPU has. Kernels that need
 * more say so themselves. */
#include "kernels.h"

#define AVX512_ADDRESS(name) &name,
static const setun_kernel *const kernels[] = {AVX512_KERNELS(AVX512_ADDRESS) NULL};

SETUN_EXPORT extern const setun_plugin setun_plugin_v1;
const setun_plugin setun_plugin_v1 = {
    .magic = SETUN_MAGIC,
    .abi_major = SETUN_ABI_MAJOR,
    .abi_minor = SETUN_ABI_MINOR,
    .size = sizeof(setun_plugin_v1),
    .build = SETUN_BUILD_THIS,
    .cpu = SETUN_CPU_AVX2 | SETUN_CPU_FMA | SETUN_CPU_F16C | SETUN_CPU_AVX512,
    .name = "avx512",
    .version = "0.1.0",
    .kernels = kernels,
};
