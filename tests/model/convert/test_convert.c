/* test_convert.c - fable through kinds of files: the same bytes of logits where a kind loses nothing, and the same text. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "logits.h"
#include "setun/convert.h"

static const int32_t ids[] = {4093, 17, 2000, 300, 4000, 5, 77, 1234, 901, 3333, 256, 12, 4094, 8, 640, 1999};
enum { N_IDS = sizeof(ids) / sizeof(ids[0]) };

static void convert(const char *from, const char *to, setun_file_kind kind, setun_head head)
{
    const setun_convert_options options = {.kind = kind, .head = head};
    setun_model *model;
    setun_error error = {""};

    cr_assert_eq(setun_model_open(from, NULL, &model, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_model_convert(model, to, &options, &error), SETUN_OK, "%s: %s", to, error.text);
    setun_model_close(model);
}

static void expect_same_logits(const char *path, const matrix *expected)
{
    matrix got = logits_of(path, ids, N_IDS, 2);

    cr_assert(got.n_rows == expected->n_rows && got.n_columns == expected->n_columns, "%s", path);
    cr_expect_eq(memcmp(got.data, expected->data, got.n_rows * got.n_columns * sizeof(float)), 0, "%s: difference %g", path,
                 largest_difference(&got, expected));
    matrix_free(&got);
}

Test(convert, folder_to_folder)
{
    char folder[64], path[128];
    matrix expected = logits_of(FABLE, ids, N_IDS, 1);

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/packed", folder);
    convert(FABLE, path, SETUN_FILE_HF_PACKED, SETUN_HEAD_KEEP);
    expect_same_logits(path, &expected);
    folder_remove(path);
    matrix_free(&expected);
    folder_remove(folder);
}
