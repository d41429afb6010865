/* plugins.c - the set of plugins of a process: every candidate with its fate, and the kernels and formats of the loaded ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/base.h"
#include "cpu/arch.h"
#include "plugin/load.h"
#include "plugin/registry.h"
#include "plugin/search.h"
#include "plugin/tables.h"
#include "setun/cpu.h"

typedef struct candidate {
    setun_plugin_info info;
    setun_loaded loaded;
} candidate;

/* Hashes of what kernels are looked for by: equal texts have equal ones. */
typedef struct kernel_key {
    uint64_t pattern, fmts;
} kernel_key;

struct setun_plugins {
    setun_pool pool; /* every string of the infos */
    setun_names folders, files;
    candidate *candidates; /* [files.n], the first n_candidates looked at */
    size_t n_candidates;
    setun_kernel_ref *kernels; /* usable ones */
    kernel_key *keys;          /* of each */
    size_t n_kernels, kernels_capacity, keys_capacity;
    uint64_t cpu;
    setun_host host;
};

/* A copy on one line: what stands in a foreign file may hold anything. NULL if memory ran out. */
static char *one_line(setun_pool *pool, const char *text)
{
    char *copy = setun_pool_strndup(pool, text, strlen(text));

    for (char *c = copy; c != NULL && *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    return copy;
}

/* Refuses a plugin that shares a name with a loaded one, naming the file that has it. */
static setun_status check_clashes(const setun_plugins *plugins, const setun_plugin *plugin, setun_error *error)
{
    char what[256];

    for (size_t i = 0; i < plugins->n_candidates; i++) {
        const candidate *other = &plugins->candidates[i];

        if (!other->info.loaded)
            continue;
        setun_tables_clash(plugin, other->loaded.plugin, what, sizeof(what));
        if (what[0] != '\0')
            return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s is taken by %s", what, other->info.file);
    }
    return SETUN_OK;
}

static uint64_t hash_text(const char *text)
{
    return XXH3_64bits(text, strlen(text));
}

/* Kernels whose own features are there become visible. */
static setun_status add_kernels(setun_plugins *plugins, const candidate *c, setun_error *error)
{
    const setun_plugin *plugin = c->loaded.plugin;

    if (!setun_grow(&plugins->kernels, &plugins->kernels_capacity, plugins->n_kernels + c->loaded.n_kernels, sizeof(*plugins->kernels)) ||
        !setun_grow(&plugins->keys, &plugins->keys_capacity, plugins->n_kernels + c->loaded.n_kernels, sizeof(*plugins->keys)))
        return setun_fail_nomem(error, "kernel table", c->loaded.n_kernels * sizeof(*plugins->kernels));
    for (unsigned i = 0; i < c->loaded.n_kernels; i++)
        if ((plugin->kernels[i]->cpu & ~plugins->cpu) == 0) {
            plugins->keys[plugins->n_kernels] = (kernel_key){hash_text(plugin->kernels[i]->pattern), hash_text(plugin->kernels[i]->fmts)};
            plugins->kernels[plugins->n_kernels].kernel = plugin->kernels[i];
            plugins->kernels[plugins->n_kernels++].plugin = plugin;
        }
    return SETUN_OK;
}

/* Looks at one file. Refusal is recorded and is SETUN_OK; only the host's own trouble is an error. */
static setun_status add_candidate(setun_plugins *plugins, const char *file, setun_error *error)
{
    candidate *c = &plugins->candidates[plugins->n_candidates];
    setun_plugin_info *info = &c->info;
    setun_error reason;
    setun_status status;

    memset(&reason, 0, sizeof(reason));
    info->file = file;
    info->name = info->version = info->reason = "";
    status = setun_load(file, &plugins->host, &c->loaded, &reason);
    if (c->loaded.has_header) {
        info->abi_major = c->loaded.header.abi_major;
        info->abi_minor = c->loaded.header.abi_minor;
        info->cpu = c->loaded.header.cpu;
    }
    if (status == SETUN_OK) {
        info->name = one_line(&plugins->pool, c->loaded.plugin->name);
        info->version = one_line(&plugins->pool, c->loaded.plugin->version);
        info->n_kernels = c->loaded.n_kernels;
        info->n_formats = c->loaded.n_formats;
        if (info->name == NULL || info->version == NULL)
            status = setun_fail_nomem(&reason, "plugin name", 0);
        else
            status = check_clashes(plugins, c->loaded.plugin, &reason);
    }
    if (status == SETUN_OK)
        status = add_kernels(plugins, c, &reason);
    if (status == SETUN_OK) {
        info->loaded = true;
    } else {
        setun_unload(&c->loaded);
        info->reason = one_line(&plugins->pool, reason.text);
        if (info->reason == NULL)
            status = setun_fail_nomem(&reason, "plugin reason", sizeof(reason.text));
    }
    if (status == SETUN_ERR_NOMEM)
        return setun_fail(error, status, "%s: %s", file, reason.text);
    plugins->n_candidates++;
    return SETUN_OK;
}

/* An empty set with the CPU features settled. */
static setun_status create(const setun_plugins_options *options, setun_plugins **out_plugins, setun_error *error)
{
    const char *cap = options == NULL || options->cpu == NULL ? getenv("SETUN_CPU") : options->cpu;
    setun_plugins *plugins = setun_calloc(1, sizeof(*plugins));
    setun_status status;

    if (plugins == NULL)
        return setun_fail_nomem(error, "plugins", sizeof(*plugins));
    status = setun_cpu_detect(cap, &plugins->cpu, error);
    if (status != SETUN_OK) {
        setun_plugins_close(plugins);
        return status;
    }
    plugins->host.abi_major = SETUN_ABI_MAJOR;
    plugins->host.abi_minor = SETUN_ABI_MINOR;
    plugins->host.build = SETUN_BUILD_THIS;
    plugins->host.machine = setun_arch_features();
    plugins->host.available = plugins->cpu;
    plugins->host.cap = cap == NULL ? NULL : one_line(&plugins->pool, cap);
    *out_plugins = plugins;
    return SETUN_OK;
}

/* Looks at all of plugins->files. Takes over `plugins`: closes it on failure. */
static setun_status load_files(setun_plugins *plugins, setun_plugins **out_plugins, setun_error *error)
{
    setun_status status = SETUN_OK;

    plugins->candidates = setun_calloc(plugins->files.n, sizeof(*plugins->candidates));
    if (plugins->candidates == NULL)
        status = setun_fail_nomem(error, "plugins", plugins->files.n * sizeof(*plugins->candidates));
    for (size_t i = 0; status == SETUN_OK && i < plugins->files.n; i++)
        status = add_candidate(plugins, plugins->files.item[i], error);
    if (status != SETUN_OK) {
        setun_plugins_close(plugins);
        return status;
    }
    *out_plugins = plugins;
    return SETUN_OK;
}

/* Puts one file at the end of the list of candidates. */
static setun_status add_file(setun_plugins *plugins, const char *file, setun_error *error)
{
    char *copy = setun_pool_strndup(&plugins->pool, file, strlen(file));
    setun_names *files = &plugins->files;

    if (copy == NULL || !setun_grow(&files->item, &files->capacity, files->n + 1, sizeof(*files->item)))
        return setun_fail_nomem(error, "plugin path", strlen(file));
    files->item[files->n++] = copy;
    return SETUN_OK;
}

setun_status setun_plugins_open(const setun_plugins_options *options, setun_plugins **out_plugins, setun_error *error)
{
    const char *path = options == NULL || options->path == NULL ? getenv("SETUN_PLUGIN_PATH") : options->path;
    setun_plugins *plugins;
    setun_status status = create(options, &plugins, error);

    if (status != SETUN_OK)
        return status;
    if (options != NULL && options->file != NULL)
        status = add_file(plugins, options->file, error);
    if (status == SETUN_OK)
        status = setun_search(path, &plugins->pool, &plugins->folders, &plugins->files, error);
    if (status != SETUN_OK) {
        setun_plugins_close(plugins);
        return status;
    }
    return load_files(plugins, out_plugins, error);
}

setun_status setun_plugins_open_file(const char *file, const setun_plugins_options *options, setun_plugins **out_plugins,
                                     setun_error *error)
{
    setun_plugins *plugins;
    setun_status status = create(options, &plugins, error);

    if (status != SETUN_OK)
        return status;
    status = add_file(plugins, file, error);
    if (status != SETUN_OK) {
        setun_plugins_close(plugins);
        return status;
    }
    return load_files(plugins, out_plugins, error);
}

void setun_plugins_close(setun_plugins *plugins)
{
    if (plugins == NULL)
        return;
    for (size_t i = plugins->n_candidates; i > 0; i--)
        setun_unload(&plugins->candidates[i - 1].loaded);
    free(plugins->candidates);
    free(plugins->kernels);
    free(plugins->keys);
    setun_names_free(&plugins->folders);
    setun_names_free(&plugins->files);
    setun_pool_free(&plugins->pool);
    free(plugins);
}

size_t setun_plugins_count(const setun_plugins *plugins)
{
    return plugins->n_candidates;
}

const setun_plugin_info *setun_plugins_info(const setun_plugins *plugins, size_t i)
{
    return i < plugins->n_candidates ? &plugins->candidates[i].info : NULL;
}

void setun_plugin_stem(const setun_plugin_info *info, char *text, size_t n_bytes)
{
    const char *base = strrchr(info->file, '/') != NULL ? strrchr(info->file, '/') + 1 : info->file;

    (void)snprintf(text, n_bytes, "%.*s", (int)strcspn(base, "."), base);
}

uint64_t setun_plugins_cpu(const setun_plugins *plugins)
{
    return plugins->cpu;
}

const char *setun_plugins_folder(const setun_plugins *plugins, size_t i)
{
    return i < plugins->folders.n ? plugins->folders.item[i] : NULL;
}

size_t setun_plugins_n_kernels(const setun_plugins *plugins)
{
    return plugins->n_kernels;
}

setun_kernel_ref setun_plugins_kernel(const setun_plugins *plugins, size_t i)
{
    return plugins->kernels[i];
}

size_t setun_plugins_find_kernel(const setun_plugins *plugins, size_t from, const char *pattern, const char *fmts)
{
    const kernel_key key = {hash_text(pattern), fmts != NULL ? hash_text(fmts) : 0};
    size_t i = from;

    for (; i < plugins->n_kernels; i++)
        if (plugins->keys[i].pattern == key.pattern && (fmts == NULL || plugins->keys[i].fmts == key.fmts) &&
            strcmp(plugins->kernels[i].kernel->pattern, pattern) == 0 && (fmts == NULL || strcmp(plugins->kernels[i].kernel->fmts, fmts) == 0))
            break;
    return i;
}

size_t setun_plugins_kernel_count(const setun_plugins *plugins)
{
    size_t n = 0;

    for (size_t i = 0; i < plugins->n_candidates; i++)
        n += plugins->candidates[i].info.loaded ? plugins->candidates[i].loaded.n_kernels : 0;
    return n;
}

setun_kernel_ref setun_plugins_any_kernel(const setun_plugins *plugins, size_t i)
{
    const candidate *c = plugins->candidates;

    for (; !c->info.loaded || i >= c->loaded.n_kernels; c++)
        i -= c->info.loaded ? c->loaded.n_kernels : 0;
    return (setun_kernel_ref){.kernel = c->loaded.plugin->kernels[i], .plugin = c->loaded.plugin};
}

void setun_plugins_kernel_info(const setun_plugins *plugins, size_t i, setun_kernel_info *out_info)
{
    const setun_kernel_ref ref = setun_plugins_any_kernel(plugins, i);

    out_info->name = ref.kernel->name;
    out_info->backend = ref.plugin->name;
    out_info->pattern = ref.kernel->pattern;
    out_info->fmts = ref.kernel->fmts;
    out_info->cpu = ref.kernel->cpu | ref.plugin->cpu;
    out_info->cpu_missing = out_info->cpu & ~plugins->cpu;
    out_info->exact = (ref.kernel->flags & SETUN_KERNEL_EXACT) != 0;
    out_info->acc_bits = ref.kernel->acc_bits;
    out_info->k_max = ref.kernel->k_max;
}

const setun_format *setun_plugins_format(const setun_plugins *plugins, const char *name)
{
    for (size_t i = 0; i < plugins->n_candidates; i++) {
        const candidate *c = &plugins->candidates[i];

        for (unsigned j = 0; c->info.loaded && j < c->loaded.n_formats; j++)
            if (strcmp(c->loaded.plugin->formats[j]->name, name) == 0)
                return c->loaded.plugin->formats[j];
    }
    return NULL;
}
