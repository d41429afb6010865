/* error.h - how every fallible function of libsetun reports: a status, and one line of text in the caller's setun_error.
 * The function that decides an error writes the text, its callers only pass the status on. Outputs are set on success only. */
#ifndef SETUN_ERROR_H
#define SETUN_ERROR_H
#include <stddef.h>

#include "setun_status.h"
#include "setun/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Text of the last error: where, what was expected, what was found; no newline. Zero-initialise. */
typedef struct setun_error {
    char text[1024];
} setun_error;

/* A short name for a status, e.g. "out of memory". Never NULL; the string is constant. */
SETUN_API const char *setun_status_text(setun_status status);

/* For "did you mean": the closest of n words to `word` by edit distance, if it is close enough to be a slip; else NULL. */
SETUN_API const char *setun_nearest_word(const char *word, const char *const *words, size_t n_words);

#ifdef __cplusplus
}
#endif
#endif
