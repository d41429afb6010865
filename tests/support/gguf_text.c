/* gguf_text.c - words to bytes. */
#include "gguf_text.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    unsigned char *data;
    size_t         n, capacity;
};

static void put(struct bytes *bytes, const void *data, size_t n)
{
    if (bytes->n + n > bytes->capacity) {
        bytes->capacity = 2 * (bytes->n + n);
        bytes->data = realloc(bytes->data, bytes->capacity);
        cr_assert_not_null(bytes->data);
    }
    if (n > 0)
        memcpy(bytes->data + bytes->n, data, n);
    bytes->n += n;
}

static void put_number(struct bytes *bytes, uint64_t number, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char byte = (unsigned char)(number >> (8 * i) & 255);

        put(bytes, &byte, 1);
    }
}

static void put_zeros(struct bytes *bytes, size_t n)
{
    unsigned char *zeros = calloc(1, n + 1);

    cr_assert_not_null(zeros);
    put(bytes, zeros, n);
    free(zeros);
}

/* One word of n characters. */
static void put_word(struct bytes *bytes, const char *word, size_t n)
{
    static const struct {
        const char *name;
        size_t      n_bytes;
    } numbers[] = {{"u8:", 1}, {"u16:", 2}, {"u32:", 4}, {"u64:", 8}};
    const char *value = memchr(word, ':', n);
    size_t n_value;

    if (n == 4 && memcmp(word, "GGUF", 4) == 0) {
        put(bytes, word, 4);
        return;
    }
    cr_assert_not_null(value, "a word that means nothing: %.*s", (int)n, word);
    value++;
    n_value = n - (size_t)(value - word);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (strncmp(word, numbers[i].name, strlen(numbers[i].name)) == 0) {
            put_number(bytes, strtoull(value, NULL, 0), numbers[i].n_bytes);
            return;
        }
    if (strncmp(word, "f32:", 4) == 0) {
        const float number = strtof(value, NULL);

        put(bytes, &number, sizeof(number));
    } else if (strncmp(word, "f64:", 4) == 0) {
        const double number = strtod(value, NULL);

        put(bytes, &number, sizeof(number));
    } else if (strncmp(word, "s:", 2) == 0) {
        put_number(bytes, n_value, 8);
        put(bytes, value, n_value);
    } else if (strncmp(word, "r:", 2) == 0) {
        put(bytes, value, n_value);
    } else if (strncmp(word, "x:", 2) == 0) {
        for (size_t i = 0; i + 1 < n_value; i += 2) {
            const char digits[] = {value[i], value[i + 1], '\0'};

            put_number(bytes, strtoull(digits, NULL, 16), 1);
        }
    } else if (strncmp(word, "0:", 2) == 0) {
        put_zeros(bytes, strtoull(value, NULL, 0));
    } else if (strncmp(word, "pad:", 4) == 0) {
        const size_t unit = strtoull(value, NULL, 0);

        put_zeros(bytes, (unit - bytes->n % unit) % unit);
    } else {
        cr_assert(0, "a word that means nothing: %.*s", (int)n, word);
    }
}

unsigned char *gguf_text(const char *words, size_t *out_bytes)
{
    struct bytes bytes = {NULL, 0, 0};

    put(&bytes, "", 0);
    while (*(words += strspn(words, " ")) != '\0') {
        const size_t n = strcspn(words, " ");

        put_word(&bytes, words, n);
        words += n;
    }
    *out_bytes = bytes.n;
    return bytes.data;
}

void gguf_text_write(const char *path, const char *words)
{
    size_t n_bytes;
    unsigned char *bytes = gguf_text(words, &n_bytes);
    FILE *file = fopen(path, "wb");

    cr_assert_not_null(file, "%s", path);
    cr_assert(n_bytes == 0 || fwrite(bytes, 1, n_bytes, file) == n_bytes);
    cr_assert_eq(fclose(file), 0);
    free(bytes);
}
