/* json_file.h - JSON that others wrote: loading within limits, and showing pieces of it in errors. Internal. */
#ifndef SETUN_JSON_FILE_H
#define SETUN_JSON_FILE_H
#include <jansson.h>
#include <stddef.h>

#include "setun/error.h"

enum {
    SETUN_JSON_MAX_BYTES = 16 << 20, /* configuration files have a few KiB; shard indexes of the largest models a few MiB */
    SETUN_SHOWN_BYTES    = 72        /* room for a value shown in an error, its NUL included */
};

/* An object from text[n_bytes], which starts at byte `offset` of the file `path` (both for errors). Duplicate keys are errors.
 * `flags` are jansson's, in addition. The caller releases it with json_decref. SETUN_ERR_FORMAT: "<path>: byte N: ...". */
setun_status setun_json_parse(const char *path, size_t offset, const char *text, size_t n_bytes, size_t flags, json_t **out_root,
                              setun_error *error);

/* The same for a whole regular file of at most SETUN_JSON_MAX_BYTES. SETUN_ERR_NOT_FOUND if there is none. */
setun_status setun_json_load(const char *path, size_t flags, json_t **out_root, setun_error *error);

/* How a value looks in an error: one line of ASCII, shortened; "nothing" for NULL. Returns text. */
const char *setun_json_show(const json_t *value, char text[SETUN_SHOWN_BYTES]);
/* The same for a string of a file: in quotes, control characters and what is not ASCII escaped. */
const char *setun_text_show(const char *string, char text[SETUN_SHOWN_BYTES]);
#endif
