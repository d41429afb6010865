/* search.c - lists the candidate files of the plugin search path. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plugin/search.h"

/* Identity of the folders that were visited, so that none is scanned twice under two names. */
typedef struct visited {
    struct folder_id {
        dev_t device;
        ino_t inode;
    } *item;
    size_t n, capacity;
} visited;

typedef struct search {
    setun_pool *pool;
    setun_names *folders, *files;
    visited seen;
    setun_error *error;
} search;

static setun_status add_name(setun_names *names, char *text, setun_error *error)
{
    if (text == NULL || !setun_grow(&names->item, &names->capacity, names->n + 1, sizeof(*names->item)))
        return setun_fail_nomem(error, "plugin search path", sizeof(*names->item));
    names->item[names->n++] = text;
    return SETUN_OK;
}

void setun_names_free(setun_names *names)
{
    free(names->item);
    memset(names, 0, sizeof(*names));
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_candidate(const char *name)
{
    const size_t n = strlen(name), n_suffix = strlen(SETUN_PLUGIN_SUFFIX);

    return name[0] != '.' && n > n_suffix && strcmp(name + n - n_suffix, SETUN_PLUGIN_SUFFIX) == 0;
}

static setun_status list_files(search *s, DIR *dir, const char *folder)
{
    const size_t first = s->files->n;
    struct dirent *entry;
    setun_status status;

    for (;;) {
        errno = 0; /* readdir tells its end from an error by errno only */
        entry = readdir(dir);
        if (entry == NULL)
            break;
        if (!is_candidate(entry->d_name))
            continue;
        status = add_name(s->files, setun_pool_printf(s->pool, "%s/%s", folder, entry->d_name), s->error);
        if (status != SETUN_OK)
            return status;
    }
    if (errno != 0)
        return setun_fail(s->error, errno == ENOMEM ? SETUN_ERR_NOMEM : SETUN_ERR_IO, "plugin folder %s: %s", folder, strerror(errno));
    if (s->files->n > first)
        qsort(s->files->item + first, s->files->n - first, sizeof(*s->files->item), compare_names);
    return SETUN_OK;
}

/* `required`: named by the user, so it must be readable. */
static setun_status visit(search *s, const char *text, size_t n_bytes, bool required)
{
    char *folder = setun_pool_strndup(s->pool, text, n_bytes);
    struct stat info;
    setun_status status;
    DIR *dir;

    if (folder == NULL)
        return setun_fail_nomem(s->error, "plugin search path", n_bytes);
    dir = opendir(folder); /* never blocks: it opens folders only */
    if (dir == NULL || fstat(dirfd(dir), &info) != 0) {
        const int reason = errno;

        if (dir != NULL)
            closedir(dir);
        if (required || reason == ENOMEM)
            return setun_fail(s->error, reason == ENOMEM ? SETUN_ERR_NOMEM : SETUN_ERR_IO, "plugin folder %s: %s", folder, strerror(reason));
        return add_name(s->folders, folder, s->error);
    }
    for (size_t i = 0; i < s->seen.n; i++)
        if (s->seen.item[i].device == info.st_dev && s->seen.item[i].inode == info.st_ino) {
            closedir(dir);
            return SETUN_OK;
        }
    if (!setun_grow(&s->seen.item, &s->seen.capacity, s->seen.n + 1, sizeof(*s->seen.item))) {
        status = setun_fail_nomem(s->error, "plugin search path", sizeof(*s->seen.item));
    } else {
        s->seen.item[s->seen.n].device = info.st_dev;
        s->seen.item[s->seen.n++].inode = info.st_ino;
        status = add_name(s->folders, folder, s->error);
        if (status == SETUN_OK)
            status = list_files(s, dir, folder);
    }
    closedir(dir);
    return status;
}

static setun_status visit_beside_library(search *s)
{
    const char *library;
    char *folder;

    if (setun_library_folder(s->pool, &library) != SETUN_OK)
        return setun_fail_nomem(s->error, "plugin search path", 0);
    if (library == NULL)
        return SETUN_OK;
    folder = setun_pool_printf(s->pool, "%s/setun", library);
    if (folder == NULL)
        return setun_fail_nomem(s->error, "plugin search path", strlen(library));
    return visit(s, folder, strlen(folder), false);
}

setun_status setun_search(const char *path, setun_pool *pool, setun_names *folders, setun_names *files, setun_error *error)
{
    search s = {pool, folders, files, {NULL, 0, 0}, error};
    const char *at = path == NULL ? "" : path;
    setun_status status = SETUN_OK;

    while (status == SETUN_OK && *at != '\0') {
        const size_t n = strcspn(at, ":");

        if (n > 0)
            status = visit(&s, at, n, true);
        at += n + (at[n] == ':');
    }
    if (status == SETUN_OK)
        status = visit_beside_library(&s);
    if (status == SETUN_OK)
        status = visit(&s, SETUN_PLUGIN_DIR, strlen(SETUN_PLUGIN_DIR), false);
    free(s.seen.item);
    return status;
}
