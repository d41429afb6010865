/* error.c - status names, and writing one line into the caller's setun_error. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"

#ifdef __clang_analyzer__ /* base.h has macros of these names for it */
#undef setun_fail
#undef setun_fail_nomem
#undef setun_fail_prefix
#endif

const char *setun_status_text(setun_status status)
{
    switch (status) {
    case SETUN_OK:
        return "success";
    case SETUN_ERR_INVALID:
        return "invalid value";
    case SETUN_ERR_UNSUPPORTED:
        return "not supported";
    case SETUN_ERR_NOMEM:
        return "out of memory";
    case SETUN_ERR_IO:
        return "input/output error";
    case SETUN_ERR_FORMAT:
        return "malformed file";
    case SETUN_ERR_NOT_FOUND:
        return "not found";
    case SETUN_ERR_NUMERIC:
        return "result not finite";
    case SETUN_ERR_FULL:
        return "context full";
    case SETUN_ERR_INTERRUPTED:
        return "interrupted";
    default:
        return "unknown error";
    }
}

/* Names and texts in errors come from hostile files: control characters could forge a second line or drive a terminal. */
static void make_printable(char *text)
{
    char *to = text;

    while (*text != '\0') {
        int printable;
        const size_t n = setun_text_character(text, &printable);

        if (printable) {
            memmove(to, text, n);
            to += n;
        } else {
            *to++ = '?';
        }
        text += n;
    }
    *to = '\0';
}

setun_status setun_fail(setun_error *error, setun_status status, const char *format, ...)
{
    va_list args;

    if (error == NULL)
        return status;
    va_start(args, format);
    if (vsnprintf(error->text, sizeof(error->text), format, args) < 0)
        error->text[0] = '\0';
    va_end(args);
    make_printable(error->text);
    return status;
}

setun_status setun_fail_nomem(setun_error *error, const char *what, size_t n_bytes)
{
    return setun_fail(error, SETUN_ERR_NOMEM, "out of memory: %s, %zu bytes", what, n_bytes);
}

setun_status setun_fail_prefix(setun_error *error, setun_status status, const char *format, ...)
{
    char text[sizeof(error->text)];
    va_list args;
    size_t rest;
    int length;

    if (error == NULL)
        return status;
    va_start(args, format);
    length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (length < 0 || (size_t)length + 2 >= sizeof(text))
        return status;
    make_printable(text);
    length = (int)strlen(text);
    memcpy(text + length, ": ", 2);
    rest = strnlen(error->text, sizeof(text) - (size_t)length - 3);
    memcpy(text + length + 2, error->text, rest);
    text[(size_t)length + 2 + rest] = '\0';
    memcpy(error->text, text, sizeof(text));
    return status;
}
