/* load.h - one plugin file: from its bytes to a checked table of kernels, or to one line that says why not. Internal to libsetun. */
#ifndef SETUN_PLUGIN_LOAD_H
#define SETUN_PLUGIN_LOAD_H
#include "plugin/handshake.h"
#include "setun/error.h"

/* A mapped and checked plugin. Zero-initialise. */
typedef struct setun_loaded {
    void               *handle; /* of dlopen; NULL: not mapped */
    const setun_plugin *plugin;
    setun_plugin_header header;     /* valid once has_header, also when the file is refused */
    int                 has_header;
    unsigned            n_kernels, n_formats;
} setun_loaded;

/* Reads, decides, maps, checks. On any status but SETUN_OK the error is the reason, nothing is mapped, and out_loaded->header may be valid.
 * SETUN_ERR_NOMEM alone is the host's own trouble. Until the file's header has passed, none of its code has run. */
setun_status setun_load(const char *file, const setun_host *host, setun_loaded *out_loaded, setun_error *error);

/* Unmaps. */
void setun_unload(setun_loaded *loaded);
#endif
