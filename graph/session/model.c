/* model.c - finding a model and its family file, and opening everything that belongs to it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "session/model_internal.h"

static const char default_model[] = "fable";

enum { MAX_FOLDERS = 32, MAX_FAMILIES = 256 };

/* The folders that hold models and family files: SETUN_MODEL_PATH, <prefix>/share/setun/models of this library, the install's. */
typedef struct model_folders {
    setun_pool pool;
    size_t     n;
    char      *folder[MAX_FOLDERS];
} model_folders;

/* False: out of memory. */
static bool add_folder(model_folders *folders, const char *text, size_t n_bytes)
{
    char *copy;

    if (n_bytes == 0 || folders->n == MAX_FOLDERS)
        return true;
    copy = setun_pool_strndup(&folders->pool, text, n_bytes);
    if (copy == NULL)
        return false;
    for (size_t i = 0; i < folders->n; i++)
        if (strcmp(folders->folder[i], copy) == 0)
            return true;
    folders->folder[folders->n++] = copy;
    return true;
}

static setun_status list_folders(model_folders *folders, setun_error *error)
{
    const char *path = getenv("SETUN_MODEL_PATH");
    const char *library;
    setun_status status = setun_library_folder(&folders->pool, &library);
    bool ok = status == SETUN_OK;

    for (const char *at = path; ok && at != NULL && *at != '\0';) {
        size_t length = strcspn(at, ":");

        ok = add_folder(folders, at, length);
        at += length + (at[length] == ':');
    }
    if (ok && library != NULL) {
        char *folder = setun_pool_printf(&folders->pool, "%s/%s", library, SETUN_MODELS_FROM_LIBRARY);

        ok = folder != NULL && add_folder(folders, folder, strlen(folder));
    }
    ok = ok && add_folder(folders, SETUN_MODEL_DIR, strlen(SETUN_MODEL_DIR));
    return ok ? SETUN_OK : setun_fail_nomem(error, "model folders", 0);
}

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* The model of the folders whose name `name` was probably meant to be, into near[near_bytes]; "" if none is close. */
static void find_near(const model_folders *folders, const char *name, char *near, size_t near_bytes)
{
    near[0] = '\0';
    for (size_t i = 0; i < folders->n; i++) {
        DIR *dir = opendir(folders->folder[i]);

        for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
            const char *const words[] = {entry->d_name, near};
            char path[4096];

            if (entry->d_name[0] != '.' && strlen(entry->d_name) < near_bytes &&
                setun_nearest_word(name, words, near[0] != '\0' ? 2 : 1) == entry->d_name &&
                snprintf(path, sizeof(path), "%s/%s", folders->folder[i], entry->d_name) < (int)sizeof(path) && is_folder(path))
                (void)snprintf(near, near_bytes, "%s", entry->d_name);
        }
        if (dir != NULL)
            (void)closedir(dir);
    }
}

/* A path as it is, or a name found in one of the folders. */
static setun_status find_model(const model_folders *folders, const char *name, char *out_path, size_t path_bytes, setun_error *error)
{
    struct stat info;
    char looked[512] = "", near[128];
    size_t used = 0;

    if (name[0] == '\0')
        return setun_fail(error, SETUN_ERR_INVALID, "the model's name is empty");
    if (strchr(name, '/') != NULL || is_folder(name)) {
        if (stat(name, &info) != 0)
            return setun_fail(error, errno == ENOENT ? SETUN_ERR_NOT_FOUND : SETUN_ERR_IO, "model %s: %s", name, strerror(errno));
        if (snprintf(out_path, path_bytes, "%s", name) >= (int)path_bytes)
            return setun_fail(error, SETUN_ERR_INVALID, "model: the path is longer than %zu bytes", path_bytes);
        return SETUN_OK;
    }
    for (size_t i = 0; i < folders->n; i++) {
        if (snprintf(out_path, path_bytes, "%s/%s", folders->folder[i], name) < (int)path_bytes && is_folder(out_path))
            return SETUN_OK;
        used += (size_t)snprintf(looked + used, sizeof(looked) - used, "%s%s", used > 0 ? ", " : "", folders->folder[i]);
        if (used >= sizeof(looked))
            used = sizeof(looked) - 1;
    }
    find_near(folders, name, near, sizeof(near));
    return setun_fail(error, SETUN_ERR_NOT_FOUND, "model '%s': neither a folder nor a name found in %s%s%s%s", name, looked,
                      near[0] != '\0' ? "; did you mean '" : "", near, near[0] != '\0' ? "'?" : "");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The *.yaml files of a folder, sorted. */
static setun_status list_families(model_folders *folders, const char *folder, char *out_files[MAX_FAMILIES], size_t *out_n,
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

static setun_status open_graph(model_folders *folders, const char *given, const setun_weights *weights, setun_graph **out_graph,
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

static void add_stop(setun_model *model, int32_t id)
{
    for (size_t i = 0; i < model->n_stops; i++)
        if (model->stops[i] == id)
            return;
    if (id >= 0 && model->n_stops < SETUN_MODEL_MAX_STOPS)
        model->stops[model->n_stops++] = id;
}

/* Where a text begins and ends: ids that the files give, and literal tokens that the tokenizer knows. */
static void read_text_settings(setun_model *model)
{
    const setun_text_settings *text = setun_weights_text(model->weights);

    model->bos = text->bos;
    if (model->bos < 0 && text->bos_text != NULL)
        model->bos = setun_tokenizer_find(model->tokenizer, text->bos_text, strlen(text->bos_text));
    if (!text->add_bos)
        model->bos = -1;
    for (size_t i = 0; i < text->n_stops; i++)
        add_stop(model, text->stops[i]);
    if (text->eos_text != NULL)
        add_stop(model, setun_tokenizer_find(model->tokenizer, text->eos_text, strlen(text->eos_text)));
}

static setun_status check_vocabulary(const setun_model *model, setun_error *error)
{
    if (setun_tokenizer_size(model->tokenizer) > model->graph->vocab)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: tokenizer.json has ids up to %d, the model's vocabulary only %lld",
                          setun_weights_path(model->weights), setun_tokenizer_size(model->tokenizer) - 1, (long long)model->graph->vocab);
    if (model->bos >= model->graph->vocab)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: the BOS id %d is outside the vocabulary of %lld",
                          setun_weights_path(model->weights), model->bos, (long long)model->graph->vocab);
    return SETUN_OK;
}

setun_status setun_model_open(const char *name, const setun_model_options *options, setun_model **out_model, setun_error *error)
{
    static const setun_model_options defaults = {0};
    setun_model *model = setun_calloc(1, sizeof(*model));
    model_folders folders = {0};
    char path[4096];
    setun_status status;

    if (model == NULL)
        return setun_fail_nomem(error, "model", sizeof(*model));
    if (options == NULL)
        options = &defaults;
    status = list_folders(&folders, error);
    if (status == SETUN_OK)
        status = find_model(&folders, name == NULL ? default_model : name, path, sizeof(path), error);
    if (status == SETUN_OK)
        status = setun_weights_open(path, &model->weights, error);
    if (status == SETUN_OK)
        status = open_graph(&folders, options->graph, model->weights, &model->graph, error);
    if (status == SETUN_OK)
        status = setun_tokenizer_open(path, &(setun_tokenizer_options){.pre = options->pre}, &model->tokenizer, error);
    if (status == SETUN_OK) {
        read_text_settings(model);
        status = check_vocabulary(model, error);
    }
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
    return model->bos;
}

size_t setun_model_stops(const setun_model *model, const int32_t **out_ids)
{
    *out_ids = model->stops;
    return model->n_stops;
}
