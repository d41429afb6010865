/* buffer.c - a text that grows, and text from files made harmless. */
#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(buffer *to, size_t n_more)
{
    size_t capacity = to->capacity == 0 ? 4096 : to->capacity;
    char *larger;

    while (capacity < to->n + n_more + 1)
        capacity *= 2;
    if (capacity == to->capacity)
        return true;
    larger = realloc(to->data, capacity);
    if (larger == NULL) {
        to->failed = true;
        return false;
    }
    to->data = larger;
    to->capacity = capacity;
    return true;
}

void buffer_add(buffer *to, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || to->failed || !reserve(to, (size_t)n))
        return;
    va_start(args, format);
    (void)vsnprintf(to->data + to->n, (size_t)n + 1, format, args);
    va_end(args);
    to->n += (size_t)n;
}

void buffer_add_bytes(buffer *to, const char *bytes, size_t n_bytes)
{
    if (to->failed || !reserve(to, n_bytes))
        return;
    memcpy(to->data + to->n, bytes, n_bytes);
    to->n += n_bytes;
    to->data[to->n] = '\0';
}

void buffer_free(buffer *to)
{
    free(to->data);
    *to = (buffer){.data = NULL};
}

/* Bytes at c that a terminal may take for a command: C0, DEL, and C1 in UTF-8 (C2 80 to C2 9F). */
static size_t control_bytes(const char *c)
{
    const unsigned char first = (unsigned char)c[0], second = first != 0 ? (unsigned char)c[1] : 0;

    if (first < 0x20 || first == 0x7f)
        return 1;
    return first == 0xc2 && second >= 0x80 && second <= 0x9f ? 2 : 0;
}

void buffer_add_escaped(buffer *to, const char *from)
{
    for (const char *c = from; *c != '\0';) {
        const size_t n_control = control_bytes(c);

        if (n_control > 0)
            buffer_add(to, "?");
        else if (*c == '&')
            buffer_add(to, "&amp;");
        else if (*c == '<')
            buffer_add(to, "&lt;");
        else if (*c == '>')
            buffer_add(to, "&gt;");
        else if (*c == '"')
            buffer_add(to, "&quot;");
        else
            buffer_add(to, "%c", *c);
        c += n_control > 0 ? n_control : 1;
    }
}

/* Bytes of the UTF-8 character at c; 1 for what is none. */
static size_t character_bytes(const char *c)
{
    size_t n = 1;

    while (n < 4 && ((unsigned char)c[0] & 0xc0) == 0xc0 && ((unsigned char)c[n] & 0xc0) == 0x80)
        n++;
    return n;
}

const char *printable(const char *name, char *out, size_t n_bytes)
{
    size_t n = 0;

    for (const char *c = name; *c != '\0';) {
        const size_t n_control = control_bytes(c), n_from = n_control > 0 ? n_control : character_bytes(c), n_to = n_control > 0 ? 1 : n_from;

        if (n + n_to >= n_bytes)
            break;
        memcpy(out + n, n_control > 0 ? "?" : c, n_to);
        n += n_to;
        c += n_from;
    }
    out[n] = '\0';
    return out;
}
