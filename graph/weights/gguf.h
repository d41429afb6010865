/* gguf.h - the container GGUF, versions 2 and 3: metadata by key, and what tensors there are; no kind of model is known here. Internal.
 *
 * All of the file's header is checked when it is read, so that nothing below can fail but for a key of an unexpected type. Contents of tensors
 * are not read. A file of a vocabulary alone, without tensors, is a good file. */
#ifndef SETUN_GGUF_H
#define SETUN_GGUF_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"
#include "weights/weight_file.h"

/* Types of metadata, by their numbers in the file. */
enum setun_gguf_type {
    SETUN_GGUF_U8, SETUN_GGUF_I8, SETUN_GGUF_U16, SETUN_GGUF_I16, SETUN_GGUF_U32, SETUN_GGUF_I32, SETUN_GGUF_F32, SETUN_GGUF_BOOL,
    SETUN_GGUF_STRING, SETUN_GGUF_ARRAY, SETUN_GGUF_U64, SETUN_GGUF_I64, SETUN_GGUF_F64,
    SETUN_GGUF_N_TYPES
};

/* One entry of the metadata. Everything it points to lives as long as the setun_gguf. */
typedef struct setun_gguf_value {
    const char          *key;      /* without control characters */
    enum setun_gguf_type type;     /* of the value; of its elements if it is an array; never ARRAY */
    bool                 is_array;
    uint64_t             n;        /* elements; 1 if it is no array */
    const unsigned char *data;     /* n_bytes bytes as in the file, little-endian, unaligned; a string is a u64 length and its bytes */
    size_t               n_bytes;
    uint64_t             byte;     /* of the file where its key stands, for errors */
} setun_gguf_value;

enum {
    SETUN_GGUF_MAX_DIMS = 4,
    SETUN_GGUF_MAX_NAME = 255 /* bytes; the format itself says 64 */
};

/* How a type of tensors lies in a file: blocks of n_values values of one row, n_bytes each. */
typedef struct setun_gguf_tensor_type {
    uint32_t id;
    char     name[12];
    uint32_t n_values, n_bytes; /* 0: of a size that is not known here */
} setun_gguf_tensor_type;

typedef struct setun_gguf_tensor {
    const char *name;
    const setun_gguf_tensor_type *type; /* NULL: not known */
    uint32_t    type_id;
    uint32_t    n_dims;      /* 1 to 4 */
    int64_t     dim[SETUN_GGUF_MAX_DIMS]; /* innermost first, as the file has them; unused ones 1; none is 0 */
    uint64_t    file_byte;   /* where its contents begin */
    size_t      n_bytes;     /* of the contents, which lie in the file; 0: not known */
    uint64_t    header_byte; /* where the file's header speaks of it, for errors */
} setun_gguf_tensor;

typedef struct setun_gguf setun_gguf;

/* Reads and proves the header of an open file, which it does not keep but for its path (borrowed).
 * SETUN_ERR_FORMAT, _UNSUPPORTED ("<file>: byte N: ..."), _IO, _NOMEM. */
setun_status setun_gguf_read(const setun_weight_file *file, setun_gguf **out_gguf, setun_error *error);
/* The same for a path (copied). SETUN_ERR_NOT_FOUND besides. */
setun_status setun_gguf_open(const char *path, setun_gguf **out_gguf, setun_error *error);
void         setun_gguf_close(setun_gguf *gguf); /* accepts NULL */

/* Whether a regular file begins with the letters GGUF. */
bool setun_gguf_claims(const char *path);

const char *setun_gguf_path(const setun_gguf *gguf);
uint32_t    setun_gguf_version(const setun_gguf *gguf);

size_t                   setun_gguf_n_tensors(const setun_gguf *gguf);
const setun_gguf_tensor *setun_gguf_tensor_at(const setun_gguf *gguf, size_t i); /* in the order of the file */
const setun_gguf_tensor *setun_gguf_find_tensor(const setun_gguf *gguf, const char *name); /* NULL: none */

size_t                  setun_gguf_n_values(const setun_gguf *gguf);
const setun_gguf_value *setun_gguf_value_at(const setun_gguf *gguf, size_t i); /* in the order of their keys (strcmp) */
const setun_gguf_value *setun_gguf_find(const setun_gguf *gguf, const char *key); /* NULL: none */

/* Typed metadata. *out_found is false if there is no such key, and the value is not set then. SETUN_ERR_FORMAT: it is there, but is
 * something else: "<file>: byte N: key 'k': expected an integer, found an array of strings". Integers of every width are integers; a float
 * may be given as an integer. Strings are not terminated, and may hold anything. */
setun_status setun_gguf_int(const setun_gguf *gguf, const char *key, bool *out_found, int64_t *out_value, setun_error *error);
setun_status setun_gguf_float(const setun_gguf *gguf, const char *key, bool *out_found, double *out_value, setun_error *error);
setun_status setun_gguf_bool(const setun_gguf *gguf, const char *key, bool *out_found, bool *out_value, setun_error *error);
setun_status setun_gguf_string(const setun_gguf *gguf, const char *key, bool *out_found, const char **out_text, size_t *out_bytes,
                               setun_error *error);

/* An array of integers, of floats, of booleans or of strings. NULL: no such key. SETUN_ERR_FORMAT as above. */
setun_status setun_gguf_ints(const setun_gguf *gguf, const char *key, const setun_gguf_value **out_array, setun_error *error);
setun_status setun_gguf_floats(const setun_gguf *gguf, const char *key, const setun_gguf_value **out_array, setun_error *error);
setun_status setun_gguf_bools(const setun_gguf *gguf, const char *key, const setun_gguf_value **out_array, setun_error *error);
setun_status setun_gguf_strings(const setun_gguf *gguf, const char *key, const setun_gguf_value **out_array, setun_error *error);

/* Element i < n of an array (or i = 0 of a single value) of integers or booleans, of floats. A u64 above 2^63 - 1 gives 2^63 - 1. */
int64_t setun_gguf_int_at(const setun_gguf_value *value, uint64_t i);
double  setun_gguf_float_at(const setun_gguf_value *value, uint64_t i);

/* Goes through strings one after the other:
 *     for (setun_gguf_cursor at = setun_gguf_first(array); setun_gguf_next(&at, &text, &n_bytes);) */
typedef struct setun_gguf_cursor {
    const unsigned char *at;
    uint64_t             n_left;
} setun_gguf_cursor;
setun_gguf_cursor setun_gguf_first(const setun_gguf_value *strings);
bool              setun_gguf_next(setun_gguf_cursor *cursor, const char **out_text, size_t *out_bytes);

/* "<file>: byte N: key 'k': <text>" for what a reader finds wrong with a value; returns status. */
__attribute__((format(printf, 5, 6)))
setun_status setun_gguf_fail(const setun_gguf *gguf, const setun_gguf_value *value, setun_error *error, setun_status status,
                             const char *format, ...);
/* The same for a tensor: "<file>: byte N: tensor 't': <text>". */
__attribute__((format(printf, 5, 6)))
setun_status setun_gguf_fail_tensor(const setun_gguf *gguf, const setun_gguf_tensor *tensor, setun_error *error, setun_status status,
                                    const char *format, ...);

/* gguf_types.c: the type of that number, or NULL. */
const setun_gguf_tensor_type *setun_gguf_tensor_type_of(uint32_t id);
/* "type 99" or "type 39 (TL2 or MXFP4)". */
const char *setun_gguf_tensor_type_text(const setun_gguf_tensor *tensor, char text[32]);
#endif
