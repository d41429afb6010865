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

/* The header as far as it has been read and looked at. */
struct setun_gguf_header {
    const setun_weight_file *file;
    unsigned char *bytes;  /* [n_bytes]; they move while more are read */
    size_t         n_bytes, at;
};

/* gguf_header.c. Sees to it that the next n bytes are in memory; `what` they are. */
setun_status setun_gguf_header_need(struct setun_gguf_header *header, uint64_t n, const char *what, setun_error *error);
/* Takes a number of n_bytes <= 8 bytes. */
setun_status setun_gguf_header_number(struct setun_gguf_header *header, size_t n_bytes, const char *what, uint64_t *out_number, setun_error *error);
/* Takes a key or a name, copied into the pool. */
setun_status setun_gguf_header_name(struct setun_gguf_header *header, setun_pool *pool, const char *what, size_t max_bytes, const char **out_name,
                                    setun_error *error);

/* gguf_keys.c. Takes n keys with their values; where the data are is for setun_gguf_point_values to say when the header does not move any more. */
setun_status setun_gguf_take_values(setun_gguf *gguf, struct setun_gguf_header *header, uint64_t n, setun_error *error);
void         setun_gguf_point_values(setun_gguf *gguf);

/* gguf_tensors.c. Takes n tensors; the metadata has been taken. */
setun_status setun_gguf_take_tensors(setun_gguf *gguf, struct setun_gguf_header *header, uint64_t n, setun_error *error);

/* Bytes of one element; 0 for strings, whose bytes vary, and arrays. */
size_t setun_gguf_element_bytes(enum setun_gguf_type type);

/* A little-endian number of n_bytes <= 8 bytes. */
uint64_t setun_gguf_number(const unsigned char *bytes, size_t n_bytes);
#endif
