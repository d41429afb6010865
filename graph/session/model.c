/* model.c - finding the family file of a model, and opening everything that belongs to it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/model_internal.h"

static const char default_model[] = "fable";

enum { MAX_FAMILIES = 256 };

setun_status setun_model_locate(const char *name, char *out_path, size_t path_bytes, setun_error *error)
{
    setun_model_folders folders = {0};
    setun_status status = setun_model_folders_list(&folders, error);

    if (status == SETUN_OK)
        status = setun_model_find(&folders, name == NULL ? default_model : name, out_path, path_bytes, error);
    setun_pool_free(&folders.pool);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The *.yaml files of a folder, sorted. */
static setun_status list_families(setun_model_folders *folders, const char *folder, char *out_files[MAX_FAMILIES], size_t *out_n,
                                  setun_error *error)
{
    DIR *dir = opendir(folder);
    bool ok = true;

    *out_n = 0;
    if (dir == NULL) /* the standard folders need not exist */
        return errno == ENOMEM ? setun_fail_nomem(error, folder, 0) : SETUN_OK;
    for (struct dirent *entry; ok && *out_n < MAX_FAMILIES && (entry = readdir(dir)) != NULL;) {
        size_t length = strlen(entry->d_name);

        if (entry->d_name[0] == '.' || length < 6 || strcmp(entry->d_name + length - 5, ".yaml") != 0)
            continue;
        out_files[*out_n] = setun_pool_printf(&folders->pool, "%s/%s", folder, entry->d_name);
        ok = out_files[*out_n] != NULL;
        *out_n += ok;
    }
    (void)closedir(dir);
    if (!ok)
        return setun_fail_nomem(error, folder, 0);
    qsort(out_files, *out_n, sizeof(*out_files), compare_names);
    return SETUN_OK;
}

static setun_status open_graph(setun_model_folders *folders, const char *given, const setun_weights *weights, setun_graph **out_graph,
                               setun_error *error)
{
    char *files[MAX_FAMILIES];

    if (given != NULL)
        return setun_graph_open(given, weights, out_graph, error);
    for (size_t i = 0; i < folders->n; i++) {
        size_t n;
        setun_status status = list_families(folders, folders->folder[i], files, &n, error);

        if (status != SETUN_OK)
            return status;
        for (size_t j = 0; j < n; j++) {
            bool matches;

            status = setun_graph_matches(files[j], weights, &matches, error);
            if (status == SETUN_OK && matches)
                status = setun_graph_open(files[j], weights, out_graph, error);
            if (status != SETUN_OK || matches)
                return status;
        }
    }
    return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: no model family describes the architecture '%s'", setun_weights_path(weights),
                      setun_weights_architecture(weights));
}

static setun_status check_vocabulary(const setun_model *model, setun_error *error)
{
    if (setun_tokenizer_size(model->tokenizer) > model->graph->vocab)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: tokenizer.json has ids up to %d, the model's vocabulary only %lld",
                          setun_weights_path(model->weights), setun_tokenizer_size(model->tokenizer) - 1, (long long)model->graph->vocab);
    return SETUN_OK;
}

setun_status setun_model_open(const char *name, const setun_model_options *options, setun_model **out_model, setun_error *error)
{
    static const setun_model_options defaults = {0};
    setun_model *model = setun_calloc(1, sizeof(*model));
    setun_model_folders folders = {0};
    char path[4096];
    setun_status status;

    if (model == NULL)
        return setun_fail_nomem(error, "model", sizeof(*model));
    if (options == NULL)
        options = &defaults;
    status = setun_model_folders_list(&folders, error);
    if (status == SETUN_OK)
        status = setun_model_find(&folders, name == NULL ? default_model : name, path, sizeof(path), error);
    if (status == SETUN_OK)
        status = setun_weights_open_options(path, &(setun_weights_options){.i2s_layout = options->i2s_layout}, &model->weights, error);
    if (status == SETUN_OK)
        status = open_graph(&folders, options->graph, model->weights, &model->graph, error);
    if (status == SETUN_OK)
        status = setun_tokenizer_open(path, &(setun_tokenizer_options){.pre = options->pre}, &model->tokenizer, error);
    if (status == SETUN_OK)
        status = check_vocabulary(model, error);
    if (status == SETUN_OK)
        status = setun_topology_open(NULL, &model->topology, error);
    if (status == SETUN_OK && options->plugins == NULL) {
        const setun_plugins_options plugins = {.path = options->plugin_path};

        status = setun_plugins_open(&plugins, &model->own_plugins, error);
    }
    setun_pool_free(&folders.pool);
    if (status != SETUN_OK) {
        setun_model_close(model);
        return status;
    }
    model->plugins = options->plugins != NULL ? options->plugins : model->own_plugins;
    *out_model = model;
    return SETUN_OK;
}

void setun_model_close(setun_model *model)
{
    if (model == NULL)
        return;
    setun_graph_close(model->graph);
    setun_tokenizer_close(model->tokenizer);
    setun_weights_close(model->weights);
    setun_topology_close(model->topology);
    setun_plugins_close(model->own_plugins);
    free(model);
}

const char *setun_model_path(const setun_model *model)
{
    return setun_weights_path(model->weights);
}

const char *setun_model_family(const setun_model *model)
{
    return model->graph->name;
}

const setun_tokenizer *setun_model_tokenizer(const setun_model *model)
{
    return model->tokenizer;
}

const setun_plugins *setun_model_plugins(const setun_model *model)
{
    return model->plugins;
}

int64_t setun_model_vocab(const setun_model *model)
{
    return model->graph->vocab;
}

int64_t setun_model_context(const setun_model *model)
{
    return model->graph->context;
}

int32_t setun_model_bos(const setun_model *model)
{
    return setun_tokenizer_bos(model->tokenizer);
}

size_t setun_model_stops(const setun_model *model, const int32_t **out_ids)
{
    return setun_tokenizer_stops(model->tokenizer, out_ids);
}
