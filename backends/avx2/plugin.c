/* plugin.c - the table of the AVX2 backend: AVX2, FMA and F16C, which every CPU with AVX2 that matters has together. Kernels that
 * need more say so themselves, and come first: of equal costs the first is taken. */
#include "kernels.h"

#define AVX2_ADDRESS(name) &name,
static const setun_kernel *const kernels[] = {AVXVNNI_KERNELS(AVX2_ADDRESS) AVX2_KERNELS(AVX2_ADDRESS) NULL};

SETUN_EXPORT extern const setun_plugin setun_plugin_v1;
const setun_plugin setun_plugin_v1 = {
    .magic = SETUN_MAGIC,
    .abi_major = SETUN_ABI_MAJOR,
    .abi_minor = SETUN_ABI_MINOR,
    .size = sizeof(setun_plugin_v1),
    .build = SETUN_BUILD_THIS,
    .cpu = SETUN_CPU_AVX2 | SETUN_CPU_FMA | SETUN_CPU_F16C,
    .name = "avx2",
    .version = "0.1.0",
    .kernels = kernels,
};
