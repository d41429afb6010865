/* test_synth.c - models with random weights: the same bytes for a seed, the promised share of zeros, logits that mean something. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "logits.h"
#include "setun/convert.h"
#include "setun/inspect.h"

static const setun_synth_size small[] = {{"layers", 3}, {"hidden", 640}, {"ffn", 1152}, {"heads", 5}, {"kv_heads", 1}, {"head_dim", 128},
                                         {"vocab", 1000}, {"context", 128}};
enum { N_SMALL = sizeof(small) / sizeof(small[0]) };

static void make(const char *name, const char *path, setun_file_kind kind, uint64_t seed, uint32_t n_threads)
{
    const setun_synth_options synth = {.seed = seed, .sizes = small, .n_sizes = N_SMALL};
    const setun_convert_options options = {.kind = kind, .n_threads = n_threads};
    setun_error error = {""};

    cr_assert_eq(setun_model_synth(name, path, &synth, &options, &error), SETUN_OK, "%s", error.text);
}

static bool same_files(const char *a, const char *b, const char *name)
{
    char path[2][192];
    size_t n[2];
    char *text[2];
    bool same;

    for (int i = 0; i < 2; i++) {
        (void)snprintf(path[i], sizeof(path[i]), "%s/%s", i == 0 ? a : b, name);
        text[i] = file_read(path[i], &n[i]);
    }
    same = n[0] == n[1] && memcmp(text[0], text[1], n[0]) == 0;
    free(text[0]);
    free(text[1]);
    return same;
}

Test(synth, seed_and_threads)
{
    static const char *const files[] = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"};
    char folder[64], path[4][128];

    folder_make(folder);
    for (int i = 0; i < 4; i++)
        (void)snprintf(path[i], sizeof(path[i]), "%s/%d", folder, i);
    make("bitnet-b1.58-2b-4t", path[0], SETUN_FILE_HF_PACKED, 5, 1);
    make("BitNet-b1.58-2B-4T", path[1], SETUN_FILE_HF_PACKED, 5, 3);
    make("bitnet-b1.58-2b-4t", path[2], SETUN_FILE_HF_PACKED, 6, 1);
    make("bitnet-b1.58-2b-4t", path[3], SETUN_FILE_HF_PACKED, 5 | 1ull << 40, 1);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        cr_expect(same_files(path[0], path[1], files[i]), "%s", files[i]);
    cr_expect(!same_files(path[0], path[2], "model.safetensors"));
    cr_expect(!same_files(path[0], path[3], "model.safetensors"), "the upper half of the seed does nothing");
    for (int i = 0; i < 4; i++)
        folder_remove(path[i]);
    folder_remove(folder);
}

/* Logits of random ids are finite, spread by a few units, and not the same for every id. */
static matrix expect_alive(const char *path, const char *what)
{
    int32_t ids[40];
    matrix got;
    double sum = 0, squares = 0, change = 0;
    const size_t n = sizeof(ids) / sizeof(ids[0]);

    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)(i * 37 % 997);
    got = logits_of(path, ids, n, 2);
    for (size_t i = 0; i < got.n_rows * got.n_columns; i++) {
        cr_assert(isfinite(got.data[i]), "%s: %a", what, (double)got.data[i]);
        sum += (double)got.data[i];
        squares += (double)got.data[i] * (double)got.data[i];
    }
    for (size_t i = 0; i < got.n_columns; i++)
        change += fabs((double)got.data[i] - (double)got.data[(n - 1) * got.n_columns + i]);
    squares = sqrt(squares / (double)(got.n_rows * got.n_columns));
    cr_expect(squares > 1 && squares < 6, "%s: deviation %g", what, squares);
    cr_expect_lt(fabs(sum / (double)(got.n_rows * got.n_columns)), 0.5, "%s", what);
    cr_expect_gt(change / (double)got.n_columns, 0.5, "%s: rows are alike", what);
    return got;
}

/* The values have so few bits that masters and codes, f16 and bf16 mean the same numbers; only a master's scale is rounded. */
Test(synth, kinds_and_families)
{
    static const char *const names[] = {"bitnet-b1.58-2b-4t", "bitnet-large", "falcon3-1b"};
    char folder[64], path[2][128];

    folder_make(folder);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        matrix packed, masters;

        (void)snprintf(path[0], sizeof(path[0]), "%s/packed%zu", folder, i);
        (void)snprintf(path[1], sizeof(path[1]), "%s/masters%zu", folder, i);
        make(names[i], path[0], SETUN_FILE_HF_PACKED, 1, 0);
        make(names[i], path[1], SETUN_FILE_HF_BF16, 1, 0);
        packed = expect_alive(path[0], names[i]);
        masters = expect_alive(path[1], names[i]);
        cr_expect_lt(largest_difference(&masters, &packed), 0.1 * largest_magnitude(&packed), "%s", names[i]);
        matrix_free(&packed);
        matrix_free(&masters);
        folder_remove(path[0]);
        folder_remove(path[1]);
    }
    folder_remove(folder);
}

Test(synth, shares)
{
    char folder[64], path[128];
    setun_inspection *inspection;
    setun_inspection_summary summary;
    setun_model *model;
    setun_error error = {""};
    size_t n_ternary = 0;

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/m", folder);
    make("bitnet-b1.58-2b-4t", path, SETUN_FILE_HF_PACKED, 3, 0);
    cr_assert_eq(setun_model_open(path, NULL, &model, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_inspection_create(model, &inspection, &error), SETUN_OK, "%s", error.text);
    setun_inspection_describe(inspection, &summary);
    for (size_t i = 0; i < summary.n_tensors; i++) {
        setun_tensor_statistics statistics;

        cr_assert_eq(setun_inspection_read(inspection, i, &statistics, &error), SETUN_OK, "%s", error.text);
        if (!statistics.ternary)
            continue;
        n_ternary++;
        {
            const double n = (double)(statistics.n_minus + statistics.n_zero + statistics.n_plus);

            /* 74, 108 and 74 of 256; five deviations of the least tensor, 128 x 640, are 0.9 % */
            cr_expect_lt(fabs((double)statistics.n_zero / n - 108.0 / 256), 0.009);
            cr_expect_lt(fabs((double)statistics.n_minus / n - 74.0 / 256), 0.009);
        }
    }
    cr_expect_eq(n_ternary, 3u * 7);
    setun_inspection_destroy(inspection);
    setun_model_close(model);
    folder_remove(path);
    folder_remove(folder);
}

/* Any text becomes ids and the same text again; words become few ids. */
Test(synth, vocabulary)
{
    static const char text[] = "Once upon a time: 17 \xC3\xA9t\xC3\xA9s, \xF0\x9F\x99\x82\n\tzzzz <|eot_id|>";
    char folder[64], path[128], got[256];
    setun_text_decoder *decoder;
    setun_model *model;
    setun_error error = {""};
    int32_t *ids;
    size_t n_ids, used = 0;
    const int32_t *stops;

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/m", folder);
    make("bitnet-b1.58-2b-4t", path, SETUN_FILE_HF_PACKED, 3, 0);
    cr_assert_eq(setun_model_open(path, NULL, &model, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(setun_tokenizer_size(setun_model_tokenizer(model)), 1000);
    cr_expect_eq(setun_model_bos(model), 997);
    cr_expect_eq(setun_model_stops(model, &stops), 2u);
    cr_assert_eq(setun_tokenizer_encode(setun_model_tokenizer(model), text, sizeof(text) - 1, 0, &ids, &n_ids, &error), SETUN_OK, "%s", error.text);
    cr_expect_lt(n_ids, sizeof(text) - 1, "no merges");
    cr_assert_eq(setun_text_decoder_create(setun_model_tokenizer(model), false, &decoder, &error), SETUN_OK);
    for (size_t i = 0; i < n_ids; i++) {
        const char *piece;
        size_t n;

        cr_assert_eq(setun_text_decoder_push(decoder, ids[i], &piece, &n, &error), SETUN_OK);
        cr_assert(used + n < sizeof(got));
        memcpy(got + used, piece, n);
        used += n;
    }
    cr_expect(used == sizeof(text) - 1 && memcmp(got, text, used) == 0, "%.*s", (int)used, got);
    setun_text_decoder_destroy(decoder);
    setun_free(ids);
    setun_model_close(model);
    folder_remove(path);
    folder_remove(folder);
}

/* A real vocabulary, from every kind of file that holds one: the same ids as in fable, and ids to spare up to the size of the model. */
Test(synth, vocabulary_of_a_file, .timeout = 120)
{
    static const setun_synth_size sizes[] = {{"layers", 1}, {"hidden", 256}, {"ffn", 256}, {"heads", 2}, {"kv_heads", 1}, {"head_dim", 128},
                                             {"vocab", 4100}, {"context", 64}};
    static const struct {
        const char     *from; /* NULL: FABLE as the kind of file */
        setun_file_kind kind;
    } sources[] = {{FABLE, 0}, {FABLE "/tokenizer.json", 0}, {NULL, SETUN_FILE_TQ2_0}, {NULL, SETUN_FILE_PREPACKED}};
    static const setun_file_kind kinds[] = {SETUN_FILE_I2_S, SETUN_FILE_HF_PACKED};
    static const char text[] = "Once upon a time <|eot_id|> there were 12345 kings.";
    char folder[64], vocab[128], path[128];
    setun_model *fable, *model;
    setun_error error = {""};
    int32_t *expected, *got;
    size_t n_expected, n_got;

    folder_make(folder);
    (void)snprintf(vocab, sizeof(vocab), "%s/vocab", folder);
    (void)snprintf(path, sizeof(path), "%s/m", folder);
    cr_assert_eq(setun_model_open(FABLE, NULL, &fable, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_tokenizer_encode(setun_model_tokenizer(fable), text, strlen(text), SETUN_TEXT_TRUSTED, &expected, &n_expected, &error), SETUN_OK);
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
        for (size_t j = 0; j < sizeof(kinds) / sizeof(kinds[0]); j++) {
            const setun_synth_options synth = {.sizes = sizes, .n_sizes = sizeof(sizes) / sizeof(sizes[0]),
                                               .vocab = sources[i].from != NULL ? sources[i].from : vocab};
            const int32_t *stops;

            if (sources[i].from == NULL)
                cr_assert_eq(setun_model_convert(fable, vocab, &(setun_convert_options){.kind = sources[i].kind, .force = true}, &error), SETUN_OK, "%s",
                             error.text);
            cr_assert_eq(setun_model_synth("bitnet-b1.58-2b-4t", path, &synth, &(setun_convert_options){.kind = kinds[j]}, &error), SETUN_OK, "%s",
                         error.text);
            cr_assert_eq(setun_model_open(path, NULL, &model, &error), SETUN_OK, "%s", error.text);
            cr_expect_eq(setun_model_vocab(model), 4100);
            cr_expect_eq(setun_model_bos(model), 4093);
            cr_expect_eq(setun_model_stops(model, &stops), 2u);
            cr_assert_eq(setun_tokenizer_encode(setun_model_tokenizer(model), text, strlen(text), SETUN_TEXT_TRUSTED, &got, &n_got, &error), SETUN_OK);
            cr_expect(n_got == n_expected && memcmp(got, expected, n_got * sizeof(*got)) == 0, "source %zu, kind %zu: other ids", i, j);
            setun_free(got);
            setun_model_close(model);
            if (kinds[j] == SETUN_FILE_HF_PACKED)
                folder_remove(path);
            else
                cr_assert_eq(remove(path), 0);
        }
    cr_assert_eq(remove(vocab), 0);
    setun_free(expected);
    setun_model_close(fable);
    folder_remove(folder);
}

Test(synth, vocabulary_that_does_not_fit)
{
    static const struct {
        const char *vocab, *text;
    } cases[] = {{FABLE, "4096"}, {SETUN_SOURCE_DIR "/README.md", "not valid JSON"}, {"/nonexistent/vocab", "/nonexistent/vocab"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const setun_synth_options synth = {.sizes = small, .n_sizes = N_SMALL, .vocab = cases[i].vocab}; /* 1,000 tokens */
        setun_error error = {""};

        cr_expect_lt(setun_model_synth("bitnet-b1.58-2b-4t", "/nonexistent/never", &synth, NULL, &error), 0);
        cr_expect(strstr(error.text, cases[i].text) != NULL, "%s", error.text);
    }
}
