/* weights.c - opens weight files with the reader that claims them, and looks things up in the table it filled. */
#include "weights/weights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "weights/reader.h"

/* Asked in this order. */
static const setun_reader *const readers[] = {&setun_reader_prepacked, &setun_reader_gguf, &setun_reader_huggingface};

static const char *const source_names[SETUN_N_SOURCES] = {
    [SETUN_SOURCE_HUGGINGFACE] = "huggingface",
    [SETUN_SOURCE_GGUF] = "gguf",
};

const char *setun_source_name(enum setun_source source)
{
    return source_names[source];
}

static int compare_items(const void *left, const void *right)
{
    return strcmp(((const setun_weight *)left)->name, ((const setun_weight *)right)->name);
}

static int compare_metas(const void *left, const void *right)
{
    return strcmp(((const setun_meta_entry *)left)->key, ((const setun_meta_entry *)right)->key);
}

/* Sorts the table for look-up and refuses names that stand in it twice. */
static setun_status finish(setun_weights *weights, setun_error *error)
{
    if (weights->n_items == 0)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: expected tensors, found none", weights->path);
    qsort(weights->items, weights->n_items, sizeof(*weights->items), compare_items);
    for (size_t i = 1; i < weights->n_items; i++)
        if (compare_items(&weights->items[i - 1], &weights->items[i]) == 0)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: expected one tensor named '%s' (with or without .weight), found two",
                              weights->path, weights->items[i].name);
    if (weights->n_metas > 0)
        qsort(weights->metas, weights->n_metas, sizeof(*weights->metas), compare_metas);
    for (size_t i = 1; i < weights->n_metas; i++)
        if (compare_metas(&weights->metas[i - 1], &weights->metas[i]) == 0)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: expected one key '%s', found two", weights->config_path,
                              weights->metas[i].key);
    return SETUN_OK;
}

static const setun_reader *find_reader(const char *path, const struct stat *info)
{
    for (size_t i = 0; i < SETUN_COUNT(readers); i++)
        if (readers[i]->claims(path, info))
            return readers[i];
    return NULL;
}

setun_status setun_weights_open(const char *path, setun_weights **out_weights, setun_error *error)
{
    return setun_weights_open_options(path, NULL, out_weights, error);
}

setun_status setun_weights_open_options(const char *path, const setun_weights_options *options, setun_weights **out_weights,
                                        setun_error *error)
{
    setun_weights *weights;
    const setun_reader *reader;
    struct stat info;
    setun_status status;

    if (stat(path, &info) != 0)
        return setun_fail(error, errno == ENOENT || errno == ENOTDIR ? SETUN_ERR_NOT_FOUND : SETUN_ERR_IO, "%s: %s", path,
                          strerror(errno));
    reader = find_reader(path, &info);
    if (reader == NULL)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: expected a Hugging Face folder (config.json and safetensors), a GGUF file or a prepacked "
                          "file, found %s", path, S_ISREG(info.st_mode) ? "another file" : "a device, FIFO or socket");

    weights = setun_calloc(1, sizeof(*weights));
    if (weights == NULL)
        return setun_fail_nomem(error, "weights", sizeof(*weights));
    weights->reader = reader;
    weights->source = reader->source;
    if (options != NULL)
        weights->options = *options;
    weights->text.bos = -1;
    weights->path = setun_pool_strndup(&weights->pool, path, strlen(path));
    status = weights->path == NULL ? setun_fail_nomem(error, "path", strlen(path) + 1) : reader->read(weights, error);
    weights->options = (setun_weights_options){NULL}; /* they were borrowed */
    if (status == SETUN_OK)
        status = finish(weights, error);
    if (status != SETUN_OK) {
        setun_weights_close(weights);
        return status;
    }
    *out_weights = weights;
    return SETUN_OK;
}

void setun_weights_close(setun_weights *weights)
{
    if (weights == NULL)
        return;
    for (setun_weight_file *file = weights->files; file != NULL; file = file->next)
        setun_weight_file_close(file);
    setun_gguf_close(weights->gguf);
    free(weights->items);
    free(weights->metas);
    setun_pool_free(&weights->pool); /* the files' list too */
    free(weights);
}

setun_status setun_weights_open_file(setun_weights *weights, const char *path, const setun_weight_file **out_file, setun_error *error)
{
    setun_weight_file *file = setun_pool_alloc(&weights->pool, sizeof(*file));
    const char *copy = setun_pool_strndup(&weights->pool, path, strlen(path));
    setun_status status;

    if (file == NULL || copy == NULL)
        return setun_fail_nomem(error, path, sizeof(*file));
    status = setun_weight_file_open(copy, file, error);
    if (status != SETUN_OK)
        return status;
    file->next = weights->files;
    weights->files = file;
    *out_file = file;
    return SETUN_OK;
}

setun_status setun_weights_add(setun_weights *weights, const setun_weight *weight, setun_error *error)
{
    if (!setun_grow(&weights->items, &weights->items_capacity, weights->n_items + 1, sizeof(*weights->items)))
        return setun_fail_nomem(error, "table of weights", (weights->n_items + 1) * sizeof(*weights->items));
    weights->items[weights->n_items++] = *weight;
    return SETUN_OK;
}

setun_status setun_weights_add_meta(setun_weights *weights, const setun_meta_entry *entry, setun_error *error)
{
    if (!setun_grow(&weights->metas, &weights->metas_capacity, weights->n_metas + 1, sizeof(*weights->metas)))
        return setun_fail_nomem(error, "table of metadata", (weights->n_metas + 1) * sizeof(*weights->metas));
    weights->metas[weights->n_metas++] = *entry;
    return SETUN_OK;
}

enum setun_source setun_weights_source(const setun_weights *weights)
{
    return weights->source;
}

const char *setun_weights_path(const setun_weights *weights)
{
    return weights->path;
}

const char *setun_weights_meta_path(const setun_weights *weights)
{
    return weights->config_path;
}

const char *setun_weights_architecture(const setun_weights *weights)
{
    return weights->architecture;
}

size_t setun_weights_files(const setun_weights *weights, uint64_t *out_bytes)
{
    size_t n = 0;

    *out_bytes = 0;
    for (const setun_weight_file *file = weights->files; file != NULL; file = file->next) {
        *out_bytes += file->n_bytes;
        n++;
    }
    return n;
}

size_t setun_weights_count(const setun_weights *weights)
{
    return weights->n_items;
}

const setun_weight *setun_weights_at(const setun_weights *weights, size_t i)
{
    return &weights->items[i];
}

const setun_weight *setun_weights_find(const setun_weights *weights, const char *name)
{
    const setun_weight key = {.name = name};

    return bsearch(&key, weights->items, weights->n_items, sizeof(*weights->items), compare_items);
}

/* The groups that the piece touches, a few at a time; those at its ends are decoded whole. */
static setun_status read_decoded(const setun_weight *weight, size_t first_byte, size_t n_bytes, void *dst, setun_error *error)
{
    const setun_weight_coding *coding = weight->coding;
    const size_t n_at_once = coding->stored_bytes < SETUN_WEIGHT_CHUNK_BYTES ? SETUN_WEIGHT_CHUNK_BYTES / coding->stored_bytes : 1;
    const size_t n_groups = weight->n_bytes / coding->n_bytes;
    unsigned char *stored = setun_alloc(n_at_once * coding->stored_bytes + coding->n_bytes), *group, *to = dst;
    setun_status status = SETUN_OK;

    if (stored == NULL)
        return setun_fail_nomem(error, "piece of a tensor", n_at_once * coding->stored_bytes + coding->n_bytes);
    group = stored + n_at_once * coding->stored_bytes;
    for (size_t g = first_byte / coding->n_bytes; n_bytes > 0 && status == SETUN_OK; g += n_at_once) {
        const size_t n = n_groups - g < n_at_once ? n_groups - g : n_at_once;

        status = setun_weight_file_read(weight->file, weight->file_byte + (uint64_t)g * coding->stored_bytes, n * coding->stored_bytes, stored, error);
        for (size_t i = 0; i < n && n_bytes > 0 && status == SETUN_OK; i++) {
            const size_t skipped = first_byte % coding->n_bytes, rest = coding->n_bytes - skipped, taken = rest < n_bytes ? rest : n_bytes;

            coding->decode(coding, stored + i * coding->stored_bytes, group);
            memcpy(to, group + skipped, taken);
            to += taken;
            first_byte += taken;
            n_bytes -= taken;
        }
    }
    free(stored);
    return status;
}

setun_status setun_weight_read(const setun_weights *weights, const setun_weight *weight, size_t first_byte, size_t n_bytes, void *dst,
                               setun_error *error)
{
    if (first_byte > weight->n_bytes || n_bytes > weight->n_bytes - first_byte)
        return setun_fail(error, SETUN_ERR_INVALID, "%s: tensor '%s': expected a piece of its %zu bytes, found %zu bytes from byte %zu on",
                          weights->path, weight->name, weight->n_bytes, n_bytes, first_byte);
    if (weight->coding != NULL)
        return read_decoded(weight, first_byte, n_bytes, dst, error);
    return setun_weight_file_read(weight->file, weight->file_byte + first_byte, n_bytes, dst, error);
}

const setun_gguf *setun_weights_gguf(const setun_weights *weights)
{
    return weights->gguf;
}

const setun_text_settings *setun_weights_text(const setun_weights *weights)
{
    return &weights->text;
}

static const setun_meta_entry *find_meta(const setun_weights *weights, const char *key)
{
    const setun_meta_entry wanted = {.key = key};

    return weights->n_metas == 0 ? NULL : bsearch(&wanted, weights->metas, weights->n_metas, sizeof(*weights->metas), compare_metas);
}

/* A dotted path into config.json leads through objects: what stands there instead must not count as absent. */
static setun_status check_outer(const setun_weights *weights, const char *key, setun_error *error)
{
    char outer[256];

    for (const char *dot = strchr(key, '.'); dot != NULL && (size_t)(dot - key) < sizeof(outer); dot = strchr(dot + 1, '.')) {
        const setun_meta_entry *found;

        memcpy(outer, key, (size_t)(dot - key));
        outer[dot - key] = '\0';
        found = find_meta(weights, outer);
        if (found != NULL && (found->composite == NULL || strcmp(found->composite, "an object") != 0))
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: %s: expected an object or null, found %s", weights->config_path, outer,
                              found->composite != NULL ? found->composite : "a single value");
    }
    return SETUN_OK;
}

setun_status setun_weights_meta(const setun_weights *weights, const char *key, bool *out_found, setun_meta *out_meta, setun_error *error)
{
    const setun_meta_entry *found = find_meta(weights, key);

    if (found == NULL && weights->source == SETUN_SOURCE_HUGGINGFACE && check_outer(weights, key, error) != SETUN_OK)
        return SETUN_ERR_FORMAT;
    if (found != NULL && found->composite != NULL)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: %s: expected a number, a string or a boolean, found %s", weights->config_path, key,
                          found->composite);
    *out_found = found != NULL;
    if (found != NULL)
        *out_meta = found->meta;
    return SETUN_OK;
}
