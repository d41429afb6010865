/* download.h - one file from a URL: resumed where it broke off, and complete and checked before it has its name. */
#ifndef SETUN_TOOLS_DOWNLOAD_H
#define SETUN_TOOLS_DOWNLOAD_H
#include <stdint.h>

#include "setun/error.h"

typedef struct download_request {
    const char *url;           /* http or https; so must be everything that it redirects to, and https stays https */
    const char *path;          /* where to; its folder exists */
    int64_t     n_bytes;       /* size that it must have; -1: not known */
    const char *sha256;        /* 64 lower-case hexadecimal digits that it must have; NULL: not known */
    int64_t     n_retries;     /* attempts in a row that may break off with next to nothing received */
    double      wait_seconds;  /* before the first of them, twice as long before each further one, a minute at most */
    double      stall_seconds; /* an attempt on which nothing arrives for so long has broken off */
} download_request;

/* Downloads it; what goes on is said on stderr. While interrupt_watch is on, Ctrl-C ends it with SETUN_ERR_INTERRUPTED. What has arrived
 * stays beside `path` for the next call wherever the server gives a means to see that the file is still the same; errors say so.
 * SETUN_ERR_NOT_FOUND: HTTP status 404 or 410. SETUN_ERR_IO: network or disk. SETUN_ERR_FORMAT: not the file that it must be. */
setun_status download_file(const download_request *request, int64_t *out_bytes, setun_error *error);
#endif
