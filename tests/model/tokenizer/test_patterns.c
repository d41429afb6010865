/* test_patterns.c - regular expressions as Oniguruma reads them: what the two engines would understand differently, checked by what
 * a pattern takes out of a text; and what is refused rather than misread. Expected texts were confirmed with tokenizers 0.23. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "variant.h"

/* Text without the pattern's matches. */
static const struct row {
    const char *pattern, *text, *left;
} rows[] = {
    {"\\s",
     "a\u180eb\u3000c\xc2\x85"
     "d\u200be",
     "a\u180ebcd\u200be"}, /* PCRE2's own \s takes U+180E */
    {"[\\s]", "a\u180eb\u00a0c", "a\u180ebc"},
    {"[^\\s]", "a\u180eb \v", " \v"},
    {"\\S+", "a\u180eb c\t", " \t"},
    {"[\\Sx]", "ab \u180e", " "},
    {"\\w", "a1_\u00b2\u0301\u24b6-\u2460\u0bf0\u203f",
     "-\u2460\u0bf0"}, /* PCRE2's own lacks marks and U+203F, and takes any numeral */
    {"\\W", "a\u0301-b", "a\u0301b"},
    {"[\\w-]", "a-b+c", "+"},
    {"\\d", "1\u0663\u00b2", "\u00b2"},
    {"\\D+", "a1b\u0663", "1\u0663"},
    {"\\h", "agF 9", "g "}, /* a hexadecimal digit, not horizontal space */
    {"\\H", "agF 9", "aF9"},
    {"\\v", "a\vb\nc\u2028", "ab\nc\u2028"},            /* one character, not vertical space */
    {"\\p{Han}", "\u4e2d\u3001\u3042", "\u3001\u3042"}, /* the script, not its extensions */
    {"\\p{L}", "a\u1c89\U000323af\U00010d4a1", "1"},    /* letters of Unicode 15 and 16 */
    {"\\p{N}", "1\u2167\U00010d40a", "a"},
    {"[^\\p{L}\\p{N}]", "a\u1c89-\U00010d40", "a\u1c89\U00010d40"},
    {"\\p{^L}", "a1b", "ab"},
    {"\\P{Lu}", "aBc", "B"},
    {"(?i:'s|'ll)", "x's'S'\u017f'Ll'l", "x'l"},
    {"(?i:a(?-i:b))c", "abcABcAbc", "ABc"},
    {"(?i:k)", "kK\u212ax", "x"},
    {"a{,2}b", "aaab", "a"}, /* {,n} is {0,n} */
    {"a{2}", "aaaaa", "a"},
    {"a\\{2}", "a{2}aa", "aa"},
    {"a++a", "aaa", "aaa"},
    {"a?+b", "abb", ""},
    {".", "a\nb\r", "\n"},
    {"^b", "ab\nb", "ab\n"}, /* at every line's begin */
    {"b$", "bb\nab", "b\na"},
    {"\\Ab|b\\z", "bb\nbb", "b\nb"},
    {"(?<=a)b(?!c)", "abc ab bb", "abc a bb"},
    {"(?<!a)b", "abb", "ab"},
    {"\\x41\\x{e9}\\u00e9", "A\u00e9\u00e9A", "A"},
    {"[\\x{4e00}-\\x{9fff}a-c]", "\u4e2dabcd", "d"},
    {"[a\\-c]", "a-bc", "b"},
    {"[\\b]", "a\bb", "ab"},
    {"\\e|\\a|\\f", "\x1b\a\fx", "x"},
    {"\\/|\\.|\\\\", "/.\\x", "x"},
    {"(a|b)(c|d)", "acbdab", "ab"},
    {"", "abc", "abc"},
    {"(?>a+)b|-", "aab-a", "a"},
    {"\u00e9", "\u00e9e", "e"},
};

static json_t *removing(const char *pattern)
{
    json_t *root = tiny_json();

    cr_assert_eq(json_object_set_new(root, "pre_tokenizer",
                                     json_pack("{s:s, s:[{s:s, s:{s:s}, s:s, s:b}, {s:s, s:b, s:b}]}", "type", "Sequence",
                                               "pretokenizers", "type", "Split", "pattern", "Regex", pattern, "behavior", "Removed",
                                               "invert", 0, "type", "ByteLevel", "add_prefix_space", 0, "use_regex", 0)),
                 0, "%s", pattern);
    return root;
}

Test(tokenizer_patterns, what_they_match)
{
    for (size_t i = 0; i < SETUN_COUNT(rows); i++) {
        setun_tokenizer *tokenizer = opened(removing(rows[i].pattern));
        size_t n, n_left;
        int32_t *ids = encoded(tokenizer, rows[i].text, strlen(rows[i].text), SETUN_TEXT_USER, &n);
        char *left = decoded(tokenizer, ids, n, &n_left);

        cr_expect_str_eq(left, rows[i].left, "%s on \"%s\" leaves \"%s\"", rows[i].pattern, rows[i].text, left);
        free(left);
        setun_free(ids);
        setun_tokenizer_close(tokenizer);
    }
}

Test(tokenizer_patterns, refused)
{
    static const char *const refused[] = {
        "(?i)a", /* reaches further in Ruby's syntax than in Perl's */
        "(?m:a)",
        "(?x: a)",
        "(?<name>a)",
        "(?~a)",
        "(?#note)",
        "\\1",
        "\\b",
        "\\B",
        "\\G",
        "\\R",
        "\\X",
        "\\K",
        "\\k<a>",
        "\\g<a>",
        "\\Q",
        "\\C",
        "\\077",
        "\\xe9",
        "\\x{d800}",
        "\\x{110000}",
        "\\u00e",
        "\\pL",
        "\\p{}",
        "\\p{L",
        "\\p{Cn}",
        "\\p{Alpha}",
        "[[:alpha:]]",
        "[a[b]]",
        "[a&&b]",
        "[\\P{L}]",
        "[\\W]",
        "[]a]",
        "[^]",
        "[b-a]",
        "[a-\\d]",
        "a{1,2}+",
        "a{1,2}?",
        "a**",
        "a{2}{3}",
        "(?=a)*",
        "a{",
        "{2}",
        "|*",
        "(?i:ss)",
        "(?i:ST)",
        "(?i:\\w)",
        "(?i:[^a])",
        "(?i:\u00e9)",
        "(?i:[a-\u00e9])",
        "\\",
        "(",
        ")",
        "[",
        "(?",
        "(?<a",
        "a{99999}",
        "(?:(?:(?:a{999}){999}){999})",
    };

    for (size_t i = 0; i < SETUN_COUNT(refused); i++) {
        json_t *root = removing(refused[i]);
        setun_tokenizer *tokenizer = NULL;
        setun_error error = {{0}};
        setun_status status = open_json(root, &tokenizer, &error);

        cr_expect(status == SETUN_ERR_UNSUPPORTED || status == SETUN_ERR_FORMAT, "%s was accepted", refused[i]);
        cr_expect_not_null(strstr(error.text, "pre_tokenizer.pretokenizers[0].pattern: "), "%s: %s", refused[i], error.text);
        setun_tokenizer_close(tokenizer);
        json_decref(root);
    }
}
