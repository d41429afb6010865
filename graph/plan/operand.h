/* operand.h - one operand of a kernel in some representation: the tensors that a fmts string joins with `+`. Internal. */
#ifndef SETUN_OPERAND_H
#define SETUN_OPERAND_H
#include "base/base.h"
#include "plugin/registry.h"

enum { SETUN_OPERAND_MAX_PARTS = 5 };

typedef struct setun_operand {
    uint32_t     n;
    setun_tensor part[SETUN_OPERAND_MAX_PARTS];
    size_t       n_bytes[SETUN_OPERAND_MAX_PARTS];
} setun_operand;

/* Shapes of an operand of dims dim[4] in representation `fmts`: the first part has the operand's dims, each further one is a vector
 * with one element for each row. Sets strides and bytes by the formats' own layout; data stays NULL.
 * SETUN_ERR_UNSUPPORTED: a format is unknown, or cannot hold these dims. */
setun_status setun_operand_shape(const setun_plugins *plugins, const char *fmts, const int64_t dim[4], setun_operand *out_operand,
                                 setun_error *error);
#endif
