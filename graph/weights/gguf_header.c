/* gguf_header.c - the bytes of a GGUF file's header, read as far as they are asked for. */
#include <inttypes.h>

#include "weights/gguf_internal.h"

enum { FIRST_READ_BYTES = 64 << 10 };
#define MAX_HEADER_BYTES (UINT64_C(256) << 20) /* vocabularies of 262144 tokens take about 16 MiB */

setun_status setun_gguf_header_need(struct setun_gguf_header *header, uint64_t n, const char *what, setun_error *error)
{
    const uint64_t n_file = header->file->n_bytes, limit = n_file < MAX_HEADER_BYTES ? n_file : MAX_HEADER_BYTES;
    uint64_t wanted;
    unsigned char *bytes;
    setun_status status;

    if (n > n_file - header->at)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: expected %s of %" PRIu64 " bytes, found the file's end at byte %" PRIu64,
                          header->file->path, header->at, what, n, n_file);
    if (n > limit - header->at)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: byte %zu: expected a header of at most %" PRIu64 " bytes, found more",
                          header->file->path, header->at, MAX_HEADER_BYTES);
    wanted = header->at + n;
    if (wanted <= header->n_bytes)
        return SETUN_OK;
    if (wanted < 2 * (uint64_t)header->n_bytes) /* twice as much each time: long headers are not copied over and over */
        wanted = 2 * (uint64_t)header->n_bytes;
    if (wanted < FIRST_READ_BYTES)
        wanted = FIRST_READ_BYTES;
    if (wanted > limit)
        wanted = limit;
    bytes = setun_realloc(header->bytes, (size_t)wanted);
    if (bytes == NULL)
        return setun_fail_nomem(error, "header of a GGUF file", (size_t)wanted);
    header->bytes = bytes;
    status = setun_weight_file_read(header->file, header->n_bytes, (size_t)wanted - header->n_bytes, bytes + header->n_bytes, error);
    if (status == SETUN_OK)
        header->n_bytes = (size_t)wanted;
    return status;
}

setun_status setun_gguf_header_number(struct setun_gguf_header *header, size_t n_bytes, const char *what, uint64_t *out_number, setun_error *error)
{
    const setun_status status = setun_gguf_header_need(header, n_bytes, what, error);

    if (status != SETUN_OK)
        return status;
    *out_number = setun_gguf_number(header->bytes + header->at, n_bytes);
    header->at += n_bytes;
    return SETUN_OK;
}

setun_status setun_gguf_header_name(struct setun_gguf_header *header, setun_pool *pool, const char *what, size_t max_bytes, const char **out_name,
                              setun_error *error)
{
    const size_t start = header->at;
    uint64_t n;
    setun_status status = setun_gguf_header_number(header, 8, "a length", &n, error);

    if (status != SETUN_OK)
        return status;
    if (n == 0 || n > max_bytes)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: expected %s of 1 to %zu bytes, found a length of %" PRIu64,
                          header->file->path, start, what, max_bytes, n);
    status = setun_gguf_header_need(header, n, what, error);
    if (status != SETUN_OK)
        return status;
    for (size_t i = 0; i < n; i++)
        if (header->bytes[header->at + i] < 0x20 || header->bytes[header->at + i] == 0x7f)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: expected %s without control characters, found 0x%02x",
                              header->file->path, header->at + i, what, (unsigned)header->bytes[header->at + i]);
    *out_name = setun_pool_strndup(pool, (const char *)header->bytes + header->at, (size_t)n);
    if (*out_name == NULL)
        return setun_fail_nomem(error, what, (size_t)n + 1);
    header->at += (size_t)n;
    return SETUN_OK;
}
