/* prepacked.h - Setun's own file: a whole model with its tensors as kernels read them. plugins/abi/prepacked.md has every byte. Internal. */
#ifndef SETUN_PREPACKED_H
#define SETUN_PREPACKED_H
#include <jansson.h>

#include "weights/reader.h"

/* Fixed part, all numbers little-endian: magic, u32 version, u32 0, u64 bytes of the JSON, u64 bytes of the file, u64 hash of the JSON, zeros. */
#define SETUN_PREPACKED_MAGIC "\x89SETUN\r\n" /* not text, and damaged by whatever changes line ends */
enum {
    SETUN_PREPACKED_VERSION = 4, /* of what is written with a screen; without one, and read as well: */
    SETUN_PREPACKED_VERSION_PLAIN = 1,
    SETUN_PREPACKED_AT_VERSION = 8,
    SETUN_PREPACKED_AT_ZERO = 12,
    SETUN_PREPACKED_AT_JSON_BYTES = 16,
    SETUN_PREPACKED_AT_FILE_BYTES = 24,
    SETUN_PREPACKED_AT_JSON_HASH = 32,
    SETUN_PREPACKED_AT_ZEROS = 40,
    SETUN_PREPACKED_FIXED_BYTES = 64,
    SETUN_PREPACKED_ALIGN = 4096,
    SETUN_PREPACKED_MAX_JSON_BYTES = 64 << 20, /* 200 bytes a tensor: room for 300,000 */
    SETUN_PREPACKED_MAX_TOKENIZER_BYTES = 64 << 20, /* the largest known one has 34 MB */
    SETUN_PREPACKED_MAX_NAME = 255             /* bytes, so that a whole name fits into an error */
};

#define SETUN_PREPACKED_MAX_BYTES (INT64_C(1) << 60) /* of a section, and before it: sums stay below 2^63 */

/* A range of the file with one thing in it. */
typedef struct setun_prepacked_section {
    uint64_t file_byte;
    uint64_t n_bytes;
    uint64_t hash; /* XXH3, 64 bits, seed 0 */
} setun_prepacked_section;

/* How the tokenizer is written down. */
enum setun_prepacked_tokenizer {
    SETUN_PREPACKED_TOKENIZER_JSON, /* a whole tokenizer.json */
    SETUN_PREPACKED_TOKENIZER_GGUF, /* a GGUF file with the keys tokenizer.* and no tensors */
    SETUN_PREPACKED_N_TOKENIZERS
};
const char *setun_prepacked_tokenizer_name(enum setun_prepacked_tokenizer kind); /* "tokenizer.json", "gguf" */

typedef struct setun_prepacked_tensor {
    setun_weight            weight; /* file is NULL */
    setun_prepacked_section section;
    setun_prepacked_section *screen; /* [SETUN_WEIGHT_SCREEN_PARTS], or NULL */
} setun_prepacked_tensor;

/* The header of a file. Everything is in the pool that it was read with. */
typedef struct setun_prepacked {
    uint32_t                        version;
    enum setun_source               source; /* kind of the file that this was made of: names and keys are that kind's */
    const char                     *architecture;
    setun_meta_entry               *metas;
    size_t                          n_metas;
    setun_text_settings             text;
    enum setun_prepacked_tokenizer  tokenizer;
    setun_prepacked_section         tokenizer_section;
    setun_prepacked_tensor         *tensors;
    size_t                          n_tensors;
} setun_prepacked;

/* The first multiple of SETUN_PREPACKED_ALIGN from `byte` on: where the data begin after the JSON, and each section after the one before. */
static inline uint64_t setun_prepacked_align(uint64_t byte)
{
    return (byte + SETUN_PREPACKED_ALIGN - 1) / SETUN_PREPACKED_ALIGN * SETUN_PREPACKED_ALIGN;
}

/* Whether a regular file begins with the magic. */
bool setun_prepacked_claims(const char *path);

/* Reads and proves the header of an open file: every field, and that the sections tile the rest of the file exactly. No contents are read.
 * SETUN_ERR_FORMAT, _UNSUPPORTED (another version), _IO, _NOMEM. */
setun_status setun_prepacked_read(const setun_weight_file *file, setun_pool *pool, setun_prepacked *out_prepacked, setun_error *error);

/* The contents of the tokenizer's section, their hash compared; malloc-ed. */
setun_status setun_prepacked_read_tokenizer(const setun_weight_file *file, const setun_prepacked *prepacked, char **out_text, size_t *out_bytes,
                                            setun_error *error);

/* prepacked_json.c: what the JSON says, into *out, whose version is known; sections are only known to be aligned, and file_byte counts from where the data begin. */
setun_status setun_prepacked_parse(const char *path, const json_t *root, setun_pool *pool, setun_prepacked *out, setun_error *error);
#endif
