/* plugin.c - the table of the lookup-table backend, for what its weakest kernel needs: AVX2, or Advanced SIMD of Armv8.0. Kernels that need more say
 * so themselves. */
#include "kernels.h"

#define LUT_ADDRESS(name) &name,
static const setun_kernel *const kernels[] = {LUT_KERNELS(LUT_ADDRESS) NULL};

SETUN_EXPORT extern const setun_plugin setun_plugin_v1;
const setun_plugin setun_plugin_v1 = {
    .magic = SETUN_MAGIC,
    .abi_major = SETUN_ABI_MAJOR,
    .abi_minor = SETUN_ABI_MINOR,
    .size = sizeof(setun_plugin_v1),
    .build = SETUN_BUILD_THIS,
    .cpu = LUT_CPU,
    .name = "lut",
    .version = "0.1.0",
    .kernels = kernels,
};
