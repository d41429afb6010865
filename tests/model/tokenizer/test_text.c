/* test_text.c - texts that are refused, texts that look as if they should be, and many threads on one tokenizer. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "base/base.h"
#include "fixture.h"
#include "variant.h"

static const struct row {
    const char *text;
    size_t n_bytes, offset; /* where the error is */
} invalid[] = {
    {"\x80", 1, 0}, /* a character cannot begin so */
    {"\xbf", 1, 0},
    {"\xc0\x80", 2, 0}, /* NUL in two bytes */
    {"\xc1\xbf", 2, 0},
    {"ab\xc3", 3, 2}, /* cut short */
    {"ab\xc3(", 4, 2},
    {"\xe0\x9f\xbf", 3, 0}, /* three bytes for U+07FF */
    {"\xe4\xb8", 2, 0},
    {"\xe4\xb8-", 3, 0},
    {"x\xed\xa0\x80", 4, 1}, /* a surrogate */
    {"x\xed\xbf\xbf", 4, 1},
    {"\xf0\x8f\xbf\xbf", 4, 0}, /* four bytes for U+FFFF */
    {"\xf4\x90\x80\x80", 4, 0}, /* U+110000 */
    {"\xf5\x80\x80\x80", 4, 0},
    {"\xf0\x9f\x99", 3, 0},
    {"\xfe", 1, 0},
    {"\xff\xfe", 2, 0},                 /* a byte order mark of UTF-16 */
    {"\xe4\xb8\xad\xc3\xa9\xff", 6, 5}, /* behind good ones */
    {"<|eot_id|>\xff", 11, 10},
    {"a\0\xff", 3, 2},
};

Test(tokenizer_text, invalid_utf8)
{
    setun_tokenizer *tokenizer = opened(fable_json());

    for (size_t i = 0; i < SETUN_COUNT(invalid); i++)
        for (unsigned flags = 0; flags < 2; flags++) {
            setun_error error = {{0}};
            int32_t untouched, *ids = &untouched;
            size_t n = 77;
            char offset[32];

            (void)snprintf(offset, sizeof(offset), "offset %zu ", invalid[i].offset);
            cr_expect_eq(setun_tokenizer_encode(tokenizer, invalid[i].text, invalid[i].n_bytes, flags, &ids, &n, &error),
                         SETUN_ERR_INVALID, "row %zu", i);
            cr_expect_not_null(strstr(error.text, offset), "row %zu: %s", i, error.text);
            cr_expect(ids == &untouched && n == 77); /* outputs are set on success only */
        }
    setun_tokenizer_close(tokenizer);
}

Test(tokenizer_text, empty_nul_and_unknown_flags)
{
    setun_tokenizer *tokenizer = opened(tiny_json());
    setun_error error = {{0}};
    int32_t untouched, *ids = &untouched;
    size_t n = 77;

    cr_assert_eq(setun_tokenizer_encode(tokenizer, "", 0, SETUN_TEXT_USER, &ids, &n, &error), SETUN_OK);
    cr_expect(ids == NULL && n == 0);
    cr_assert_eq(setun_tokenizer_encode(tokenizer, NULL, 0, SETUN_TEXT_TRUSTED, &ids, &n, &error), SETUN_OK);
    cr_expect(ids == NULL && n == 0);
    ids = encoded(tokenizer, "a\0b\0", 4, SETUN_TEXT_USER, &n);
    cr_assert(n == 4 && ids[0] == 'a' && ids[1] == 0 && ids[2] == 'b' && ids[3] == 0);
    setun_free(ids);
    cr_expect_eq(setun_tokenizer_encode(tokenizer, "a", 1, 2, &ids, &n, &error), SETUN_ERR_INVALID);
    cr_expect_eq(setun_tokenizer_encode(tokenizer, "a", (size_t)1 << 40, 0, &ids, &n, &error), SETUN_ERR_INVALID);
    setun_tokenizer_close(tokenizer);
}

Test(tokenizer_text, open_refuses)
{
    setun_tokenizer *tokenizer = NULL;
    setun_error error = {{0}};

    cr_expect_eq(setun_tokenizer_open("/nonexistent/tokenizer.json", NULL, &tokenizer, &error), SETUN_ERR_NOT_FOUND);
    cr_expect_not_null(strstr(error.text, "/nonexistent/tokenizer.json"));
    cr_expect_eq(setun_tokenizer_open(SETUN_SOURCE_DIR "/models", NULL, &tokenizer, &error),
                 SETUN_ERR_NOT_FOUND); /* a folder without one */
    cr_expect_not_null(strstr(error.text, "tokenizer.json"));
    cr_expect_neq(setun_tokenizer_open("/dev/null", NULL, &tokenizer, &error), SETUN_OK);
    cr_expect_null(tokenizer);
}

/* A pattern that backtracks without end stops at the limit, with an error. */
Test(tokenizer_text, pattern_that_explodes)
{
    json_t *root = tiny_json();
    setun_tokenizer *tokenizer;
    setun_error error = {{0}};
    int32_t *ids = NULL;
    size_t n;
    char text[64];

    cr_assert_eq(
        json_object_set_new(root, "pre_tokenizer",
                            json_pack("{s:s, s:[{s:s, s:{s:s}, s:s, s:b}, {s:s, s:b, s:b}]}", "type", "Sequence", "pretokenizers",
                                      "type", "Split", "pattern", "Regex", "(?:(?:a|a|b)+)+c", "behavior", "Isolated", "invert", 0,
                                      "type", "ByteLevel", "add_prefix_space", 0, "use_regex", 0)),
        0);
    tokenizer = opened(root);
    memset(text, 'a', sizeof(text));
    text[40] = 'c';
    ids = encoded(tokenizer, text + 30, 11, SETUN_TEXT_USER, &n); /* few enough to end */
    cr_assert_eq(n, 11);
    setun_free(ids);
    text[40] = 'd';
    text[63] = 'c'; /* so that the match cannot be given up by the missing letter alone */
    ids = NULL;
    cr_expect_eq(setun_tokenizer_encode(tokenizer, text, sizeof(text), SETUN_TEXT_USER, &ids, &n, &error), SETUN_ERR_INVALID);
    cr_expect_not_null(strstr(error.text, "too much work"), "%s", error.text);
    cr_expect_null(ids);
    setun_tokenizer_close(tokenizer);
}

typedef struct job {
    const setun_tokenizer *tokenizer;
    const char *text;
    size_t n_bytes, n_expected;
    const int32_t *expected;
    bool same;
} job;

static void *encode_often(void *argument)
{
    job *j = argument;

    j->same = true;
    for (unsigned round = 0; round < 8; round++) {
        setun_error error = {{0}};
        int32_t *ids = NULL;
        size_t n = 0;
        setun_status status = setun_tokenizer_encode(j->tokenizer, j->text, j->n_bytes, SETUN_TEXT_TRUSTED, &ids, &n, &error);

        if (status != SETUN_OK || n != j->n_expected || memcmp(ids, j->expected, n * sizeof(*ids)) != 0)
            j->same = false;
        setun_free(ids);
    }
    return NULL;
}

Test(tokenizer_text, many_threads)
{
    setun_tokenizer *tokenizer = opened(fable_json());
    size_t n_bytes, n;
    char *text = file_read(GOLDEN "/heldout.txt", &n_bytes);
    int32_t *ids = encoded(tokenizer, text, n_bytes, SETUN_TEXT_TRUSTED, &n);
    pthread_t threads[4];
    job jobs[SETUN_COUNT(threads)];

    for (size_t i = 0; i < SETUN_COUNT(threads); i++) {
        jobs[i] = (job){tokenizer, text, n_bytes, n, ids, false};
        cr_assert_eq(pthread_create(&threads[i], NULL, encode_often, &jobs[i]), 0);
    }
    for (size_t i = 0; i < SETUN_COUNT(threads); i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_expect(jobs[i].same);
    }
    setun_free(ids);
    free(text);
    setun_tokenizer_close(tokenizer);
}
