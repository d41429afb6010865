/* hub_table.h - the models that `setun model pull` knows by name: configs/hub.yaml, or a file of that form. */
#ifndef SETUN_TOOLS_HUB_TABLE_H
#define SETUN_TOOLS_HUB_TABLE_H
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"

enum { SHA256_HEX_BYTES = 65 }; /* 64 digits and a NUL */

/* Strings of a table belong to it. */
typedef struct hub_file {
    const char *name;    /* path below the repository, such as "model.safetensors" */
    int64_t     n_bytes; /* -1: not known */
    const char *sha256;  /* 64 lower-case hexadecimal digits; NULL: not known */
} hub_file;

typedef struct hub_model {
    const char *name, *about, *repository, *revision;
    hub_file   *files;
    size_t      n_files; /* 1 at least */
} hub_model;

typedef struct hub_table {
    hub_model *models;
    size_t     n_models;
    void      *document; /* what the strings lie in */
} hub_table;

/* configs/hub.yaml as it was when this was built; the build makes the file that defines it. */
extern const unsigned char hub_table_built_in[];
extern const size_t        hub_table_built_in_bytes;

/* Reads the YAML file at `path`; NULL: the table that is compiled in. SETUN_ERR_FORMAT with file and line, SETUN_ERR_IO, SETUN_ERR_NOMEM. */
setun_status hub_table_open(const char *path, hub_table *out_table, setun_error *error);
void         hub_table_close(hub_table *table);

/* NULL: there is none of that name. */
const hub_model *hub_table_find(const hub_table *table, const char *name);

/* Whether it is 64 hexadecimal digits, lower case. */
int is_sha256(const char *text);
#endif
