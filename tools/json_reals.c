/* json_reals.c - real numbers of a JSON text with the fewest digits that give the same number back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

/* The number in at most n bytes, into short_text[40]; its length, or 0 if there is nothing shorter. */
static size_t shorten(const char *number, size_t n, char short_text[40])
{
    char copy[40];
    double value;

    if (n >= sizeof(copy))
        return 0;
    memcpy(copy, number, n);
    copy[n] = '\0';
    value = strtod(copy, NULL);
    for (int digits = 1; digits <= 17; digits++) {
        size_t length = (size_t)snprintf(short_text, 40, "%.*g", digits, value);

        if (strtod(short_text, NULL) != value)
            continue;
        if (strpbrk(short_text, ".e") == NULL) { /* a real stays one: "1.0" */
            memcpy(short_text + length, ".0", 3);
            length += 2;
        }
        return length < n ? length : 0;
    }
    return 0;
}

void json_shorten_reals(char *text)
{
    char *to = text;

    while (*text != '\0') {
        size_t n = 1, n_new;
        char number[40];

        if (*text == '"') { /* a string passes as it is */
            while (text[n] != '\0' && text[n] != '"')
                n += text[n] == '\\' && text[n + 1] != '\0' ? 2 : 1;
            n += text[n] == '"';
        } else if (strchr("-0123456789", *text) != NULL) {
            n = strspn(text, "-+.0123456789eE");
            n_new = memchr(text, '.', n) != NULL || memchr(text, 'e', n) != NULL ? shorten(text, n, number) : 0;
            if (n_new > 0) {
                memcpy(to, number, n_new);
                to += n_new;
                text += n;
                continue;
            }
        }
        memmove(to, text, n);
        to += n;
        text += n;
    }
    *to = '\0';
}
