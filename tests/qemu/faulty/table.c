/* table.c - a plugin of one kernel, -DKERNEL=<its name>, of a copy of backends/neon. */
#include "kernels.h"

static const setun_kernel *const kernels[] = {&KERNEL, NULL};

SETUN_EXPORT extern const setun_plugin setun_plugin_v1;
const setun_plugin setun_plugin_v1 = {
    .magic = SETUN_MAGIC,
    .abi_major = SETUN_ABI_MAJOR,
    .abi_minor = SETUN_ABI_MINOR,
    .size = sizeof(setun_plugin_v1),
    .build = SETUN_BUILD_THIS,
    .cpu = SETUN_CPU_NEON,
    .name = "neon_copy",
    .version = "1",
    .kernels = kernels,
};
