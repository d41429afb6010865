/* hf_config.c - the JSON files of a Hugging Face folder: architecture, metadata, scale rule, tokens that begin and end a text. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "weights/json_file.h"
#include "weights/reader.h"

enum {
    META_MAX_DEPTH = 8,        /* keys of a dotted path; real configurations use 3 */
    META_MAX_BYTES = 16 << 20  /* all dotted paths together: nested long keys multiply */
};

/* The folder's files; those that may be missing are NULL then. */
struct sources {
    const char *config_path, *generation_path, *tokenizer_path;
    json_t     *config, *generation, *tokenizer;
};

/* Paths, in the pool, and contents of the folder's files. */
static setun_status load_sources(const char *folder, setun_pool *pool, bool needs_config, struct sources *sources, setun_error *error)
{
    setun_status status;

    sources->config_path = setun_pool_printf(pool, "%s/config.json", folder);
    sources->generation_path = setun_pool_printf(pool, "%s/generation_config.json", folder);
    sources->tokenizer_path = setun_pool_printf(pool, "%s/tokenizer_config.json", folder);
    if (sources->config_path == NULL || sources->generation_path == NULL || sources->tokenizer_path == NULL)
        return setun_fail_nomem(error, "paths", strlen(folder));

    status = setun_json_load(sources->config_path, 0, &sources->config, error);
    if (status == SETUN_ERR_NOT_FOUND && !needs_config)
        status = SETUN_OK;
    if (status == SETUN_OK) {
        status = setun_json_load(sources->generation_path, 0, &sources->generation, error);
        if (status == SETUN_ERR_NOT_FOUND)
            status = SETUN_OK;
    }
    if (status == SETUN_OK) {
        /* As reals, because "model_max_length" is often 1000000000000000019884624838656 here, which no integer holds. */
        status = setun_json_load(sources->tokenizer_path, JSON_DECODE_INT_AS_REAL, &sources->tokenizer, error);
        if (status == SETUN_ERR_NOT_FOUND)
            status = SETUN_OK;
    }
    return status;
}

static void close_sources(struct sources *sources)
{
    json_decref(sources->config);
    json_decref(sources->generation);
    json_decref(sources->tokenizer);
}

static setun_status fail_value(const char *path, const char *key, const char *expected, const json_t *found, setun_error *error)
{
    char shown[SETUN_SHOWN_BYTES];

    return setun_fail(error, SETUN_ERR_FORMAT, "%s: %s: expected %s, found %s", path, key, expected, setun_json_show(found, shown));
}

/* NULL for a key that is absent or null. */
static json_t *get(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    return json_is_null(value) ? NULL : value;
}

/* A copy of a JSON string in the pool. */
static setun_status copy_string(setun_pool *pool, const json_t *value, const char **out_text, setun_error *error)
{
    *out_text = setun_pool_strndup(pool, json_string_value(value), json_string_length(value));
    return *out_text == NULL ? setun_fail_nomem(error, "string", json_string_length(value) + 1) : SETUN_OK;
}

static setun_status read_architecture(setun_weights *weights, const struct sources *sources, setun_error *error)
{
    const json_t *list = get(sources->config, "architectures"), *first = json_array_get(list, 0);

    if (!json_is_array(list) || !json_is_string(first) || json_string_length(first) == 0)
        return fail_value(sources->config_path, "architectures", "an array that starts with a name", list, error);
    return copy_string(&weights->pool, first, &weights->architecture, error);
}

/* Modules that stay as they are: the head always does; the graphs of ternary families know no other. */
static setun_status check_not_converted(const char *path, const json_t *list, setun_error *error)
{
    if (list != NULL && !json_is_array(list))
        return fail_value(path, "quantization_config.modules_to_not_convert", "an array of names", list, error);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));

        if (name == NULL || strcmp(name, "lm_head") != 0) {
            (void)fail_value(path, "quantization_config.modules_to_not_convert", "\"lm_head\" alone", list, error);
            return SETUN_ERR_UNSUPPORTED;
        }
    }
    return SETUN_OK;
}

static setun_status read_scale_rule(const struct sources *sources, setun_hf_config *config, setun_error *error)
{
    const json_t *quantization = get(sources->config, "quantization_config"), *method, *linear_class;
    const char *name;
    setun_status status;
    char shown[SETUN_SHOWN_BYTES];

    config->says_scale = quantization != NULL;
    config->scale_divides = true; /* what a quantization_config without linear_class means */
    if (quantization == NULL)
        return SETUN_OK;
    if (!json_is_object(quantization))
        return fail_value(sources->config_path, "quantization_config", "an object", quantization, error);

    method = get(quantization, "quant_method");
    if (method != NULL && !json_is_string(method))
        return fail_value(sources->config_path, "quantization_config.quant_method", "a string", method, error);
    if (method != NULL && strcmp(json_string_value(method), "bitnet") != 0)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: quantization_config.quant_method: expected \"bitnet\", found %s",
                          sources->config_path, setun_json_show(method, shown));

    status = check_not_converted(sources->config_path, get(quantization, "modules_to_not_convert"), error);
    if (status != SETUN_OK)
        return status;
    linear_class = get(quantization, "linear_class");
    if (linear_class == NULL)
        return SETUN_OK;
    name = json_string_value(linear_class);
    if (name == NULL)
        return fail_value(sources->config_path, "quantization_config.linear_class", "a string", linear_class, error);
    if (strcmp(name, "autobitlinear") == 0)
        config->scale_divides = false;
    else if (strcmp(name, "bitlinear") != 0)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED,
                          "%s: quantization_config.linear_class: expected \"autobitlinear\" or \"bitlinear\", found %s",
                          sources->config_path, setun_json_show(linear_class, shown));
    return SETUN_OK;
}

/* Adds every key of `object` below `prefix` to the metadata under its dotted path. Nulls are absent. */
static setun_status flatten(setun_weights *weights, const json_t *object, const char *prefix, unsigned depth, size_t *n_bytes,
                            setun_error *error)
{
    const char *key;
    json_t *value;
    setun_status status = SETUN_OK;

    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        setun_meta_entry entry = {.key = NULL};

        if (json_is_null(value))
            continue;
        *n_bytes += strlen(prefix) + strlen(key) + 2;
        if (*n_bytes > META_MAX_BYTES)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: expected keys of at most %d bytes together, found more", weights->config_path,
                              (int)META_MAX_BYTES);
        entry.key = depth == 0 ? setun_pool_strndup(&weights->pool, key, strlen(key))
                               : setun_pool_printf(&weights->pool, "%s.%s", prefix, key);
        if (entry.key == NULL)
            return setun_fail_nomem(error, "metadata", *n_bytes);

        if (json_is_integer(value)) {
            entry.meta.type = SETUN_META_INT;
            entry.meta.i = json_integer_value(value);
        } else if (json_is_real(value)) {
            entry.meta.type = SETUN_META_FLOAT;
            entry.meta.f = json_real_value(value);
        } else if (json_is_boolean(value)) {
            entry.meta.type = SETUN_META_BOOL;
            entry.meta.i = json_is_true(value);
        } else if (json_is_string(value)) {
            entry.meta.type = SETUN_META_STRING;
            status = copy_string(&weights->pool, value, &entry.meta.s, error);
        } else if (json_is_array(value)) {
            entry.composite = "an array";
        } else {
            entry.composite = "an object";
            if (depth + 1 < META_MAX_DEPTH)
                status = flatten(weights, value, entry.key, depth + 1, n_bytes, error);
        }
        if (status == SETUN_OK)
            status = setun_weights_add_meta(weights, &entry, error);
        if (status != SETUN_OK)
            return status;
    }
    return SETUN_OK;
}

/* One token id below vocab. */
static setun_status read_id(const char *path, const char *key, const json_t *value, int64_t vocab, int32_t *out_id, setun_error *error)
{
    char expected[64];

    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) >= vocab) {
        (void)snprintf(expected, sizeof(expected), "a token id of 0 to %" PRId64, vocab - 1);
        return fail_value(path, key, expected, value, error);
    }
    *out_id = (int32_t)json_integer_value(value);
    return SETUN_OK;
}

static setun_status add_stop(setun_text_settings *text, const char *path, const json_t *value, int64_t vocab, setun_error *error)
{
    int32_t id = 0; /* here and below: gcc at -O3 does not see that read_id sets it */
    setun_status status = read_id(path, "eos_token_id", value, vocab, &id, error);

    if (status != SETUN_OK)
        return status;
    for (size_t i = 0; i < text->n_stops; i++)
        if (text->stops[i] == id)
            return SETUN_OK;
    if (text->n_stops == SETUN_COUNT(text->stops))
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: eos_token_id: expected at most %zu tokens that end a text, found more", path,
                          SETUN_COUNT(text->stops));
    text->stops[text->n_stops++] = id;
    return SETUN_OK;
}

/* bos_token_id and eos_token_id of one file; the first file that names a BOS decides. */
static setun_status read_ids(setun_text_settings *text, const char *path, const json_t *object, int64_t vocab, setun_error *error)
{
    const json_t *bos = get(object, "bos_token_id"), *eos = get(object, "eos_token_id");
    setun_status status;

    if (bos != NULL) {
        int32_t id = 0;

        if (json_is_array(bos) && json_array_size(bos) == 1)
            bos = json_array_get(bos, 0);
        status = read_id(path, "bos_token_id", bos, vocab, &id, error);
        if (status != SETUN_OK)
            return status;
        if (text->bos < 0)
            text->bos = id;
    }
    if (eos == NULL)
        return SETUN_OK;
    if (!json_is_array(eos))
        return add_stop(text, path, eos, vocab, error);
    for (size_t i = 0; i < json_array_size(eos); i++) {
        status = add_stop(text, path, json_array_get(eos, i), vocab, error);
        if (status != SETUN_OK)
            return status;
    }
    return SETUN_OK;
}

/* "bos_token": "<s>", or {"content": "<s>", ...}. */
static setun_status read_token_text(setun_pool *pool, const struct sources *sources, const char *key, const char **out_text,
                                    setun_error *error)
{
    const json_t *value = get(sources->tokenizer, key), *text = json_is_object(value) ? json_object_get(value, "content") : value;

    if (value == NULL)
        return SETUN_OK;
    if (!json_is_string(text) || json_string_length(text) == 0)
        return fail_value(sources->tokenizer_path, key, "a token's text, or an object with it as content", value, error);
    return copy_string(pool, text, out_text, error);
}

static setun_status read_text_settings(setun_pool *pool, const struct sources *sources, setun_text_settings *text, setun_error *error)
{
    const json_t *size = get(sources->config, "vocab_size"), *add = get(sources->tokenizer, "add_bos_token");
    int64_t vocab = INT32_MAX;
    setun_status status;

    if (size != NULL) {
        if (!json_is_integer(size) || json_integer_value(size) < 1 || json_integer_value(size) > INT32_MAX)
            return fail_value(sources->config_path, "vocab_size", "a number of tokens", size, error);
        vocab = json_integer_value(size);
    }
    status = read_ids(text, sources->config_path, sources->config, vocab, error);
    if (status == SETUN_OK)
        status = read_ids(text, sources->generation_path, sources->generation, vocab, error);
    if (status == SETUN_OK)
        status = read_token_text(pool, sources, "bos_token", &text->bos_text, error);
    if (status == SETUN_OK)
        status = read_token_text(pool, sources, "eos_token", &text->eos_text, error);
    if (status != SETUN_OK)
        return status;
    if (add != NULL && !json_is_boolean(add))
        return fail_value(sources->tokenizer_path, "add_bos_token", "true or false", add, error);
    text->add_bos = add != NULL ? json_is_true(add) : text->bos >= 0 || (sources->config == NULL && text->bos_text != NULL);
    return SETUN_OK;
}

setun_status setun_hf_read_config(setun_weights *weights, setun_hf_config *out_config, setun_error *error)
{
    struct sources sources = {.config = NULL};
    size_t n_meta_bytes = 0;
    setun_status status = load_sources(weights->path, &weights->pool, true, &sources, error);

    weights->config_path = sources.config_path;
    if (status == SETUN_OK)
        status = read_architecture(weights, &sources, error);
    if (status == SETUN_OK)
        status = read_scale_rule(&sources, out_config, error);
    if (status == SETUN_OK)
        status = read_text_settings(&weights->pool, &sources, &weights->text, error);
    if (status == SETUN_OK)
        status = flatten(weights, sources.config, "", 0, &n_meta_bytes, error);
    close_sources(&sources);
    return status;
}

setun_status setun_hf_read_text(const char *folder, setun_pool *pool, setun_text_settings *out_text, setun_error *error)
{
    struct sources sources = {.config = NULL};
    setun_status status = load_sources(folder, pool, false, &sources, error);

    *out_text = (setun_text_settings){.bos = -1};
    if (status == SETUN_OK)
        status = read_text_settings(pool, &sources, out_text, error);
    close_sources(&sources);
    return status;
}
