/* yaml.c - what may be asked of a YAML tree: root, keys, and errors that name a position. reader.c makes the tree. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "yaml/tree.h"

#ifdef __clang_analyzer__ /* yaml.h has macros of these names for it */
#undef setun_yaml_fail
#undef setun_yaml_fail_inside
#endif

enum { FILE_BYTES = 1 << 20 }; /* model files have some 10 KB */

setun_status setun_yaml_open(const char *path, setun_yaml **out_yaml, setun_error *error)
{
    char *text;
    size_t n_bytes;
    setun_status status = setun_read_file(path, FILE_BYTES, &text, &n_bytes, error);

    if (status != SETUN_OK)
        return status;
    status = setun_yaml_parse(path, text, n_bytes, out_yaml, error);
    free(text);
    return status;
}

setun_status setun_yaml_parse(const char *name, const char *text, size_t n_bytes, setun_yaml **out_yaml, setun_error *error)
{
    setun_yaml *yaml;
    setun_status status;

    if (n_bytes > FILE_BYTES)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: %zu bytes, larger than the %d bytes that such a file may have", name, n_bytes,
                          FILE_BYTES);
    yaml = setun_calloc(1, sizeof(*yaml));
    if (yaml == NULL)
        return setun_fail_nomem(error, name, sizeof(*yaml));
    yaml->path = setun_pool_strndup(&yaml->pool, name, strlen(name));
    if (yaml->path == NULL)
        status = setun_fail_nomem(error, name, strlen(name));
    else
        status = setun_yaml_read(yaml, text, n_bytes, error);
    if (status != SETUN_OK) {
        setun_yaml_close(yaml);
        return status;
    }
    *out_yaml = yaml;
    return SETUN_OK;
}

void setun_yaml_close(setun_yaml *yaml)
{
    if (yaml == NULL)
        return;
    setun_pool_free(&yaml->pool);
    free(yaml);
}

const setun_yaml_node *setun_yaml_root(const setun_yaml *yaml)
{
    return &yaml->root;
}

const char *setun_yaml_path(const setun_yaml *yaml)
{
    return yaml->path;
}

const setun_yaml_node *setun_yaml_get(const setun_yaml_node *mapping, const char *key)
{
    if (mapping->kind == SETUN_YAML_MAPPING)
        for (size_t i = 0; i < mapping->n; i++)
            if (strcmp(mapping->items[i].text, key) == 0)
                return &mapping->values[i];
    return NULL;
}

static setun_status fail_at(const setun_yaml *yaml, uint32_t line, uint32_t column, setun_error *error, const char *format, va_list args)
{
    char text[sizeof(error->text)];

    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    return setun_fail(error, SETUN_ERR_FORMAT, "%s:%u:%u: %s", yaml->path, line, column, text);
}

setun_status setun_yaml_fail(const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error, const char *format, ...)
{
    va_list args;
    setun_status status;

    va_start(args, format);
    status = fail_at(yaml, node->line, node->column, error, format, args);
    va_end(args);
    return status;
}

setun_status setun_yaml_fail_inside(const setun_yaml *yaml, const setun_yaml_node *node, size_t offset_bytes, setun_error *error,
                                    const char *format, ...)
{
    uint32_t column = node->column;
    va_list args;
    setun_status status;

    if (node->kind == SETUN_YAML_SCALAR && node->verbatim) {
        column += node->quoted;
        for (size_t i = 0; i < offset_bytes && node->text[i] != '\0'; i++)
            column += ((unsigned char)node->text[i] & 0xc0) != 0x80; /* columns count characters */
    }
    va_start(args, format);
    status = fail_at(yaml, node->line, column, error, format, args);
    va_end(args);
    return status;
}

const char *setun_yaml_describe(const setun_yaml_node *node, char text[64])
{
    if (node->kind == SETUN_YAML_SEQUENCE)
        (void)snprintf(text, 64, "a list");
    else if (node->kind == SETUN_YAML_MAPPING)
        (void)snprintf(text, 64, "a mapping");
    else if (node->text[0] == '\0' && !node->quoted)
        (void)snprintf(text, 64, "nothing");
    else
        (void)snprintf(text, 64, "'%.40s'%s", node->text, strlen(node->text) > 40 ? "..." : "");
    return text;
}

/* "a, b, c" of the known words, as many as fit. */
static void join_words(const char *const *words, size_t n, char *text, size_t n_bytes)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        int length = snprintf(text + used, n_bytes - used, "%s%s", i == 0 ? "" : ", ", words[i]);

        if (length < 0 || (size_t)length >= n_bytes - used)
            return;
        used += (size_t)length;
    }
}

setun_status setun_yaml_check_keys(const setun_yaml *yaml, const setun_yaml_node *node, const char *what,
                                   const char *const *known, size_t n_known, setun_error *error)
{
    char found[64], list[512];

    if (node->kind != SETUN_YAML_MAPPING)
        return setun_yaml_fail(yaml, node, error, "%s: expected a mapping, found %s", what, setun_yaml_describe(node, found));
    for (size_t i = 0; i < node->n; i++) {
        const setun_yaml_node *key = &node->items[i];
        const char *nearest;
        size_t k = 0;

        while (k < n_known && strcmp(key->text, known[k]) != 0)
            k++;
        if (k < n_known)
            continue;
        nearest = setun_nearest_word(key->text, known, n_known);
        if (nearest != NULL)
            return setun_yaml_fail(yaml, key, error, "%s: unknown key '%.60s', did you mean '%s'?", what, key->text, nearest);
        join_words(known, n_known, list, sizeof(list));
        return setun_yaml_fail(yaml, key, error, "%s: unknown key '%.60s', expected one of: %s", what, key->text, list);
    }
    return SETUN_OK;
}

setun_status setun_yaml_read_count(const setun_yaml *yaml, const setun_yaml_node *node, const char *what, int64_t min, int64_t max,
                                   int64_t *out_value, setun_error *error)
{
    int64_t value = 0;
    char found[64];
    bool ok = node->kind == SETUN_YAML_SCALAR && !node->quoted && node->text[0] != '\0';

    for (const char *c = ok ? node->text : ""; *c != '\0'; c++) {
        ok = ok && *c >= '0' && *c <= '9';
        if (ok && value <= max)
            value = 10 * value + (*c - '0');
    }
    if (!ok || value < min || value > max)
        return setun_yaml_fail(yaml, node, error, "%s: expected a whole number from %lld to %lld, found %s", what, (long long)min, (long long)max,
                               setun_yaml_describe(node, found));
    *out_value = value;
    return SETUN_OK;
}
