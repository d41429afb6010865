/* lists.h - several numbers or words in one argument: "1,8,256". */
#ifndef SETUN_TOOLS_LISTS_H
#define SETUN_TOOLS_LISTS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LIST_MAX = 64 };

typedef struct number_list {
    size_t  n;
    int64_t value[LIST_MAX];
} number_list;

/* Whole numbers from min to max with ',' between them; NULL is an empty list. False: what is wrong was reported as wrong usage. */
bool read_numbers(const char *option, const char *text, int64_t min, int64_t max, number_list *out_list);

/* Words of those joined by '|' in `words`, ',' between them, as their indices; else as above. */
bool read_choices(const char *option, const char *words, const char *text, number_list *out_list);

/* Leaves the first of what is equal. */
void remove_repeats(number_list *list);
#endif
