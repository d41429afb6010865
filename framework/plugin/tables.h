/* tables.h - checks what a mapped plugin says in its tables, before any of its functions is called. Internal to libsetun. */
#ifndef SETUN_PLUGIN_TABLES_H
#define SETUN_PLUGIN_TABLES_H
#include "setun/error.h"
#include "setun_plugin.h"

/* Name, version, every kernel and format record of one plugin; counts them. The header has passed setun_handshake_check. */
setun_status setun_tables_check(const setun_plugin *plugin, unsigned *out_n_kernels, unsigned *out_n_formats, setun_error *error);

/* Do two plugins share a plugin, kernel or format name? A text of what they share in `what`, "" if nothing. Both have been checked. */
void setun_tables_clash(const setun_plugin *a, const setun_plugin *b, char *what, size_t n_bytes);
#endif
