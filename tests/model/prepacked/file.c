/* file.c - makes and takes apart prepacked files, by what plugins/abi/prepacked.md says and without a look at Setun's own reader. */
#include "file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

const char good_json[] =
    "{\"source\":\"huggingface\",\"architecture\":\"X\",\"metadata\":{\"n\":3,\"f\":0.5,\"s\":\"t\",\"b\":true,\"list\":[],\"map\":{}},"
    "\"text\":{\"bos\":1,\"add_bos\":true,\"stops\":[2,3],\"bos_text\":\"<s>\"},"
    "\"tokenizer\":{\"kind\":\"tokenizer.json\",\"offset\":0,\"bytes\":2,\"xxh3\":\"1349cde127705c16\"},"
    "\"tensors\":[{\"name\":\"a.b\",\"format\":\"f32\",\"dims\":[2,16],\"offset\":4096,\"bytes\":128,\"xxh3\":\"093c29f27ecfcf21\"}]}";

unsigned char *good_data(size_t *out_bytes)
{
    unsigned char *data = calloc(1, 4096 + 128);

    cr_assert_not_null(data);
    memcpy(data, "{}", 2);
    *out_bytes = 4096 + 128;
    return data;
}

static void put(unsigned char *to, uint64_t value, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

unsigned char *file_make(const char *json, const void *data, size_t n_data, size_t *out_bytes)
{
    const size_t n_json = strlen(json), begin = (64 + n_json + 4095) / 4096 * 4096, n_bytes = begin + n_data;
    unsigned char *file = calloc(1, n_bytes);

    cr_assert_not_null(file);
    memcpy(file, "\x89SETUN\r\n", 8);
    put(file + 8, 1, 4);
    put(file + 16, n_json, 8);
    put(file + 24, n_bytes, 8);
    put(file + 32, XXH3_64bits(json, n_json), 8);
    memcpy(file + 64, json, n_json);
    memcpy(file + begin, data, n_data);
    *out_bytes = n_bytes;
    return file;
}

char *file_json(const unsigned char *file, size_t *out_data)
{
    uint64_t n_json = 0;
    char *json;

    for (int i = 7; i >= 0; i--)
        n_json = n_json << 8 | file[16 + i];
    json = calloc(1, (size_t)n_json + 1);
    cr_assert_not_null(json);
    memcpy(json, file + 64, (size_t)n_json);
    *out_data = (64 + (size_t)n_json + 4095) / 4096 * 4096;
    return json;
}

char *text_replace(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    const size_t n = strlen(text) + strlen(to) + 1;
    char *copy = malloc(n);

    cr_assert(at != NULL && copy != NULL, "no %s in %s", from, text);
    (void)snprintf(copy, n, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return copy;
}
