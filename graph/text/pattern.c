/* pattern.c - compiling patterns with PCRE2, and pieces of patterns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "text/pattern.h"

enum { MAX_PATTERN_BYTES = 65536 }; /* known ones have at most 2 KB */

/* \C would cut characters; lines are those of ^ and $ in Ruby's syntax. */
static const uint32_t NATIVE = PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;

/* shown: the pattern as the file has it. */
static setun_status compile(const char *pattern, size_t n_bytes, uint32_t options, const char *shown, pcre2_code **out_code,
                            setun_error *error)
{
    pcre2_compile_context *context;
    PCRE2_SIZE at;
    int code;

    context = pcre2_compile_context_create(NULL);
    if (context == NULL)
        return setun_fail_nomem(error, "pattern", n_bytes);
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    *out_code = pcre2_compile((PCRE2_SPTR)pattern, n_bytes, PCRE2_UTF | options, &code, &at, context);
    pcre2_compile_context_free(context);
    if (*out_code == NULL) {
        PCRE2_UCHAR message[128] = "";

        if (code == PCRE2_ERROR_HEAP_FAILED)
            return setun_fail_nomem(error, "pattern", n_bytes);
        (void)pcre2_get_error_message(code, message, sizeof(message));
        return setun_fail(error, SETUN_ERR_FORMAT, "expected a regular expression, found \"%.200s\": %s", shown,
                          (const char *)message);
    }
    (void)pcre2_jit_compile(*out_code, PCRE2_JIT_COMPLETE); /* where there is none, the interpreter gives the same matches */
    return SETUN_OK;
}

setun_status setun_pattern_compile_native(const char *pattern, size_t n_bytes, pcre2_code **out_code, setun_error *error)
{
    return compile(pattern, n_bytes, NATIVE, pattern, out_code, error);
}

setun_status setun_pattern_compile_literal(const char *text, size_t n_bytes, pcre2_code **out_code, setun_error *error)
{
    return compile(text, n_bytes, PCRE2_LITERAL, text, out_code, error);
}

setun_status setun_pattern_compile(const char *pattern, size_t n_bytes, pcre2_code **out_code, setun_error *error)
{
    setun_status status;
    size_t n_native;
    char *native;

    if (n_bytes > MAX_PATTERN_BYTES)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "expected a pattern of at most %d bytes, found %zu", MAX_PATTERN_BYTES,
                          n_bytes);
    status = setun_pattern_translate(pattern, n_bytes, &native, &n_native, error);
    if (status != SETUN_OK)
        return status;
    status = compile(native, n_native, NATIVE, pattern, out_code, error);
    free(native);
    return status;
}

static bool add_bytes(setun_pattern_text *out, const char *text, size_t n_bytes)
{
    if (!setun_grow(&out->text, &out->capacity, out->n_bytes + n_bytes + 1, 1))
        return false;
    memcpy(out->text + out->n_bytes, text, n_bytes + 1);
    out->n_bytes += n_bytes;
    return true;
}

bool setun_pattern_add(setun_pattern_text *out, const char *text)
{
    return add_bytes(out, text, strlen(text));
}

bool setun_pattern_add_char(setun_pattern_text *out, uint32_t c)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "\\x{%x}", (unsigned)c);

    return add_bytes(out, text, (size_t)n);
}

bool setun_pattern_add_range(setun_pattern_text *out, uint32_t first, uint32_t last)
{
    return setun_pattern_add_char(out, first) &&
           (first == last || (setun_pattern_add(out, "-") && setun_pattern_add_char(out, last)));
}

bool setun_pattern_add_property(setun_pattern_text *out, const char *name, bool *out_known)
{
    /* Not C and Cn: what is unassigned depends on the version of Unicode. */
    static const char *const categories[] = {"L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc", "Me", "N", "Nd",
                                             "Nl", "No", "P",  "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S", "Sm",
                                             "Sc", "Sk", "So", "Z",  "Zs", "Zl", "Zp", "Cc", "Cf", "Co"};
    static const char *const scripts[] = {"Han",   "Hiragana", "Katakana", "Hangul", "Latin",     "Cyrillic",
                                          "Greek", "Arabic",   "Hebrew",   "Thai",   "Devanagari"};
    const char *before = NULL;

    for (size_t i = 0; i < SETUN_COUNT(categories); i++)
        if (strcmp(name, categories[i]) == 0)
            before = "\\p{";
    for (size_t i = 0; i < SETUN_COUNT(scripts); i++)
        if (strcmp(name, scripts[i]) == 0)
            before = "\\p{sc:"; /* the script itself: PCRE2's plain \p{Han} is the script's extensions */
    *out_known = before != NULL;
    if (before == NULL)
        return true;
    if (!setun_pattern_add(out, before) || !setun_pattern_add(out, name) || !setun_pattern_add(out, "}"))
        return false;
    for (size_t i = 0; i < setun_unicode_new_n; i++) {
        const setun_unicode_row *row = &setun_unicode_new[i];

        if ((strcmp(row->property, name) == 0 || (name[1] == '\0' && row->property[2] == '\0' && row->property[0] == name[0])) &&
            !setun_pattern_add_range(out, row->first, row->last))
            return false;
    }
    return true;
}
