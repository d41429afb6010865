/* search.h - where plugins are looked for: the folders of the search path and the candidate files in each. Internal to libsetun. */
#ifndef SETUN_PLUGIN_SEARCH_H
#define SETUN_PLUGIN_SEARCH_H
#include "base/base.h"
#include "setun/error.h"

/* Suffix of a plugin's file; cmake/plugin.cmake gives it on every system. */
#define SETUN_PLUGIN_SUFFIX ".so"

/* Growing list of strings that live in a pool. Zero-initialise. */
typedef struct setun_names {
    char **item;
    size_t n, capacity;
} setun_names;

/* Appends to `folders` those of `path` (':' between them; NULL: none), then <folder of libsetun>/setun, then SETUN_PLUGIN_DIR.
 * `files` gets every candidate "<folder>/<name>.so", each folder's sorted by name; a folder that is reached twice counts once.
 * SETUN_ERR_IO: a folder of `path` cannot be read. The other two may be missing; they are listed all the same. */
setun_status setun_search(const char *path, setun_pool *pool, setun_names *folders, setun_names *files, setun_error *error);

/* Frees the list, not its strings. */
void setun_names_free(setun_names *names);
#endif
