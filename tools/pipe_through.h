/* pipe_through.h - gives a text to another program and takes what it prints. */
#ifndef SETUN_TOOLS_PIPE_THROUGH_H
#define SETUN_TOOLS_PIPE_THROUGH_H
#include <stddef.h>

#include "setun/error.h"
#include "buffer.h"

/* Runs argv[0], found in PATH, with argv (NULL at its end) and without a shell; input[n_bytes] is its standard input, *out_output what it
 * writes to its standard output (to be freed with buffer_free). SETUN_ERR_NOT_FOUND: there is no such program. SETUN_ERR_IO: it failed; the
 * error has the first line that it wrote to its standard error. */
setun_status pipe_through(const char *const *argv, const char *input, size_t n_bytes, buffer *out_output, setun_error *error);
#endif
