/* buffer.h - a text that grows, for files that are made in memory before they are written. */
#ifndef SETUN_TOOLS_BUFFER_H
#define SETUN_TOOLS_BUFFER_H
#include <stdbool.h>
#include <stddef.h>

/* Zero-initialise. Once memory has run out, `failed` is set and nothing is added any more: check it at the end. */
typedef struct buffer {
    char  *data; /* NUL-terminated once something was added */
    size_t n, capacity;
    bool   failed;
} buffer;

__attribute__((format(printf, 2, 3))) void buffer_add(buffer *to, const char *format, ...);
void buffer_add_bytes(buffer *to, const char *bytes, size_t n_bytes);
void buffer_free(buffer *to);

/* As buffer_add("%s"), fit for XML and HTML: & < > and quotes are escaped, control characters become '?'. */
void buffer_add_escaped(buffer *to, const char *from);

/* A name from a file, fit for a terminal: control characters and bytes that are no UTF-8 become '?'. Cut to n_bytes - 1 bytes, never within a character. */
const char *printable(const char *name, char *out, size_t n_bytes);
#endif
