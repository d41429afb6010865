/* plugin.c - the one exported symbol of this plugin: its name, what it needs, and its kernels. */
#include "kernels.h"

static const setun_kernel *const kernels[] = {
    &linear_i8row_tern2row_f32__template,
    NULL,
};

SETUN_EXPORT extern const setun_plugin setun_plugin_v1;
const setun_plugin setun_plugin_v1 = {
    .magic     = SETUN_MAGIC,
    .abi_major = SETUN_ABI_MAJOR,
    .abi_minor = SETUN_ABI_MINOR,
    .size      = sizeof(setun_plugin_v1),
    .build     = SETUN_BUILD_THIS,
    .cpu       = 0, /* SETUN_CPU_* that every kernel needs; the host refuses the plugin elsewhere */
    .name      = "template",
    .version   = "0.1",
    .kernels   = kernels,
    .formats   = NULL, /* i8.row and tern2.row come with Setun; a layout of your own is a setun_format here */
};
