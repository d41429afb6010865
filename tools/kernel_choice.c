/* kernel_choice.c - opens the plugins and checks the words that choose among their kernels. */
#include "kernel_choice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *op_of(const setun_kernel_info *info)
{
    return info->pattern;
}

static const char *name_of(const setun_kernel_info *info)
{
    return info->name;
}

static const char *backend_of(const setun_kernel_info *info)
{
    return info->backend;
}

/* The plugin that this CPU cannot run, of which `word` is the name or a kernel's; NULL: none. It is known by its file's name only,
 * "avx512.so": its kernels' names end with it. */
static const setun_plugin_info *find_refused(const setun_plugins *plugins, const char *word)
{
    for (size_t i = 0; word != NULL && i < setun_plugins_count(plugins); i++) {
        const setun_plugin_info *info = setun_plugins_info(plugins, i);
        char stem[64];

        setun_plugin_stem(info, stem, sizeof(stem));
        if (!info->loaded && (info->cpu & ~setun_plugins_cpu(plugins)) != 0 && strstr(word, stem) != NULL)
            return info;
    }
    return NULL;
}

const setun_plugin_info *kernel_choice_refused(const kernel_choice *c, const setun_plugins *plugins)
{
    setun_kernel_info info;

    for (size_t i = 0; i < setun_plugins_kernel_count(plugins); i++) {
        setun_plugins_kernel_info(plugins, i, &info);
        if (kernel_choice_has(c, &info))
            return NULL;
    }
    return find_refused(plugins, c->backend != NULL ? c->backend : c->kernel);
}

/* An error if `word` is given and no kernel has it. */
static setun_status check_word(const setun_plugins *plugins, const char *what, const char *word,
                               const char *(*word_of)(const setun_kernel_info *info), setun_error *error)
{
    const size_t n = setun_plugins_kernel_count(plugins);
    const char **words = calloc(n + 1, sizeof(*words)), *near = NULL;
    bool known = word == NULL;

    if (words == NULL)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: %zu kernels", n);
    for (size_t i = 0; i < n && !known; i++) {
        setun_kernel_info info;

        setun_plugins_kernel_info(plugins, i, &info);
        words[i] = word_of(&info);
        known = strcmp(word, words[i]) == 0;
    }
    if (!known)
        near = setun_nearest_word(word, words, n);
    free(words);
    if (known || find_refused(plugins, word) != NULL)
        return SETUN_OK;
    return set_error(error, SETUN_ERR_NOT_FOUND, "no loaded plugin has a kernel of the %s '%s'%s%s%s", what, word,
                     near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
}

setun_status kernel_choice_open(const common_options *common, kernel_choice *c, setun_plugins **out_plugins, setun_error *error)
{
    const setun_plugins_options options = {.path = common->plugin_path, .file = c->plugin};
    setun_status status = setun_plugins_open(&options, out_plugins, error);
    const setun_plugin_info *info;

    if (status != SETUN_OK)
        return status;
    if ((status = check_word(*out_plugins, "op", c->op, op_of, error)) != SETUN_OK ||
        (status = check_word(*out_plugins, "name", c->kernel, name_of, error)) != SETUN_OK ||
        (status = check_word(*out_plugins, "backend", c->backend, backend_of, error)) != SETUN_OK) {
        setun_plugins_close(*out_plugins);
        return status;
    }
    if (c->plugin == NULL)
        return SETUN_OK;
    info = setun_plugins_info(*out_plugins, 0);
    if (!info->loaded && (info->cpu & ~setun_plugins_cpu(*out_plugins)) != 0) { /* skipped, like one of the search path */
        static char stem[64];

        setun_plugin_stem(info, stem, sizeof(stem));
        c->backend = c->backend == NULL ? stem : c->backend;
        return SETUN_OK;
    }
    if (!info->loaded) {
        status = set_error(error, SETUN_ERR_UNSUPPORTED, "%s: %s", info->file, info->reason);
        setun_plugins_close(*out_plugins);
        return status;
    }
    if (c->backend == NULL)
        c->backend = info->name;
    return SETUN_OK;
}

bool kernel_choice_has(const kernel_choice *c, const setun_kernel_info *info)
{
    return (c->op == NULL || strcmp(c->op, info->pattern) == 0) && (c->kernel == NULL || strcmp(c->kernel, info->name) == 0) &&
           (c->backend == NULL || strcmp(c->backend, info->backend) == 0);
}
