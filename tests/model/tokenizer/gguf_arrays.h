/* gguf_arrays.h - what a GGUF file would say of a tokenizer.json, for tests. Failures fail the test. */
#ifndef SETUN_TEST_GGUF_ARRAYS_H
#define SETUN_TEST_GGUF_ARRAYS_H
#include <jansson.h>

#include "text/text.h"

typedef struct gguf_arrays {
    setun_gguf_vocab vocab; /* points to those below */
    setun_name *tokens, *merges;
    int32_t *types;
    json_t *root; /* owns the names */
} gguf_arrays;

/* Takes root, a tokenizer.json whose merges are strings or pairs: special added tokens become control tokens, others user-defined ones. */
gguf_arrays gguf_arrays_make(json_t *root, const char *pre);
void gguf_arrays_free(gguf_arrays *arrays);

/* One more scalar of the metadata, in the types of gguf.h: STRING, U32 or BOOL. A key that the arrays have too takes its place. */
typedef struct gguf_extra {
    const char *key;
    enum setun_gguf_type type;
    const char *text; /* STRING */
    uint32_t value;   /* else */
} gguf_extra;
/* Writes a file of version 3 with tokenizer.ggml.model "gpt2", the arrays and the extras, and no tensors: tokenizer.ggml.pre too, unless it is
 * NULL. */
void gguf_arrays_write(const char *path, const gguf_arrays *arrays, const gguf_extra *extras, size_t n_extras);
#endif
