/* lists.c - several numbers or words in one argument. */
#include "lists.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "options.h"

bool read_numbers(const char *option, const char *text, int64_t min, int64_t max, number_list *out_list)
{
    const char *whole = text;

    out_list->n = 0;
    while (text != NULL) {
        const size_t length = strcspn(text, ",");

        if (out_list->n == LIST_MAX || !parse_int(text, length, min, max, &out_list->value[out_list->n])) {
            (void)fail_usage("%s %s: expected whole numbers from %" PRId64 " to %" PRId64 " with ',' between them", option, whole, min, max);
            return false;
        }
        out_list->n++;
        text = text[length] == ',' ? text + length + 1 : NULL;
    }
    return true;
}

bool read_choices(const char *option, const char *words, const char *text, number_list *out_list)
{
    out_list->n = 0;
    while (text != NULL) {
        const size_t length = strcspn(text, ",");
        char word[64];
        int index;

        if (out_list->n == LIST_MAX) {
            (void)fail_usage("%s: more than %d words", option, LIST_MAX);
            return false;
        }
        (void)snprintf(word, sizeof(word), "%.*s", (int)(length < sizeof(word) ? length : sizeof(word)), text);
        if (!read_choice(option, words, word, &index))
            return false;
        out_list->value[out_list->n++] = index;
        text = text[length] == ',' ? text + length + 1 : NULL;
    }
    return true;
}

void remove_repeats(number_list *list)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++) {
        bool found = false;

        for (size_t j = 0; j < n; j++)
            found = found || list->value[j] == list->value[i];
        if (!found)
            list->value[n++] = list->value[i];
    }
    list->n = n;
}
