/* kernels.h - the kernels of this backend, each in the file of its name; plugin.c makes the table of them. */
#ifndef SETUN_NEON_KERNELS_H
#define SETUN_NEON_KERNELS_H
#include "setun_plugin.h"

/* Those that do not multiply integers. */
#define NEON_FLOAT_KERNELS(X)

/* Those that do. */
#define NEON_INTEGER_KERNELS(X)

#define NEON_KERNELS(X) NEON_FLOAT_KERNELS(X) NEON_INTEGER_KERNELS(X)

#define NEON_DECLARE(name) extern const setun_kernel name;
NEON_KERNELS(NEON_DECLARE)
#endif
