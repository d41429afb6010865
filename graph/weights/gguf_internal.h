/* gguf_internal.h - the inside of a GGUF header. */
#ifndef SETUN_GGUF_INTERNAL_H
#define SETUN_GGUF_INTERNAL_H
#include "base/base.h"
#include "weights/gguf.h"

struct setun_gguf {
    setun_pool         pool;    /* names and keys */
    const char        *path;
    uint32_t           version;
    unsigned char     *header;  /* the file's first bytes, to the end of the tensors' descriptions */
    setun_gguf_value  *values;  /* sorted by key */
    size_t             n_values, values_capacity;
    setun_gguf_tensor *tensors; /* in the order of the file */
    size_t             n_tensors, tensors_capacity;
    const setun_gguf_tensor **by_name; /* [n_tensors], sorted */
};

/* Bytes of one element; 0 for strings, whose bytes vary, and arrays. */
size_t setun_gguf_element_bytes(enum setun_gguf_type type);

/* A little-endian number of n_bytes <= 8 bytes. */
uint64_t setun_gguf_number(const unsigned char *bytes, size_t n_bytes);
#endif
