/* plugin.c - a plugin of one kernel of a copy of backends/lut, in which a fault is seeded: -DMUTANT=<the kernel>. */
#include "kernels.h"

static const setun_kernel *const kernels[] = {&MUTANT, NULL};

SETUN_EXPORT extern const setun_plugin setun_plugin_v1;
const setun_plugin setun_plugin_v1 = {
    .magic = SETUN_MAGIC, .abi_major = SETUN_ABI_MAJOR, .abi_minor = SETUN_ABI_MINOR, .size = sizeof(setun_plugin_v1),
    .build = SETUN_BUILD_THIS, .cpu = LUT_CPU, .name = "mutant", .version = "1", .kernels = kernels,
};
