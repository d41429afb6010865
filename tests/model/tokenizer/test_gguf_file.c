/* test_gguf_file.c - tokenizers of GGUF files that hold nothing else: ids, begin and end of texts, and keys that are wrong. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "gguf_arrays.h"
#include "variant.h"

#define STR(key_, text_) {.key = "tokenizer.ggml." key_, .type = SETUN_GGUF_STRING, .text = text_}
#define U32(key_, value_) {.key = "tokenizer.ggml." key_, .type = SETUN_GGUF_U32, .value = value_}
#define BOOL(key_, value_) {.key = "tokenizer.ggml." key_, .type = SETUN_GGUF_BOOL, .value = value_}

static setun_status open_file(const gguf_arrays *arrays, const gguf_extra *extras, size_t n_extras, const char *pre, setun_tokenizer **out,
                              setun_error *error)
{
    const setun_tokenizer_options options = {.pre = pre};
    char folder[64], path[128];
    setun_status status;

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/vocabulary.gguf", folder);
    gguf_arrays_write(path, arrays, extras, n_extras);
    status = setun_tokenizer_open(path, &options, out, error);
    folder_remove(folder);
    return status;
}

static bool is_stop(const setun_tokenizer *tokenizer, int32_t id)
{
    const int32_t *stops;
    size_t n = setun_tokenizer_stops(tokenizer, &stops);

    for (size_t i = 0; i < n; i++)
        if (stops[i] == id)
            return true;
    return false;
}

/* The same as fable's folder, from which the file is made: ids, BOS, and both tokens that end a text, one of which the keys do not name. */
Test(tokenizer_gguf_file, fable)
{
    static const gguf_extra extras[] = {U32("bos_token_id", 4093), U32("eos_token_id", 4094), BOOL("add_bos_token", 1)};
    gguf_arrays arrays = gguf_arrays_make(fable_json(), "llama-bpe");
    json_t *lines = jsonl_read(GOLDEN "/tokenizer.jsonl"), *line;
    setun_tokenizer *tokenizer = NULL, *folder = NULL;
    setun_error error = {{0}};
    const int32_t *stops;
    size_t i;

    cr_assert_eq(open_file(&arrays, extras, 3, NULL, &tokenizer, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_tokenizer_open(FABLE, NULL, &folder, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(setun_tokenizer_bos(tokenizer), 4093);
    cr_expect_eq(setun_tokenizer_bos(folder), 4093);
    cr_expect_eq(setun_tokenizer_stops(tokenizer, &stops), 2);
    cr_expect_eq(setun_tokenizer_stops(folder, &stops), 2);
    for (int32_t id = 4094; id < 4096; id++)
        cr_expect(is_stop(tokenizer, id) && is_stop(folder, id), "%d", (int)id);
    json_array_foreach(lines, i, line)
    {
        const json_t *text = json_object_get(line, "text");
        size_t n;
        int32_t *ids = encoded(tokenizer, json_string_value(text), json_string_length(text), SETUN_TEXT_USER, &n);

        check_ids("fable.gguf", json_string_value(text), json_object_get(line, "ids_user"), ids, n);
        setun_free(ids);
    }
    for (int32_t id = 0; id < 4096; id++) {
        size_t n, n_folder;
        bool special, special_folder;
        const char *a = setun_tokenizer_token(tokenizer, id, &n, &special), *b = setun_tokenizer_token(folder, id, &n_folder, &special_folder);

        cr_assert(n == n_folder && special == special_folder && memcmp(a, b, n) == 0, "token %d differs", (int)id);
    }
    json_decref(lines);
    setun_tokenizer_close(tokenizer);
    setun_tokenizer_close(folder);
    gguf_arrays_free(&arrays);
}

/* A file that does not say whether texts begin with BOS is read as llama.cpp reads it: by the cuts that it names. */
Test(tokenizer_gguf_file, bos)
{
    static const struct {
        const char *pre, *given;
        gguf_extra add;
        size_t n;
        int32_t bos;
    } rows[] = {
        {"llama-bpe", NULL, BOOL("add_bos_token", 0), 2, -1}, {"llama-bpe", NULL, BOOL("add_bos_token", 1), 2, 4093},
        {"llama-bpe", NULL, BOOL("add_bos_token", 0), 1, 4093}, {"default", NULL, BOOL("add_bos_token", 0), 1, -1},
        {"gpt-2", NULL, BOOL("add_bos_token", 0), 1, -1}, {"gpt-2", NULL, BOOL("add_bos_token", 1), 2, 4093},
        {"llama-bpe", "default", BOOL("add_bos_token", 0), 1, 4093}, {NULL, "llama-bpe", BOOL("add_bos_token", 0), 1, 4093},
        {"llama-bpe", NULL, BOOL("add_bos_token", 0), 0, -1},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const gguf_extra extras[] = {U32("bos_token_id", 4093), rows[i].add};
        gguf_arrays arrays = gguf_arrays_make(fable_json(), rows[i].pre);
        setun_tokenizer *tokenizer = NULL;
        setun_error error = {{0}};

        cr_assert_eq(open_file(&arrays, extras, rows[i].n, rows[i].given, &tokenizer, &error), SETUN_OK, "row %zu: %s", i, error.text);
        cr_expect_eq(setun_tokenizer_bos(tokenizer), rows[i].bos, "row %zu: %d", i, setun_tokenizer_bos(tokenizer));
        setun_tokenizer_close(tokenizer);
        gguf_arrays_free(&arrays);
    }
}

Test(tokenizer_gguf_file, wrong_keys)
{
    static const struct {
        gguf_extra extra;
        setun_status status;
        const char *text;
    } rows[] = {
        {STR("model", "llama"), SETUN_ERR_UNSUPPORTED, "found \"llama\": Setun reads no SentencePiece vocabularies; use a Hugging Face folder"},
        {STR("model", "bert"), SETUN_ERR_UNSUPPORTED, "expected \"gpt2\" (byte-level BPE), found \"bert\""},
        {U32("model", 1), SETUN_ERR_FORMAT, "key 'tokenizer.ggml.model': expected a string"},
        {STR("tokens", "a"), SETUN_ERR_FORMAT, "key 'tokenizer.ggml.tokens': expected"},
        {STR("token_type", "a"), SETUN_ERR_FORMAT, "key 'tokenizer.ggml.token_type': expected"},
        {STR("merges", "a b"), SETUN_ERR_FORMAT, "key 'tokenizer.ggml.merges': expected"},
        {U32("pre", 3), SETUN_ERR_FORMAT, "key 'tokenizer.ggml.pre': expected a string"},
        {STR("pre", ""), SETUN_ERR_UNSUPPORTED, "tokenizer.ggml.pre: pre-tokeniser: expected llama-bpe, "},
        {BOOL("add_space_prefix", 1), SETUN_ERR_UNSUPPORTED, "expected false, found true: Setun puts no blank before a text"},
        {U32("bos_token_id", 257), SETUN_ERR_FORMAT, "key 'tokenizer.ggml.bos_token_id': expected a token id from 0 to 255, found 257"},
        {U32("eos_token_id", UINT32_MAX), SETUN_ERR_FORMAT, "found 4294967295"},
        {STR("eot_token_id", "x"), SETUN_ERR_FORMAT, "key 'tokenizer.ggml.eot_token_id': expected"},
        {U32("add_bos_token", 1), SETUN_ERR_FORMAT, "key 'tokenizer.ggml.add_bos_token': expected"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        gguf_arrays arrays = gguf_arrays_make(tiny_json(), "llama-bpe");
        setun_tokenizer *tokenizer = NULL;
        setun_error error = {{0}};

        cr_expect_eq(open_file(&arrays, &rows[i].extra, 1, NULL, &tokenizer, &error), rows[i].status, "row %zu: %s", i, error.text);
        cr_expect_not_null(strstr(error.text, rows[i].text), "row %zu: found \"%s\"", i, error.text);
        cr_expect_null(tokenizer);
        gguf_arrays_free(&arrays);
    }
}

/* Fewer types than tokens, no tokens at all, and no tokenizer. */
Test(tokenizer_gguf_file, arrays_that_do_not_fit)
{
    gguf_arrays arrays = gguf_arrays_make(tiny_json(), "llama-bpe");
    setun_tokenizer *tokenizer = NULL;
    setun_error error = {{0}};
    char folder[64], path[128];

    arrays.vocab.types = NULL; /* all of them are normal then */
    cr_assert_eq(open_file(&arrays, NULL, 0, NULL, &tokenizer, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_tokenizer_bos(tokenizer), -1);
    setun_tokenizer_close(tokenizer);
    tokenizer = NULL;
    arrays.vocab.n_tokens = 0;
    cr_assert_eq(open_file(&arrays, NULL, 0, NULL, &tokenizer, &error), SETUN_ERR_FORMAT);
    cr_expect_not_null(strstr(error.text, "tokenizer.ggml.tokens: expected 1 to"), "%s", error.text);
    gguf_arrays_free(&arrays);

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/empty.gguf", folder);
    file_write(path, "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
    cr_assert_eq(setun_tokenizer_open(path, NULL, &tokenizer, &error), SETUN_ERR_UNSUPPORTED);
    cr_expect_not_null(strstr(error.text, "the file holds no tokenizer"), "%s", error.text);
    file_write(path, "GGUF\3", 5);
    cr_assert_eq(setun_tokenizer_open(path, NULL, &tokenizer, &error), SETUN_ERR_FORMAT, "%s", error.text);
    folder_remove(folder);
}

/* A folder without weights, and a tokenizer.json alone: the one knows its BOS, the other does not. */
Test(tokenizer_gguf_file, folders)
{
    setun_tokenizer *tokenizer = NULL;
    setun_error error = {{0}};
    char folder[64], path[128];
    size_t n;
    char *text = file_read(FABLE "/tokenizer.json", &n);

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/tokenizer.json", folder);
    file_write(path, text, n);
    cr_assert_eq(setun_tokenizer_open(folder, NULL, &tokenizer, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(setun_tokenizer_bos(tokenizer), -1);
    setun_tokenizer_close(tokenizer);
    free(text);
    text = file_read(FABLE "/tokenizer_config.json", &n);
    (void)snprintf(path, sizeof(path), "%s/tokenizer_config.json", folder);
    file_write(path, text, n);
    free(text);
    cr_assert_eq(setun_tokenizer_open(folder, NULL, &tokenizer, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(setun_tokenizer_bos(tokenizer), 4093);
    cr_expect(is_stop(tokenizer, 4094));
    setun_tokenizer_close(tokenizer);
    folder_remove(folder);
}
