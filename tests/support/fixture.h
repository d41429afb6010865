/* fixture.h - what tests read and write: golden files, NumPy matrices, temporary folders. Every failure fails the test. */
#ifndef SETUN_TEST_FIXTURE_H
#define SETUN_TEST_FIXTURE_H
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define GOLDEN SETUN_SOURCE_DIR "/tests/golden/fable"
#define FABLE  SETUN_SOURCE_DIR "/models/fable"

typedef struct matrix {
    size_t n_rows, n_columns;
    float *data; /* [n_rows][n_columns] */
} matrix;

/* Reads a NumPy file of version 1.0 with descr '<f4' in C order. */
matrix matrix_read(const char *path);
void   matrix_free(matrix *read);

/* A whole file, one NUL after it. */
char *file_read(const char *path, size_t *out_bytes);
void  file_write(const char *path, const void *data, size_t n_bytes);

/* Lines of a JSON Lines file, as a JSON array. */
json_t *jsonl_read(const char *path);

/* Makes an empty temporary folder; `out_path` has room for 64 bytes. */
void folder_make(char *out_path);
/* Entries of a folder, without . and .. */
size_t folder_count(const char *path);
/* Removes a folder and what is in it; links, not what they lead to. */
void folder_remove(const char *path);
#endif
