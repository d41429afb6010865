/* plugin.c - the table of the scalar backend: the reference for every op, which runs on every CPU and owns the standard formats. */
#include "kernels.h"

#define SCALAR_ADDRESS(name) &name,
static const setun_kernel *const kernels[] = {SCALAR_KERNELS(SCALAR_ADDRESS) NULL};

SETUN_EXPORT extern const setun_plugin setun_plugin_v1;
const setun_plugin setun_plugin_v1 = {
    .magic = SETUN_MAGIC,
    .abi_major = SETUN_ABI_MAJOR,
    .abi_minor = SETUN_ABI_MINOR,
    .size = sizeof(setun_plugin_v1),
    .build = SETUN_BUILD_THIS,
    .cpu = 0,
    .name = "scalar",
    .version = "0.1.0",
    .kernels = kernels,
    .formats = scalar_formats,
};
