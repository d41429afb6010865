/* kernels.h - the kernels of this backend, each in the file of its name; plugin.c makes the table of them. */
#ifndef SETUN_AMX_KERNELS_H
#define SETUN_AMX_KERNELS_H
#include "setun_plugin.h"

#define AMX_KERNELS(X) \
    X(linear_i8row_tern2r16k16_f32__amx_32x32) \
    X(probe_int8_f32_f32__amx)

#define AMX_DECLARE(name) extern const setun_kernel name;
AMX_KERNELS(AMX_DECLARE)
#endif
