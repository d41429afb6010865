/* test_decoder.c - the streaming decoder: never half a character, U+FFFD for each maximal broken part, the same text however the
 * bytes are spread over tokens. The broken sequences are those of the Unicode standard, chapter 3, tables 3-8 to 3-11, and edges of
 * table 3-7. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "variant.h"

#define FFFD "\xef\xbf\xbd"

static const struct row {
    const char *bytes;
    size_t n_bytes;
    const char *text;
} rows[] = {
    {"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", 9, FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A"}, /* 3-8: not the shortest form */
    {"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", 9, FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A"}, /* 3-9: surrogates */
    {"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", 9, FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B"},  /* 3-10: beyond U+10FFFF */
    {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", 9, FFFD FFFD FFFD FFFD "A"},                     /* 3-11: cut short */
    {"\xe1\x80", 2, FFFD},                                                                    /* cut short by the end */
    {"a\xf0\x9f\x99", 4, "a" FFFD},
    {"\xf0\x9f\x99\x82", 4, "\xf0\x9f\x99\x82"},
    {"\xc2\x80\xdf\xbf", 4, "\xc2\x80\xdf\xbf"},
    {"\xe0\xa0\x80\xef\xbf\xbf", 6, "\xe0\xa0\x80\xef\xbf\xbf"},
    {"\xed\x9f\xbf\xee\x80\x80", 6, "\xed\x9f\xbf\xee\x80\x80"},
    {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8, "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
    {"\xc3\xc3\xa9\xa9", 4, FFFD "\xc3\xa9" FFFD},
    {"\xf5\x80\xf8\xfe\xff", 5, FFFD FFFD FFFD FFFD FFFD},
    {"\x80\xbf", 2, FFFD FFFD},
    {"\xf0\x90\xf0\x90\x80\x80", 6, FFFD "\xf0\x90\x80\x80"},
    {"\xe3\x81\x82\xe3\x81", 5, "\xe3\x81\x82" FFFD},
};

/* The name that spells bytes in tiny_json's alphabet. */
static void spell(const char *bytes, size_t n_bytes, json_t *vocab, char *out)
{
    const char *name;
    json_t *value;

    *out = '\0';
    for (size_t i = 0; i < n_bytes; i++)
        json_object_foreach(vocab, name, value)
        {
            if (json_integer_value(value) == (uint8_t)bytes[i]) {
                strcat(out, name);
                break;
            }
        }
}

/* A tokenizer whose tokens are all the pieces of a row: id of bytes[i..j) is 256 + 16 i + j. */
static setun_tokenizer *pieces_tokenizer(const struct row *row)
{
    json_t *root = tiny_json(), *vocab = json_object_get(json_object_get(root, "model"), "vocab"), *bytes = json_deep_copy(vocab);

    for (size_t i = 0; i < row->n_bytes; i++)
        for (size_t j = i + 2; j <= row->n_bytes; j++) {
            char name[64];

            spell(row->bytes + i, j - i, bytes, name);
            if (json_object_get(vocab, name) == NULL)
                cr_assert_eq(json_object_set_new(vocab, name, json_integer((json_int_t)(256 + 16 * i + j))), 0);
        }
    json_decref(bytes);
    return opened(root);
}

Test(tokenizer_decoder, every_split_of_every_row)
{
    for (size_t r = 0; r < SETUN_COUNT(rows); r++) {
        setun_tokenizer *tokenizer = pieces_tokenizer(&rows[r]);

        for (unsigned cuts = 0; cuts < 1u << (rows[r].n_bytes - 1); cuts++) {
            int32_t ids[16];
            size_t n = 0, begin = 0, n_text;
            char *text;

            for (size_t end = 1; end <= rows[r].n_bytes; end++) /* bit i: a cut behind byte i */
                if (end == rows[r].n_bytes || (cuts >> (end - 1) & 1) != 0) {
                    ids[n] = setun_tokenizer_find(tokenizer, rows[r].bytes + begin, end - begin);
                    cr_assert_geq(ids[n], 0);
                    n++;
                    begin = end;
                }
            text = decoded(tokenizer, ids, n, &n_text);
            cr_assert(n_text == strlen(rows[r].text) && memcmp(text, rows[r].text, n_text) == 0, "row %zu, cuts %x: \"%s\"", r,
                      cuts, text);
            free(text);
        }
        setun_tokenizer_close(tokenizer);
    }
}

/* Text comes as soon as it is certain, byte by byte; finish gives the rest and begins anew. */
Test(tokenizer_decoder, holds_back_only_what_it_must)
{
    static const struct {
        int id;
        const char *text;
    } steps[] = {{'a', "a"},   {0xe3, ""}, {0x81, ""},   {0x82, "\xe3\x81\x82"}, {0xe3, ""},   {'b', FFFD "b"}, {0xff, FFFD},
                 {0xf0, ""},   {0x9f, ""}, {0xc3, FFFD}, {0xa9, "\xc3\xa9"},     {0x80, FFFD}, {0xed, ""},      {0xa0, FFFD FFFD},
                 {0x00, "\0"}, {0xe2, ""}, {0x80, ""}};
    setun_tokenizer *tokenizer = opened(tiny_json());
    setun_text_decoder *decoder;
    setun_error error = {{0}};
    const char *text;
    size_t n_bytes;

    cr_assert_eq(setun_text_decoder_create(tokenizer, true, &decoder, &error), SETUN_OK);
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < SETUN_COUNT(steps); i++) {
            size_t n_expected = steps[i].id == 0 ? 1 : strlen(steps[i].text);

            cr_assert_eq(setun_text_decoder_push(decoder, steps[i].id, &text, &n_bytes, &error), SETUN_OK);
            cr_expect(n_bytes == n_expected && memcmp(text, steps[i].text, n_bytes) == 0, "step %zu gives %zu bytes", i, n_bytes);
        }
        setun_text_decoder_finish(decoder, &text, &n_bytes);
        cr_expect(n_bytes == 3 && memcmp(text, FFFD, 3) == 0);
        setun_text_decoder_finish(decoder, &text, &n_bytes);
        cr_expect_eq(n_bytes, 0);
    }
    setun_text_decoder_destroy(decoder);
    setun_text_decoder_destroy(NULL);
    setun_tokenizer_close(tokenizer);
    setun_tokenizer_close(NULL);
    setun_free(NULL);
}

/* Every character there is, spread over one token for each byte. */
Test(tokenizer_decoder, every_character)
{
    setun_tokenizer *tokenizer = opened(tiny_json());
    setun_text_decoder *decoder;
    setun_error error = {{0}};

    cr_assert_eq(setun_text_decoder_create(tokenizer, true, &decoder, &error), SETUN_OK);
    for (uint32_t c = 0; c < 0x110000; c++) {
        unsigned char bytes[4];
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

        if (c >= 0xd800 && c < 0xe000)
            continue;
        for (size_t i = n; i-- > 1;)
            bytes[i] = (unsigned char)(0x80 | (c >> (6 * (n - 1 - i)) & 0x3f));
        bytes[0] = (unsigned char)(n == 1 ? c : (0xf00u >> n & 0xff) | c >> (6 * (n - 1)));
        for (size_t i = 0; i < n; i++) {
            const char *text;
            size_t n_text;

            cr_assert_eq(setun_text_decoder_push(decoder, bytes[i], &text, &n_text, &error), SETUN_OK);
            if (i + 1 < n)
                cr_assert_eq(n_text, 0, "U+%04X", (unsigned)c);
            else
                cr_assert(n_text == n && memcmp(text, bytes, n) == 0, "U+%04X", (unsigned)c);
        }
    }
    setun_text_decoder_destroy(decoder);
    setun_tokenizer_close(tokenizer);
}
