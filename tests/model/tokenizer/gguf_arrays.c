/* gguf_arrays.c - see gguf_arrays.h. */
#include "gguf_arrays.h"

#include <criterion/criterion.h>
#include <stdlib.h>

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
