/* user_path.c - where a user's files are: caches, data. */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

size_t setun_user_path(const char *variable, const char *below_home, const char *name, char *out_path, size_t n_bytes)
{
    const char *folder = getenv(variable), *home = getenv("HOME");
    int length = 0;

    if (n_bytes > 0)
        out_path[0] = '\0';
    if (folder != NULL && folder[0] == '/') /* the specification: other paths are to be ignored */
        length = snprintf(out_path, n_bytes, "%s/%s", folder, name);
    else if (home != NULL && home[0] == '/')
        length = snprintf(out_path, n_bytes, "%s/%s/%s", home, below_home, name);
    return length < 0 ? 0 : (size_t)length;
}
