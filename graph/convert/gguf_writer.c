/* gguf_writer.c - the header grows in memory, little-endian, and is written in one piece. */
#include "convert/gguf_writer.h"

#include <stdlib.h>
#include <string.h>

typedef struct bytes {
    uint8_t *data;
    size_t   n, capacity;
} bytes;

struct setun_gguf_writer {
    bytes    keys, infos;
    uint64_t n_keys, n_tensors, data_bytes;
    bool     failed; /* memory ran out */
};

setun_status setun_gguf_writer_create(setun_gguf_writer **out_writer, setun_error *error)
{
    *out_writer = setun_calloc(1, sizeof(**out_writer));
    return *out_writer == NULL ? setun_fail_nomem(error, "GGUF header", sizeof(**out_writer)) : SETUN_OK;
}

void setun_gguf_writer_destroy(setun_gguf_writer *writer)
{
    if (writer == NULL)
        return;
    free(writer->keys.data);
    free(writer->infos.data);
    free(writer);
}

static void put(setun_gguf_writer *writer, bytes *to, const void *data, size_t n)
{
    if (writer->failed || !setun_grow(&to->data, &to->capacity, to->n + n, 1)) {
        writer->failed = true;
        return;
    }
    if (n > 0)
        memcpy(to->data + to->n, data, n);
    to->n += n;
}

static void put_u64(setun_gguf_writer *writer, bytes *to, uint64_t value)
{
    uint8_t little[8];

    for (int i = 0; i < 8; i++)
        little[i] = (uint8_t)(value >> (8 * i));
    put(writer, to, little, sizeof(little));
}

static void put_u32(setun_gguf_writer *writer, bytes *to, uint32_t value)
{
    const uint8_t little[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};

    put(writer, to, little, sizeof(little));
}

static void put_string(setun_gguf_writer *writer, bytes *to, const char *text, size_t n_bytes)
{
    put_u64(writer, to, n_bytes);
    put(writer, to, text, n_bytes);
}

static void put_key(setun_gguf_writer *writer, const char *key, enum setun_gguf_type type)
{
    put_string(writer, &writer->keys, key, strlen(key));
    put_u32(writer, &writer->keys, (uint32_t)type);
    writer->n_keys++;
}

void setun_gguf_writer_u32(setun_gguf_writer *writer, const char *key, uint32_t value)
{
    put_key(writer, key, SETUN_GGUF_U32);
    put_u32(writer, &writer->keys, value);
}

void setun_gguf_writer_u64(setun_gguf_writer *writer, const char *key, uint64_t value)
{
    put_key(writer, key, SETUN_GGUF_U64);
    put_u64(writer, &writer->keys, value);
}

void setun_gguf_writer_i64(setun_gguf_writer *writer, const char *key, int64_t value)
{
    put_key(writer, key, SETUN_GGUF_I64);
    put_u64(writer, &writer->keys, (uint64_t)value);
}

void setun_gguf_writer_f32(setun_gguf_writer *writer, const char *key, float value)
{
    put_key(writer, key, SETUN_GGUF_F32);
    setun_gguf_writer_element_f32(writer, value);
}

void setun_gguf_writer_bool(setun_gguf_writer *writer, const char *key, bool value)
{
    const uint8_t byte = value;

    put_key(writer, key, SETUN_GGUF_BOOL);
    put(writer, &writer->keys, &byte, 1);
}

void setun_gguf_writer_string(setun_gguf_writer *writer, const char *key, const char *text, size_t n_bytes)
{
    put_key(writer, key, SETUN_GGUF_STRING);
    put_string(writer, &writer->keys, text, n_bytes);
}

void setun_gguf_writer_array(setun_gguf_writer *writer, const char *key, enum setun_gguf_type type, uint64_t n)
{
    put_key(writer, key, SETUN_GGUF_ARRAY);
    put_u32(writer, &writer->keys, (uint32_t)type);
    put_u64(writer, &writer->keys, n);
}

void setun_gguf_writer_element_i32(setun_gguf_writer *writer, int32_t value)
{
    put_u32(writer, &writer->keys, (uint32_t)value);
}

void setun_gguf_writer_element_f32(setun_gguf_writer *writer, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    put_u32(writer, &writer->keys, bits);
}

void setun_gguf_writer_element_string(setun_gguf_writer *writer, const char *text, size_t n_bytes)
{
    put_string(writer, &writer->keys, text, n_bytes);
}

static uint64_t aligned(uint64_t n)
{
    return (n + SETUN_GGUF_ALIGNMENT - 1) / SETUN_GGUF_ALIGNMENT * SETUN_GGUF_ALIGNMENT;
}

void setun_gguf_writer_tensor(setun_gguf_writer *writer, const char *name, uint32_t type, uint32_t n_dims, const int64_t *dim, size_t n_bytes)
{
    put_string(writer, &writer->infos, name, strlen(name));
    put_u32(writer, &writer->infos, n_dims);
    for (uint32_t i = n_dims; i-- > 0;)
        put_u64(writer, &writer->infos, (uint64_t)dim[i]);
    put_u32(writer, &writer->infos, type);
    put_u64(writer, &writer->infos, writer->data_bytes);
    writer->data_bytes += aligned(n_bytes);
    writer->n_tensors++;
}

uint64_t setun_gguf_writer_data_bytes(const setun_gguf_writer *writer)
{
    return writer->data_bytes;
}

setun_status setun_gguf_writer_start(const setun_gguf_writer *writer, setun_stream *stream, setun_error *error)
{
    setun_gguf_writer head = {.n_keys = 0};
    setun_status status;

    put(&head, &head.keys, "GGUF", 4);
    put_u32(&head, &head.keys, 3);
    put_u64(&head, &head.keys, writer->n_tensors);
    put_u64(&head, &head.keys, writer->n_keys);
    if (writer->failed || head.failed) {
        free(head.keys.data);
        return setun_fail_nomem(error, "GGUF header", writer->keys.n + writer->infos.n);
    }
    status = setun_stream_write(stream, head.keys.data, head.keys.n, error);
    free(head.keys.data);
    if (status == SETUN_OK)
        status = setun_stream_write(stream, writer->keys.data, writer->keys.n, error);
    if (status == SETUN_OK)
        status = setun_stream_write(stream, writer->infos.data, writer->infos.n, error);
    return status == SETUN_OK ? setun_gguf_writer_align(stream, error) : status;
}

setun_status setun_gguf_writer_align(setun_stream *stream, setun_error *error)
{
    const uint64_t at = setun_stream_at(stream);

    return setun_stream_zeros(stream, (size_t)(aligned(at) - at), error);
}

int setun_gguf_type_of(const char *fmt)
{
    static const struct {
        const char *fmt;
        int         type;
    } types[] = {{"f32", 0}, {"f16", 1}, {"q8_0.b32", 8}, {"q6_k.b256", 14}, {"bf16", 30}, {"tern.tq1", 34}, {"tern2.tq2", 35}, {"tern2.i2s", 36}};

    for (size_t i = 0; i < SETUN_COUNT(types); i++)
        if (strcmp(types[i].fmt, fmt) == 0)
            return types[i].type;
    return -1;
}
