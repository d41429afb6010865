/* words.c - sizes, counts and CPU features as text. */
#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "setun/cpu.h"

const char *size_text(uint64_t n_bytes, char text[SIZE_TEXT_BYTES])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double size = (double)n_bytes / 1024.0;
    size_t unit = 0;

    if (n_bytes < 1024) {
        (void)snprintf(text, SIZE_TEXT_BYTES, "%u B", (unsigned)n_bytes);
        return text;
    }
    for (; size >= 1023.95 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++) /* 1023.95 would print as 1024.0 */
        size /= 1024.0;
    (void)snprintf(text, SIZE_TEXT_BYTES, "%.1f %s", size, units[unit]);
    return text;
}

const char *count_text(uint64_t n, char text[SIZE_TEXT_BYTES])
{
    char digits[24];
    const int n_digits = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    size_t at = 0;

    for (int i = 0; i < n_digits; i++) {
        if (i > 0 && (n_digits - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

char *cpu_names(uint64_t features)
{
    const size_t n = setun_cpu_names(features, NULL, 0);
    char *text = malloc(n + 1);

    if (text != NULL)
        (void)setun_cpu_names(features, text, n + 1);
    return text;
}

json_t *json_words(char *text)
{
    json_t *array = text != NULL ? json_array() : NULL;
    char *rest = NULL;

    for (char *word = array != NULL ? strtok_r(text, " ", &rest) : NULL; word != NULL; word = strtok_r(NULL, " ", &rest))
        (void)json_array_append_new(array, json_string(word));
    free(text);
    return array;
}
