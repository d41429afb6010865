/* kernels.h - the kernels of this plugin; one file each, named like the kernel. */
#ifndef TEMPLATE_KERNELS_H
#define TEMPLATE_KERNELS_H
#include "setun_plugin.h"

extern const setun_kernel linear_i8row_tern2row_f32__template;
#endif
