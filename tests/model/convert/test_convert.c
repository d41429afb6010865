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

/* Through every kind of GGUF file and back to a folder. fable's scales are bf16 numbers that f16 holds, too, so no kind loses anything. */
Test(convert, there_and_back, .timeout = 300)
{
    static const struct {
        setun_file_kind kind;
        const char     *name;
    } kinds[] = {{SETUN_FILE_I2_S, "i2_s.gguf"}, {SETUN_FILE_TQ2_0, "tq2_0.gguf"}, {SETUN_FILE_TQ1_0, "tq1_0.gguf"}};
    char folder[64], path[128], back[128];
    matrix expected = logits_of(FABLE, ids, N_IDS, 1);

    folder_make(folder);
    (void)snprintf(back, sizeof(back), "%s/back", folder);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, kinds[i].name);
        convert(FABLE, path, kinds[i].kind, SETUN_HEAD_KEEP);
        expect_same_logits(path, &expected);
        convert(path, back, SETUN_FILE_HF_PACKED, SETUN_HEAD_KEEP);
        expect_same_logits(back, &expected);
        folder_remove(back);
        cr_assert_eq(remove(path), 0);
    }
    matrix_free(&expected);
    folder_remove(folder);
}

/* Heads that round change logits a little, and not the rest. */
Test(convert, heads, .timeout = 300)
{
    static const struct {
        setun_head  head;
        const char *name;
        double      least, most; /* the largest difference, as a share of the largest logit */
    } heads[] = {{SETUN_HEAD_F16, "f16", 0, 1e-3}, {SETUN_HEAD_Q8_0, "q8_0", 1e-6, 0.05}, {SETUN_HEAD_Q6_K, "q6_k", 1e-6, 0.2}};
    char folder[64], path[128];
    matrix expected = logits_of(FABLE, ids, N_IDS, 1);

    folder_make(folder);
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        matrix got;
        double difference;

        (void)snprintf(path, sizeof(path), "%s/%s.gguf", folder, heads[i].name);
        convert(FABLE, path, SETUN_FILE_I2_S, heads[i].head);
        got = logits_of(path, ids, N_IDS, 2);
        difference = largest_difference(&got, &expected) / largest_magnitude(&expected);
        cr_expect(difference >= heads[i].least && difference <= heads[i].most, "%s: %g", heads[i].name, difference);
        matrix_free(&got);
        cr_assert_eq(remove(path), 0);
    }
    matrix_free(&expected);
    folder_remove(folder);
}
