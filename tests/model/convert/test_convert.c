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

static void convert(const char *from, const char *to, setun_file_kind kind, setun_convert_head head)
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

/* The same tokens of texts, begin and end of them, and chat template as fable's. */
static void expect_same_texts(const char *path, const setun_model *fable)
{
    static const char text[] = "Once upon a time <|eot_id|> there w\xc3\xa4re 12345 kings.\n\n";
    setun_model *model;
    const int32_t *stops[2];
    size_t n_stops[2];
    setun_error error = {""};

    cr_assert_eq(setun_model_open(path, NULL, &model, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(setun_model_bos(model), setun_model_bos(fable), "%s: another BOS", path);
    cr_expect_eq(setun_model_context(model), setun_model_context(fable), "%s", path);
    n_stops[0] = setun_model_stops(model, &stops[0]);
    n_stops[1] = setun_model_stops(fable, &stops[1]);
    cr_expect(n_stops[0] == n_stops[1] && n_stops[0] == 2 && memcmp(stops[0], stops[1], n_stops[0] * sizeof(int32_t)) == 0, "%s: other stops", path);
    for (unsigned flags = 0; flags < 2; flags++) {
        int32_t *got, *expected;
        size_t n_got, n_expected;

        cr_assert_eq(setun_tokenizer_encode(setun_model_tokenizer(model), text, strlen(text), flags, &got, &n_got, &error), SETUN_OK, "%s", error.text);
        cr_assert_eq(setun_tokenizer_encode(setun_model_tokenizer(fable), text, strlen(text), flags, &expected, &n_expected, &error), SETUN_OK);
        cr_expect(n_got == n_expected && memcmp(got, expected, n_got * sizeof(*got)) == 0, "%s: other ids", path);
        setun_free(got);
        setun_free(expected);
    }
    setun_model_close(model);
}

static const struct {
    setun_file_kind kind;
    const char     *name;
} kinds[] = {{SETUN_FILE_HF_PACKED, "hf-packed"}, {SETUN_FILE_I2_S, "i2_s.gguf"}, {SETUN_FILE_TQ2_0, "tq2_0.gguf"},
             {SETUN_FILE_TQ1_0, "tq1_0.gguf"}, {SETUN_FILE_PREPACKED, "prepacked"}};
enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void remove_model(const char *path, setun_file_kind kind)
{
    if (kind == SETUN_FILE_HF_PACKED)
        folder_remove(path);
    else
        cr_assert_eq(remove(path), 0);
}

/* Into every kind of file, and from each into every other. fable's scales are bf16 numbers that f16 holds, too, so no kind loses anything. */
Test(convert, from_every_kind_to_every_kind, .timeout = 600)
{
    char folder[64], path[128], again[128];
    matrix expected = logits_of(FABLE, ids, N_IDS, 1);
    setun_model *fable;
    setun_error error = {""};

    cr_assert_eq(setun_model_open(FABLE, NULL, &fable, &error), SETUN_OK, "%s", error.text);
    folder_make(folder);
    for (size_t i = 0; i < N_KINDS; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, kinds[i].name);
        convert(FABLE, path, kinds[i].kind, SETUN_CONVERT_HEAD_KEEP);
        expect_same_logits(path, &expected);
        expect_same_texts(path, fable);
        for (size_t j = 0; j < N_KINDS; j++) {
            (void)snprintf(again, sizeof(again), "%s/from-%s.%s", folder, kinds[i].name, kinds[j].name);
            convert(path, again, kinds[j].kind, SETUN_CONVERT_HEAD_KEEP);
            expect_same_logits(again, &expected);
            expect_same_texts(again, fable);
            remove_model(again, kinds[j].kind);
        }
        remove_model(path, kinds[i].kind);
    }
    setun_model_close(fable);
    matrix_free(&expected);
    folder_remove(folder);
}

static void expect_refused(const char *from, const char *to, setun_file_kind kind, const char *text)
{
    const setun_convert_options options = {.kind = kind};
    setun_model *model;
    setun_error error = {""};

    cr_assert_eq(setun_model_open(from, NULL, &model, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(setun_model_convert(model, to, &options, &error), SETUN_ERR_UNSUPPORTED);
    cr_expect(strstr(error.text, text) != NULL, "%s", error.text);
    setun_model_close(model);
}

/* Cuts that GGUF files have no name for: said, with what holds them; those kinds have the very file. */
Test(convert, cuts_without_a_name)
{
    static const char refusal[] = "pre_tokenizer: GGUF files have no name for these rules (with ignore_merges); Hugging Face folders and prepacked files "
                                  "keep it (--to hf-packed, --to prepacked)";
    char folder[64], from[128], prepacked[128], back[128], file[256];
    char *text, *other, *digits;
    size_t n, n_other;

    folder_make(folder);
    (void)snprintf(from, sizeof(from), "%s/from", folder);
    (void)snprintf(prepacked, sizeof(prepacked), "%s/prepacked", folder);
    (void)snprintf(back, sizeof(back), "%s/back", folder);
    convert(FABLE, from, SETUN_FILE_HF_PACKED, SETUN_CONVERT_HEAD_KEEP);
    (void)snprintf(file, sizeof(file), "%s/tokenizer.json", from);
    text = file_read(file, &n);
    digits = strstr(text, "p{N}{1,3}");
    cr_assert_not_null(digits);
    digits[strlen("p{N}{1,")] = '2';
    file_write(file, text, n);
    (void)snprintf(file, sizeof(file), "%s/never", folder);
    expect_refused(from, file, SETUN_FILE_I2_S, refusal);
    convert(from, prepacked, SETUN_FILE_PREPACKED, SETUN_CONVERT_HEAD_KEEP);
    expect_refused(prepacked, file, SETUN_FILE_TQ2_0, refusal);
    convert(prepacked, back, SETUN_FILE_HF_PACKED, SETUN_CONVERT_HEAD_KEEP);
    (void)snprintf(file, sizeof(file), "%s/tokenizer.json", back);
    other = file_read(file, &n_other);
    cr_expect(n == n_other && memcmp(text, other, n) == 0, "another tokenizer.json");
    free(other);
    free(text);
    folder_remove(from);
    folder_remove(back);
    cr_assert_eq(remove(prepacked), 0);
    cr_expect_eq(folder_count(folder), 0u, "something was left");
    folder_remove(folder);
}

/* Heads that round change logits a little, and not the rest. */
Test(convert, heads, .timeout = 300)
{
    static const struct {
        setun_convert_head head;
        const char        *name;
        double             least, most; /* the largest difference, as a share of the largest logit */
    } heads[] = {{SETUN_CONVERT_HEAD_F16, "f16", 0, 1e-3},
                 {SETUN_CONVERT_HEAD_Q8_0, "q8_0", 1e-6, 0.05},
                 {SETUN_CONVERT_HEAD_Q6_K, "q6_k", 1e-6, 0.2}};
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
