/* test_file.c - the bytes of a file that Setun has written, taken apart by what plugins/abi/prepacked.md says. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "convert/prepacked_writer.h"
#include "file.h"
#include "fixture.h"
#include "tiny_model.h"

static char folder[64], path[128];

static void setup(void)
{
    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/model.setun", folder);
}

static void teardown(void)
{
    folder_remove(folder);
}

TestSuite(prepacked_file, .init = setup, .fini = teardown);

static void convert(const char *model_path, const char *backends)
{
    const setun_session_options options = {.n_threads = 2, .backends = backends, .context = 1};
    setun_model *model;
    setun_error error = {""};

    cr_assert_eq(setun_model_open(model_path, NULL, &model, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_prepacked_convert(model, &options, path, &(setun_convert_options){.force = true}, &error), SETUN_OK, "%s", error.text);
    setun_model_close(model);
}

static uint64_t number(const unsigned char *bytes, int n)
{
    uint64_t value = 0;

    for (int i = n - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static json_int_t integer(const json_t *object, const char *key)
{
    cr_assert(json_is_integer(json_object_get(object, key)), "%s", key);
    return json_integer_value(json_object_get(object, key));
}

/* A section's bytes; where it ends goes to *out_end. */
static const unsigned char *section(const unsigned char *file, size_t data, const json_t *object, size_t *out_end)
{
    const size_t begin = data + (size_t)integer(object, "offset"), n = (size_t)integer(object, "bytes");
    char hash[17];

    (void)snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)XXH3_64bits(file + begin, n));
    cr_expect_str_eq(json_string_value(json_object_get(object, "xxh3")), hash);
    cr_expect_eq(begin % 4096, 0);
    *out_end = begin + n;
    return file + begin;
}

/* Written by scalar: tern2.row, f32 vectors, and the head as it is, rows of 8 bf16 padded to 64 bytes. */
Test(prepacked_file, every_byte_has_its_place)
{
    char model[160], source[200];
    size_t n_bytes, data, end, n_tokenizer, n_source;
    unsigned char *file;
    char *json_text, *tokenizer;
    json_t *root, *tensor;
    size_t i, n_rows_checked = 0;

    (void)snprintf(model, sizeof(model), "%s", folder);
    cr_assert(tiny_model_write(model));
    convert(model, "scalar");
    file = (unsigned char *)file_read(path, &n_bytes);
    cr_assert_eq(memcmp(file, "\x89SETUN\r\n\1\0\0\0\0\0\0\0", 16), 0);
    cr_assert_eq(number(file + 24, 8), n_bytes);
    json_text = file_json(file, &data);
    cr_assert_eq(number(file + 32, 8), XXH3_64bits(json_text, strlen(json_text)));
    for (i = 40; i < 64; i++)
        cr_assert_eq(file[i], 0);
    root = json_loads(json_text, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(root);
    cr_assert_str_eq(json_string_value(json_object_get(root, "source")), "huggingface");
    cr_assert_str_eq(json_string_value(json_object_get(root, "architecture")), "BitNetForCausalLM");
    cr_assert_eq(integer(json_object_get(root, "metadata"), "hidden_size"), 8);
    cr_assert_eq(json_real_value(json_object_get(json_object_get(root, "metadata"), "rms_norm_eps")), 1e-05);
    cr_assert_eq(json_real_value(json_object_get(json_object_get(root, "metadata"), "rope_theta")), 10000.0);
    cr_assert(json_is_array(json_object_get(json_object_get(root, "metadata"), "architectures")));
    cr_assert_eq(integer(json_object_get(root, "text"), "bos"), 258);

    (void)snprintf(source, sizeof(source), "%s/tokenizer.json", folder);
    tokenizer = file_read(source, &n_tokenizer);
    cr_assert_eq((size_t)integer(json_object_get(root, "tokenizer"), "bytes"), n_tokenizer);
    cr_assert_eq(memcmp(section(file, data, json_object_get(root, "tokenizer"), &end), tokenizer, n_tokenizer), 0);

    (void)snprintf(source, sizeof(source), "%s/model.safetensors", folder);
    free(tokenizer);
    tokenizer = file_read(source, &n_source);
    json_array_foreach(json_object_get(root, "tensors"), i, tensor) {
        const char *name = json_string_value(json_object_get(tensor, "name")), *fmt = json_string_value(json_object_get(tensor, "format"));
        const json_t *dims = json_object_get(tensor, "dims");
        const size_t last_end = end;
        const unsigned char *bytes = section(file, data, tensor, &end);

        cr_expect_eq((size_t)(bytes - file), (last_end + 4095) / 4096 * 4096, "%s follows what is before", name);
        for (size_t at = last_end; at < (size_t)(bytes - file); at++)
            cr_assert_eq(file[at], 0, "byte %zu between sections", at);
        if (strcmp(name, "model.embed_tokens") == 0) {
            cr_assert_str_eq(fmt, "bf16");
            cr_assert_null(json_object_get(tensor, "scale"));
            cr_assert_eq(json_integer_value(json_array_get(dims, 0)), 260);
            cr_assert_eq((size_t)(end - (size_t)(bytes - file)), 260u * 64);
            /* Row r is the source's 16 bytes, then 48 zeros; find the first row in the source to know where it begins there. */
            for (size_t at = 0; at + 260 * 16 <= n_source && n_rows_checked < 260; at++)
                for (n_rows_checked = 0; n_rows_checked < 260 && memcmp(tokenizer + at + 16 * n_rows_checked, bytes + 64 * n_rows_checked, 16) == 0;)
                    n_rows_checked++;
            for (size_t r = 0; r < 260; r++)
                for (size_t c = 16; c < 64; c++)
                    cr_assert_eq(bytes[64 * r + c], 0);
            cr_expect_null(json_object_get(tensor, "screen"), "with rows of 8 it would be larger than the head");
        } else if (strstr(name, "_proj") != NULL) {
            cr_assert_str_eq(fmt, "tern2.row");
            cr_assert_gt(json_real_value(json_object_get(tensor, "scale")), 0);
            cr_assert_eq((size_t)(end - (size_t)(bytes - file)), (size_t)json_integer_value(json_array_get(dims, 0)) * 64);
        } else {
            cr_assert_str_eq(fmt, "f32");
            cr_assert_eq(json_array_size(dims), 1, "%s is a vector", name);
        }
    }
    cr_assert_eq(n_rows_checked, 260, "the embeddings are the source's");
    cr_assert_eq(end, n_bytes, "the file ends with the last section");
    cr_assert_eq(json_array_size(json_object_get(root, "tensors")), 1 + 7 + 5);
    json_decref(root);
    free(tokenizer);
    free(json_text);
    free(file);
}

/* The same model on the same kernels gives the same bytes, from whatever file; an existing file is replaced only where that is asked for. */
Test(prepacked_file, written_again)
{
    static const setun_session_options options = {.n_threads = 1, .backends = "scalar"};
    size_t n_first, n_second;
    char *first, *second, other[160];
    setun_model *model;
    setun_error error = {""};

    convert("fable", "scalar");
    first = file_read(path, &n_first);
    (void)snprintf(other, sizeof(other), "%s/again.setun", folder);
    cr_assert_eq(setun_model_open(path, NULL, &model, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_prepacked_convert(model, &options, other, &(setun_convert_options){.force = false}, &error), SETUN_OK, "%s", error.text);
    second = file_read(other, &n_second);
    cr_assert(n_first == n_second && memcmp(first, second, n_first) == 0, "a prepacked file made of a prepacked file is another");
    cr_assert_lt(setun_prepacked_convert(model, &options, other, &(setun_convert_options){.force = false}, &error), 0);
    cr_assert_not_null(strstr(error.text, "again.setun"), "%s", error.text);
    cr_assert_lt(setun_prepacked_convert(model, &options, "/nowhere/at/all.setun", &(setun_convert_options){.force = false}, &error), 0);
    cr_assert_eq(setun_prepacked_convert(model, &options, other, &(setun_convert_options){.force = true}, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(folder_count(folder), 2, "nothing temporary is left");
    setun_model_close(model);
    free(first);
    free(second);
}
