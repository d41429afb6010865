/* plugin.c - the table of the AMX backend: int8 tiles, and AVX-512, which every CPU with tiles has, for what is done around them. */
#include "kernels.h"
#include "tiles.h"

#define AMX_ADDRESS(name) &name,
static const setun_kernel *const kernels[] = {AMX_KERNELS(AMX_ADDRESS) NULL};

static void enter(void)
{
    tiles_enter();
}

static void leave(void)
{
    tiles_leave();
}

SETUN_EXPORT extern const setun_plugin setun_plugin_v1;
const setun_plugin setun_plugin_v1 = {
    .magic = SETUN_MAGIC,
    .abi_major = SETUN_ABI_MAJOR,
    .abi_minor = SETUN_ABI_MINOR,
    .size = sizeof(setun_plugin_v1),
    .build = SETUN_BUILD_THIS,
    .cpu = SETUN_CPU_AVX2 | SETUN_CPU_AVX512 | SETUN_CPU_AMX_TILE | SETUN_CPU_AMX_INT8,
    .name = "amx",
    .version = "0.1.0",
    .kernels = kernels,
    .enter = enter,
    .leave = leave,
};
