/* command.c - messages that every command shares. */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *command_name = "";

void command_set_name(const char *name)
{
    command_name = name;
}

/* A file name or a prompt may hold anything; an error stays one line, and no terminal is told to do things. UTF-8 passes. */
static void print_line(const char *format, va_list args)
{
    char text[2048];

    (void)vsnprintf(text, sizeof(text), format, args);
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    (void)fflush(stdout);
    (void)fprintf(stderr, "setun%s%s: %s\n", command_name[0] != '\0' ? " " : "", command_name, text);
}

int fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_line(format, args);
    va_end(args);
    return EXIT_FAILED;
}

int fail_usage(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_line(format, args);
    va_end(args);
    return EXIT_USAGE;
}

setun_status set_error(setun_error *error, setun_status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return status;
}

enum { WORD_MAX = 32 }; /* longer words are not looked for */

/* Letters to insert, delete, replace or swap with their neighbour to turn a into b. */
static size_t edit_distance(const char *a, const char *b)
{
    const size_t n_a = strlen(a), n_b = strlen(b);
    size_t d[WORD_MAX + 1][WORD_MAX + 1];

    if (n_a > WORD_MAX || n_b > WORD_MAX)
        return WORD_MAX;
    for (size_t i = 0; i <= n_a; i++) {
        for (size_t j = 0; j <= n_b; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < d[i][j])
                d[i][j] = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < d[i][j])
                d[i][j] = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    }
    return d[n_a][n_b];
}

const char *nearest_word(const char *word, const char *const *words, size_t n_words)
{
    const size_t n = strlen(word);
    size_t best = n < 3 ? 2 : n / 3 + 2; /* a third of the letters, and at least one, may be wrong */
    const char *found = NULL;

    for (size_t i = 0; i < n_words; i++) {
        const size_t distance = edit_distance(word, words[i]);

        if (distance < best) {
            best = distance;
            found = words[i];
        }
    }
    return found;
}
