/* test_steps.c - where each kind of pre-tokeniser step cuts. The behaviours of Split are the library's documented example; the
 * other rows were confirmed with tokenizers 0.23 (pre_tokenize_str). */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "text/text.h"
#include "variant.h"

#define BYTE_LEVEL(prefix, regex)                                                                                                  \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":" prefix ",\"trim_offsets\":true,\"use_regex\":" regex "}"
#define PLAIN BYTE_LEVEL("false", "false")
#define SPLIT(kind, pattern, behavior, invert)                                                                                     \
    "{\"type\":\"Split\",\"pattern\":{\"" kind "\":\"" pattern "\"},\"behavior\":\"" behavior "\",\"invert\":" invert "}"
#define DIGITS(each) "{\"type\":\"Digits\",\"individual_digits\":" each "}"
#define PUNCTUATION(behavior) "{\"type\":\"Punctuation\",\"behavior\":\"" behavior "\"}"

static const struct row {
    const char *steps, *text, *cut; /* cut: the pre-tokens with bars between them */
} rows[] = {
    {SPLIT("String", "-", "Removed", "false") "," PLAIN, "the-final--countdown", "the|final|countdown"},
    {SPLIT("String", "-", "Isolated", "false") "," PLAIN, "the-final--countdown", "the|-|final|-|-|countdown"},
    {SPLIT("String", "-", "MergedWithPrevious", "false") "," PLAIN, "the-final--countdown", "the-|final-|-|countdown"},
    {SPLIT("String", "-", "MergedWithNext", "false") "," PLAIN, "the-final--countdown", "the|-final|-|-countdown"},
    {SPLIT("String", "-", "Contiguous", "false") "," PLAIN, "the-final--countdown", "the|-|final|--|countdown"},
    {SPLIT("Regex", "[a-z]+", "Removed", "true") "," PLAIN, "the-final--countdown", "the|final|countdown"},
    {SPLIT("Regex", "[a-z]+", "MergedWithNext", "true") "," PLAIN, "-a--b-", "-a|--b|-"},
    {SPLIT("Regex", "[a-z]+", "MergedWithPrevious", "true") "," PLAIN, "-a--b-", "-|a--|b-"},
    {SPLIT("String", ".", "Isolated", "false") "," PLAIN, "a.b", "a|.|b"}, /* a string is no pattern */
    {SPLIT("String", "", "Isolated", "false") "," PLAIN, "abc", "a|b|c"},
    {SPLIT("Regex", "", "Contiguous", "false") "," PLAIN, "abc", "a|b|c"},
    {PLAIN, "any thing at all", "any thing at all"},
    {BYTE_LEVEL("true", "false"), "a", " a"},
    {BYTE_LEVEL("true", "false"), " a", " a"},
    {BYTE_LEVEL("false", "true"), "I'm  here, 12 o'clock\n ", "I|'m| | here|,| 12| o|'|clock|\n "},
    {BYTE_LEVEL("true", "true"), "I'M", " I|'|M"},
    {SPLIT("String", ",", "Isolated", "false") "," BYTE_LEVEL("true", "false"), "a,b c", " a| ,| b c"}, /* before every pre-token */
    {DIGITS("true") "," PLAIN, "a123b\u00bd4", "a|1|2|3|b|\u00bd|4"},
    {DIGITS("false") "," PLAIN, "a123b\u00bd4", "a|123|b|\u00bd4"},
    {DIGITS("false") "," PLAIN, "12a", "12|a"},
    {PUNCTUATION("Isolated") "," PLAIN, "a,,b$c\u3002\u20ac", "a|,|,|b|$|c|\u3002|\u20ac"},
    {PUNCTUATION("Contiguous") "," PLAIN, "a,,b$c", "a|,,|b|$|c"},
    {PUNCTUATION("Removed") "," PLAIN, "a,,b", "a|b"},
    {"{\"type\":\"Punctuation\"}," PLAIN, "a!b", "a|!|b"},
    /* Steps behind ByteLevel see the byte-level spelling: of U+00B2 = C2 B2 the second byte is spelled as a digit. */
    {PLAIN "," DIGITS("true"), "a\u00b2", "a\xc2|\xb2"},
    {BYTE_LEVEL("false", "true") "," SPLIT("Regex", "[0-9][0-9][0-9]", "Isolated", "false"), "ab 1234567", "ab| |123|456|7"},
};

Test(tokenizer_steps, where_they_cut)
{
    for (size_t i = 0; i < SETUN_COUNT(rows); i++) {
        char text[1024], cut[256] = "";
        setun_pretoken_work work = {0};
        setun_error error = {{0}};
        json_error_t fault;
        json_t *root = tiny_json();
        setun_tokenizer *tokenizer;

        (void)snprintf(text, sizeof(text), "{\"type\":\"Sequence\",\"pretokenizers\":[%s]}", rows[i].steps);
        cr_assert_eq(json_object_set_new(root, "pre_tokenizer", json_loads(text, 0, &fault)), 0, "row %zu: %s", i, fault.text);
        tokenizer = opened(root);
        cr_assert_eq(setun_pretokenizer_run(&tokenizer->pretokenizer, rows[i].text, strlen(rows[i].text), &work, &error), SETUN_OK);
        for (size_t j = 0; j < work.result->n; j++) {
            if (j > 0)
                strcat(cut, "|");
            strncat(cut, work.text + work.result->items[j].begin, work.result->items[j].end - work.result->items[j].begin);
        }
        cr_expect_str_eq(cut, rows[i].cut, "row %zu: \"%s\" is cut into \"%s\"", i, rows[i].text, cut);
        setun_pretoken_work_free(&work);
        setun_tokenizer_close(tokenizer);
    }
}
