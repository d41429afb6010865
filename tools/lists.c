/* lists.c - several numbers in one argument. */
#include "lists.h"

#include <inttypes.h>
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
