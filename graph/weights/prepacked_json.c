/* prepacked_json.c - the JSON of Setun's own files: every key that there is must be there, and no other. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/fmts.h"
#include "weights/json_file.h"
#include "weights/prepacked.h"

enum { WHERE_BYTES = 64 };

static const char *const tokenizer_names[SETUN_PREPACKED_N_TOKENIZERS] = {
    [SETUN_PREPACKED_TOKENIZER_JSON] = "tokenizer.json",
    [SETUN_PREPACKED_TOKENIZER_GGUF] = "gguf",
};

const char *setun_prepacked_tokenizer_name(enum setun_prepacked_tokenizer kind)
{
    return tokenizer_names[kind];
}

/* The file being read; its path for errors, its pool for what stays. */
typedef struct reading {
    const char  *path;
    setun_pool  *pool;
    setun_error *error;
} reading;

/* "<path>: <where>.<key>: expected <expected>, found <value>"; where or key may be "". */
static setun_status fail_value(const reading *r, const char *where, const char *key, const char *expected, const json_t *found)
{
    char shown[SETUN_SHOWN_BYTES];

    return setun_fail(r->error, SETUN_ERR_FORMAT, "%s: %s%s%s: expected %s, found %s", r->path, where, where[0] != '\0' && key[0] != '\0' ? "." : "",
                      key, expected, setun_json_show(found, shown));
}

/* An object whose keys are all among `known`. */
static setun_status check_keys(const reading *r, const char *where, const json_t *object, const char *const *known, size_t n_known)
{
    const char *key;
    json_t *value;
    char shown[SETUN_SHOWN_BYTES];

    if (!json_is_object(object))
        return fail_value(r, where, "", "an object", object);
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        size_t i = 0;

        while (i < n_known && strcmp(known[i], key) != 0)
            i++;
        if (i == n_known)
            return setun_fail(r->error, SETUN_ERR_FORMAT, "%s: %s%sunknown key %s", r->path, where, where[0] != '\0' ? ": " : "",
                              setun_text_show(key, shown));
    }
    return SETUN_OK;
}

/* A copy of a string that is not empty and of one line; *out_text is in the pool. */
static setun_status read_text(const reading *r, const char *where, const char *key, const json_t *value, size_t max_bytes, const char **out_text)
{
    const char *text = json_string_value(value);
    const size_t n_bytes = json_string_length(value);

    if (text == NULL || n_bytes == 0 || n_bytes > max_bytes)
        return fail_value(r, where, key, "a text that is neither empty nor too long", value);
    for (size_t i = 0; i < n_bytes; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return fail_value(r, where, key, "a text without control characters", value);
    *out_text = setun_pool_strndup(r->pool, text, n_bytes);
    return *out_text == NULL ? setun_fail_nomem(r->error, r->path, n_bytes) : SETUN_OK;
}

static setun_status read_int(const reading *r, const char *where, const char *key, const json_t *value, int64_t min, int64_t max, int64_t *out)
{
    char expected[96];

    if (json_is_integer(value) && json_integer_value(value) >= min && json_integer_value(value) <= max) {
        *out = json_integer_value(value);
        return SETUN_OK;
    }
    (void)snprintf(expected, sizeof(expected), "a whole number from %" PRId64 " to %" PRId64, min, max);
    return fail_value(r, where, key, expected, value);
}

/* "offset", from where the data begin, "bytes" and "xxh3" of an object. */
static setun_status read_section(const reading *r, const char *where, const json_t *object, setun_prepacked_section *out)
{
    const json_t *hash = json_object_get(object, "xxh3");
    const char *digits = json_string_value(hash);
    int64_t offset = 0, n_bytes = 0;
    setun_status status = read_int(r, where, "offset", json_object_get(object, "offset"), 0, SETUN_PREPACKED_MAX_BYTES, &offset);

    if (status == SETUN_OK && offset % SETUN_PREPACKED_ALIGN != 0)
        status = fail_value(r, where, "offset", "a multiple of 4096", json_object_get(object, "offset"));
    if (status == SETUN_OK)
        status = read_int(r, where, "bytes", json_object_get(object, "bytes"), 1, SETUN_PREPACKED_MAX_BYTES, &n_bytes);
    if (status != SETUN_OK)
        return status;
    if (digits == NULL || json_string_length(hash) != 16 || strspn(digits, "0123456789abcdef") != 16)
        return fail_value(r, where, "xxh3", "16 hexadecimal digits", hash);
    *out = (setun_prepacked_section){(uint64_t)offset, (uint64_t)n_bytes, strtoull(digits, NULL, 16)};
    return SETUN_OK;
}

static setun_status read_source(const reading *r, const json_t *value, enum setun_source *out)
{
    for (int i = 0; i < SETUN_N_SOURCES; i++)
        if (json_is_string(value) && strcmp(json_string_value(value), setun_source_name((enum setun_source)i)) == 0) {
            *out = (enum setun_source)i;
            return SETUN_OK;
        }
    return fail_value(r, "source", "", "\"huggingface\" or \"gguf\"", value);
}

/* Scalars as they are; an empty array or object says that the source had one under this key. */
static setun_status read_meta(const reading *r, const char *key, const json_t *value, setun_meta_entry *out)
{
    setun_meta_entry entry = {.key = setun_pool_strndup(r->pool, key, strlen(key))};

    if (entry.key == NULL)
        return setun_fail_nomem(r->error, r->path, strlen(key));
    if (json_is_integer(value)) {
        entry.meta = (setun_meta){.type = SETUN_META_INT, .i = json_integer_value(value)};
    } else if (json_is_real(value)) {
        entry.meta = (setun_meta){.type = SETUN_META_FLOAT, .f = json_real_value(value)};
    } else if (json_is_boolean(value)) {
        entry.meta = (setun_meta){.type = SETUN_META_BOOL, .i = json_is_true(value)};
    } else if (json_is_string(value)) {
        entry.meta = (setun_meta){.type = SETUN_META_STRING,
                                  .s = setun_pool_strndup(r->pool, json_string_value(value), json_string_length(value))};
        if (entry.meta.s == NULL)
            return setun_fail_nomem(r->error, r->path, json_string_length(value));
    } else if (json_is_array(value) && json_array_size(value) == 0) {
        entry.composite = "an array";
    } else if (json_is_object(value) && json_object_size(value) == 0) {
        entry.composite = "an object";
    } else {
        return fail_value(r, "metadata", "", "numbers, strings, booleans, [] and {}", value);
    }
    *out = entry;
    return SETUN_OK;
}

static setun_status read_metadata(const reading *r, const json_t *object, setun_prepacked *out)
{
    const char *key;
    json_t *value;

    if (!json_is_object(object))
        return fail_value(r, "metadata", "", "an object", object);
    out->metas = setun_pool_alloc(r->pool, json_object_size(object) * sizeof(*out->metas));
    if (out->metas == NULL)
        return setun_fail_nomem(r->error, r->path, json_object_size(object) * sizeof(*out->metas));
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        const setun_status status = read_meta(r, key, value, &out->metas[out->n_metas]);

        if (status != SETUN_OK)
            return status;
        out->n_metas++;
    }
    return SETUN_OK;
}

static setun_status read_text_settings(const reading *r, const json_t *object, setun_text_settings *out)
{
    static const char *const known[] = {"bos", "add_bos", "stops", "bos_text", "eos_text"};
    const json_t *stops = json_object_get(object, "stops"), *add_bos = json_object_get(object, "add_bos");
    const json_t *bos_text = json_object_get(object, "bos_text"), *eos_text = json_object_get(object, "eos_text");
    int64_t id = -1;
    setun_status status = check_keys(r, "text", object, known, SETUN_COUNT(known));

    if (status == SETUN_OK)
        status = read_int(r, "text", "bos", json_object_get(object, "bos"), -1, INT32_MAX, &id);
    if (status != SETUN_OK)
        return status;
    out->bos = (int32_t)id;
    if (!json_is_boolean(add_bos))
        return fail_value(r, "text", "add_bos", "true or false", add_bos);
    out->add_bos = json_is_true(add_bos);
    if (!json_is_array(stops) || json_array_size(stops) > SETUN_COUNT(out->stops))
        return fail_value(r, "text", "stops", "an array of at most 16 ids", stops);
    for (size_t i = 0; i < json_array_size(stops); i++) {
        status = read_int(r, "text", "stops", json_array_get(stops, i), 0, INT32_MAX, &id);
        if (status != SETUN_OK)
            return status;
        out->stops[out->n_stops++] = (int32_t)id;
    }
    if (bos_text != NULL)
        status = read_text(r, "text", "bos_text", bos_text, SETUN_PREPACKED_MAX_NAME, &out->bos_text);
    if (status == SETUN_OK && eos_text != NULL)
        status = read_text(r, "text", "eos_text", eos_text, SETUN_PREPACKED_MAX_NAME, &out->eos_text);
    return status;
}

static setun_status read_tokenizer(const reading *r, const json_t *object, setun_prepacked *out)
{
    static const char *const known[] = {"kind", "offset", "bytes", "xxh3"};
    const json_t *kind = json_object_get(object, "kind");
    setun_status status = check_keys(r, "tokenizer", object, known, SETUN_COUNT(known));

    if (status != SETUN_OK)
        return status;
    for (int i = 0; i < SETUN_PREPACKED_N_TOKENIZERS; i++)
        if (json_is_string(kind) && strcmp(json_string_value(kind), tokenizer_names[i]) == 0) {
            out->tokenizer = (enum setun_prepacked_tokenizer)i;
            return read_section(r, "tokenizer", object, &out->tokenizer_section);
        }
    return fail_value(r, "tokenizer", "kind", "\"tokenizer.json\" or \"gguf\"", kind);
}

/* Dims from 1 on, whose product is a number of elements. */
static setun_status read_dims(const reading *r, const char *where, const json_t *dims, setun_weight *out)
{
    int64_t n_elements = 1;

    if (!json_is_array(dims) || json_array_size(dims) > 4)
        return fail_value(r, where, "dims", "an array of at most 4 numbers", dims);
    out->n_dims = (uint32_t)json_array_size(dims);
    for (uint32_t i = 0; i < 4; i++) {
        setun_status status;

        out->dim[i] = 1;
        if (i >= out->n_dims)
            continue;
        status = read_int(r, where, "dims", json_array_get(dims, i), 1, INT64_MAX, &out->dim[i]);
        if (status != SETUN_OK)
            return status;
    }
    return setun_mul_dims(out->dim, 4, &n_elements) ? SETUN_OK : fail_value(r, where, "dims", "numbers with a product below 2^63", dims);
}

static setun_status read_scale(const reading *r, const char *where, const json_t *value, setun_weight *out)
{
    const double scale = json_number_value(value); /* 0 for what is none */

    out->scale = 1.0f;
    if (value == NULL)
        return SETUN_OK;
    if (!(scale > 0 && scale <= (double)3.4028234663852886e38f && (double)(float)scale == scale))
        return fail_value(r, where, "scale", "a finite number above 0 that a float can hold", value);
    if (strncmp(out->fmt, "tern", 4) != 0) {
        char expected[32 + SETUN_FMT_NAME_BYTES];

        (void)snprintf(expected, sizeof(expected), "none beside %.47s", out->fmt);
        return fail_value(r, where, "scale", expected, value);
    }
    out->scale     = (float)scale;
    out->has_scale = true;
    return SETUN_OK;
}

/* The screen beside a tensor: its parts' sections. */
static setun_status read_screen(const reading *r, const char *where, const json_t *array, setun_prepacked_tensor *out)
{
    static const char *const known[] = {"offset", "bytes", "xxh3"};
    setun_status status = SETUN_OK;

    if (array == NULL)
        return SETUN_OK;
    if (out->weight.n_dims != 2 || (strcmp(out->weight.fmt, "f16") != 0 && strcmp(out->weight.fmt, "bf16") != 0))
        return fail_value(r, where, "screen", "none but of a matrix in f16 or bf16", array);
    if (!json_is_array(array) || json_array_size(array) != SETUN_WEIGHT_SCREEN_PARTS)
        return fail_value(r, where, "screen", "an array of 5 sections", array);
    out->screen = setun_pool_alloc(r->pool, SETUN_WEIGHT_SCREEN_PARTS * sizeof(*out->screen));
    if (out->screen == NULL)
        return setun_fail_nomem(r->error, r->path, SETUN_WEIGHT_SCREEN_PARTS * sizeof(*out->screen));
    for (size_t i = 0; i < SETUN_WEIGHT_SCREEN_PARTS && status == SETUN_OK; i++) {
        const json_t *object = json_array_get(array, i);
        char part[WHERE_BYTES + 16];

        (void)snprintf(part, sizeof(part), "%s.screen[%zu]", where, i);
        status = check_keys(r, part, object, known, SETUN_COUNT(known));
        if (status == SETUN_OK)
            status = read_section(r, part, object, &out->screen[i]);
        if (status == SETUN_OK && out->screen[i].n_bytes > SIZE_MAX)
            status = fail_value(r, part, "bytes", "a number that this machine can address", json_object_get(object, "bytes"));
    }
    return status;
}

static setun_status read_tensor(const reading *r, size_t i, uint32_t version, const json_t *object, setun_prepacked_tensor *out)
{
    static const char *const known[] = {"name", "format", "dims", "scale", "offset", "bytes", "xxh3", "screen"};
    char where[WHERE_BYTES];
    setun_status status;

    (void)snprintf(where, sizeof(where), "tensors[%zu]", i);
    status = check_keys(r, where, object, known, SETUN_COUNT(known) - (version == SETUN_PREPACKED_VERSION_PLAIN ? 1 : 0));
    if (status == SETUN_OK)
        status = read_text(r, where, "name", json_object_get(object, "name"), SETUN_PREPACKED_MAX_NAME, &out->weight.name);
    if (status == SETUN_OK)
        status = read_text(r, where, "format", json_object_get(object, "format"), SETUN_FMT_NAME_BYTES - 1, &out->weight.fmt);
    if (status == SETUN_OK && !setun_fmt_name_valid(out->weight.fmt))
        status = fail_value(r, where, "format", "the name of one format", json_object_get(object, "format"));
    if (status == SETUN_OK)
        status = read_dims(r, where, json_object_get(object, "dims"), &out->weight);
    if (status == SETUN_OK)
        status = read_scale(r, where, json_object_get(object, "scale"), &out->weight);
    if (status == SETUN_OK)
        status = read_section(r, where, object, &out->section);
    if (status == SETUN_OK)
        status = read_screen(r, where, json_object_get(object, "screen"), out);
    if (status != SETUN_OK)
        return status;
    if (out->section.n_bytes > SIZE_MAX)
        return fail_value(r, where, "bytes", "a number that this machine can address", json_object_get(object, "bytes"));
    out->weight.n_bytes  = (size_t)out->section.n_bytes;
    out->weight.laid_out = true;
    out->weight.has_hash = true;
    out->weight.hash     = out->section.hash;
    return SETUN_OK;
}

static setun_status read_tensors(const reading *r, const json_t *array, setun_prepacked *out)
{
    const size_t n = json_array_size(array);

    if (!json_is_array(array) || n == 0)
        return fail_value(r, "tensors", "", "an array of tensors", array);
    out->tensors = setun_pool_alloc(r->pool, n * sizeof(*out->tensors));
    if (out->tensors == NULL)
        return setun_fail_nomem(r->error, r->path, n * sizeof(*out->tensors));
    for (; out->n_tensors < n; out->n_tensors++) {
        const setun_status status = read_tensor(r, out->n_tensors, out->version, json_array_get(array, out->n_tensors),
                                                &out->tensors[out->n_tensors]);

        if (status != SETUN_OK)
            return status;
    }
    return SETUN_OK;
}

setun_status setun_prepacked_parse(const char *path, const json_t *root, setun_pool *pool, setun_prepacked *out, setun_error *error)
{
    static const char *const known[] = {"source", "architecture", "metadata", "text", "tokenizer", "tensors"};
    const reading r = {path, pool, error};
    setun_status status = check_keys(&r, "", root, known, SETUN_COUNT(known));

    if (status == SETUN_OK)
        status = read_source(&r, json_object_get(root, "source"), &out->source);
    if (status == SETUN_OK)
        status = read_text(&r, "architecture", "", json_object_get(root, "architecture"), SETUN_PREPACKED_MAX_NAME, &out->architecture);
    if (status == SETUN_OK)
        status = read_metadata(&r, json_object_get(root, "metadata"), out);
    if (status == SETUN_OK)
        status = read_text_settings(&r, json_object_get(root, "text"), &out->text);
    if (status == SETUN_OK)
        status = read_tokenizer(&r, json_object_get(root, "tokenizer"), out);
    if (status == SETUN_OK)
        status = read_tensors(&r, json_object_get(root, "tensors"), out);
    return status;
}
