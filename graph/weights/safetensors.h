/* safetensors.h - one safetensors file: its header checked in full, its tensors listed. Internal. */
#ifndef SETUN_SAFETENSORS_H
#define SETUN_SAFETENSORS_H
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "weights/weight_file.h"

enum {
    SETUN_ST_MAX_DIMS = 4,
    SETUN_ST_MAX_NAME = 255 /* bytes; real names have less than 100, and a whole name fits into an error */
};

/* A type that the format knows, whether or not Setun computes with it. */
typedef struct setun_st_dtype {
    char   name[8]; /* as in the header: "BF16" */
    size_t n_bytes; /* of one element */
} setun_st_dtype;

typedef struct setun_st_tensor {
    const char              *name;
    const setun_st_dtype    *dtype;
    uint32_t                 n_dims;
    int64_t                  dim[SETUN_ST_MAX_DIMS]; /* unused ones 1 */
    const setun_weight_file *file;
    uint64_t                 file_byte;              /* where its contents begin: a multiple of its element's size */
    size_t                   n_bytes;
    size_t                   header_byte;            /* where the file's header speaks of it */
} setun_st_tensor;

typedef struct setun_st_list {
    setun_st_tensor *tensors;
    size_t           n;
} setun_st_list;

/* Reads the header of a file and proves it: every name, type, shape and range, and that the tensors tile the data exactly.
 * No tensor's contents are read. The list is made in `pool`; its tensors stand in the order of the data.
 * SETUN_ERR_FORMAT, SETUN_ERR_UNSUPPORTED ("<file>: byte N: tensor 'x': expected ..., found ..."), SETUN_ERR_NOMEM. */
setun_status setun_safetensors_read(const setun_weight_file *file, setun_pool *pool, setun_st_list *out_list, setun_error *error);

/* Puts "<file>: byte N: tensor 'x': " before the error's text and returns status. */
setun_status setun_st_fail(const setun_st_tensor *tensor, setun_error *error, setun_status status);
#endif
