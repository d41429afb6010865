/* translate_set.c - characters and sets of Oniguruma's patterns: escapes, properties, classes. */
#include <string.h>

#include "text/text.h"
#include "text/translate.h"

static const char SPACE[] =
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
static const char NOT_SPACE[] = "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}"
                                "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{10ffff}";

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* At most max_digits hexadecimal digits at t->at. Returns how many. */
static size_t read_hex(setun_translation *t, size_t max_digits, uint32_t *out)
{
    size_t n = 0;

    for (*out = 0; n < max_digits && hex_digit(setun_translation_peek(t)) >= 0; n++)
        *out = *out * 16 + (uint32_t)hex_digit(t->pattern[t->at++]);
    return n;
}

/* Behind "\x" or "\u". */
static setun_status read_code(setun_translation *t, size_t begin, char kind, setun_pattern_item *out)
{
    bool braces = kind == 'x' && setun_translation_peek(t) == '{';
    size_t n;

    t->at += braces;
    n = read_hex(t, braces ? 8 : kind == 'x' ? 2 : 4, &out->c);
    if (n == 0 || (kind == 'u' && n != 4) || (braces && setun_translation_peek(t) != '}'))
        return setun_translation_refuse(t, begin, "not a character code that Setun can read");
    t->at += braces;
    if (kind == 'x' && !braces && out->c >= 0x80)
        return setun_translation_refuse(t, begin, "a single byte of a longer character; Setun matches characters");
    if (out->c > 0x10ffff || (out->c >= 0xd800 && out->c < 0xe000))
        return setun_translation_refuse(t, begin, "not a Unicode character");
    return SETUN_OK;
}

/* Behind "\p" or "\P". */
static setun_status read_property(setun_translation *t, size_t begin, bool negated, setun_pattern_item *out)
{
    size_t n = 0;

    if (setun_translation_peek(t) != '{')
        return setun_translation_refuse(t, begin, "expected \\p{...}");
    t->at++;
    out->is_set = true;
    out->negated = negated;
    if (setun_translation_peek(t) == '^') {
        out->negated = !negated;
        t->at++;
    }
    for (; setun_translation_peek(t) != '}' && t->at < t->n_bytes && n + 1 < sizeof(out->property); n++)
        out->property[n] = t->pattern[t->at++];
    out->property[n] = '\0';
    if (n == 0 || setun_translation_peek(t) != '}')
        return setun_translation_refuse(t, begin, "expected \\p{...}");
    t->at++;
    return SETUN_OK;
}

setun_status setun_translation_read_escape(setun_translation *t, setun_pattern_item *out)
{
    static const char names[] = "tnrfvae";
    static const char codes[] = "\t\n\r\f\v\a\x1b";
    size_t begin = t->at - 1, n_char;
    char c = setun_translation_peek(t);
    const char *name;

    *out = (setun_pattern_item){0};
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
            return setun_translation_refuse(t, begin, "an escape that Setun does not have");
        out->c = (uint8_t)c;
        return SETUN_OK;
    }
}

setun_status setun_translation_add_set(setun_translation *t, size_t begin, const setun_pattern_item *set)
{
    bool known = true, done;

    if (set->set != NULL)
        return setun_translation_add(t, set->set);
    if (set->word) /* Oniguruma counts these six Latin-1 numerals as word characters, and no other ones of their kind */
        done = setun_pattern_add(&t->out, "\\p{Alphabetic}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}") &&
               setun_pattern_add_property(&t->out, "L", &known) && setun_pattern_add_property(&t->out, "M", &known) &&
               setun_pattern_add_property(&t->out, "Nd", &known) && setun_pattern_add_property(&t->out, "Pc", &known);
    else
        done = setun_pattern_add_property(&t->out, set->property, &known);
    if (!done)
        return setun_translation_no_memory(t);
    return known ? SETUN_OK : setun_translation_refuse(t, begin, "a property that Setun does not have");
}

/* Under (?i:...) Oniguruma also matches one character against several ("ss" and U+00DF), so only what folds one to one passes:
 * ASCII, but for the letter pairs that are some character's full folding. */
setun_status setun_translation_check_caseless(setun_translation *t, size_t begin, const setun_pattern_item *one)
{
    static const char *const pairs[] = {"ss", "st", "ff", "fi", "fl"};
    uint32_t letter;

    if (!t->caseless[t->depth])
        return SETUN_OK;
    if (one->is_set || one->c >= 0x80)
        return setun_translation_refuse(t, begin, "inside (?i:...) only ASCII characters are supported");
    letter = one->c >= 'A' && one->c <= 'Z' ? one->c + 32 : one->c;
    for (size_t i = 0; i < SETUN_COUNT(pairs); i++)
        if (t->last_letter == (unsigned)pairs[i][0] && letter == (unsigned)pairs[i][1])
            return setun_translation_refuse(
                t, begin,
                "inside (?i:...) this letter and the one before it also match a single character, which is not supported");
    t->last_letter = letter;
    return SETUN_OK;
}

/* One item of a class. *out_end: the class ended instead. */
static setun_status read_class_item(setun_translation *t, setun_pattern_item *out)
{
    size_t n_char;

    *out = (setun_pattern_item){0};
    if (t->at == t->n_bytes)
        return setun_fail(t->error, SETUN_ERR_FORMAT, "pattern: expected ], found the end");
    if (setun_translation_has(t, "[") || setun_translation_has(t, "&&"))
        return setun_translation_refuse(t, t->at, "classes inside classes are not supported");
    if (setun_translation_peek(t) == '\\') {
        t->at++;
        if (setun_translation_peek(t) == 'b') {
            out->c = 8;
            t->at++;
            return SETUN_OK;
        }
        return setun_translation_read_escape(t, out);
    }
    out->c = setun_utf8_char(t->pattern + t->at, &n_char);
    t->at += n_char;
    return SETUN_OK;
}

setun_status setun_translation_class(setun_translation *t)
{
    size_t begin = t->at - 1;
    bool negated = setun_translation_peek(t) == '^';
    setun_status status;

    t->at += negated;
    if (setun_translation_peek(t) == ']')
        return setun_translation_refuse(t, begin, "expected a class with something in it");
    if (negated && t->caseless[t->depth])
        return setun_translation_refuse(t, begin, "inside (?i:...) only ASCII characters are supported");
    status = setun_translation_add(t, negated ? "[^" : "[");
    while (status == SETUN_OK && setun_translation_peek(t) != ']') {
        size_t at = t->at;
        setun_pattern_item one, last;

        status = read_class_item(t, &one);
        t->last_letter = 0;
        if (status == SETUN_OK)
            status = setun_translation_check_caseless(t, at, &one);
        if (status != SETUN_OK)
            break;
        if (one.is_set) {
            status = one.negated ? setun_translation_refuse(t, at, "a negated set inside a class is not supported")
                                 : setun_translation_add_set(t, at, &one);
            continue;
        }
        last = one;
        if (setun_translation_peek(t) == '-' && t->at + 1 < t->n_bytes && t->pattern[t->at + 1] != ']') {
            t->at++;
            status = read_class_item(t, &last);
            t->last_letter = 0;
            if (status == SETUN_OK)
                status = setun_translation_check_caseless(t, at, &last);
            if (status == SETUN_OK && (last.is_set || last.c < one.c))
                status = setun_translation_refuse(t, at, "not a range of characters");
        }
        if (status == SETUN_OK && !setun_pattern_add_range(&t->out, one.c, last.c))
            status = setun_translation_no_memory(t);
    }
    t->last_letter = 0;
    t->at++;
    return status == SETUN_OK ? setun_translation_add(t, "]") : status;
}
