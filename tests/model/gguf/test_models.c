/* test_models.c - fable in GGUF files: the same logits as from its folder, the same text settings, tokens and refusals. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../masters/logits.h"
#include "gguf_fable.h"
#include "setun/model.h"

static const int32_t ids[] = {4093, 288, 602, 257, 1020, 17, 300, 4000, 256, 99, 1, 0, 2048, 777};
enum { N_IDS = sizeof(ids) / sizeof(ids[0]) };

static void compare(enum gguf_fable_type type, bool separate_scale)
{
    char folder[64], path[128];
    matrix expected = logits_of("fable", ids, N_IDS, 2), got;

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/fable.gguf", folder);
    gguf_fable_write(path, type, separate_scale);
    got = logits_of(path, ids, N_IDS, 2);
    cr_assert(got.n_rows == expected.n_rows && got.n_columns == expected.n_columns);
    cr_expect_eq(memcmp(got.data, expected.data, got.n_rows * got.n_columns * sizeof(float)), 0, "type %d: they differ by up to %g", (int)type,
                 largest_difference(&got, &expected));
    matrix_free(&got);
    matrix_free(&expected);
    folder_remove(folder);
}

Test(gguf_models, i2s)
{
    compare(GGUF_FABLE_I2S, false);
    compare(GGUF_FABLE_I2S, true);
}

Test(gguf_models, tq1)
{
    compare(GGUF_FABLE_TQ1, false);
}

Test(gguf_models, tq2)
{
    compare(GGUF_FABLE_TQ2, false);
    compare(GGUF_FABLE_TQ2, true);
}

Test(gguf_models, text)
{
    static const char text[] = "Once upon a time there were 2 kings.<|eot_id|>";
    char folder[64], path[128];
    setun_model *model, *original;
    setun_error error = {""};
    const int32_t *stops;
    int32_t *a, *b;
    size_t n_a, n_b;

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/fable.gguf", folder);
    gguf_fable_write(path, GGUF_FABLE_TQ2, false);
    cr_assert_eq(setun_model_open(path, NULL, &model, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_model_open(NULL, NULL, &original, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(setun_model_bos(model), 4093);
    cr_assert_eq(setun_model_stops(model, &stops), 2u);
    cr_expect((stops[0] == 4094 && stops[1] == 4095) || (stops[0] == 4095 && stops[1] == 4094));
    cr_expect_eq(setun_model_context(model), 512);
    cr_expect_str_eq(setun_model_family(model), "bitnet");
    cr_assert_eq(setun_tokenizer_encode(setun_model_tokenizer(model), text, strlen(text), SETUN_TEXT_TRUSTED, &a, &n_a, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_tokenizer_encode(setun_model_tokenizer(original), text, strlen(text), SETUN_TEXT_TRUSTED, &b, &n_b, &error), SETUN_OK);
    cr_expect(n_a == n_b && n_a > 5 && memcmp(a, b, n_a * sizeof(*a)) == 0);
    free(a);
    free(b);
    setun_model_close(model);
    setun_model_close(original);
    folder_remove(folder);
}

/* The option reaches the weights; without it the other layouts are refused. */
Test(gguf_models, i2s_layouts)
{
    static const struct {
        enum gguf_fable_type type;
        const char          *layout;
    } others[] = {{GGUF_FABLE_I2S_64, "64"}, {GGUF_FABLE_I2S_ROWS, "rows"}};

    for (size_t i = 0; i < 2; i++) {
        char folder[64], path[128];
        setun_model *model = NULL;
        setun_error error = {""};

        folder_make(folder);
        (void)snprintf(path, sizeof(path), "%s/fable.gguf", folder);
        gguf_fable_write(path, others[i].type, false);
        cr_expect_eq(setun_model_open(path, NULL, &model, &error), SETUN_ERR_UNSUPPORTED);
        cr_expect_not_null(strstr(error.text, "--i2s-layout"), "%s", error.text);
        cr_expect_eq(setun_model_open(path, &(setun_model_options){.i2s_layout = "columns"}, &model, &error), SETUN_ERR_INVALID);
        cr_expect_eq(setun_model_open(path, &(setun_model_options){.i2s_layout = others[i].layout}, &model, &error), SETUN_OK, "%s", error.text);
        setun_model_close(model);
        folder_remove(folder);
    }
}
