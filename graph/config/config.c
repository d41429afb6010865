/* config.c - a file of runtime settings: one reader for each key, and what may be asked of the settings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "setun/topology.h"

setun_status setun_config_read_text(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, const char *what,
                                    const char **out_text, setun_error *error)
{
    char found[64];

    if (node->kind != SETUN_YAML_SCALAR || node->text[0] == '\0')
        return setun_yaml_fail(yaml, node, error, "%s: expected a text, found %s", what, setun_yaml_describe(node, found));
    for (const char *c = node->text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return setun_yaml_fail(yaml, node, error, "%s: expected a text of one line, found the character 0x%02x", what, (unsigned char)*c);
    *out_text = setun_pool_strndup(&config->pool, node->text, strlen(node->text));
    return *out_text == NULL ? setun_fail_nomem(error, setun_yaml_path(yaml), strlen(node->text)) : SETUN_OK;
}

setun_status setun_config_read_word(const setun_yaml *yaml, const setun_yaml_node *node, const char *what, const char *const *words,
                                    size_t n_words, size_t *out_index, setun_error *error)
{
    char found[64], list[256] = "";
    size_t used = 0;
    const char *nearest = NULL;

    for (size_t i = 0; node->kind == SETUN_YAML_SCALAR && i < n_words; i++)
        if (strcmp(node->text, words[i]) == 0) {
            *out_index = i;
            return SETUN_OK;
        }
    for (size_t i = 0; i < n_words && used < sizeof(list); i++)
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ", words[i]);
    if (node->kind == SETUN_YAML_SCALAR)
        nearest = setun_nearest_word(node->text, words, n_words);
    if (nearest != NULL)
        return setun_yaml_fail(yaml, node, error, "%s: expected one of %s, found %s, did you mean '%s'?", what, list,
                               setun_yaml_describe(node, found), nearest);
    return setun_yaml_fail(yaml, node, error, "%s: expected one of %s, found %s", what, list, setun_yaml_describe(node, found));
}

static setun_status read_threads(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error)
{
    int64_t value;
    const setun_status status = setun_yaml_read_count(yaml, node, "threads", 1, SETUN_MAX_THREADS, &value, error);

    if (status == SETUN_OK)
        config->options.n_threads = (uint32_t)value;
    return status;
}

static setun_status read_chunk(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error)
{
    int64_t value;
    const setun_status status = setun_yaml_read_count(yaml, node, "chunk", 1, 65536, &value, error); /* as --chunk */

    if (status == SETUN_OK)
        config->options.chunk = (uint32_t)value;
    return status;
}

static setun_status read_weight_memory(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error)
{
    int64_t mib;
    const setun_status status = setun_yaml_read_count(yaml, node, "weight_memory", 1, 1 << 30, &mib, error); /* as --weight-memory */

    if (status == SETUN_OK)
        config->options.weight_bytes = (uint64_t)mib << 20;
    return status;
}

static setun_status read_context(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error)
{
    return setun_yaml_read_count(yaml, node, "context", 1, INT32_MAX, &config->options.context, error);
}

static setun_status read_kv(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error)
{
    static const char *const words[] = {[SETUN_KV_F16] = "f16", [SETUN_KV_F32] = "f32"};
    size_t value;
    const setun_status status = setun_config_read_word(yaml, node, "kv", words, SETUN_COUNT(words), &value, error);

    if (status == SETUN_OK) {
        config->options.kv = (int)value;
        config->has_kv = true;
    }
    return status;
}

static setun_status read_head(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error)
{
    static const char *const words[] = {[SETUN_HEAD_AUTO] = "auto", [SETUN_HEAD_FULL] = "full", [SETUN_HEAD_SCREENED] = "screened",
                                        [SETUN_HEAD_RESIDENT] = "resident", [SETUN_HEAD_INT8] = "int8"};
    size_t value;
    const setun_status status = setun_config_read_word(yaml, node, "head", words, SETUN_COUNT(words), &value, error);

    if (status == SETUN_OK)
        config->options.head = (int)value;
    return status;
}

/* false sets *out_not, true clears it. */
static setun_status read_permission(const setun_yaml *yaml, const setun_yaml_node *node, const char *what, bool *out_not, setun_error *error)
{
    static const char *const words[] = {"false", "true"};
    size_t value;
    const setun_status status = setun_config_read_word(yaml, node, what, words, SETUN_COUNT(words), &value, error);

    if (status == SETUN_OK)
        *out_not = value == 0;
    return status;
}

static setun_status read_allow_scalar(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error)
{
    return read_permission(yaml, node, "allow_scalar", &config->options.no_scalar, error);
}

static setun_status read_fuse(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error)
{
    return read_permission(yaml, node, "fuse", &config->options.no_fuse, error);
}

static setun_status read_replicate(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error)
{
    return read_permission(yaml, node, "replicate", &config->options.no_replicate, error);
}

static setun_status read_model(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error)
{
    return setun_config_read_text(config, yaml, node, "model", &config->model, error);
}

static setun_status read_tuning(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error)
{
    return setun_config_read_text(config, yaml, node, "tuning", &config->tuning, error);
}

/* A list of texts without `separator` in them, joined by it. */
static setun_status read_list(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, const char *what, char separator,
                              const char **out_joined, setun_error *error)
{
    char *joined = NULL, found[64];

    if (node->kind != SETUN_YAML_SEQUENCE || node->n == 0)
        return setun_yaml_fail(yaml, node, error, "%s: expected a list, found %s", what,
                               node->kind == SETUN_YAML_SEQUENCE ? "an empty one" : setun_yaml_describe(node, found));
    for (size_t i = 0; i < node->n; i++) {
        const setun_yaml_node *item = &node->items[i];
        const char *text;
        setun_status status = setun_config_read_text(config, yaml, item, what, &text, error);

        if (status == SETUN_OK && strchr(text, separator) != NULL)
            status = setun_yaml_fail(yaml, item, error, "%s: a name in this list cannot have a '%c'", what, separator);
        if (status != SETUN_OK)
            return status;
        joined = setun_pool_printf(&config->pool, "%s%.1s%s", i == 0 ? "" : joined, i == 0 ? "" : &separator, text);
        if (joined == NULL)
            return setun_fail_nomem(error, setun_yaml_path(yaml), strlen(text));
    }
    *out_joined = joined;
    return SETUN_OK;
}

static setun_status read_backends(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error)
{
    return read_list(config, yaml, node, "backends", ',', &config->options.backends, error);
}

static setun_status read_avoid(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error)
{
    return read_list(config, yaml, node, "avoid", ',', &config->options.avoid, error);
}

static setun_status read_plugins(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error)
{
    return read_list(config, yaml, node, "plugins", ':', &config->plugin_path, error);
}

static const struct {
    const char *name;
    setun_status (*read)(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error);
} keys[] = {
    {"model", read_model},       {"plugins", read_plugins},           {"threads", read_threads},
    {"chunk", read_chunk},       {"context", read_context},           {"kv", read_kv},             {"head", read_head},
    {"backends", read_backends}, {"allow_scalar", read_allow_scalar}, {"kernels", setun_config_read_rules},
    {"avoid", read_avoid},       {"fuse", read_fuse},                 {"replicate", read_replicate},
    {"tuning", read_tuning},     {"weight_memory", read_weight_memory},
};

static setun_status read_root(setun_config *config, const setun_yaml *yaml, setun_error *error)
{
    const setun_yaml_node *root = setun_yaml_root(yaml);
    const char *names[SETUN_COUNT(keys)];
    setun_status status;

    for (size_t i = 0; i < SETUN_COUNT(keys); i++)
        names[i] = keys[i].name;
    status = setun_yaml_check_keys(yaml, root, "settings", names, SETUN_COUNT(keys), error);
    for (size_t i = 0; i < SETUN_COUNT(keys) && status == SETUN_OK; i++) {
        const setun_yaml_node *value = setun_yaml_get(root, keys[i].name);

        if (value != NULL)
            status = keys[i].read(config, yaml, value, error);
    }
    return status;
}

static setun_status make(const setun_yaml *yaml, setun_config **out_config, setun_error *error)
{
    setun_config *config = setun_calloc(1, sizeof(*config));
    setun_status status;

    if (config == NULL)
        return setun_fail_nomem(error, setun_yaml_path(yaml), sizeof(*config));
    status = read_root(config, yaml, error);
    if (status != SETUN_OK) {
        setun_config_close(config);
        return status;
    }
    *out_config = config;
    return SETUN_OK;
}

setun_status setun_config_parse(const char *name, const char *text, size_t n_bytes, setun_config **out_config, setun_error *error)
{
    setun_yaml *yaml;
    setun_status status = setun_yaml_parse(name, text, n_bytes, &yaml, error);

    if (status != SETUN_OK)
        return status;
    status = make(yaml, out_config, error);
    setun_yaml_close(yaml);
    return status;
}

setun_status setun_config_open(const char *path, setun_config **out_config, setun_error *error)
{
    setun_yaml *yaml;
    setun_status status = setun_yaml_open(path, &yaml, error);

    if (status != SETUN_OK)
        return status;
    status = make(yaml, out_config, error);
    setun_yaml_close(yaml);
    return status;
}

void setun_config_close(setun_config *config)
{
    if (config == NULL)
        return;
    setun_pool_free(&config->pool);
    free(config);
}

void setun_config_apply(const setun_config *config, setun_session_options *options)
{
    const setun_session_options *said = &config->options;

    if (said->n_threads != 0)
        options->n_threads = said->n_threads;
    if (said->chunk != 0)
        options->chunk = said->chunk;
    if (said->weight_bytes != 0)
        options->weight_bytes = said->weight_bytes;
    if (said->context != 0)
        options->context = said->context;
    if (config->has_kv)
        options->kv = said->kv;
    if (said->head != SETUN_HEAD_AUTO)
        options->head = said->head;
    if (said->backends != NULL)
        options->backends = said->backends;
    if (said->avoid != NULL)
        options->avoid = said->avoid;
    options->no_scalar = options->no_scalar || said->no_scalar;
    options->no_fuse = options->no_fuse || said->no_fuse;
    options->no_replicate = options->no_replicate || said->no_replicate;
    if (said->n_rules > 0) {
        options->rules   = said->rules;
        options->n_rules = said->n_rules;
    }
}

const char *setun_config_model(const setun_config *config)
{
    return config->model;
}

const char *setun_config_tuning(const setun_config *config)
{
    return config->tuning;
}

const char *setun_config_plugin_path(const setun_config *config)
{
    const char *environment = getenv("SETUN_PLUGIN_PATH");

    return environment != NULL && environment[0] != '\0' ? NULL : config->plugin_path;
}
