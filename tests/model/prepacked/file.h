/* file.h - prepacked files made by hand, for tests: JSON and contents as the test likes them, the fixed part right or as it says. */
#ifndef PREPACKED_FILE_H
#define PREPACKED_FILE_H
#include <stddef.h>
#include <stdint.h>


/* A small good file: JSON with one tensor f32[2, 16] and a tokenizer of 2 bytes. Offsets and hashes fit good_data(). */
extern const char good_json[];

/* What the JSON above describes: "{}" at 0, 128 bytes of the tensor at 4096; *out_bytes of them in all. malloc-ed. */
unsigned char *good_data(size_t *out_bytes);

/* Puts together fixed part, JSON and data. Hash and lengths are right. malloc-ed. */
unsigned char *file_make(const char *json, const void *data, size_t n_data, size_t *out_bytes);

/* The JSON of a file, as text, malloc-ed; *out_data is where its data begin. */
char *file_json(const unsigned char *file, size_t *out_data);

/* A copy of text with the first `from` in it replaced by `to`; fails the test if there is none. malloc-ed. */
char *text_replace(const char *text, const char *from, const char *to);
#endif
