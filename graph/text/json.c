/* json.c - reading fields of tokenizer.json with their types checked; every refusal names the place. */
#include <string.h>

#include "text/text.h"

const char *setun_json_kind(const json_t *value)
{
    if (value == NULL)
        return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number with a fraction";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    }
    return "something unknown";
}

setun_status setun_json_expected(const setun_json_file *file, const char *where, const char *expected, const json_t *value,
                                 setun_error *error)
{
    return setun_fail(error, SETUN_ERR_FORMAT, "%s: %s: expected %s, found %s", file->path, where, expected,
                      setun_json_kind(value));
}

static setun_status field_expected(const setun_json_file *file, const char *where, const char *key, const char *expected,
                                   const json_t *value, setun_error *error)
{
    return setun_fail(error, SETUN_ERR_FORMAT, "%s: %s.%s: expected %s, found %s", file->path, where, key, expected,
                      setun_json_kind(value));
}

setun_status setun_json_bool(const setun_json_file *file, const char *where, const json_t *object, const char *key, bool fallback,
                             bool *out, setun_error *error)
{
    const json_t *value = json_object_get(object, key);

    if (value != NULL && !json_is_null(value))
        return setun_json_need_bool(file, where, object, key, out, error);
    *out = fallback;
    return SETUN_OK;
}

setun_status setun_json_need_bool(const setun_json_file *file, const char *where, const json_t *object, const char *key, bool *out,
                                  setun_error *error)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_boolean(value))
        return field_expected(file, where, key, "true or false", value, error);
    *out = json_is_true(value);
    return SETUN_OK;
}

setun_status setun_json_need_string(const setun_json_file *file, const char *where, const json_t *object, const char *key,
                                    const char **out, size_t *out_bytes, setun_error *error)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value))
        return field_expected(file, where, key, "a string", value, error);
    *out = json_string_value(value);
    *out_bytes = json_string_length(value);
    return SETUN_OK;
}

setun_status setun_json_type(const setun_json_file *file, const char *where, const json_t *object, const char **out_type,
                             setun_error *error)
{
    size_t n_bytes;

    if (!json_is_object(object))
        return setun_json_expected(file, where, "an object", object, error);
    return setun_json_need_string(file, where, object, "type", out_type, &n_bytes, error);
}
