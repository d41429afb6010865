/** \file
 * error.h - how every fallible function of libsetun reports: a status, and one line of text in the caller's setun_error.
 * The function that decides an error writes the text, its callers only pass the status on. Outputs are set on success only. */
#ifndef SETUN_ERROR_H
#define SETUN_ERROR_H
#include <stddef.h>

#include "setun_status.h"
#include "setun/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The last error. Zero-initialise. Every function that takes one takes NULL too, for callers who want the status only. */
typedef struct setun_error {
    char text[1024]; /**< where, what was expected, what was found; one line without newline, always terminated */
} setun_error;

/** A short name for a status, e.g.\ "out of memory".
 * \param status  any value
 * \return never NULL; a constant string */
SETUN_API const char *setun_status_text(setun_status status);

/** Steps through a text that comes from outside, to show it: what a terminal might take for a command is not printable, which are the
 * control characters (C0, DEL, C1) and bytes that are no UTF-8. Errors show '?' in their place.
 * \param text                 ended by NUL; not empty
 * \param[out] out_printable  [1] 0 or 1
 * \return bytes of its first character, 1 to 4; never beyond the end */
SETUN_API size_t setun_text_character(const char *text, int *out_printable);

/** For "did you mean": the closest word by edit distance.
 * \param word     as typed
 * \param words    [n_words] to choose from
 * \param n_words  how many
 * \return one of words, or NULL if none is close enough to be a slip */
SETUN_API const char *setun_nearest_word(const char *word, const char *const *words, size_t n_words);

#ifdef __cplusplus
}
#endif
#endif
