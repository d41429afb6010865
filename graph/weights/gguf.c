/* gguf.c - reads and proves the header of a GGUF file.
 *
 * The file: "GGUF", u32 version, u64 number of tensors, u64 number of keys; the keys, each a string, a u32 type and a value; the tensors, each
 * a string, u32 number of dimensions, u64 dimensions from the innermost on, u32 type and u64 offset of its contents; zeros up to a multiple
 * of the alignment; the contents. A string is a u64 length and that many bytes; an array a u32 type, a u64 number of elements, and these. */
#include "weights/gguf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "weights/gguf_internal.h"

enum {
    FIXED_BYTES = 24,        /* before the first key */
    MIN_VALUE_BYTES = 14,    /* a key of one byte, its type and a value of one byte */
    MIN_TENSOR_BYTES = 33    /* a name of one byte, one dimension */
};

static setun_status take_version(setun_gguf *gguf, struct setun_gguf_header *header, setun_error *error)
{
    uint64_t version;
    setun_status status;

    if (header->file->n_bytes < FIXED_BYTES)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte 0: expected a GGUF file of at least %d bytes, found %" PRIu64, gguf->path,
                          (int)FIXED_BYTES, header->file->n_bytes);
    status = setun_gguf_header_need(header, FIXED_BYTES, "a GGUF header", error);
    if (status != SETUN_OK)
        return status;
    if (memcmp(header->bytes, "GGUF", 4) != 0)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte 0: expected the letters GGUF, found 0x%02x%02x%02x%02x", gguf->path,
                          (unsigned)header->bytes[0], (unsigned)header->bytes[1], (unsigned)header->bytes[2], (unsigned)header->bytes[3]);
    version = setun_gguf_number(header->bytes + 4, 4);
    if (version != 2 && version != 3)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: byte 4: expected version 2 or 3 of GGUF, found %" PRIu64 "%s", gguf->path, version,
                          version == 1                                             ? ": convert the model again with a tool of today"
                          : version == 0x02000000u || version == 0x03000000u ? ": a big-endian file"
                                                                                   : "");
    gguf->version = (uint32_t)version;
    header->at = 8;
    return SETUN_OK;
}

/* A number of things that take at least min_bytes each. */
static setun_status take_count(struct setun_gguf_header *header, const char *what, uint64_t min_bytes, uint64_t *out_n, setun_error *error)
{
    const size_t start = header->at;
    const setun_status status = setun_gguf_header_number(header, 8, what, out_n, error);

    if (status == SETUN_OK && *out_n > header->file->n_bytes / min_bytes)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: expected %s that fits into the file's %" PRIu64 " bytes, found %" PRIu64,
                          header->file->path, start, what, header->file->n_bytes, *out_n);
    return status;
}

static setun_status read_header(setun_gguf *gguf, struct setun_gguf_header *header, setun_error *error)
{
    uint64_t n_tensors = 0, n_values = 0;
    setun_status status = take_version(gguf, header, error);

    if (status == SETUN_OK)
        status = take_count(header, "a number of tensors", MIN_TENSOR_BYTES, &n_tensors, error);
    if (status == SETUN_OK)
        status = take_count(header, "a number of keys", MIN_VALUE_BYTES, &n_values, error);
    if (status == SETUN_OK)
        status = setun_gguf_take_values(gguf, header, n_values, error);
    gguf->header = header->bytes; /* for general.alignment; it may still move */
    setun_gguf_point_values(gguf);
    if (status == SETUN_OK)
        status = setun_gguf_take_tensors(gguf, header, n_tensors, error);
    gguf->header = header->bytes;
    setun_gguf_point_values(gguf);
    return status;
}

setun_status setun_gguf_read(const setun_weight_file *file, setun_gguf **out_gguf, setun_error *error)
{
    struct setun_gguf_header header = {.file = file};
    setun_gguf *gguf = setun_calloc(1, sizeof(*gguf));
    setun_status status;

    if (gguf == NULL)
        return setun_fail_nomem(error, "GGUF header", sizeof(*gguf));
    gguf->path = file->path;
    status = read_header(gguf, &header, error);
    if (status != SETUN_OK) {
        setun_gguf_close(gguf);
        return status;
    }
    *out_gguf = gguf;
    return SETUN_OK;
}

setun_status setun_gguf_open(const char *path, setun_gguf **out_gguf, setun_error *error)
{
    setun_weight_file file;
    setun_gguf *gguf;
    setun_status status = setun_weight_file_open(path, &file, error);

    if (status != SETUN_OK)
        return status;
    status = setun_gguf_read(&file, &gguf, error);
    setun_weight_file_close(&file);
    if (status != SETUN_OK)
        return status;
    gguf->path = setun_pool_strndup(&gguf->pool, path, strlen(path));
    if (gguf->path == NULL) {
        setun_gguf_close(gguf);
        return setun_fail_nomem(error, path, strlen(path) + 1);
    }
    *out_gguf = gguf;
    return SETUN_OK;
}

void setun_gguf_close(setun_gguf *gguf)
{
    if (gguf == NULL)
        return;
    free(gguf->header);
    free(gguf->values);
    free(gguf->tensors);
    free(gguf->by_name);
    setun_pool_free(&gguf->pool);
    free(gguf);
}

bool setun_gguf_claims(const char *path)
{
    setun_weight_file file;
    char letters[4];
    bool claims;

    if (setun_weight_file_open(path, &file, NULL) != SETUN_OK)
        return false;
    claims = file.n_bytes >= sizeof(letters) && setun_weight_file_read(&file, 0, sizeof(letters), letters, NULL) == SETUN_OK &&
             memcmp(letters, "GGUF", sizeof(letters)) == 0;
    setun_weight_file_close(&file);
    return claims;
}
