/* buffer.c - a text that grows, and text from files made harmless. */
#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "setun/error.h"

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

void buffer_add_escaped(buffer *to, const char *from)
{
    for (const char *c = from; *c != '\0';) {
        int shown;
        const size_t n = setun_text_character(c, &shown);

        if (!shown)
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
            buffer_add(to, "%.*s", (int)n, c);
        c += n;
    }
}

const char *printable(const char *name, char *out, size_t n_bytes)
{
    size_t n = 0;

    for (const char *c = name; *c != '\0';) {
        int shown;
        const size_t n_from = setun_text_character(c, &shown), n_to = shown ? n_from : 1;

        if (n + n_to >= n_bytes)
            break;
        memcpy(out + n, shown ? c : "?", n_to);
        n += n_to;
        c += n_from;
    }
    out[n] = '\0';
    return out;
}
