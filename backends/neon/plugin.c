/* plugin.c - the table of the NEON backend, for Advanced SIMD of Armv8.0. Kernels that need more (DOTPROD, I8MM) say so themselves. */
#include "kernels.h"

#define NEON_ADDRESS(name) &name,
static const setun_kernel *const kernels[] = {NEON_KERNELS(NEON_ADDRESS) NULL};

SETUN_EXPORT extern const setun_plugin setun_plugin_v1;
const setun_plugin setun_plugin_v1 = {
    .magic = SETUN_MAGIC,
    .abi_major = SETUN_ABI_MAJOR,
    .abi_minor = SETUN_ABI_MINOR,
    .size = sizeof(setun_plugin_v1),
    .build = SETUN_BUILD_THIS,
    .cpu = SETUN_CPU_NEON,
    .name = "neon",
    .version = "0.1.0",
    .kernels = kernels,
};
