/* hub_table.c - reads the table of known models with libyaml's documents, and refuses whatever it does not expect. */
#include "hub_table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "command.h"
#include "io.h"
#include "options.h"

enum { MAX_TABLE_BYTES = 1 << 20 }; /* a table of thousands of models */

typedef struct table_reader {
    const char      *path;
    yaml_document_t *document;
    setun_error     *error;
} table_reader;

__attribute__((format(printf, 3, 4))) static setun_status fail_at(const table_reader *reader, const yaml_node_t *node, const char *format, ...)
{
    char text[300];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return set_error(reader->error, SETUN_ERR_FORMAT, "%s:%zu:%zu: %s", reader->path, node->start_mark.line + 1,
                     node->start_mark.column + 1, text);
}

static const yaml_node_t *node_of(const table_reader *reader, int index)
{
    return yaml_document_get_node(reader->document, index);
}

/* A scalar without NUL in it; NULL: it is something else. */
static const char *scalar(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE || strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
        return NULL;
    return (const char *)node->data.scalar.value;
}

static setun_status read_text(const table_reader *reader, const yaml_node_t *node, const char *key, const char **out_text)
{
    *out_text = scalar(node);
    if (*out_text != NULL && **out_text != '\0')
        return SETUN_OK;
    (void)fail_at(reader, node, "%s: expected a text", key);
    return SETUN_ERR_FORMAT;
}

/* Names become parts of URLs and of paths: no more than letters, digits and . _ - in each component, the first of them no dot. */
static bool is_path(const char *text, size_t max_slashes)
{
    size_t n_slashes = 0;
    bool first = true;

    for (const char *c = text; *c != '\0'; c++) {
        const bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_' || *c == '-';

        if (*c == '/') {
            if (first || ++n_slashes > max_slashes)
                return false;
            first = true;
            continue;
        }
        if (!plain && (*c != '.' || first))
            return false;
        first = false;
    }
    return !first;
}

static setun_status read_path(const table_reader *reader, const yaml_node_t *node, const char *key, size_t max_slashes, const char **out_text)
{
    setun_status status = read_text(reader, node, key, out_text);

    if (status == SETUN_OK && !is_path(*out_text, max_slashes))
        return fail_at(reader, node, "%s: expected letters, digits and . _ - with at most %zu '/' between them, found '%s'", key, max_slashes,
                       *out_text);
    return status;
}

int is_sha256(const char *text)
{
    return strlen(text) == SHA256_HEX_BYTES - 1 && strspn(text, "0123456789abcdef") == SHA256_HEX_BYTES - 1;
}

static setun_status read_file_entry(const table_reader *reader, const yaml_node_t *node, hub_file *file)
{
    setun_status status = SETUN_OK;

    *file = (hub_file){.n_bytes = -1};
    if (node->type != YAML_MAPPING_NODE)
        return fail_at(reader, node, "a file: expected name, bytes and sha256");
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; status == SETUN_OK && pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node_of(reader, pair->key), *value = node_of(reader, pair->value);
        const char *name = scalar(key), *text;

        if (name != NULL && strcmp(name, "name") == 0) {
            status = read_path(reader, value, "name", 8, &file->name);
        } else if (name != NULL && strcmp(name, "bytes") == 0) {
            text = scalar(value);
            if (text == NULL || !parse_int(text, strlen(text), 0, INT64_MAX, &file->n_bytes))
                status = fail_at(reader, value, "bytes: expected a whole number");
        } else if (name != NULL && strcmp(name, "sha256") == 0) {
            file->sha256 = scalar(value);
            if (file->sha256 == NULL || !is_sha256(file->sha256))
                status = fail_at(reader, value, "sha256: expected 64 hexadecimal digits in lower case");
        } else {
            status = fail_at(reader, key, "expected name, bytes or sha256, found '%s'", name != NULL ? name : "something else");
        }
    }
    if (status == SETUN_OK && file->name == NULL)
        status = fail_at(reader, node, "a file without a name");
    return status;
}

static setun_status read_files(const table_reader *reader, const yaml_node_t *node, hub_model *model)
{
    const yaml_node_item_t *items;
    size_t n;

    if (node->type != YAML_SEQUENCE_NODE || node->data.sequence.items.top == node->data.sequence.items.start || model->files != NULL)
        return fail_at(reader, node, "files: expected one list of one file at least");
    items = node->data.sequence.items.start;
    n = (size_t)(node->data.sequence.items.top - items);
    model->files = calloc(n, sizeof(*model->files));
    if (model->files == NULL)
        return set_error(reader->error, SETUN_ERR_NOMEM, "out of memory: %s", reader->path);
    for (; model->n_files < n; model->n_files++) {
        setun_status status = read_file_entry(reader, node_of(reader, items[model->n_files]), &model->files[model->n_files]);

        if (status != SETUN_OK)
            return status;
    }
    return SETUN_OK;
}

static setun_status read_model(const table_reader *reader, const yaml_node_pair_t *entry, hub_model *model)
{
    const yaml_node_t *node = node_of(reader, entry->value);
    setun_status status = read_path(reader, node_of(reader, entry->key), "a model's name", 0, &model->name);

    model->about = "";
    model->revision = "main";
    if (status == SETUN_OK && node->type != YAML_MAPPING_NODE)
        status = fail_at(reader, node, "%s: expected about, repository, revision and files", model->name);
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; status == SETUN_OK && pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node_of(reader, pair->key), *value = node_of(reader, pair->value);
        const char *name = scalar(key);

        if (name != NULL && strcmp(name, "about") == 0)
            status = read_text(reader, value, name, &model->about);
        else if (name != NULL && strcmp(name, "repository") == 0)
            status = read_path(reader, value, name, 1, &model->repository);
        else if (name != NULL && strcmp(name, "revision") == 0)
            status = read_path(reader, value, name, 0, &model->revision);
        else if (name != NULL && strcmp(name, "files") == 0)
            status = read_files(reader, value, model);
        else
            status = fail_at(reader, key, "expected about, repository, revision or files, found '%s'", name != NULL ? name : "something else");
    }
    if (status == SETUN_OK && (model->repository == NULL || model->files == NULL))
        status = fail_at(reader, node, "%s: expected a repository and files", model->name);
    return status;
}

static setun_status read_models(const table_reader *reader, const yaml_node_t *node, hub_table *table)
{
    const yaml_node_pair_t *pairs;
    size_t n;

    if (node->type != YAML_MAPPING_NODE || table->models != NULL)
        return fail_at(reader, node, "models: expected the models by their names, once");
    pairs = node->data.mapping.pairs.start;
    n = (size_t)(node->data.mapping.pairs.top - pairs);
    table->models = calloc(n + 1, sizeof(*table->models));
    if (table->models == NULL)
        return set_error(reader->error, SETUN_ERR_NOMEM, "out of memory: %s", reader->path);
    for (; table->n_models < n;) {
        hub_model *model = &table->models[table->n_models++]; /* counted now, so that its files are freed */
        setun_status status = read_model(reader, &pairs[table->n_models - 1], model);

        if (status != SETUN_OK)
            return status;
    }
    return SETUN_OK;
}

static setun_status read_root(const table_reader *reader, hub_table *table)
{
    const yaml_node_t *root = yaml_document_get_root_node(reader->document);
    bool has_version = false;
    setun_status status = SETUN_OK;

    if (root == NULL || root->type != YAML_MAPPING_NODE)
        return set_error(reader->error, SETUN_ERR_FORMAT, "%s: expected 'setun: 1' and 'models:'", reader->path);
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start; status == SETUN_OK && pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node_of(reader, pair->key), *value = node_of(reader, pair->value);
        const char *name = scalar(key), *text = scalar(value);

        if (name != NULL && strcmp(name, "setun") == 0) {
            has_version = text != NULL && strcmp(text, "1") == 0;
            if (!has_version)
                status = fail_at(reader, value, "setun: expected 1");
        } else if (name != NULL && strcmp(name, "models") == 0) {
            status = read_models(reader, value, table);
        } else {
            status = fail_at(reader, key, "expected setun or models, found '%s'", name != NULL ? name : "something else");
        }
    }
    if (status == SETUN_OK && (!has_version || table->models == NULL))
        status = fail_at(reader, root, "expected 'setun: 1' and 'models:'");
    return status;
}

/* Parses text[n_bytes] into table->document. */
static setun_status load(const char *path, const unsigned char *text, size_t n_bytes, hub_table *table, setun_error *error)
{
    yaml_document_t *document = calloc(1, sizeof(*document));
    yaml_parser_t parser;
    setun_status status = SETUN_OK;

    if (document == NULL || yaml_parser_initialize(&parser) == 0) {
        free(document);
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: %s", path);
    }
    yaml_parser_set_input_string(&parser, text, n_bytes);
    if (yaml_parser_load(&parser, document) == 0) {
        status = set_error(error, parser.error == YAML_MEMORY_ERROR ? SETUN_ERR_NOMEM : SETUN_ERR_FORMAT, "%s:%zu:%zu: %s", path,
                           parser.problem_mark.line + 1, parser.problem_mark.column + 1, parser.problem != NULL ? parser.problem : "not YAML");
        free(document);
    } else {
        table->document = document;
    }
    yaml_parser_delete(&parser);
    return status;
}

setun_status hub_table_open(const char *path, hub_table *out_table, setun_error *error)
{
    table_reader reader = {.path = path != NULL ? path : "configs/hub.yaml", .error = error};
    char *text = NULL;
    size_t n_bytes = hub_table_built_in_bytes;
    setun_status status = path != NULL ? read_input(path, &text, &n_bytes, error) : SETUN_OK;

    *out_table = (hub_table){.models = NULL};
    if (status != SETUN_OK)
        return status;
    if (n_bytes > MAX_TABLE_BYTES)
        status = set_error(error, SETUN_ERR_FORMAT, "%s: larger than the %d bytes that such a table may have", path, MAX_TABLE_BYTES);
    if (status == SETUN_OK)
        status = load(reader.path, path != NULL ? (unsigned char *)text : hub_table_built_in, n_bytes, out_table, error);
    free(text);
    if (status == SETUN_OK) {
        reader.document = out_table->document;
        status = read_root(&reader, out_table);
    }
    if (status != SETUN_OK)
        hub_table_close(out_table);
    return status;
}

void hub_table_close(hub_table *table)
{
    for (size_t i = 0; i < table->n_models; i++)
        free(table->models[i].files);
    free(table->models);
    if (table->document != NULL)
        yaml_document_delete(table->document);
    free(table->document);
    *table = (hub_table){.models = NULL};
}

const hub_model *hub_table_find(const hub_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_models; i++)
        if (strcmp(table->models[i].name, name) == 0)
            return &table->models[i];
    return NULL;
}
