/* translate.c - Oniguruma's syntax to PCRE2's. The common part passes; what the two read differently (\s, \w, \v, \h, \p{...}, {,n}) is
 * spelled out; what would need an equivalent that PCRE2 lacks, or that no tokenizer is known to use, is refused with its place. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "text/pattern.h"
#include "text/text.h"

enum { MAX_DEPTH = 200 };

typedef struct translation {
    const char *pattern;
    size_t n_bytes, at;
    setun_pattern_text out;
    bool caseless[MAX_DEPTH]; /* of each open group */
    bool asserts[MAX_DEPTH];  /* it only looks ahead or behind */
    size_t depth;
    unsigned last_letter; /* last literal ASCII letter of a caseless run, else 0 */
    bool nothing_to_repeat; /* no quantifier may stand here */
    setun_error *error;
} translation;

static const char SPACE[] = "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
static const char NOT_SPACE[] =
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}"
    "\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{10ffff}";

static setun_status no_memory(translation *t)
{
    return setun_fail_nomem(t->error, "pattern", t->out.n_bytes);
}

static setun_status add(translation *t, const char *text)
{
    return setun_pattern_add(&t->out, text) ? SETUN_OK : no_memory(t);
}

static setun_status refuse(translation *t, size_t at, const char *what)
{
    size_t n_bytes = t->n_bytes - at;

    return setun_fail(t->error, SETUN_ERR_UNSUPPORTED, "pattern, byte %zu: found \"%.*s\": %s", at, n_bytes > 20 ? 20 : (int)n_bytes,
                      t->pattern + at, what);
}

static bool has(const translation *t, const char *text)
{
    size_t n = strlen(text);

    return t->n_bytes - t->at >= n && memcmp(t->pattern + t->at, text, n) == 0;
}

static char peek(const translation *t)
{
    return t->at < t->n_bytes ? t->pattern[t->at] : '\0';
}

/* A member of a class, or an escape: one character or a set. */
typedef struct item {
    bool is_set, negated;  /* a set; negated: everything but it */
    uint32_t c;            /* else the character */
    const char *set;       /* items of a class */
    char property[32];     /* or a property's name, if set is NULL */
    bool word;             /* or \w */
} item;

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* At most max_digits hexadecimal digits at t->at. Returns how many. */
static size_t read_hex(translation *t, size_t max_digits, uint32_t *out)
{
    size_t n = 0;

    for (*out = 0; n < max_digits && hex_digit(peek(t)) >= 0; n++)
        *out = *out * 16 + (uint32_t)hex_digit(t->pattern[t->at++]);
    return n;
}

/* Behind "\x" or "\u". */
static setun_status read_code(translation *t, size_t begin, char kind, item *out)
{
    bool braces = kind == 'x' && peek(t) == '{';
    size_t n;

    t->at += braces;
    n = read_hex(t, braces ? 8 : kind == 'x' ? 2 : 4, &out->c);
    if (n == 0 || (kind == 'u' && n != 4) || (braces && peek(t) != '}'))
        return refuse(t, begin, "not a character code that Setun can read");
    t->at += braces;
    if (kind == 'x' && !braces && out->c >= 0x80)
        return refuse(t, begin, "a single byte of a longer character; Setun matches characters");
    if (out->c > 0x10ffff || (out->c >= 0xd800 && out->c < 0xe000))
        return refuse(t, begin, "not a Unicode character");
    return SETUN_OK;
}

/* Behind "\p" or "\P". */
static setun_status read_property(translation *t, size_t begin, bool negated, item *out)
{
    size_t n = 0;

    if (peek(t) != '{')
        return refuse(t, begin, "expected \\p{...}");
    t->at++;
    out->is_set = true;
    out->negated = negated;
    if (peek(t) == '^') {
        out->negated = !negated;
        t->at++;
    }
    for (; peek(t) != '}' && t->at < t->n_bytes && n + 1 < sizeof(out->property); n++)
        out->property[n] = t->pattern[t->at++];
    out->property[n] = '\0';
    if (n == 0 || peek(t) != '}')
        return refuse(t, begin, "expected \\p{...}");
    t->at++;
    return SETUN_OK;
}

/* An escape that stands for a character or a set, inside a class or outside; t->at is behind the backslash. */
static setun_status read_escape(translation *t, item *out)
{
    static const char names[] = "tnrfvae";
    static const char codes[] = "\t\n\r\f\v\a\x1b";
    size_t begin = t->at - 1, n_char;
    char c = peek(t);
    const char *name;

    *out = (item){0};
    if (t->at == t->n_bytes)
        return setun_fail(t->error, SETUN_ERR_FORMAT, "pattern: expected something behind the last backslash, found the end");
    if ((uint8_t)c >= 0x80) {
        out->c = setun_utf8_char(t->pattern + t->at, &n_char);
        t->at += n_char;
        return SETUN_OK;
    }
    t->at++;
    name = c == '\0' ? NULL : strchr(names, c);
    if (name != NULL) {
        out->c = (uint32_t)codes[name - names];
        return SETUN_OK;
    }
    switch (c) {
    case 's':
    case 'S':
        out->is_set = true;
        out->set = c == 's' ? SPACE : NOT_SPACE;
        return SETUN_OK;
    case 'd':
    case 'D':
        out->is_set = true;
        out->negated = c == 'D';
        memcpy(out->property, "Nd", 3);
        return SETUN_OK;
    case 'w':
    case 'W':
        out->is_set = out->word = true;
        out->negated = c == 'W';
        return SETUN_OK;
    case 'h':
    case 'H':
        out->is_set = true;
        out->negated = c == 'H';
        out->set = "0-9a-fA-F";
        return SETUN_OK;
    case 'p':
    case 'P':
        return read_property(t, begin, c == 'P', out);
    case 'x':
    case 'u':
        return read_code(t, begin, c, out);
    default:
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '\0')
            return refuse(t, begin, "an escape that Setun does not have");
        out->c = (uint8_t)c;
        return SETUN_OK;
    }
}

/* A set as items of a class, without regard to negation. */
static setun_status add_set(translation *t, size_t begin, const item *set)
{
    bool known = true, done;

    if (set->set != NULL)
        return add(t, set->set);
    if (set->word) /* Oniguruma counts these six Latin-1 numerals as word characters, and no other ones of their kind */
        done = setun_pattern_add(&t->out, "\\p{Alphabetic}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}") &&
               setun_pattern_add_property(&t->out, "L", &known) && setun_pattern_add_property(&t->out, "M", &known) &&
               setun_pattern_add_property(&t->out, "Nd", &known) && setun_pattern_add_property(&t->out, "Pc", &known);
    else
        done = setun_pattern_add_property(&t->out, set->property, &known);
    if (!done)
        return no_memory(t);
    return known ? SETUN_OK : refuse(t, begin, "a property that Setun does not have");
}

/* Under (?i:...) Oniguruma also matches one character against several ("ss" and U+00DF), so only what folds one to one passes:
 * ASCII, but for the letter pairs that are some character's full folding. */
static setun_status check_caseless(translation *t, size_t begin, const item *one)
{
    static const char *const pairs[] = {"ss", "st", "ff", "fi", "fl"};
    uint32_t letter;

    if (!t->caseless[t->depth])
        return SETUN_OK;
    if (one->is_set || one->c >= 0x80)
        return refuse(t, begin, "inside (?i:...) only ASCII characters are supported");
    letter = one->c >= 'A' && one->c <= 'Z' ? one->c + 32 : one->c;
    for (size_t i = 0; i < SETUN_COUNT(pairs); i++)
        if (t->last_letter == (unsigned)pairs[i][0] && letter == (unsigned)pairs[i][1])
            return refuse(t, begin, "inside (?i:...) this letter and the one before it also match a single character, which is not supported");
    t->last_letter = letter;
    return SETUN_OK;
}

/* One item of a class. *out_end: the class ended instead. */
static setun_status read_class_item(translation *t, item *out)
{
    size_t n_char;

    *out = (item){0};
    if (t->at == t->n_bytes)
        return setun_fail(t->error, SETUN_ERR_FORMAT, "pattern: expected ], found the end");
    if (has(t, "[") || has(t, "&&"))
        return refuse(t, t->at, "classes inside classes are not supported");
    if (peek(t) == '\\') {
        t->at++;
        if (peek(t) == 'b') {
            out->c = 8;
            t->at++;
            return SETUN_OK;
        }
        return read_escape(t, out);
    }
    out->c = setun_utf8_char(t->pattern + t->at, &n_char);
    t->at += n_char;
    return SETUN_OK;
}

/* [...]; t->at is behind the bracket. */
static setun_status translate_class(translation *t)
{
    size_t begin = t->at - 1;
    bool negated = peek(t) == '^';
    setun_status status;

    t->at += negated;
    if (peek(t) == ']')
        return refuse(t, begin, "expected a class with something in it");
    if (negated && t->caseless[t->depth])
        return refuse(t, begin, "inside (?i:...) only ASCII characters are supported");
    status = add(t, negated ? "[^" : "[");
    while (status == SETUN_OK && peek(t) != ']') {
        size_t at = t->at;
        item one, last;

        status = read_class_item(t, &one);
        t->last_letter = 0;
        if (status == SETUN_OK)
            status = check_caseless(t, at, &one);
        if (status != SETUN_OK)
            break;
        if (one.is_set) {
            status = one.negated ? refuse(t, at, "a negated set inside a class is not supported") : add_set(t, at, &one);
            continue;
        }
        last = one;
        if (peek(t) == '-' && t->at + 1 < t->n_bytes && t->pattern[t->at + 1] != ']') {
            t->at++;
            status = read_class_item(t, &last);
            t->last_letter = 0;
            if (status == SETUN_OK)
                status = check_caseless(t, at, &last);
            if (status == SETUN_OK && (last.is_set || last.c < one.c))
                status = refuse(t, at, "not a range of characters");
        }
        if (status == SETUN_OK && !setun_pattern_add_range(&t->out, one.c, last.c))
            status = no_memory(t);
    }
    t->last_letter = 0;
    t->at++;
    return status == SETUN_OK ? add(t, "]") : status;
}

/* An escape outside a class. */
static setun_status translate_escape(translation *t)
{
    size_t begin = t->at++;
    item one;
    setun_status status;

    if (peek(t) == 'A' || peek(t) == 'z') {
        t->nothing_to_repeat = true;
        return add(t, t->pattern[t->at++] == 'A' ? "\\A" : "\\z");
    }
    status = read_escape(t, &one);
    if (status == SETUN_OK)
        status = check_caseless(t, begin, &one);
    if (status != SETUN_OK)
        return status;
    if (!one.is_set)
        return setun_pattern_add_char(&t->out, one.c) ? SETUN_OK : no_memory(t);
    status = add(t, one.negated ? "[^" : "[");
    if (status == SETUN_OK)
        status = add_set(t, begin, &one);
    return status == SETUN_OK ? add(t, "]") : status;
}

/* Behind "(": no group is ever referred to, so plain ones need not capture. */
static setun_status translate_group(translation *t)
{
    static const char *const kinds[] = {"?:", "?=", "?!", "?<=", "?<!", "?>", "?i:", "?-i:"};
    const char *kind = "?:";
    bool caseless = t->caseless[t->depth];
    setun_status status;

    if (peek(t) == '?') {
        kind = NULL;
        for (size_t i = 0; i < SETUN_COUNT(kinds) && kind == NULL; i++)
            kind = has(t, kinds[i]) ? kinds[i] : NULL;
        if (kind == NULL)
            return refuse(t, t->at - 1, "a kind of group that is not supported");
        t->at += strlen(kind);
    }
    if (strcmp(kind, "?i:") == 0)
        caseless = true;
    else if (strcmp(kind, "?-i:") == 0)
        caseless = false;
    if (t->depth + 1 == MAX_DEPTH)
        return refuse(t, t->at - 1, "groups nested too deeply");
    t->caseless[++t->depth] = caseless;
    t->asserts[t->depth] = kind[1] != ':' && kind[1] != '>' && strchr("i-", kind[1]) == NULL;
    t->nothing_to_repeat = true;
    status = add(t, "(");
    return status == SETUN_OK ? add(t, kind) : status;
}

/* {n}, {n,}, {,n}, {n,m} at t->at; false, and t->at unchanged, if the brace is a plain character. */
static bool read_interval(translation *t, char out[32])
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

static setun_status translate_quantifier(translation *t)
{
    size_t begin = t->at;
    char text[33] = {t->pattern[t->at], '\0'};
    bool interval = text[0] == '{';

    if (interval && !read_interval(t, text))
        return refuse(t, begin, "a brace that begins no {n,m} must be written \\{");
    t->at += !interval;
    if (t->nothing_to_repeat)
        return refuse(t, begin, "there is nothing that could be repeated");
    t->nothing_to_repeat = true;
    t->last_letter = 0;
    if (peek(t) == '?' || peek(t) == '+') {
        if (interval)
            return refuse(t, begin, "{n,m} followed by ? or + means different things to different engines");
        text[1] = t->pattern[t->at++];
        text[2] = '\0';
    }
    return add(t, text);
}

static setun_status translate_literal(translation *t)
{
    size_t begin = t->at, n_char;
    item one = {.c = setun_utf8_char(t->pattern + t->at, &n_char)};
    setun_status status = check_caseless(t, begin, &one);

    t->at += n_char;
    if (status != SETUN_OK)
        return status;
    return setun_pattern_add_char(&t->out, one.c) ? SETUN_OK : no_memory(t);
}

/* One construct at t->at. */
static setun_status translate_one(translation *t)
{
    char c = peek(t);

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
        return translate_class(t);
    case '(':
        return translate_group(t);
    case ')':
        if (t->depth == 0)
            return setun_fail(t->error, SETUN_ERR_FORMAT, "pattern, byte %zu: found ) without (", t->at - 1);
        t->nothing_to_repeat = t->asserts[t->depth--]; /* as Oniguruma has it */
        return add(t, ")");
    case '.':
        return add(t, "[^\\x{a}]");
    case '\0':
        return refuse(t, t->at - 1, "a NUL byte");
    case '|':
    default: /* | ^ $: ^ and $ are those of lines, in both engines */
        t->nothing_to_repeat = true;
        return add(t, c == '|' ? "|" : c == '^' ? "^" : "$");
    }
}

setun_status setun_pattern_translate(const char *pattern, size_t n_bytes, char **out_text, size_t *out_bytes, setun_error *error)
{
    translation t = {.pattern = pattern, .n_bytes = n_bytes, .nothing_to_repeat = true, .error = error};
    setun_status status = add(&t, "");

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
