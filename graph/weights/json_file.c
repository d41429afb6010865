/* json_file.c - loads JSON with jansson and words its errors. */
#include "weights/json_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json_load.h"

setun_status setun_json_parse(const char *path, size_t offset, const char *text, size_t n_bytes, size_t flags, json_t **out_root,
                              setun_error *error)
{
    json_error_t why;
    bool no_memory;
    json_t *root = setun_json_loadb(text, n_bytes, flags | JSON_REJECT_DUPLICATES, &why, &no_memory);
    if (root == NULL) {
        if (no_memory)
            return setun_fail(error, SETUN_ERR_NOMEM, "%s: out of memory while reading JSON", path);
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: expected JSON: %s", path,
                          offset + (why.position > 0 ? (size_t)why.position : 0), why.text);
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: expected a JSON object, found an array", path, offset);
    }
    *out_root = root;
    return SETUN_OK;
}

setun_status setun_json_load(const char *path, size_t flags, json_t **out_root, setun_error *error)
{
    char *text;
    size_t n_bytes;
    setun_status status = setun_read_file(path, SETUN_JSON_MAX_BYTES, &text, &n_bytes, error);

    if (status != SETUN_OK)
        return status;
    if (n_bytes == 0)
        status = setun_fail(error, SETUN_ERR_FORMAT, "%s: byte 0: expected a JSON object, found an empty file", path);
    else
        status = setun_json_parse(path, 0, text, n_bytes, flags, out_root, error);
    free(text);
    return status;
}

/* Ends a text that may have been cut off at SETUN_SHOWN_BYTES with dots. */
static const char *finish(char text[SETUN_SHOWN_BYTES], size_t n_written)
{
    static const char dots[] = "...";

    if (n_written < SETUN_SHOWN_BYTES)
        text[n_written] = '\0';
    else {
        text[SETUN_SHOWN_BYTES - 1] = '\0';
        n_written = strlen(text); /* jansson leaves out the piece that did not fit */
        if (n_written > SETUN_SHOWN_BYTES - sizeof(dots))
            n_written = SETUN_SHOWN_BYTES - sizeof(dots);
        memcpy(text + n_written, dots, sizeof(dots));
    }
    return text;
}

const char *setun_json_show(const json_t *value, char text[SETUN_SHOWN_BYTES])
{
    if (value == NULL)
        return "nothing";
    if (json_is_object(value))
        return "an object";
    memset(text, 0, SETUN_SHOWN_BYTES);
    return finish(text, json_dumpb(value, text, SETUN_SHOWN_BYTES, JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_COMPACT));
}

const char *setun_text_show(const char *string, char text[SETUN_SHOWN_BYTES])
{
    json_t *value = json_string_nocheck(string);

    if (value == NULL)
        return "(out of memory)";
    setun_json_show(value, text);
    json_decref(value);
    return text;
}
