/* gguf_values.c - GGUF metadata by type, and the errors that name a key or a tensor. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/gguf_internal.h"

static const struct {
    const char *one, *many; /* how errors call it */
    size_t      n_bytes;
} types[SETUN_GGUF_N_TYPES] = {
    [SETUN_GGUF_U8] = {"an integer", "integers", 1},  [SETUN_GGUF_I8] = {"an integer", "integers", 1},
    [SETUN_GGUF_U16] = {"an integer", "integers", 2}, [SETUN_GGUF_I16] = {"an integer", "integers", 2},
    [SETUN_GGUF_U32] = {"an integer", "integers", 4}, [SETUN_GGUF_I32] = {"an integer", "integers", 4},
    [SETUN_GGUF_U64] = {"an integer", "integers", 8}, [SETUN_GGUF_I64] = {"an integer", "integers", 8},
    [SETUN_GGUF_F32] = {"a float", "floats", 4},      [SETUN_GGUF_F64] = {"a float", "floats", 8},
    [SETUN_GGUF_BOOL] = {"a boolean", "booleans", 1}, [SETUN_GGUF_STRING] = {"a string", "strings", 0},
    [SETUN_GGUF_ARRAY] = {"an array", "arrays", 0},
};

size_t setun_gguf_element_bytes(enum setun_gguf_type type)
{
    return types[type].n_bytes;
}

uint64_t setun_gguf_number(const unsigned char *bytes, size_t n_bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < n_bytes; i++)
        number |= (uint64_t)bytes[i] << (8 * i);
    return number;
}

static setun_status fail_at(const setun_gguf *gguf, uint64_t byte, const char *kind, const char *name, setun_error *error,
                            setun_status status, const char *format, va_list args)
{
    char text[sizeof(error->text)];

    (void)vsnprintf(text, sizeof(text), format, args);
    return setun_fail(error, status, "%s: byte %" PRIu64 ": %s '%.255s': %s", gguf->path, byte, kind, name, text);
}

setun_status setun_gguf_fail(const setun_gguf *gguf, const setun_gguf_value *value, setun_error *error, setun_status status,
                             const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)fail_at(gguf, value->byte, "key", value->key, error, status, format, args);
    va_end(args);
    return status;
}

setun_status setun_gguf_fail_tensor(const setun_gguf *gguf, const setun_gguf_tensor *tensor, setun_error *error, setun_status status,
                                    const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)fail_at(gguf, tensor->header_byte, "tensor", tensor->name, error, status, format, args);
    va_end(args);
    return status;
}

const char *setun_gguf_path(const setun_gguf *gguf)
{
    return gguf->path;
}

uint32_t setun_gguf_version(const setun_gguf *gguf)
{
    return gguf->version;
}

size_t setun_gguf_n_tensors(const setun_gguf *gguf)
{
    return gguf->n_tensors;
}

const setun_gguf_tensor *setun_gguf_tensor_at(const setun_gguf *gguf, size_t i)
{
    return &gguf->tensors[i];
}

static int compare_with_tensor(const void *name, const void *tensor)
{
    return strcmp(name, (*(const setun_gguf_tensor *const *)tensor)->name);
}

const setun_gguf_tensor *setun_gguf_find_tensor(const setun_gguf *gguf, const char *name)
{
    const setun_gguf_tensor *const *found = NULL;

    if (gguf->n_tensors > 0)
        found = bsearch(name, gguf->by_name, gguf->n_tensors, sizeof(*gguf->by_name), compare_with_tensor);
    return found == NULL ? NULL : *found;
}

size_t setun_gguf_n_values(const setun_gguf *gguf)
{
    return gguf->n_values;
}

const setun_gguf_value *setun_gguf_value_at(const setun_gguf *gguf, size_t i)
{
    return &gguf->values[i];
}

static int compare_with_value(const void *key, const void *value)
{
    return strcmp(key, ((const setun_gguf_value *)value)->key);
}

const setun_gguf_value *setun_gguf_find(const setun_gguf *gguf, const char *key)
{
    return gguf->n_values == 0 ? NULL : bsearch(key, gguf->values, gguf->n_values, sizeof(*gguf->values), compare_with_value);
}

static bool is_integer(enum setun_gguf_type type)
{
    return strcmp(types[type].one, "an integer") == 0;
}

static bool is_float(enum setun_gguf_type type)
{
    return type == SETUN_GGUF_F32 || type == SETUN_GGUF_F64;
}

static setun_status fail_type(const setun_gguf *gguf, const setun_gguf_value *value, const char *expected, setun_error *error)
{
    return setun_gguf_fail(gguf, value, error, SETUN_ERR_FORMAT, "expected %s, found %s%s", expected, value->is_array ? "an array of " : "",
                           value->is_array ? types[value->type].many : types[value->type].one);
}

setun_status setun_gguf_int(const setun_gguf *gguf, const char *key, bool *out_found, int64_t *out_value, setun_error *error)
{
    const setun_gguf_value *value = setun_gguf_find(gguf, key);

    *out_found = value != NULL;
    if (value == NULL)
        return SETUN_OK;
    if (value->is_array || !is_integer(value->type))
        return fail_type(gguf, value, "an integer", error);
    if (value->type == SETUN_GGUF_U64 && setun_gguf_number(value->data, 8) > INT64_MAX)
        return setun_gguf_fail(gguf, value, error, SETUN_ERR_FORMAT, "expected an integer below 2^63, found %" PRIu64,
                               setun_gguf_number(value->data, 8));
    *out_value = setun_gguf_int_at(value, 0);
    return SETUN_OK;
}

setun_status setun_gguf_float(const setun_gguf *gguf, const char *key, bool *out_found, double *out_value, setun_error *error)
{
    const setun_gguf_value *value = setun_gguf_find(gguf, key);

    *out_found = value != NULL;
    if (value == NULL)
        return SETUN_OK;
    if (value->is_array || !(is_float(value->type) || is_integer(value->type)))
        return fail_type(gguf, value, "a float", error);
    *out_value = is_float(value->type) ? setun_gguf_float_at(value, 0) : (double)setun_gguf_int_at(value, 0);
    return SETUN_OK;
}

setun_status setun_gguf_bool(const setun_gguf *gguf, const char *key, bool *out_found, bool *out_value, setun_error *error)
{
    const setun_gguf_value *value = setun_gguf_find(gguf, key);

    *out_found = value != NULL;
    if (value == NULL)
        return SETUN_OK;
    if (value->is_array || value->type != SETUN_GGUF_BOOL)
        return fail_type(gguf, value, "a boolean", error);
    *out_value = value->data[0] != 0;
    return SETUN_OK;
}

setun_status setun_gguf_string(const setun_gguf *gguf, const char *key, bool *out_found, const char **out_text, size_t *out_bytes,
                               setun_error *error)
{
    const setun_gguf_value *value = setun_gguf_find(gguf, key);

    *out_found = value != NULL;
    if (value == NULL)
        return SETUN_OK;
    if (value->is_array || value->type != SETUN_GGUF_STRING)
        return fail_type(gguf, value, "a string", error);
    {
        setun_gguf_cursor cursor = setun_gguf_first(value);

        (void)setun_gguf_next(&cursor, out_text, out_bytes);
    }
    return SETUN_OK;
}

static setun_status find_array(const setun_gguf *gguf, const char *key, bool (*is_right)(enum setun_gguf_type), const char *expected,
                               const setun_gguf_value **out_array, setun_error *error)
{
    const setun_gguf_value *value = setun_gguf_find(gguf, key);

    if (value != NULL && !(value->is_array && is_right(value->type)))
        return fail_type(gguf, value, expected, error);
    *out_array = value;
    return SETUN_OK;
}

static bool is_bool(enum setun_gguf_type type)
{
    return type == SETUN_GGUF_BOOL;
}

static bool is_string(enum setun_gguf_type type)
{
    return type == SETUN_GGUF_STRING;
}

setun_status setun_gguf_ints(const setun_gguf *gguf, const char *key, const setun_gguf_value **out_array, setun_error *error)
{
    return find_array(gguf, key, is_integer, "an array of integers", out_array, error);
}

setun_status setun_gguf_floats(const setun_gguf *gguf, const char *key, const setun_gguf_value **out_array, setun_error *error)
{
    return find_array(gguf, key, is_float, "an array of floats", out_array, error);
}

setun_status setun_gguf_bools(const setun_gguf *gguf, const char *key, const setun_gguf_value **out_array, setun_error *error)
{
    return find_array(gguf, key, is_bool, "an array of booleans", out_array, error);
}

setun_status setun_gguf_strings(const setun_gguf *gguf, const char *key, const setun_gguf_value **out_array, setun_error *error)
{
    return find_array(gguf, key, is_string, "an array of strings", out_array, error);
}

int64_t setun_gguf_int_at(const setun_gguf_value *value, uint64_t i)
{
    const size_t n_bytes = types[value->type].n_bytes;
    const uint64_t number = setun_gguf_number(value->data + i * n_bytes, n_bytes);

    switch (value->type) {
    case SETUN_GGUF_I8:
        return (int8_t)number;
    case SETUN_GGUF_I16:
        return (int16_t)number;
    case SETUN_GGUF_I32:
        return (int32_t)number;
    case SETUN_GGUF_I64:
        return (int64_t)number;
    default:
        return number > INT64_MAX ? INT64_MAX : (int64_t)number;
    }
}

double setun_gguf_float_at(const setun_gguf_value *value, uint64_t i)
{
    const size_t n_bytes = types[value->type].n_bytes;
    const uint64_t bits = setun_gguf_number(value->data + i * n_bytes, n_bytes);
    const uint32_t narrow_bits = (uint32_t)bits;
    double wide;
    float narrow;

    if (value->type == SETUN_GGUF_F64) {
        memcpy(&wide, &bits, sizeof(wide));
        return wide;
    }
    memcpy(&narrow, &narrow_bits, sizeof(narrow));
    return (double)narrow;
}

setun_gguf_cursor setun_gguf_first(const setun_gguf_value *strings)
{
    return (setun_gguf_cursor){.at = strings->data, .n_left = strings->n};
}

bool setun_gguf_next(setun_gguf_cursor *cursor, const char **out_text, size_t *out_bytes)
{
    if (cursor->n_left == 0)
        return false;
    *out_bytes = (size_t)setun_gguf_number(cursor->at, 8);
    *out_text  = (const char *)cursor->at + 8;
    cursor->at += 8 + *out_bytes;
    cursor->n_left--;
    return true;
}
