/* test_golden.c - ids against Hugging Face's tokenizers: fable's golden lines, and variants of its tokenizer.json. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "variant.h"

/* Both kinds of text, and back to text byte for byte where the tokenizer keeps every byte. */
static void check_line(const char *name, const setun_tokenizer *tokenizer, const json_t *line, bool lossless)
{
    static const struct {
        const char *key;
        unsigned flags;
    } kinds[] = {{"ids_plain", SETUN_TEXT_TRUSTED}, {"ids_user", SETUN_TEXT_USER}};
    const json_t *text = json_object_get(line, "text");
    size_t n_bytes = json_string_length(text);

    cr_assert(json_is_string(text));
    for (size_t i = 0; i < 2; i++) {
        size_t n, n_back;
        int32_t *ids = encoded(tokenizer, json_string_value(text), n_bytes, kinds[i].flags, &n);
        char *back;

        cr_assert(json_is_array(json_object_get(line, kinds[i].key)));
        check_ids(name, json_string_value(text), json_object_get(line, kinds[i].key), ids, n);
        back = decoded(tokenizer, ids, n, &n_back);
        if (lossless)
            cr_expect(n_back == n_bytes && memcmp(back, json_string_value(text), n_bytes) == 0, "%s: \"%s\" came back as \"%s\"",
                      name, json_string_value(text), back);
        free(back);
        setun_free(ids);
    }
}

Test(tokenizer_golden, fable)
{
    setun_tokenizer *tokenizer = NULL;
    setun_error error = {{0}};
    size_t n_lines = 0, n_bytes;
    char *text = file_read(GOLDEN "/tokenizer.jsonl", &n_bytes), *rest = NULL;

    cr_assert_eq(setun_tokenizer_open(FABLE, NULL, &tokenizer, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_tokenizer_size(tokenizer), 4096);
    for (char *at = strtok_r(text, "\n", &rest); at != NULL; at = strtok_r(NULL, "\n", &rest), n_lines++) {
        json_error_t fault;
        json_t *line = json_loads(at, JSON_ALLOW_NUL, &fault);

        cr_assert_not_null(line, "line %zu: %s", n_lines, fault.text);
        check_line("fable", tokenizer, line, true);
        json_decref(line);
    }
    cr_assert_eq(n_lines, 48);
    free(text);
    setun_tokenizer_close(tokenizer);
}

/* The whole held-out text at once comes back, and greedy.jsonl's prompts give its prompt_ids. */
Test(tokenizer_golden, long_text_and_prompts)
{
    setun_tokenizer *tokenizer = NULL;
    setun_error error = {{0}};
    size_t n_bytes, n, n_back;
    char *text = file_read(GOLDEN "/heldout.txt", &n_bytes), *back;
    json_t *lines = jsonl_read(GOLDEN "/greedy.jsonl"), *line;
    int32_t *ids;
    size_t i;

    cr_assert_eq(setun_tokenizer_open(FABLE "/tokenizer.json", NULL, &tokenizer, &error), SETUN_OK, "%s", error.text);
    ids = encoded(tokenizer, text, n_bytes, SETUN_TEXT_USER, &n);
    back = decoded(tokenizer, ids, n, &n_back);
    cr_assert(n_back == n_bytes && memcmp(back, text, n_bytes) == 0);
    setun_free(ids);
    free(back);
    free(text);
    json_array_foreach(lines, i, line)
    {
        const char *prompt = json_string_value(json_object_get(line, "prompt"));
        json_t *expected = json_deep_copy(json_object_get(line, "prompt_ids"));

        cr_assert(prompt != NULL && json_array_size(expected) > 0);
        json_array_remove(expected, 0); /* BOS */
        ids = encoded(tokenizer, prompt, strlen(prompt), SETUN_TEXT_TRUSTED, &n);
        check_ids("greedy", prompt, expected, ids, n);
        setun_free(ids);
        json_decref(expected);
    }
    cr_assert(i > 0);
    json_decref(lines);
    setun_tokenizer_close(tokenizer);
}

/* variants.json: made by compare.py in this folder with tokenizers 0.23. */
Test(tokenizer_golden, variants)
{
    json_error_t fault;
    json_t *file = json_load_file(TOKENIZER_GOLDEN "/variants.json", JSON_ALLOW_NUL, &fault), *variant, *line;
    size_t i, j;

    cr_assert_not_null(file, "%s", fault.text);
    json_array_foreach(json_object_get(file, "variants"), i, variant)
    {
        json_t *root = fable_json();
        const char *name = json_string_value(json_object_get(variant, "name"));
        setun_tokenizer *tokenizer;

        merge_json(root, json_object_get(variant, "changes"));
        tokenizer = opened(root);
        json_array_foreach(json_object_get(variant, "lines"), j, line)
            check_line(name, tokenizer, line, json_is_true(json_object_get(variant, "lossless")));
        cr_assert(j > 0);
        setun_tokenizer_close(tokenizer);
    }
    cr_assert(i >= 20);
    json_decref(file);
}

/* The old form of merges, "a b", gives the same ids. */
Test(tokenizer_golden, merges_as_strings)
{
    json_t *root = fable_json(), *merges = json_object_get(json_object_get(root, "model"), "merges"), *pair,
           *strings = json_array();
    setun_tokenizer *pairs, *joined;
    size_t i, n_bytes, n[2];
    char *text = file_read(GOLDEN "/heldout.txt", &n_bytes);
    int32_t *ids[2];

    cr_assert_eq(json_array_append_new(strings, json_string("#version: 0.2")), 0);
    json_array_foreach(merges, i, pair)
        cr_assert_eq(json_array_append_new(strings, json_sprintf("%s %s", json_string_value(json_array_get(pair, 0)),
                                                                 json_string_value(json_array_get(pair, 1)))),
                     0);
    pairs = opened(json_deep_copy(root));
    cr_assert_eq(json_object_set_new(json_object_get(root, "model"), "merges", strings), 0);
    joined = opened(root);
    ids[0] = encoded(pairs, text, n_bytes, SETUN_TEXT_USER, &n[0]);
    ids[1] = encoded(joined, text, n_bytes, SETUN_TEXT_USER, &n[1]);
    cr_assert(n[0] == n[1] && memcmp(ids[0], ids[1], n[0] * sizeof(*ids[0])) == 0);
    for (i = 0; i < 2; i++)
        setun_free(ids[i]);
    free(text);
    setun_tokenizer_close(pairs);
    setun_tokenizer_close(joined);
}
