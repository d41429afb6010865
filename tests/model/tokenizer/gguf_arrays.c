/* gguf_arrays.c - see gguf_arrays.h. */
#include "gguf_arrays.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static setun_name name_of(const json_t *string)
{
    cr_assert(json_is_string(string));
    return (setun_name){json_string_value(string), json_string_length(string)};
}

gguf_arrays gguf_arrays_make(json_t *root, const char *pre)
{
    json_t *model = json_object_get(root, "model"), *names = json_object_get(model, "vocab"), *merges = json_object_get(model, "merges");
    json_t *added = json_object_get(root, "added_tokens"), *value;
    gguf_arrays a = {.root = root};
    size_t n = json_object_size(names) + json_array_size(added), i;
    const char *name;

    a.tokens = calloc(n, sizeof(*a.tokens));
    a.types = calloc(n, sizeof(*a.types));
    a.merges = calloc(json_array_size(merges) + 1, sizeof(*a.merges));
    cr_assert(a.tokens != NULL && a.types != NULL && a.merges != NULL);
    json_object_foreach(names, name, value)
    {
        cr_assert_lt((size_t)json_integer_value(value), n);
        a.tokens[json_integer_value(value)] = (setun_name){name, strlen(name)};
        a.types[json_integer_value(value)] = 1;
    }
    json_array_foreach(added, i, value)
    {
        const size_t id = (size_t)json_integer_value(json_object_get(value, "id"));

        cr_assert_lt(id, n);
        a.tokens[id] = name_of(json_object_get(value, "content"));
        a.types[id] = json_is_true(json_object_get(value, "special")) ? 3 : 4;
    }
    json_array_foreach(merges, i, value)
    {
        if (json_is_array(value)) {
            json_t *joined = json_sprintf("%s %s", json_string_value(json_array_get(value, 0)), json_string_value(json_array_get(value, 1)));

            cr_assert_eq(json_array_set_new(merges, i, joined), 0);
            value = joined;
        }
        a.merges[i] = name_of(value);
    }
    a.vocab = (setun_gguf_vocab){.path = "test.gguf", .tokens = a.tokens, .n_tokens = n, .types = a.types, .merges = a.merges,
                                 .n_merges = json_array_size(merges), .pre = pre};
    return a;
}

void gguf_arrays_free(gguf_arrays *arrays)
{
    free(arrays->tokens);
    free(arrays->types);
    free(arrays->merges);
    json_decref(arrays->root);
}

/* Written from the format's description, not with the code under test. */
static void put(FILE *file, uint64_t value, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        cr_assert_neq(fputc((int)(value >> 8 * i & 0xff), file), EOF);
}

static void put_text(FILE *file, const char *text, size_t n_bytes)
{
    put(file, n_bytes, 8);
    cr_assert_eq(fwrite(text, 1, n_bytes, file), n_bytes);
}

static void put_names(FILE *file, const char *key, const setun_name *names, size_t n)
{
    put_text(file, key, strlen(key));
    put(file, 9, 4);
    put(file, 8, 4);
    put(file, n, 8);
    for (size_t i = 0; i < n; i++)
        put_text(file, names[i].text, names[i].n_bytes);
}

static void put_extra(FILE *file, const gguf_extra *extra)
{
    put_text(file, extra->key, strlen(extra->key));
    put(file, extra->type, 4);
    if (extra->type == SETUN_GGUF_STRING)
        put_text(file, extra->text, strlen(extra->text));
    else
        put(file, extra->value, extra->type == SETUN_GGUF_BOOL ? 1 : 4);
}

void gguf_arrays_write(const char *path, const gguf_arrays *arrays, const gguf_extra *extras, size_t n_extras)
{
    static const char *const keys[] = {"tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.ggml.tokens", "tokenizer.ggml.token_type",
                                       "tokenizer.ggml.merges"};
    bool given[5] = {false};
    size_t n = n_extras;
    FILE *file = fopen(path, "wb");

    cr_assert_not_null(file);
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < n_extras; j++)
            given[i] = given[i] || strcmp(extras[j].key, keys[i]) == 0;
        given[i] = given[i] || (i == 1 && arrays->vocab.pre == NULL) || (i == 3 && arrays->vocab.types == NULL);
        n += !given[i];
    }
    cr_assert_eq(fwrite("GGUF", 1, 4, file), 4);
    put(file, 3, 4);
    put(file, 0, 8);
    put(file, n, 8);
    for (size_t i = 0; i < n_extras; i++)
        put_extra(file, &extras[i]);
    if (!given[0])
        put_extra(file, &(gguf_extra){keys[0], SETUN_GGUF_STRING, "gpt2", 0});
    if (!given[1])
        put_extra(file, &(gguf_extra){keys[1], SETUN_GGUF_STRING, arrays->vocab.pre, 0});
    if (!given[2])
        put_names(file, keys[2], arrays->tokens, arrays->vocab.n_tokens);
    if (!given[3]) {
        put_text(file, keys[3], strlen(keys[3]));
        put(file, 9, 4);
        put(file, 5, 4);
        put(file, arrays->vocab.n_tokens, 8);
        for (size_t i = 0; i < arrays->vocab.n_tokens; i++)
            put(file, (uint32_t)arrays->types[i], 4);
    }
    if (!given[4])
        put_names(file, keys[4], arrays->merges, arrays->vocab.n_merges);
    cr_assert_eq(fclose(file), 0);
}
