/* hf_shards.c - finds and opens the safetensors files of a Hugging Face folder.
 *
 * model.safetensors.index.json: {"metadata": {...}, "weight_map": {"<tensor>": "<file>", ...}}. Index and shards must agree exactly. */
#include "weights/hf_shards.h"

#include <stdlib.h>
#include <string.h>

#include "weights/json_file.h"

enum { MAX_SHARDS = 4096 }; /* the largest published models have a few hundred */

struct shard {
    const char    *name; /* as the index says; the index's */
    setun_st_list  list;
};

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const setun_st_tensor *)left)->name, ((const setun_st_tensor *)right)->name);
}

static int compare_shards(const void *left, const void *right)
{
    return strcmp(((const struct shard *)left)->name, ((const struct shard *)right)->name);
}

static setun_status read_file(setun_weights *weights, const char *path, setun_st_list *out_list, setun_error *error)
{
    const setun_weight_file *file;
    setun_status status = setun_weights_open_file(weights, path, &file, error);

    if (status == SETUN_OK)
        status = setun_safetensors_read(file, &weights->pool, out_list, error);
    return status;
}

/* A shard is a file of the folder itself: the index must not lead anywhere else. */
static setun_status check_entry(const char *index_path, const char *tensor, const json_t *value, setun_error *error)
{
    static const char suffix[] = ".safetensors";
    const char *name = json_string_value(value);
    const size_t n_bytes = json_string_length(value);
    char shown[SETUN_SHOWN_BYTES], shown_tensor[SETUN_SHOWN_BYTES];

    if (name == NULL || n_bytes <= sizeof(suffix) - 1 || n_bytes > SETUN_ST_MAX_NAME || name[0] == '.' || strchr(name, '/') != NULL ||
        strcmp(name + n_bytes - (sizeof(suffix) - 1), suffix) != 0)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: weight_map: tensor %s: expected the name of a .safetensors file of this folder, "
                          "found %s", index_path, setun_text_show(tensor, shown_tensor), setun_json_show(value, shown));
    return SETUN_OK;
}

/* The shards' names, each once, sorted; *out_shards is malloc-ed. */
static setun_status list_shards(const char *index_path, json_t *map, struct shard **out_shards, size_t *out_n, setun_error *error)
{
    struct shard *shards = setun_calloc(json_object_size(map), sizeof(*shards));
    size_t n = 0, n_distinct = 0;
    const char *tensor;
    json_t *value;
    setun_status status = SETUN_OK;

    if (shards == NULL)
        return setun_fail_nomem(error, "list of shards", json_object_size(map) * sizeof(*shards));
    json_object_foreach (map, tensor, value) {
        status = check_entry(index_path, tensor, value, error);
        if (status != SETUN_OK)
            goto free_shards;
        shards[n++].name = json_string_value(value);
    }
    qsort(shards, n, sizeof(*shards), compare_shards);
    for (size_t i = 0; i < n; i++)
        if (n_distinct == 0 || compare_shards(&shards[n_distinct - 1], &shards[i]) != 0)
            shards[n_distinct++] = shards[i];
    if (n_distinct > MAX_SHARDS) {
        status = setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: weight_map: expected at most %d files, found %zu", index_path,
                            (int)MAX_SHARDS, n_distinct);
        goto free_shards;
    }
    *out_shards = shards;
    *out_n = n_distinct;
    return SETUN_OK;

free_shards:
    free(shards);
    return status;
}

/* Every tensor of the shard stands in the index, and with this shard. */
static setun_status check_shard(const char *index_path, const json_t *map, const struct shard *shard, setun_error *error)
{
    for (size_t i = 0; i < shard->list.n; i++) {
        const setun_st_tensor *tensor = &shard->list.tensors[i];
        const json_t *value = json_object_get(map, tensor->name);
        char shown[SETUN_SHOWN_BYTES];

        if (value != NULL && strcmp(json_string_value(value), shard->name) == 0)
            continue;
        setun_fail(error, SETUN_ERR_FORMAT, "expected %s to name this file for it, found %s", index_path, setun_json_show(value, shown));
        return setun_st_fail(tensor, error, SETUN_ERR_FORMAT);
    }
    return SETUN_OK;
}

/* All shards' tensors in one list, sorted by name. */
static setun_status merge(setun_weights *weights, const struct shard *shards, size_t n_shards, setun_st_list *out_list, setun_error *error)
{
    setun_st_list all = {.tensors = NULL};
    size_t n = 0;

    for (size_t i = 0; i < n_shards; i++)
        n += shards[i].list.n;
    all.tensors = setun_pool_alloc(&weights->pool, n * sizeof(*all.tensors));
    if (all.tensors == NULL)
        return setun_fail_nomem(error, "table of tensors", n * sizeof(*all.tensors));
    for (size_t i = 0; i < n_shards; i++) {
        const setun_st_list *list = &shards[i].list;

        if (list->n > 0)
            memcpy(all.tensors + all.n, list->tensors, list->n * sizeof(*list->tensors));
        all.n += list->n;
    }
    if (all.n > 0)
        qsort(all.tensors, all.n, sizeof(*all.tensors), compare_names);
    *out_list = all;
    return SETUN_OK;
}

/* Every tensor of the index was found. The list is sorted and, since each name has one shard, without duplicates. */
static setun_status check_complete(const char *index_path, json_t *map, const setun_st_list *list, setun_error *error)
{
    const char *name;
    json_t *value;
    char shown[SETUN_SHOWN_BYTES], shown_file[SETUN_SHOWN_BYTES];

    json_object_foreach (map, name, value) {
        const setun_st_tensor key = {.name = name};

        if (list->n == 0 || bsearch(&key, list->tensors, list->n, sizeof(*list->tensors), compare_names) == NULL)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: weight_map: expected tensor %s in %s, found none there", index_path,
                              setun_text_show(name, shown), setun_json_show(value, shown_file));
    }
    return SETUN_OK;
}

static setun_status read_shards(setun_weights *weights, const char *index_path, json_t *map, setun_st_list *out_list, setun_error *error)
{
    struct shard *shards = NULL;
    size_t n_shards = 0;
    setun_status status = list_shards(index_path, map, &shards, &n_shards, error);

    if (status != SETUN_OK)
        return status;
    for (size_t i = 0; i < n_shards && status == SETUN_OK; i++) {
        const char *path = setun_pool_printf(&weights->pool, "%s/%s", weights->path, shards[i].name);

        status = path == NULL ? setun_fail_nomem(error, "path", strlen(weights->path)) : read_file(weights, path, &shards[i].list, error);
        if (status == SETUN_OK)
            status = check_shard(index_path, map, &shards[i], error);
        else if (status == SETUN_ERR_NOT_FOUND)
            status = setun_fail_prefix(error, status, "%s names a file that is missing", index_path);
    }
    if (status == SETUN_OK)
        status = merge(weights, shards, n_shards, out_list, error);
    if (status == SETUN_OK)
        status = check_complete(index_path, map, out_list, error);
    free(shards);
    return status;
}

setun_status setun_hf_read_tensors(setun_weights *weights, setun_st_list *out_list, setun_error *error)
{
    const char *path = setun_pool_printf(&weights->pool, "%s/model.safetensors", weights->path);
    const char *index_path = setun_pool_printf(&weights->pool, "%s/model.safetensors.index.json", weights->path);
    json_t *root, *map;
    setun_status status;
    char shown[SETUN_SHOWN_BYTES];

    if (path == NULL || index_path == NULL)
        return setun_fail_nomem(error, "paths", strlen(weights->path));
    status = read_file(weights, path, out_list, error);
    if (status == SETUN_OK && out_list->n > 0)
        qsort(out_list->tensors, out_list->n, sizeof(*out_list->tensors), compare_names);
    if (status != SETUN_ERR_NOT_FOUND)
        return status;

    status = setun_json_load(index_path, 0, &root, error);
    if (status == SETUN_ERR_NOT_FOUND)
        return setun_fail(error, status, "%s: expected model.safetensors or model.safetensors.index.json, found neither", weights->path);
    if (status != SETUN_OK)
        return status;
    map = json_object_get(root, "weight_map");
    if (!json_is_object(map) || json_object_size(map) == 0)
        status = setun_fail(error, SETUN_ERR_FORMAT, "%s: weight_map: expected an object that names tensors, found %s", index_path,
                            json_is_object(map) ? "an empty one" : setun_json_show(map, shown));
    else
        status = read_shards(weights, index_path, map, out_list, error);
    json_decref(root);
    return status;
}
