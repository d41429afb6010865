/* prepacked_tokenizer.c - where the tokenizer of each kind of model is, and its bytes. */
#include "convert/prepacked_tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "weights/gguf.h"

static setun_status read_folder(const char *path, char **out_bytes, size_t *out_n_bytes, setun_error *error)
{
    setun_pool pool = {0};
    const char *file = setun_pool_printf(&pool, "%s/tokenizer.json", path);
    const setun_status status = file == NULL ? setun_fail_nomem(error, path, strlen(path)) : setun_read_file(file, SETUN_PREPACKED_MAX_TOKENIZER_BYTES, out_bytes, out_n_bytes, error);

    setun_pool_free(&pool);
    return status;
}

static setun_status read_prepacked(const char *path, enum setun_prepacked_tokenizer *out_kind, char **out_bytes, size_t *out_n_bytes, setun_error *error)
{
    setun_weight_file file;
    setun_prepacked prepacked;
    setun_pool pool = {0};
    setun_status status = setun_weight_file_open(path, &file, error);

    if (status != SETUN_OK)
        return status;
    status = setun_prepacked_read(&file, &pool, &prepacked, error);
    if (status == SETUN_OK)
        status = setun_prepacked_read_tokenizer(&file, &prepacked, out_bytes, out_n_bytes, error);
    if (status == SETUN_OK)
        *out_kind = prepacked.tokenizer;
    setun_pool_free(&pool);
    setun_weight_file_close(&file);
    return status;
}

/* Bytes that grow; `failed` once memory has run out. */
typedef struct growing {
    char  *bytes;
    size_t n, capacity;
    bool   failed;
} growing;

static void put(growing *to, const void *data, size_t n_bytes)
{
    if (to->failed || !setun_grow(&to->bytes, &to->capacity, to->n + n_bytes + 1, 1)) {
        to->failed = true;
        return;
    }
    if (n_bytes > 0)
        memcpy(to->bytes + to->n, data, n_bytes);
    to->n += n_bytes;
}

static void put_little(growing *to, uint64_t value, size_t n_bytes)
{
    unsigned char bytes[8];

    for (size_t i = 0; i < n_bytes; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    put(to, bytes, n_bytes);
}

static bool is_of_tokenizer(const setun_gguf_value *value)
{
    static const char prefix[] = "tokenizer.";

    return strncmp(value->key, prefix, sizeof(prefix) - 1) == 0;
}

/* A GGUF file of these keys alone; their values are taken over byte by byte. */
static setun_status read_gguf(const char *path, char **out_bytes, size_t *out_n_bytes, setun_error *error)
{
    growing to = {NULL, 0, 0, false};
    uint64_t n_keys = 0;
    setun_gguf *gguf;
    setun_status status = setun_gguf_open(path, &gguf, error);

    if (status != SETUN_OK)
        return status;
    for (size_t i = 0; i < setun_gguf_n_values(gguf); i++)
        n_keys += is_of_tokenizer(setun_gguf_value_at(gguf, i));
    put(&to, "GGUF", 4);
    put_little(&to, 3, 4); /* version */
    put_little(&to, 0, 8); /* tensors */
    put_little(&to, n_keys, 8);
    for (size_t i = 0; i < setun_gguf_n_values(gguf); i++) {
        const setun_gguf_value *value = setun_gguf_value_at(gguf, i);

        if (!is_of_tokenizer(value))
            continue;
        put_little(&to, strlen(value->key), 8);
        put(&to, value->key, strlen(value->key));
        if (value->is_array)
            put_little(&to, SETUN_GGUF_ARRAY, 4);
        put_little(&to, (uint64_t)value->type, 4);
        if (value->is_array)
            put_little(&to, value->n, 8);
        put(&to, value->data, value->n_bytes);
    }
    setun_gguf_close(gguf);
    if (to.failed) {
        free(to.bytes);
        return setun_fail_nomem(error, path, to.n);
    }
    *out_bytes = to.bytes;
    *out_n_bytes = to.n;
    return SETUN_OK;
}

setun_status setun_prepacked_tokenizer_bytes(const char *path, enum setun_prepacked_tokenizer *out_kind, char **out_bytes, size_t *out_n_bytes,
                                             setun_error *error)
{
    struct stat info;

    *out_kind = SETUN_PREPACKED_TOKENIZER_JSON;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return read_folder(path, out_bytes, out_n_bytes, error);
    if (setun_prepacked_claims(path))
        return read_prepacked(path, out_kind, out_bytes, out_n_bytes, error);
    if (!setun_gguf_claims(path))
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: expected a folder, a GGUF file or a prepacked one, whose tokenizer can be taken over", path);
    *out_kind = SETUN_PREPACKED_TOKENIZER_GGUF;
    return read_gguf(path, out_bytes, out_n_bytes, error);
}
