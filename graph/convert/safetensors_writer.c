/* safetensors_writer.c - the header is a JSON object that keeps the order in which its keys were put in. */
#include "convert/safetensors_writer.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_ALIGNMENT = 8 }; /* so that the data after it is aligned for every type; the format fills up with spaces */

void setun_st_writer_init(setun_st_writer *writer)
{
    *writer = (setun_st_writer){.header = json_object()};
    /* Transformers refuses a file that does not say which library's tensors it has; "pt" is PyTorch's. */
    writer->failed = writer->header == NULL ||
                     json_object_set_new(writer->header, "__metadata__", json_pack("{s:s}", "format", "pt")) != 0;
}

void setun_st_writer_free(setun_st_writer *writer)
{
    json_decref(writer->header);
    writer->header = NULL;
}

void setun_st_writer_tensor(setun_st_writer *writer, const char *name, const char *dtype, uint32_t n_dims, const int64_t *dim, size_t n_bytes)
{
    const uint64_t end = writer->data_bytes + n_bytes;
    json_t *shape = json_array(), *info;

    for (uint32_t i = 0; i < n_dims; i++)
        (void)json_array_append_new(shape, json_integer(dim[i]));
    info = json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype, "shape", shape, "data_offsets", (json_int_t)writer->data_bytes,
                     (json_int_t)end);
    if (json_array_size(shape) != n_dims || json_object_set_new(writer->header, name, info) != 0)
        writer->failed = true;
    writer->data_bytes = end;
}

setun_status setun_st_writer_start(const setun_st_writer *writer, setun_stream *stream, setun_error *error)
{
    char *text = writer->failed ? NULL : json_dumps(writer->header, JSON_COMPACT);
    const size_t n = text == NULL ? 0 : strlen(text), n_pad = (HEADER_ALIGNMENT - n % HEADER_ALIGNMENT) % HEADER_ALIGNMENT;
    uint8_t length[8];
    setun_status status;

    if (text == NULL)
        return setun_fail_nomem(error, "safetensors header", 0);
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)(n + n_pad) >> (8 * i));
    status = setun_stream_write(stream, length, sizeof(length), error);
    if (status == SETUN_OK)
        status = setun_stream_write(stream, text, n, error);
    if (status == SETUN_OK)
        status = setun_stream_write(stream, "       ", n_pad, error);
    free(text);
    return status;
}
