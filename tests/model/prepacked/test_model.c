/* test_model.c - models opened from a prepacked file: everything as from where it was made, on every backend, with and without packing. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../masters/small.h"
#include "convert/prepacked_writer.h"
#include "file.h"
#include "fixture.h"
#include "session/session_internal.h"
#include "setun/inspect.h"
#include "setun/session.h"
#include "tiny_model.h"

enum { N_IDS = 40 };

static char folder[64], path[128], source[128];

static void setup(void)
{
    folder_make(folder);
    folder_make(source);
    (void)snprintf(path, sizeof(path), "%s/model.setun", folder);
}

static void teardown(void)
{
    folder_remove(folder);
    folder_remove(source);
}

TestSuite(prepacked_model, .init = setup, .fini = teardown);

static setun_model *open_model(const char *name)
{
    setun_model *model;
    setun_error error = {""};

    cr_assert_eq(setun_model_open(name, NULL, &model, &error), SETUN_OK, "%s", error.text);
    return model;
}

static void convert(const char *name, const char *backends)
{
    const setun_session_options options = {.n_threads = 2, .backends = backends};
    setun_model *model = open_model(name);
    setun_error error = {""};

    cr_assert_eq(setun_prepacked_convert(model, &options, path, &(setun_convert_options){.force = true}, &error), SETUN_OK, "%s", error.text);
    setun_model_close(model);
}

static setun_status keep(void *context, size_t i, const float *logits, setun_error *error)
{
    matrix *to = context;

    (void)error;
    memcpy(to->data + i * to->n_columns, logits, to->n_columns * sizeof(float));
    return SETUN_OK;
}

/* Logits of N_IDS ids; how many weights had to be packed goes to *out_packed. */
static matrix logits(const char *name, const char *backends, uint32_t n_threads, size_t *out_packed)
{
    const setun_session_options options = {.n_threads = n_threads, .backends = backends, .context = 64 > N_IDS ? 0 : N_IDS, .chunk = 17,
                                           .head = SETUN_HEAD_FULL};
    setun_model *model = open_model(name);
    setun_session *session;
    setun_session_info info;
    setun_row rows[N_IDS];
    setun_error error = {""};
    int32_t seq;
    size_t n = N_IDS;
    matrix got;

    cr_assert_eq(setun_session_create(model, &options, &session, &error), SETUN_OK, "%s: %s", name, error.text);
    setun_session_describe(session, &info);
    *out_packed = info.n_packed;
    if ((int64_t)n > info.context)
        n = (size_t)info.context;
    cr_assert_eq(setun_sequence_open(session, &seq, &error), SETUN_OK);
    got = (matrix){n, (size_t)setun_model_vocab(model), calloc(n * (size_t)setun_model_vocab(model), sizeof(float))};
    for (size_t i = 0; i < n; i++)
        rows[i] = (setun_row){(int32_t)((i * 37 + 11) % 256), seq, true};
    cr_assert_eq(setun_session_eval(session, rows, n, keep, &got, &error), SETUN_OK, "%s", error.text);
    setun_session_destroy(session);
    setun_model_close(model);
    return got;
}

static void expect_same(const char *name, const char *backends, const matrix *expected, size_t expected_packed, const char *what)
{
    for (uint32_t n_threads = 1; n_threads <= 3; n_threads += 2) {
        size_t n_packed;
        matrix got = logits(name, backends, n_threads, &n_packed);

        cr_expect(got.n_rows == expected->n_rows && got.n_columns == expected->n_columns &&
                      memcmp(got.data, expected->data, got.n_rows * got.n_columns * sizeof(float)) == 0,
                  "%s, %u threads: other logits", what, n_threads);
        if (expected_packed != SIZE_MAX)
            cr_expect_eq(n_packed, expected_packed, "%s: %zu weights were packed", what, n_packed);
        matrix_free(&got);
    }
}

/* A backend other than scalar that is loaded; NULL: none. */
static const char *other_backend(void)
{
    setun_model *model = open_model("fable");
    const setun_plugins *plugins = setun_model_plugins(model);
    const char *found = NULL;

    for (size_t i = 0; i < setun_plugins_count(plugins); i++) {
        const setun_plugin_info *info = setun_plugins_info(plugins, i);

        if (info->loaded && strcmp(info->name, "avx2") == 0)
            found = "avx2";
        if (info->loaded && strcmp(info->name, "avx512") == 0)
            found = "avx512";
    }
    setun_model_close(model);
    return found;
}

/* Made and run by every pair of backends: with its own nothing is packed, with the other what it needs. */
Test(prepacked_model, fable_has_the_same_logits_everywhere)
{
    const char *other = other_backend();
    size_t n_packed;
    matrix expected = logits("fable", "scalar", 2, &n_packed);

    cr_assert_gt(n_packed, 35);
    convert("fable", "scalar");
    expect_same(path, "scalar", &expected, 0, "made by scalar, run by scalar");
    if (other != NULL) {
        expect_same(path, other, &expected, 35, "made by scalar, run by another");
        convert("fable", other);
        expect_same(path, other, &expected, 0, "made by another, run by it");
        expect_same(path, "scalar", &expected, 35, "made by another, run by scalar");
    }
    matrix_free(&expected);
}

/* Masters that were ternarised, scales of every type and direction, heads of their own; rows that need padding. */
Test(prepacked_model, small_models_in_every_form)
{
    static const struct form forms[] = {
        {.name = "bf16 masters", .type = SMALL_BF16}, {.name = "f32 masters", .type = SMALL_F32}, {.name = "f16 masters", .type = SMALL_F16},
        {.name = "packed", .packed = true, .type = SMALL_F32}, {.name = "bf16 scales", .packed = true, .type = SMALL_BF16},
        {.name = "scales that divide", .packed = true, .type = SMALL_F32, .divides = true},
        {.name = "untied", .packed = true, .type = SMALL_F32, .untied = true}, {.name = "other head", .type = SMALL_BF16, .other_head = true},
    };
    struct small_model model;
    size_t n_packed;
    matrix expected;

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        small_create(&model, 5, forms[i].type == SMALL_F16); /* what f16 can hold */
        small_write(&model, &forms[i], source);
        small_destroy(&model);
        expected = logits(source, NULL, 1, &n_packed);
        convert(source, NULL);
        expect_same(path, NULL, &expected, 0, forms[i].name);
        expect_same(path, "scalar", &expected, SIZE_MAX, forms[i].name);
        matrix_free(&expected);
        folder_remove(source);
        folder_make(source);
    }
    cr_assert(tiny_model_write(source));
    expected = logits(source, NULL, 1, &n_packed);
    convert(source, NULL);
    expect_same(source, "scalar", &expected, SIZE_MAX, "tiny, not prepacked");
    expect_same(path, NULL, &expected, 0, "tiny");
    expect_same(path, "scalar", &expected, SIZE_MAX, "tiny");
    matrix_free(&expected);
}

static void expect_same_meta(const setun_weights *a, const setun_weights *b, const char *key)
{
    setun_meta left, right;
    bool in_a, in_b;
    setun_error error = {""};

    cr_assert_eq(setun_weights_meta(a, key, &in_a, &left, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_weights_meta(b, key, &in_b, &right, &error), SETUN_OK, "%s", error.text);
    cr_assert(in_a && in_b, "%s", key);
    cr_assert_eq(left.type, right.type, "%s", key);
    if (left.type == SETUN_META_STRING)
        cr_assert_str_eq(left.s, right.s);
    else if (left.type == SETUN_META_FLOAT)
        cr_assert_eq(left.f, right.f, "%s", key);
    else
        cr_assert_eq(left.i, right.i, "%s", key);
}

Test(prepacked_model, metadata_texts_and_tokens_are_the_same)
{
    static const char *const keys[] = {"vocab_size", "rms_norm_eps", "hidden_act", "tie_word_embeddings", "rope_theta"};
    static const char text[] = "Once upon a time <s> there w\xc3\xa4re 12 kings.";
    setun_model *a = open_model("fable"), *b;
    const setun_text_settings *left = setun_weights_text(a->weights), *right;
    setun_error error = {""};
    const int32_t *stops_a, *stops_b;
    int32_t *ids_a, *ids_b;
    size_t n_a, n_b;

    convert("fable", NULL);
    b = open_model(path);
    right = setun_weights_text(b->weights);
    cr_assert_str_eq(setun_model_family(a), setun_model_family(b));
    cr_assert_str_eq(setun_model_path(b), path);
    cr_assert_str_eq(setun_weights_architecture(a->weights), setun_weights_architecture(b->weights));
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        expect_same_meta(a->weights, b->weights, keys[i]);
    cr_assert(left->bos == right->bos && left->add_bos == right->add_bos && left->n_stops == right->n_stops);
    cr_assert_eq(memcmp(left->stops, right->stops, sizeof(left->stops)), 0);
    cr_assert_eq(setun_model_bos(a), setun_model_bos(b));
    n_a = setun_model_stops(a, &stops_a);
    n_b = setun_model_stops(b, &stops_b);
    cr_assert(n_a == n_b && n_a > 0 && memcmp(stops_a, stops_b, n_a * sizeof(*stops_a)) == 0);
    for (unsigned flags = 0; flags < 2; flags++) {
        cr_assert_eq(setun_tokenizer_encode(setun_model_tokenizer(a), text, strlen(text), flags, &ids_a, &n_a, &error), SETUN_OK, "%s", error.text);
        cr_assert_eq(setun_tokenizer_encode(setun_model_tokenizer(b), text, strlen(text), flags, &ids_b, &n_b, &error), SETUN_OK, "%s", error.text);
        cr_assert(n_a == n_b && memcmp(ids_a, ids_b, n_a * sizeof(*ids_a)) == 0);
        setun_free(ids_a);
        setun_free(ids_b);
    }
    setun_model_close(a);
    setun_model_close(b);
}

/* What is shown of the tensors: padding is no part of them, and a master has become what it is ternarised to. */
Test(prepacked_model, statistics_are_the_same)
{
    static const char *const backends[] = {"scalar", NULL};

    cr_assert(tiny_model_write(source));
    for (size_t b = 0; b < 2; b++) {
        setun_model *left_model = open_model(source), *right_model;
        setun_inspection *left, *right;
        setun_inspection_summary summary;
        setun_error error = {""};

        convert(source, backends[b]);
        right_model = open_model(path);
        cr_assert_eq(setun_inspection_create(left_model, &left, &error), SETUN_OK, "%s", error.text);
        cr_assert_eq(setun_inspection_create(right_model, &right, &error), SETUN_OK, "%s", error.text);
        setun_inspection_describe(right, &summary);
        cr_assert_str_eq(summary.source, "huggingface");
        cr_assert_eq(summary.n_files, 1);
        for (size_t i = 0; i < summary.n_tensors; i++) {
            setun_tensor_info a, z;
            setun_tensor_statistics s, t;
            bool read;

            setun_inspection_tensor(left, i, &a);
            setun_inspection_tensor(right, i, &z);
            cr_assert_str_eq(a.name, z.name);
            cr_assert_eq(memcmp(a.dim, z.dim, sizeof(a.dim)), 0, "%s", a.name);
            cr_assert_eq(setun_inspection_read(left, i, &s, &error), SETUN_OK, "%s", error.text);
            cr_assert_eq(setun_inspection_read(right, i, &t, &error), SETUN_OK, "%s", error.text);
            cr_expect(s.n_minus == t.n_minus && s.n_zero == t.n_zero && s.n_plus == t.n_plus && t.n_bad == 0, "%s: other codes", a.name);
            cr_expect(!s.ternary || s.scale == t.scale, "%s: another scale", a.name);
            cr_expect(!t.dense || (s.min == t.min && s.max == t.max && s.rms == t.rms), "%s: other values", a.name);
            cr_expect_eq(setun_inspection_verify(right, i, true, &read, &error), SETUN_OK, "%s", error.text);
        }
        setun_inspection_destroy(left);
        setun_inspection_destroy(right);
        setun_model_close(left_model);
        setun_model_close(right_model);
    }
}

typedef struct stopping {
    atomic_bool stop;
    size_t      n_told, n_after; /* calls, and those after the one that asked for the end */
    size_t      stop_at;
} stopping;

static void tell(void *context, const char *stage, uint64_t done, uint64_t total)
{
    stopping *s = context;

    cr_assert_str_eq(stage, "loading weights");
    cr_assert_leq(done, total);
    s->n_after += s->stop;
    if (s->n_told++ == s->stop_at)
        s->stop = true;
}

/* Loading ends where it is told to, with weights that are read as they are and such that are packed, not when all are there. */
Test(prepacked_model, loading_ends_when_it_is_told_to)
{
    const char *const from[] = {"fable", path};

    convert("fable", "scalar");
    for (size_t i = 0; i < 2; i++) {
        setun_model *model = open_model(from[i]);
        stopping all = {.stop_at = SIZE_MAX};
        const setun_session_options options = {.n_threads = 1, .context = 1, .progress = tell, .progress_context = &all};
        setun_session *session = NULL;
        setun_error error = {""};

        cr_assert_eq(setun_session_create_until(model, &options, &all.stop, &session, &error), SETUN_OK, "%s", error.text);
        setun_session_destroy(session);
        cr_assert_gt(all.n_told, 30);
        for (size_t at = 0; at < all.n_told - 1; at += 7) {
            stopping one = {.stop_at = at};
            setun_session_options told = options;

            told.progress_context = &one;
            session = NULL;
            cr_assert_eq(setun_session_create_until(model, &told, &one.stop, &session, &error), SETUN_ERR_INTERRUPTED, "%s", from[i]);
            cr_assert_null(session);
            cr_assert_str_eq(error.text, "interrupted");
            cr_assert_eq(one.n_after, 0, "%s, stopped at %zu: told %zu times after", from[i], at, one.n_after);
        }
        setun_model_close(model);
    }
}

/* What only shows when the weights are planned or read: a format that does not go with the length, one that nobody knows, wrong codes. */
Test(prepacked_model, files_that_do_not_fit)
{
    static const struct {
        const char *from, *to;
        setun_status status;
        const char *expected;
    } cases[] = {
        {"\"format\":\"tern2.row\"", "\"format\":\"tern2.r16k16\"", SETUN_ERR_FORMAT, " bytes of tern2.r16k16 for "},
        {"\"format\":\"tern2.row\"", "\"format\":\"tern9.x\"", SETUN_ERR_UNSUPPORTED, "no loaded plugin has the format 'tern9.x'"},
        {"\"format\":\"f32\",\"dims\":[8]", "\"format\":\"f32\",\"dims\":[7]", SETUN_ERR_FORMAT, "[7]"},
        {"\"format\":\"bf16\",\"dims\":[260,8]", "\"format\":\"bf16\",\"dims\":[260,32]", SETUN_ERR_FORMAT, "[260, 32]"},
    };
    size_t n_bytes, n_made, data;
    char *json, *edited;
    unsigned char *file, *made;
    setun_error error = {""};

    cr_assert(tiny_model_write(source));
    convert(source, "scalar");
    file = (unsigned char *)file_read(path, &n_bytes);
    json = file_json(file, &data);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setun_model *model = NULL;
        setun_session *session = NULL;
        setun_status status;

        edited = text_replace(json, cases[i].from, cases[i].to);
        made = file_make(edited, file + data, n_bytes - data, &n_made);
        made[8] = 4; /* there is a screen */
        file_write(path, made, n_made);
        status = setun_model_open(path, NULL, &model, &error);
        if (status == SETUN_OK)
            status = setun_session_create(model, NULL, &session, &error);
        cr_expect_eq(status, cases[i].status, "%s: %d %s", cases[i].to, (int)status, error.text);
        cr_expect_not_null(strstr(error.text, cases[i].expected), "%s: %s", cases[i].to, error.text);
        setun_session_destroy(session);
        setun_model_close(model);
        free(edited);
        free(made);
    }
    {
        setun_model *model;
        setun_session *session;
        const char *at = strstr(json, "_proj\",\"format\":\"tern2.row\"");
        const size_t offset = (size_t)atoll(strstr(at, "\"offset\":") + strlen("\"offset\":"));

        file[data + offset + 64] = 0xff; /* four codes 3 in row 1 */
        file_write(path, file, n_bytes);
        model = open_model(path);
        cr_assert_eq(setun_session_create(model, NULL, &session, &error), SETUN_ERR_FORMAT);
        cr_assert_not_null(strstr(error.text, "(tern2.row): expected ternary codes of 0, 1 or 2, found a 3"), "%s", error.text);
        setun_model_close(model);
    }
    free(json);
    free(file);
}

