/* avxvnni.c - the kernels of backends/avx2 that need AVX-VNNI, compiled for AVX-512's encoding of it. */
#include "kernels.h"

#define AVXVNNI_ADDRESS(name) &name,
static const setun_kernel *const kernels[] = {AVXVNNI_KERNELS(AVXVNNI_ADDRESS) NULL};

SETUN_EXPORT extern const setun_plugin setun_plugin_v1;
const setun_plugin setun_plugin_v1 = {
    .magic = SETUN_MAGIC,
    .abi_major = SETUN_ABI_MAJOR,
    .abi_minor = SETUN_ABI_MINOR,
    .size = sizeof(setun_plugin_v1),
    .build = SETUN_BUILD_THIS,
    .cpu = SETUN_CPU_AVX2 | SETUN_CPU_FMA | SETUN_CPU_F16C | SETUN_CPU_AVX512 | SETUN_CPU_AVX512_VNNI,
    .name = "avxvnni_model",
    .version = "0.1.0",
    .kernels = kernels,
};
