/* whole_file.h - a file that appears under its name only when it is complete: it is written beside it under another one, then renamed. */
#ifndef SETUN_TOOLS_WHOLE_FILE_H
#define SETUN_TOOLS_WHOLE_FILE_H
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"

typedef struct whole_file whole_file;

/* Starts the file. An existing `path` must be a regular file; it stays until whole_file_commit. A signal that ends the process by way of
 * interrupt_session removes the unfinished file. One file at a time. */
setun_status whole_file_create(const char *path, whole_file **out_file, setun_error *error);

/* Writes data[n_bytes] at a byte offset from the start, in any order. */
setun_status whole_file_write(whole_file *file, const void *data, size_t n_bytes, int64_t offset, setun_error *error);

/* Gives the complete file its name. The object is gone afterwards, and in an error the unfinished file too. */
setun_status whole_file_commit(whole_file *file, setun_error *error);

/* Removes the unfinished file. Accepts NULL. */
void whole_file_discard(whole_file *file);

/* All in one: text[n_bytes] becomes the file. */
setun_status whole_file_save(const char *path, const char *text, size_t n_bytes, setun_error *error);

/* The same; "-" is the standard output. */
setun_status whole_file_or_stdout(const char *path, const char *text, size_t n_bytes, setun_error *error);
#endif
