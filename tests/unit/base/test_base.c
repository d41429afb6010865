/* test_base.c - errors, checked sizes, pools and the nearest word. */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

Test(base, errors_are_one_printable_line)
{
    setun_error error = {""};

    cr_assert_eq(setun_fail(&error, SETUN_ERR_FORMAT, "%s: expected %d", "a\nb\x1b[31m", 7), SETUN_ERR_FORMAT);
    cr_assert_str_eq(error.text, "a?b?[31m: expected 7");
    cr_assert_eq(setun_fail_prefix(&error, SETUN_ERR_IO, "model %s", "m\r"), SETUN_ERR_IO);
    cr_assert_str_eq(error.text, "model m?: a?b?[31m: expected 7");
    cr_assert_eq(setun_fail(NULL, SETUN_ERR_IO, "nobody reads this"), SETUN_ERR_IO);
}

Test(base, what_of_a_text_can_be_shown)
{
    static const struct {
        const char *text;
        size_t      n;
        int         printable;
    } cases[] = {
        {"a", 1, 1}, {"~", 1, 1}, {"\x7f", 1, 0}, {"\n", 1, 0}, {"\x1b[", 1, 0}, {"\x80", 1, 0}, {"\x9b", 1, 0}, {"\xff", 1, 0},
        {"\xc2\x80", 2, 0}, {"\xc2\x9f", 2, 0}, {"\xc2\xa0", 2, 1}, {"\xc3\xa9", 2, 1}, {"\xdf\xbf", 2, 1}, {"\xc0\x80", 1, 0}, {"\xc2", 1, 0},
        {"\xe2\x82\xac", 3, 1}, {"\xe0\x9f\xbf", 1, 0}, {"\xe0\xa0\x80", 3, 1}, {"\xed\x9f\xbf", 3, 1}, {"\xed\xa0\x80", 1, 0}, {"\xe2\x82", 1, 0},
        {"\xf0\x9f\x98\x80", 4, 1}, {"\xf0\x8f\xbf\xbf", 1, 0}, {"\xf4\x8f\xbf\xbf", 4, 1}, {"\xf4\x90\x80\x80", 1, 0}, {"\xf5\x80\x80\x80", 1, 0},
        {"\xf0\x9f\x98", 1, 0},
    };
    setun_error error;

    for (size_t i = 0; i < SETUN_COUNT(cases); i++) {
        int printable;

        cr_expect_eq(setun_text_character(cases[i].text, &printable), cases[i].n, "case %zu", i);
        cr_expect_eq(printable != 0, cases[i].printable, "case %zu", i);
    }
    (void)setun_fail(&error, SETUN_ERR_INVALID, "a\x9b\xc2\x9b" "b\xc3\xa9\xe2\x82");
    cr_expect_str_eq(error.text, "a??b\xc3\xa9??");
    (void)setun_fail_prefix(&error, SETUN_ERR_INVALID, "\xc2\x85p");
    cr_expect_str_eq(error.text, "?p: a??b\xc3\xa9??");
}

Test(base, long_errors_are_cut_not_overrun)
{
    setun_error error = {""};
    char text[3000];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    (void)setun_fail(&error, SETUN_ERR_IO, "%s", text);
    cr_assert_eq(strlen(error.text), sizeof(error.text) - 1);
    (void)setun_fail_prefix(&error, SETUN_ERR_IO, "%.900s", text);
    cr_assert_eq(strlen(error.text), sizeof(error.text) - 1);
    cr_assert_arr_eq(error.text + 900, ": x", 3);
}

Test(base, every_status_has_a_text)
{
    for (setun_status status = SETUN_OK; status >= SETUN_ERR_INTERRUPTED; status--)
        cr_assert_str_neq(setun_status_text(status), "unknown error", "status %d", status);
    cr_assert_str_eq(setun_status_text(-1000), "unknown error");
    cr_assert_str_eq(setun_status_text(5), "unknown error");
}

Test(base, sizes_do_not_wrap)
{
    size_t out = 42;
    int64_t product = 42;

    cr_assert(!setun_mul_size(SIZE_MAX / 2, 3, &out));
    cr_assert(!setun_add_size(SIZE_MAX, 1, &out));
    cr_assert(!setun_round_up(SIZE_MAX - 3, 64, &out));
    cr_assert(setun_round_up(65, 64, &out) && out == 128);
    cr_assert(setun_round_up(0, 64, &out) && out == 0);
    cr_assert(!setun_mul_dims((int64_t[]){INT64_C(1) << 32, INT64_C(1) << 31}, 2, &product));
    cr_assert(!setun_mul_dims((int64_t[]){3, -1}, 2, &product));
    cr_assert(!setun_mul_dims((int64_t[]){0, -1}, 2, &product), "a negative dimension is wrong even beside a zero");
    cr_assert(setun_mul_dims((int64_t[]){INT64_MAX, INT64_MAX, 0}, 3, &product) && product == 0);
    cr_assert(setun_mul_dims((int64_t[]){7, 6}, 2, &product) && product == 42);
    cr_assert(setun_mul_dims(NULL, 0, &product) && product == 1);
}

Test(base, grow_keeps_contents)
{
    int *items = NULL;
    size_t capacity = 0;

    for (int i = 0; i < 1000; i++) {
        cr_assert(setun_grow(&items, &capacity, (size_t)i + 1, sizeof(*items)));
        items[i] = i;
    }
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(items[i], i);
    cr_assert(!setun_grow(&items, &capacity, SIZE_MAX, sizeof(*items)));
    cr_assert_eq(items[999], 999, "a failed growth leaves the array alone");
    free(items);
}

Test(base, pool)
{
    setun_pool pool = {NULL};
    unsigned char *big;
    char *text[500];

    for (int i = 0; i < 500; i++)
        text[i] = setun_pool_printf(&pool, "item %d of %s", i, "the pool");
    big = setun_pool_alloc(&pool, 100000);
    for (int i = 0; i < 100000; i++)
        cr_assert_eq(big[i], 0);
    cr_assert_str_eq(text[0], "item 0 of the pool");
    cr_assert_str_eq(text[499], "item 499 of the pool");
    cr_assert_eq((uintptr_t)setun_pool_alloc(&pool, 3) % 16, 0);
    cr_assert_str_eq(setun_pool_strndup(&pool, "abcdef", 3), "abc");
    cr_assert_null(setun_pool_alloc(&pool, SIZE_MAX));
    setun_pool_free(&pool);
}

Test(base, nearest_word)
{
    static const char *const words[] = {"embedding", "linear", "rms_norm", "rope", "add", "mul"};
    static const struct {
        const char *word, *nearest;
    } cases[] = {
        {"liner", "linear"}, {"lienar", "linear"}, {"rmsnorm", "rms_norm"}, {"embeding", "embedding"}, {"ad", "add"},
        {"rpoe", "rope"}, {"attention", NULL}, {"", NULL}, {"xyz", NULL}, {"Linear", "linear"},
    };

    for (size_t i = 0; i < SETUN_COUNT(cases); i++) {
        const char *found = setun_nearest_word(cases[i].word, words, SETUN_COUNT(words));

        if (cases[i].nearest == NULL)
            cr_assert_null(found, "%s: found %s", cases[i].word, found);
        else
            cr_assert_str_eq(found != NULL ? found : "nothing", cases[i].nearest, "%s", cases[i].word);
    }
}

Test(base, read_file)
{
    char folder[] = "/tmp/setun-base-XXXXXX", path[64];
    char *text = NULL;
    size_t n = 0;
    setun_error error = {""};
    FILE *file;

    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    cr_assert_eq(setun_read_file(path, 10, &text, &n, &error), SETUN_ERR_NOT_FOUND);
    cr_assert_eq(setun_read_file(folder, 10, &text, &n, &error), SETUN_ERR_IO);
    cr_assert_not_null(strstr(error.text, "a directory"));
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(setun_read_file(path, 10, &text, &n, &error), SETUN_ERR_IO, "a FIFO must be refused, not waited for");
    cr_assert_eq(unlink(path), 0);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    for (int i = 0; i < 100000; i++)
        (void)fputc(i % 7 == 0 ? 0 : 'a', file);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(setun_read_file(path, 99999, &text, &n, &error), SETUN_ERR_FORMAT);
    cr_assert_eq(setun_read_file(path, 100000, &text, &n, &error), SETUN_OK);
    cr_assert_eq(n, 100000);
    cr_assert_eq(text[0], 0);
    cr_assert_eq(text[99999], 'a');
    cr_assert_eq(text[100000], 0);
    free(text);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(folder), 0);
}
