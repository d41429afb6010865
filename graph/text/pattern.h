/* pattern.h - regular expressions as Hugging Face's engine (Oniguruma, Ruby syntax, Unicode) reads them, compiled by PCRE2.
 * Internal. */
#ifndef SETUN_TEXT_PATTERN_H
#define SETUN_TEXT_PATTERN_H
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"

/* Compiles an Oniguruma pattern. SETUN_ERR_FORMAT: not a pattern; SETUN_ERR_UNSUPPORTED: it holds something whose meaning differs
 * between the engines and that is not translated. The error says what and at which byte, without naming the file. */
setun_status setun_pattern_compile(const char *pattern, size_t n_bytes, pcre2_code **out_code, setun_error *error);
/* Compiles a text that matches itself only. */
setun_status setun_pattern_compile_literal(const char *text, size_t n_bytes, pcre2_code **out_code, setun_error *error);
/* Compiles a pattern that is already PCRE2's. */
setun_status setun_pattern_compile_native(const char *pattern, size_t n_bytes, pcre2_code **out_code, setun_error *error);

/* The pattern in PCRE2's syntax; malloc-ed, NUL-terminated. */
setun_status setun_pattern_translate(const char *pattern, size_t n_bytes, char **out_text, size_t *out_bytes, setun_error *error);

/* Growing text for patterns; false when memory ran out. */
typedef struct setun_pattern_text {
    char *text;
    size_t n_bytes, capacity;
} setun_pattern_text;
bool setun_pattern_add(setun_pattern_text *out, const char *text);
bool setun_pattern_add_char(setun_pattern_text *out, uint32_t c); /* \x{...} */
bool setun_pattern_add_range(setun_pattern_text *out, uint32_t first, uint32_t last);
/* The members of a general category or script as items of a [...] class. *out_known: such a property is known. */
bool setun_pattern_add_property(setun_pattern_text *out, const char *name, bool *out_known);

typedef struct setun_unicode_row {
    const char *property;
    uint32_t first, last;
} setun_unicode_row;
extern const setun_unicode_row setun_unicode_new[];
extern const size_t setun_unicode_new_n;
extern const uint32_t setun_unicode_punctuation[]; /* pairs */
extern const size_t setun_unicode_punctuation_n;
#endif
