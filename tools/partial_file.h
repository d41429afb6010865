/* partial_file.h - a file that arrives piece by piece, perhaps over several runs: PATH.partial until it is complete, and beside it
 * PATH.partial.from, which says what it is a part of. */
#ifndef SETUN_TOOLS_PARTIAL_FILE_H
#define SETUN_TOOLS_PARTIAL_FILE_H
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"

typedef struct partial_file partial_file;

enum { PARTIAL_TAG_BYTES = 256 }; /* of a tag with its NUL; servers' are a few dozen bytes long */

/* Opens what there is of `path` from `url`, or starts it. Nobody else can have it at the same time. What is there without a tag, or comes
 * from another URL, is not used: the file is then empty. */
setun_status partial_file_open(const char *path, const char *url, partial_file **out_file, setun_error *error);

/* Bytes that are there. */
int64_t partial_file_size(const partial_file *file);

/* What tells one version of the file at the URL from another, as the server gave it; "" if nothing does. */
const char *partial_file_tag(const partial_file *file);

/* Where the part lies, for messages. */
const char *partial_file_path(const partial_file *file);

/* Begins again with nothing, and notes the tag of what comes, "" if the server gives none. */
setun_status partial_file_restart(partial_file *file, const char *tag, setun_error *error);

/* Adds data[n_bytes] to the end. SETUN_ERR_IO: what was there before is still right. */
setun_status partial_file_append(partial_file *file, const void *data, size_t n_bytes, setun_error *error);

/* SETUN_ERR_IO unless the disk has room for n_bytes more. */
setun_status partial_file_check_room(const partial_file *file, int64_t n_bytes, setun_error *error);

/* SHA-256 of all of it, in lower-case digits; a bar is shown meanwhile. SETUN_ERR_INTERRUPTED. */
setun_status partial_file_hash(const partial_file *file, char out_hex[65], setun_error *error);

/* Gives the complete file its name. The object is gone afterwards, also in an error. */
setun_status partial_file_commit(partial_file *file, setun_error *error);

/* Leaves the part where it is, for another run, if it is tagged; else removes it. NULL is accepted. */
void partial_file_close(partial_file *file);

/* Removes it: it is of no use. */
void partial_file_discard(partial_file *file);

/* SHA-256 of a file of n_bytes; as above. */
setun_status file_hash(int fd, const char *path, int64_t n_bytes, char out_hex[65], setun_error *error);
#endif
