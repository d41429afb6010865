/* variant.c - see variant.h. */
#include "variant.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "text/text.h"

json_t *fable_json(void)
{
    json_error_t fault;
    json_t *root = json_load_file(FABLE "/tokenizer.json", JSON_ALLOW_NUL, &fault);

    cr_assert_not_null(root, "%s", fault.text);
    return root;
}

json_t *tiny_json(void)
{
    json_t *vocab = json_object(), *root;

    /* Printable bytes are themselves and the other 68 are U+0100 and on: written anew, not with the code under test. */
    for (unsigned byte = 0, moved = 0; byte < 256; byte++) {
        bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
        unsigned c = printable ? byte : 0x100 + moved++;
        char name[3] = {(char)c, '\0', '\0'};

        if (c >= 0x80) {
            name[0] = (char)(0xc0 | c >> 6);
            name[1] = (char)(0x80 | (c & 0x3f));
        }
        cr_assert_eq(json_object_set_new(vocab, name, json_integer(byte)), 0);
    }
    root = json_pack("{s:s, s:[], s:n, s:{s:s, s:b, s:b, s:b}, s:n, s:{s:s}, s:{s:s, s:n, s:b, s:o, s:[]}}", "version", "1.0",
                     "added_tokens", "normalizer", "pre_tokenizer", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1,
                     "use_regex", 0, "post_processor", "decoder", "type", "ByteLevel", "model", "type", "BPE", "dropout",
                     "ignore_merges", 0, "vocab", vocab, "merges");
    cr_assert_not_null(root);
    return root;
}

void merge_json(json_t *root, const json_t *changes)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)changes, key, value)
    {
        json_t *old = json_object_get(root, key);

        if (json_is_object(old) && json_is_object(value) && strcmp(key, "model") == 0)
            merge_json(old, value);
        else
            cr_assert_eq(json_object_set(root, key, value), 0);
    }
}

setun_status open_text(const char *text, size_t n_bytes, setun_tokenizer **out, setun_error *error)
{
    char folder[64];
    setun_status status;

    folder_make(folder);
    {
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/tokenizer.json", folder);
        file_write(path, text, n_bytes);
    }
    status = setun_tokenizer_open(folder, NULL, out, error);
    folder_remove(folder);
    return status;
}

setun_status open_json(const json_t *root, setun_tokenizer **out, setun_error *error)
{
    char *text = json_dumps(root, JSON_ENCODE_ANY | JSON_COMPACT);
    setun_status status;

    cr_assert_not_null(text);
    status = open_text(text, strlen(text), out, error);
    free(text);
    return status;
}

setun_tokenizer *opened(json_t *root)
{
    setun_tokenizer *tokenizer = NULL;
    setun_error error = {{0}};

    cr_assert_eq(open_json(root, &tokenizer, &error), SETUN_OK, "%s", error.text);
    json_decref(root);
    return tokenizer;
}

int32_t *encoded(const setun_tokenizer *tokenizer, const char *text, size_t n_bytes, unsigned flags, size_t *out_n)
{
    setun_error error = {{0}};
    int32_t *ids = NULL;

    cr_assert_eq(setun_tokenizer_encode(tokenizer, text, n_bytes, flags, &ids, out_n, &error), SETUN_OK, "%s", error.text);
    cr_assert((ids == NULL) == (*out_n == 0));
    return ids;
}

char *decoded(const setun_tokenizer *tokenizer, const int32_t *ids, size_t n, size_t *out_bytes)
{
    setun_text_decoder *decoder;
    setun_error error = {{0}};
    char *text = NULL;
    size_t n_text = 0, capacity = 0;

    cr_assert_eq(setun_text_decoder_create(tokenizer, true, &decoder, &error), SETUN_OK, "%s", error.text);
    for (size_t i = 0; i <= n; i++) {
        const char *piece;
        size_t n_piece;

        if (i < n)
            cr_assert_eq(setun_text_decoder_push(decoder, ids[i], &piece, &n_piece, &error), SETUN_OK, "%s", error.text);
        else
            setun_text_decoder_finish(decoder, &piece, &n_piece);
        cr_assert_eq(setun_utf8_valid(piece, n_piece), n_piece, "id %zu gives half a character", i);
        cr_assert(setun_grow(&text, &capacity, n_text + n_piece + 1, 1));
        memcpy(text + n_text, piece, n_piece);
        n_text += n_piece;
    }
    text[n_text] = '\0';
    setun_text_decoder_destroy(decoder);
    *out_bytes = n_text;
    return text;
}

void check_ids(const char *name, const char *text, const json_t *expected, const int32_t *ids, size_t n)
{
    cr_expect_eq(n, json_array_size(expected), "%s: \"%s\": %zu ids, expected %zu", name, text, n, json_array_size(expected));
    for (size_t i = 0; i < n && i < json_array_size(expected); i++)
        cr_expect_eq(ids[i], json_integer_value(json_array_get(expected, i)), "%s: \"%s\": id %zu is %d", name, text, i,
                     (int)ids[i]);
}

uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
