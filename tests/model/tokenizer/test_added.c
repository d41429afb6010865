/* test_added.c - added tokens: which ones are found where. The expected ids follow from the rules; that the rules are the library's
 * is checked by the golden variants. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/base.h"
#include "variant.h"

/* name: flags, as letters: special, lstrip, rstrip, single_word (w), normalized. Ids from 256 on, in this order. */
static const struct added {
    const char *content, *flags;
} added[] = {
    {"<s>", "s"}, {"<s>>", "s"}, {"<l>", "l"}, {"<r>", "r"}, {"word", "w"}, {"<n>", "n"}, {"x<s", ""}, {"  ", "r"}, {"<sl>", "slr"},
};

enum { S = 256, SS, L, R, W, N, X, SP, SL };

static setun_tokenizer *added_tokenizer(void)
{
    json_t *root = tiny_json();

    for (size_t i = 0; i < SETUN_COUNT(added); i++) {
        json_t *token = json_pack("{s:i, s:s, s:b, s:b, s:b, s:b, s:b}", "id", 256 + (int)i, "content", added[i].content, "special",
                                  strchr(added[i].flags, 's') != NULL, "lstrip", strchr(added[i].flags, 'l') != NULL, "rstrip",
                                  strchr(added[i].flags, 'r') != NULL, "single_word", strchr(added[i].flags, 'w') != NULL,
                                  "normalized", strchr(added[i].flags, 'n') != NULL);

        cr_assert_not_null(token);
        cr_assert_eq(json_array_append_new(json_object_get(root, "added_tokens"), token), 0);
    }
    return opened(root);
}

static const struct row {
    const char *text;
    unsigned flags;
    int ids[12]; /* ends with 0 */
} rows[] = {
    {"a<s>b", SETUN_TEXT_TRUSTED, {'a', S, 'b'}},
    {"a<s>b", SETUN_TEXT_USER, {'a', '<', 's', '>', 'b'}},
    {"<s>>", SETUN_TEXT_TRUSTED, {SS}}, /* the longest */
    {"<s><s>", SETUN_TEXT_TRUSTED, {S, S}},
    {"x<s>", SETUN_TEXT_TRUSTED, {X, '>'}}, /* the leftmost, although a longer one begins inside it */
    {"x<s>", SETUN_TEXT_USER, {X, '>'}},    /* not special: found in untrusted text too */
    {"<s", SETUN_TEXT_TRUSTED, {'<', 's'}},
    {"a <l> b", SETUN_TEXT_USER, {'a', L, ' ', 'b'}},
    {" \t\n<l>", SETUN_TEXT_USER, {L}},
    {"a <r> \n b", SETUN_TEXT_USER, {'a', ' ', R, 'b'}},
    {"<r> <l>", SETUN_TEXT_USER, {R, L}}, /* the space is taken once */
    {"<r>", SETUN_TEXT_USER, {R}},
    {"<r>\xe3\x80\x80", SETUN_TEXT_USER, {R}}, /* U+3000 is white space */
    {"\xc2\xa0<l>", SETUN_TEXT_USER, {L}},
    {"\xe2\x80\x8b<l>", SETUN_TEXT_USER, {0xe2, 0x80, 0x8b, L}}, /* U+200B is not */
    {"word", SETUN_TEXT_USER, {W}},
    {"a word.", SETUN_TEXT_USER, {'a', ' ', W, '.'}},
    {"sword", SETUN_TEXT_USER, {'s', 'w', 'o', 'r', 'd'}},
    {"word_", SETUN_TEXT_USER, {'w', 'o', 'r', 'd', '_'}},
    {"word1", SETUN_TEXT_USER, {'w', 'o', 'r', 'd', '1'}},
    {"\xc3\xa9word", SETUN_TEXT_USER, {0xc3, 0xa9, 'w', 'o', 'r', 'd'}},
    {"word\xcc\x81", SETUN_TEXT_USER, {'w', 'o', 'r', 'd', 0xcc, 0x81}}, /* a combining mark is of the word */
    {"-word-", SETUN_TEXT_USER, {'-', W, '-'}},
    {"wordword word", SETUN_TEXT_USER, {'w', 'o', 'r', 'd', 'w', 'o', 'r', 'd', ' ', W}},
    {"<n><s>", SETUN_TEXT_TRUSTED, {N, S}},
    {"<<n>", SETUN_TEXT_USER, {'<', N}},
    {"a   b", SETUN_TEXT_USER, {'a', SP, 'b'}}, /* rstrip of a token that is white space itself */
    {"     ", SETUN_TEXT_USER, {SP, SP}},       /* the search goes on behind the token, not behind the space it took */
    {" <sl> x", SETUN_TEXT_TRUSTED, {SL, 'x'}},
    {" <sl> x", SETUN_TEXT_USER, {' ', '<', 's', 'l', '>', ' ', 'x'}}, /* not matched: nothing is stripped */
};

Test(tokenizer_added, rows)
{
    setun_tokenizer *tokenizer = added_tokenizer();

    for (size_t i = 0; i < SETUN_COUNT(rows); i++) {
        size_t n, n_expected = 0;
        int32_t *ids = encoded(tokenizer, rows[i].text, strlen(rows[i].text), rows[i].flags, &n);

        while (rows[i].ids[n_expected] != 0)
            n_expected++;
        cr_expect_eq(n, n_expected, "row %zu \"%s\": %zu ids, expected %zu", i, rows[i].text, n, n_expected);
        for (size_t j = 0; j < n && j < n_expected; j++)
            cr_expect_eq(ids[j], rows[i].ids[j], "row %zu \"%s\": id %zu is %d", i, rows[i].text, j, (int)ids[j]);
        setun_free(ids);
    }
    setun_tokenizer_close(tokenizer);
}

/* Ids past the vocabulary with a gap, and what is known of them. */
Test(tokenizer_added, ids_and_names)
{
    json_t *root = tiny_json();
    setun_tokenizer *tokenizer;
    setun_text_decoder *decoder;
    setun_error error = {{0}};
    const char *text;
    size_t n_bytes, n;
    bool special;
    int32_t *ids;

    cr_assert_eq(json_array_append_new(json_object_get(root, "added_tokens"),
                                       json_pack("{s:i, s:s, s:b, s:b, s:b, s:b, s:b}", "id", 300, "content", "\u00e9 \u2581",
                                                 "special", 1, "lstrip", 0, "rstrip", 0, "single_word", 0, "normalized", 0)),
                 0);
    tokenizer = opened(root);
    cr_expect_eq(setun_tokenizer_size(tokenizer), 301);
    text = setun_tokenizer_token(tokenizer, 300, &n_bytes, &special);
    cr_assert_not_null(text);
    cr_expect(special && n_bytes == 6 && memcmp(text, "\u00e9 \u2581", 6) == 0);
    text = setun_tokenizer_token(tokenizer, 32, &n_bytes, NULL);
    cr_assert_not_null(text);
    cr_expect(n_bytes == 1 && text[0] == ' ');
    for (int32_t id = -1; id <= 301; id += id == 255 ? 45 : 1) {
        bool exists = (id >= 0 && id < 256) || id == 300;

        n_bytes = 99;
        cr_expect_eq(setun_tokenizer_token(tokenizer, id, &n_bytes, &special) != NULL, exists, "id %d", (int)id);
        cr_expect(exists || (n_bytes == 0 && !special));
    }
    cr_expect_null(setun_tokenizer_token(tokenizer, 299, &n_bytes, NULL));
    cr_expect_null(setun_tokenizer_token(tokenizer, INT32_MAX, &n_bytes, NULL));
    cr_expect_null(setun_tokenizer_token(tokenizer, INT32_MIN, &n_bytes, NULL));
    cr_expect_eq(setun_tokenizer_find(tokenizer, "\u00e9 \u2581", 6), 300);
    cr_expect_eq(setun_tokenizer_find(tokenizer, " ", 1), 32);
    cr_expect_eq(setun_tokenizer_find(tokenizer, "\0", 1), 0);
    cr_expect_eq(setun_tokenizer_find(tokenizer, "ab", 2), -1);
    cr_expect_eq(setun_tokenizer_find(tokenizer, "", 0), -1);
    ids = encoded(tokenizer, "a\u00e9 \u2581", 7, SETUN_TEXT_TRUSTED, &n);
    cr_assert(n == 2 && ids[0] == 'a' && ids[1] == 300);
    setun_free(ids);

    /* A decoder that drops special tokens keeps the character that goes on behind one. */
    cr_assert_eq(setun_text_decoder_create(tokenizer, false, &decoder, &error), SETUN_OK);
    cr_assert_eq(setun_text_decoder_push(decoder, 0xc3, &text, &n_bytes, &error), SETUN_OK);
    cr_expect_eq(n_bytes, 0);
    cr_assert_eq(setun_text_decoder_push(decoder, 300, &text, &n_bytes, &error), SETUN_OK);
    cr_expect_eq(n_bytes, 0);
    cr_expect_eq(setun_text_decoder_push(decoder, 299, &text, &n_bytes, &error), SETUN_ERR_INVALID);
    cr_expect_not_null(strstr(error.text, "299"), "%s", error.text);
    cr_assert_eq(setun_text_decoder_push(decoder, 0xa9, &text, &n_bytes, &error), SETUN_OK);
    cr_expect(n_bytes == 2 && memcmp(text, "\u00e9", 2) == 0);
    setun_text_decoder_destroy(decoder);
    setun_tokenizer_close(tokenizer);
}
