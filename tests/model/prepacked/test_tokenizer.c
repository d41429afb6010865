/* test_tokenizer.c - the tokenizer of a GGUF file, taken over into a prepacked file: the same ids, begin and end of texts. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "../tokenizer/gguf_arrays.h"
#include "../tokenizer/variant.h"
#include "convert/prepacked_tokenizer.h"
#include "file.h"
#include "fixture.h"

Test(prepacked_tokenizer, of_a_gguf_file)
{
    static const gguf_extra extras[] = {
        {.key = "tokenizer.ggml.bos_token_id", .type = SETUN_GGUF_U32, .value = 4093},
        {.key = "tokenizer.ggml.add_bos_token", .type = SETUN_GGUF_BOOL, .value = 1},
        {.key = "general.name", .type = SETUN_GGUF_STRING, .text = "not the tokenizer's"},
    };
    static const char text[] = "Once upon a time <s> there w\xc3\xa4re 12 kings.";
    gguf_arrays arrays = gguf_arrays_make(fable_json(), "llama-bpe");
    char folder[64], source[128], made[128], edit[128], *bytes, *json;
    enum setun_prepacked_tokenizer kind;
    setun_tokenizer *left, *right;
    const int32_t *stops_left, *stops_right;
    unsigned char *data, *file;
    size_t n_bytes, n_file;
    setun_error error = {""};

    folder_make(folder);
    (void)snprintf(source, sizeof(source), "%s/vocabulary.gguf", folder);
    (void)snprintf(made, sizeof(made), "%s/model.setun", folder);
    gguf_arrays_write(source, &arrays, extras, sizeof(extras) / sizeof(extras[0]));
    cr_assert_eq(setun_prepacked_tokenizer_bytes(source, &kind, &bytes, &n_bytes, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(kind, SETUN_PREPACKED_TOKENIZER_GGUF);
    cr_assert_eq(memcmp(bytes, "GGUF\3\0\0\0\0\0\0\0\0\0\0\0", 16), 0, "version 3, no tensors");
    for (size_t i = 0; i + 12 <= n_bytes; i++)
        cr_assert(memcmp(bytes + i, "general.name", 12) != 0, "a key that is not the tokenizer's");

    /* It takes the place of the good file's tokenizer; the tensor behind it moves on. */
    (void)snprintf(edit, sizeof(edit), "\"kind\":\"gguf\",\"offset\":0,\"bytes\":%zu,\"xxh3\":\"%016llx\"", n_bytes,
                   (unsigned long long)XXH3_64bits(bytes, n_bytes));
    json = text_replace(good_json, "\"kind\":\"tokenizer.json\",\"offset\":0,\"bytes\":2,\"xxh3\":\"1349cde127705c16\"", edit);
    {
        const size_t offset = (n_bytes + 4095) / 4096 * 4096;
        char *moved;

        (void)snprintf(edit, sizeof(edit), "\"offset\":%zu", offset);
        moved = text_replace(json, "\"offset\":4096", edit);
        data = calloc(1, offset + 128);
        cr_assert_not_null(data);
        memcpy(data, bytes, n_bytes);
        file = file_make(moved, data, offset + 128, &n_file);
        file_write(made, file, n_file);
        free(moved);
    }
    cr_assert_eq(setun_tokenizer_open(source, NULL, &left, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_tokenizer_open(made, NULL, &right, &error), SETUN_OK, "%s", error.text);
    cr_assert_str_eq(setun_tokenizer_pre(right, NULL), "llama-bpe");
    cr_assert(setun_tokenizer_bos(left) == 4093 && setun_tokenizer_bos(right) == 4093);
    n_bytes = setun_tokenizer_stops(left, &stops_left);
    cr_assert(n_bytes > 0 && setun_tokenizer_stops(right, &stops_right) == n_bytes &&
              memcmp(stops_left, stops_right, n_bytes * sizeof(*stops_left)) == 0);
    for (unsigned flags = 0; flags < 2; flags++) {
        int32_t *a, *b;
        size_t n_a, n_b;

        cr_assert_eq(setun_tokenizer_encode(left, text, strlen(text), flags, &a, &n_a, &error), SETUN_OK, "%s", error.text);
        cr_assert_eq(setun_tokenizer_encode(right, text, strlen(text), flags, &b, &n_b, &error), SETUN_OK, "%s", error.text);
        cr_assert(n_a > 10 && n_a == n_b && memcmp(a, b, n_a * sizeof(*a)) == 0);
        setun_free(a);
        setun_free(b);
    }

    /* A prepacked file made of this one takes it over as it is. */
    free(bytes);
    cr_assert_eq(setun_prepacked_tokenizer_bytes(made, &kind, &bytes, &n_bytes, &error), SETUN_OK, "%s", error.text);
    cr_assert(kind == SETUN_PREPACKED_TOKENIZER_GGUF && memcmp(bytes, data, n_bytes) == 0);
    setun_tokenizer_close(left);
    setun_tokenizer_close(right);
    gguf_arrays_free(&arrays);
    folder_remove(folder);
    free(bytes);
    free(json);
    free(data);
    free(file);
}
