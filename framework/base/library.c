/* library.c - where this library lies: plugins and models are found from there, so that an installed tree can be moved. */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

setun_status setun_library_folder(setun_pool *pool, const char **out_folder)
{
    char *file, *slash, *folder = NULL;
    Dl_info info;

    *out_folder = NULL;
    /* The function's address by way of an integer: C knows no conversion from a function to an object pointer. */
    if (dladdr((const void *)(uintptr_t)&setun_library_folder, &info) == 0 || info.dli_fname == NULL)
        return SETUN_OK;
    /* A program found through PATH is known by its bare name only. */
    if (strchr(info.dli_fname, '/') == NULL)
        return SETUN_OK;
    file = realpath(info.dli_fname, NULL); /* a link to the library is not beside its plugins */
    if (file == NULL)
        return errno == ENOMEM ? SETUN_ERR_NOMEM : SETUN_OK;
    slash = strrchr(file, '/');
    folder = setun_pool_strndup(pool, file, slash == file ? 1 : (size_t)(slash - file));
    free(file);
    if (folder == NULL)
        return SETUN_ERR_NOMEM;
    *out_folder = folder;
    return SETUN_OK;
}
