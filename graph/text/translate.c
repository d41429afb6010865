/* translate.c - Oniguruma's syntax to PCRE2's. The common part passes; what the two read differently (\s, \w, \v, \h, \p{...},
 * {,n}) is spelled out; what would need an equivalent that PCRE2 lacks, or that no tokenizer is known to use, is refused with its
 * place. */
#include <stdlib.h>
#include <string.h>

#include "text/text.h"
#include "text/translate.h"

setun_status setun_translation_no_memory(setun_translation *t)
{
    return setun_fail_nomem(t->error, "pattern", t->out.n_bytes);
}

setun_status setun_translation_add(setun_translation *t, const char *text)
{
    return setun_pattern_add(&t->out, text) ? SETUN_OK : setun_translation_no_memory(t);
}

setun_status setun_translation_refuse(setun_translation *t, size_t at, const char *what)
{
    size_t n_bytes = t->n_bytes - at;

    return setun_fail(t->error, SETUN_ERR_UNSUPPORTED, "pattern, byte %zu: found \"%.*s\": %s", at,
                      n_bytes > 20 ? 20 : (int)n_bytes, t->pattern + at, what);
}

bool setun_translation_has(const setun_translation *t, const char *text)
{
    size_t n = strlen(text);

    return t->n_bytes - t->at >= n && memcmp(t->pattern + t->at, text, n) == 0;
}

char setun_translation_peek(const setun_translation *t)
{
    return t->at < t->n_bytes ? t->pattern[t->at] : '\0';
}

/* An escape outside a class. */
static setun_status translate_escape(setun_translation *t)
{
    size_t begin = t->at++;
    setun_pattern_item one;
    setun_status status;

    if (setun_translation_peek(t) == 'A' || setun_translation_peek(t) == 'z') {
        t->nothing_to_repeat = true;
        return setun_translation_add(t, t->pattern[t->at++] == 'A' ? "\\A" : "\\z");
    }
    status = setun_translation_read_escape(t, &one);
    if (status == SETUN_OK)
        status = setun_translation_check_caseless(t, begin, &one);
    if (status != SETUN_OK)
        return status;
    if (!one.is_set)
        return setun_pattern_add_char(&t->out, one.c) ? SETUN_OK : setun_translation_no_memory(t);
    status = setun_translation_add(t, one.negated ? "[^" : "[");
    if (status == SETUN_OK)
        status = setun_translation_add_set(t, begin, &one);
    return status == SETUN_OK ? setun_translation_add(t, "]") : status;
}

/* Behind "(": no group is ever referred to, so plain ones need not capture. */
static setun_status translate_group(setun_translation *t)
{
    static const char *const kinds[] = {"?:", "?=", "?!", "?<=", "?<!", "?>", "?i:", "?-i:"};
    const char *kind = "?:";
    bool caseless = t->caseless[t->depth];
    setun_status status;

    if (setun_translation_peek(t) == '?') {
        kind = NULL;
        for (size_t i = 0; i < SETUN_COUNT(kinds) && kind == NULL; i++)
            kind = setun_translation_has(t, kinds[i]) ? kinds[i] : NULL;
        if (kind == NULL)
            return setun_translation_refuse(t, t->at - 1, "a kind of group that is not supported");
        t->at += strlen(kind);
    }
    if (strcmp(kind, "?i:") == 0)
        caseless = true;
    else if (strcmp(kind, "?-i:") == 0)
        caseless = false;
    if (t->depth + 1 == SETUN_PATTERN_DEPTH)
        return setun_translation_refuse(t, t->at - 1, "groups nested too deeply");
    t->caseless[++t->depth] = caseless;
    t->asserts[t->depth] = kind[1] != ':' && kind[1] != '>' && strchr("i-", kind[1]) == NULL;
    t->nothing_to_repeat = true;
    status = setun_translation_add(t, "(");
    return status == SETUN_OK ? setun_translation_add(t, kind) : status;
}

/* {n}, {n,}, {,n}, {n,m} at t->at; false, and t->at unchanged, if the brace is a plain character. */
static bool read_interval(setun_translation *t, char out[32])
{
    size_t at = t->at + 1, n_low = 0, n_high = 0;
    unsigned low = 0, high = 0;
    bool comma = false;

    for (; at < t->n_bytes && t->pattern[at] >= '0' && t->pattern[at] <= '9' && n_low < 6; at++, n_low++)
        low = low * 10 + (unsigned)(t->pattern[at] - '0');
    if (at < t->n_bytes && t->pattern[at] == ',') {
        comma = true;
        at++;
        for (; at < t->n_bytes && t->pattern[at] >= '0' && t->pattern[at] <= '9' && n_high < 6; at++, n_high++)
            high = high * 10 + (unsigned)(t->pattern[at] - '0');
    }
    if (at == t->n_bytes || t->pattern[at] != '}' || n_low + n_high == 0)
        return false;
    t->at = at + 1;
    if (!comma)
        (void)snprintf(out, 32, "{%u}", low);
    else if (n_high == 0)
        (void)snprintf(out, 32, "{%u,}", low);
    else
        (void)snprintf(out, 32, "{%u,%u}", low, high);
    return true;
}

static setun_status translate_quantifier(setun_translation *t)
{
    size_t begin = t->at;
    char text[33] = {t->pattern[t->at], '\0'};
    bool interval = text[0] == '{';

    if (interval && !read_interval(t, text))
        return setun_translation_refuse(t, begin, "a brace that begins no {n,m} must be written \\{");
    t->at += !interval;
    if (t->nothing_to_repeat)
        return setun_translation_refuse(t, begin, "there is nothing that could be repeated");
    t->nothing_to_repeat = true;
    t->last_letter = 0;
    if (setun_translation_peek(t) == '?' || setun_translation_peek(t) == '+') {
        if (interval)
            return setun_translation_refuse(t, begin, "{n,m} followed by ? or + means different things to different engines");
        text[1] = t->pattern[t->at++];
        text[2] = '\0';
    }
    return setun_translation_add(t, text);
}

static setun_status translate_literal(setun_translation *t)
{
    size_t begin = t->at, n_char;
    setun_pattern_item one = {.c = setun_utf8_char(t->pattern + t->at, &n_char)};
    setun_status status = setun_translation_check_caseless(t, begin, &one);

    t->at += n_char;
    if (status != SETUN_OK)
        return status;
    return setun_pattern_add_char(&t->out, one.c) ? SETUN_OK : setun_translation_no_memory(t);
}

/* One construct at t->at. */
static setun_status translate_one(setun_translation *t)
{
    char c = setun_translation_peek(t);

    if (c == '*' || c == '+' || c == '?' || c == '{')
        return translate_quantifier(t);
    t->nothing_to_repeat = false;
    if (c != '\\' && strchr("[().|^$", c) == NULL)
        return translate_literal(t);
    if (c != '\\')
        t->last_letter = 0;
    if (c == '\\')
        return translate_escape(t);
    t->at++;
    switch (c) {
    case '[':
        return setun_translation_class(t);
    case '(':
        return translate_group(t);
    case ')':
        if (t->depth == 0)
            return setun_fail(t->error, SETUN_ERR_FORMAT, "pattern, byte %zu: found ) without (", t->at - 1);
        t->nothing_to_repeat = t->asserts[t->depth--]; /* as Oniguruma has it */
        return setun_translation_add(t, ")");
    case '.':
        return setun_translation_add(t, "[^\\x{a}]");
    case '\0':
        return setun_translation_refuse(t, t->at - 1, "a NUL byte");
    case '|':
    default: /* | ^ $: ^ and $ are those of lines, in both engines */
        t->nothing_to_repeat = true;
        return setun_translation_add(t, c == '|' ? "|" : c == '^' ? "^" : "$");
    }
}

setun_status setun_pattern_translate(const char *pattern, size_t n_bytes, char **out_text, size_t *out_bytes, setun_error *error)
{
    setun_translation t = {.pattern = pattern, .n_bytes = n_bytes, .nothing_to_repeat = true, .error = error};
    setun_status status = setun_translation_add(&t, "");

    while (status == SETUN_OK && t.at < n_bytes)
        status = translate_one(&t);
    if (status == SETUN_OK && t.depth > 0)
        status = setun_fail(error, SETUN_ERR_FORMAT, "pattern: expected ), found the end");
    if (status != SETUN_OK) {
        free(t.out.text);
        return status;
    }
    *out_text = t.out.text;
    *out_bytes = t.out.n_bytes;
    return SETUN_OK;
}
