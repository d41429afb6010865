/* translate.h - the state of translating one pattern, shared by translate.c and translate_set.c. */
#ifndef SETUN_TEXT_TRANSLATE_H
#define SETUN_TEXT_TRANSLATE_H
#include "base/base.h"
#include "text/pattern.h"

enum { SETUN_PATTERN_DEPTH = 200 }; /* of nested groups; PCRE2 stops at 250 */

typedef struct setun_translation {
    const char *pattern;
    size_t n_bytes, at;
    setun_pattern_text out;
    bool caseless[SETUN_PATTERN_DEPTH]; /* of each open group */
    bool asserts[SETUN_PATTERN_DEPTH];  /* it only looks ahead or behind */
    size_t depth;
    unsigned last_letter;   /* last literal ASCII letter of a caseless run, else 0 */
    bool nothing_to_repeat; /* no quantifier may stand here */
    setun_error *error;
} setun_translation;

/* A member of a class, or an escape: one character or a set. */
typedef struct setun_pattern_item {
    bool is_set, negated; /* a set; negated: everything but it */
    uint32_t c;           /* else the character */
    const char *set;      /* items of a class */
    char property[32];    /* or a property's name, if set is NULL */
    bool word;            /* or \w */
} setun_pattern_item;

/* Error for memory that ran out. */
setun_status setun_translation_no_memory(setun_translation *t);
setun_status setun_translation_add(setun_translation *t, const char *text);
/* SETUN_ERR_UNSUPPORTED: shows the pattern from byte `at` on, and says what is the matter with it. */
setun_status setun_translation_refuse(setun_translation *t, size_t at, const char *what);
/* The byte at t->at; NUL at the end. */
char setun_translation_peek(const setun_translation *t);
/* The pattern goes on with text. */
bool setun_translation_has(const setun_translation *t, const char *text);

/* An escape that stands for a character or a set, inside a class or outside; t->at is behind the backslash. */
setun_status setun_translation_read_escape(setun_translation *t, setun_pattern_item *out);
/* Writes a set as items of a class, without regard to negation; `begin` is where it stands. */
setun_status setun_translation_add_set(setun_translation *t, size_t begin, const setun_pattern_item *set);
/* Refuses what stands at `begin` if a caseless group could match it otherwise than one character to one. */
setun_status setun_translation_check_caseless(setun_translation *t, size_t begin, const setun_pattern_item *one);
/* [...]; t->at is behind the bracket. */
setun_status setun_translation_class(setun_translation *t);
#endif
