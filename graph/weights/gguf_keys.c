/* gguf_keys.c - the metadata of a GGUF header: every key once, every value of a type that it can have, inside the file. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "weights/gguf_internal.h"

enum { MAX_KEY_BYTES = 65535 }; /* by the format */

static setun_status take_type(const setun_gguf *gguf, struct setun_gguf_header *header, const setun_gguf_value *value, enum setun_gguf_type *out_type,
                              setun_error *error)
{
    uint64_t type;
    const setun_status status = setun_gguf_header_number(header, 4, "the type of a value", &type, error);

    if (status != SETUN_OK)
        return status;
    if (type >= SETUN_GGUF_N_TYPES)
        return setun_gguf_fail(gguf, value, error, SETUN_ERR_FORMAT, "expected a type of 0 to %d, found %" PRIu64,
                               SETUN_GGUF_N_TYPES - 1, type);
    *out_type = (enum setun_gguf_type)type;
    return SETUN_OK;
}

static setun_status skip_strings(const setun_gguf *gguf, struct setun_gguf_header *header, const setun_gguf_value *value, setun_error *error)
{
    for (uint64_t i = 0; i < value->n; i++) {
        uint64_t n;
        setun_status status = setun_gguf_header_number(header, 8, "the length of a string", &n, error);

        if (status == SETUN_OK)
            status = setun_gguf_header_need(header, n, "a string", error);
        if (status != SETUN_OK) {
            if (status == SETUN_ERR_FORMAT)
                (void)setun_fail(error, status, "%s: byte %zu: key '%.100s': expected string %" PRIu64 " of %" PRIu64
                                 " inside the file, found its end at byte %" PRIu64, gguf->path, header->at, value->key, i, value->n,
                                 header->file->n_bytes);
            return status;
        }
        header->at += (size_t)n;
    }
    return SETUN_OK;
}

static setun_status skip_numbers(const setun_gguf *gguf, struct setun_gguf_header *header, const setun_gguf_value *value, setun_error *error)
{
    const size_t element_bytes = setun_gguf_element_bytes(value->type);
    setun_status status;

    if (value->n > header->file->n_bytes / element_bytes)
        return setun_gguf_fail(gguf, value, error, SETUN_ERR_FORMAT, "expected elements inside the file's %" PRIu64 " bytes, found %" PRIu64
                               " of %zu bytes each", header->file->n_bytes, value->n, element_bytes);
    status = setun_gguf_header_need(header, value->n * element_bytes, "a value", error);
    if (status != SETUN_OK)
        return status;
    for (uint64_t i = 0; value->type == SETUN_GGUF_BOOL && i < value->n; i++)
        if (header->bytes[header->at + i] > 1)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: key '%.100s': expected a boolean of 0 or 1, found %u", gguf->path,
                              header->at + (size_t)i, value->key, (unsigned)header->bytes[header->at + i]);
    header->at += (size_t)(value->n * element_bytes);
    return SETUN_OK;
}

/* One key and its value, without a pointer to its data: the header may still move. */
static setun_status take_value(setun_gguf *gguf, struct setun_gguf_header *header, setun_gguf_value *value, setun_error *error)
{
    size_t start;
    setun_status status;

    *value = (setun_gguf_value){.byte = header->at, .n = 1};
    status = setun_gguf_header_name(header, &gguf->pool, "a key", MAX_KEY_BYTES, &value->key, error);
    if (status == SETUN_OK)
        status = take_type(gguf, header, value, &value->type, error);
    if (status != SETUN_OK)
        return status;
    if (value->type == SETUN_GGUF_ARRAY) {
        value->is_array = true;
        status = take_type(gguf, header, value, &value->type, error);
        if (status == SETUN_OK && value->type == SETUN_GGUF_ARRAY)
            status = setun_gguf_fail(gguf, value, error, SETUN_ERR_UNSUPPORTED, "expected an array of single values, found one of arrays");
        if (status == SETUN_OK)
            status = setun_gguf_header_number(header, 8, "the number of an array's elements", &value->n, error);
        if (status != SETUN_OK)
            return status;
    }
    start = header->at;
    status = value->type == SETUN_GGUF_STRING ? skip_strings(gguf, header, value, error) : skip_numbers(gguf, header, value, error);
    value->n_bytes = header->at - start;
    return status;
}

static int compare_values(const void *left, const void *right)
{
    const setun_gguf_value *a = left, *b = right;
    const int order = strcmp(a->key, b->key);

    return order != 0 ? order : a->byte < b->byte ? -1 : 1;
}

setun_status setun_gguf_take_values(setun_gguf *gguf, struct setun_gguf_header *header, uint64_t n, setun_error *error)
{
    for (uint64_t i = 0; i < n; i++) {
        setun_gguf_value value;
        setun_status status = take_value(gguf, header, &value, error);

        if (status != SETUN_OK)
            return status;
        if (!setun_grow(&gguf->values, &gguf->values_capacity, gguf->n_values + 1, sizeof(*gguf->values)))
            return setun_fail_nomem(error, "table of metadata", (gguf->n_values + 1) * sizeof(*gguf->values));
        gguf->values[gguf->n_values++] = value;
    }
    if (gguf->n_values > 0)
        qsort(gguf->values, gguf->n_values, sizeof(*gguf->values), compare_values);
    for (size_t i = 1; i < gguf->n_values; i++)
        if (strcmp(gguf->values[i - 1].key, gguf->values[i].key) == 0)
            return setun_gguf_fail(gguf, &gguf->values[i], error, SETUN_ERR_FORMAT,
                                   "expected each key once, found it at byte %" PRIu64 " already", gguf->values[i - 1].byte);
    return SETUN_OK;
}

void setun_gguf_point_values(setun_gguf *gguf)
{
    for (size_t i = 0; i < gguf->n_values; i++) {
        setun_gguf_value *value = &gguf->values[i];

        /* Length and text of the key, type; of an array element type and number, too. */
        value->data = gguf->header + value->byte + 8 + strlen(value->key) + 4 + (value->is_array ? 12 : 0);
    }
}
