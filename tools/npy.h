/* npy.h - writes a matrix of f32 as a NumPy file (format 1.0), row by row in any order. */
#ifndef SETUN_TOOLS_NPY_H
#define SETUN_TOOLS_NPY_H
#include <stdint.h>

#include "setun/error.h"

typedef struct npy_writer npy_writer;

/* Starts the file under a temporary name beside `path`. An existing `path` must be a regular file; it stays until npy_commit. */
setun_status npy_create(const char *path, int64_t n_rows, int64_t n_columns, npy_writer **out_writer, setun_error *error);

/* Writes row[n_columns] as row i. */
setun_status npy_write(npy_writer *writer, int64_t i, const float *row, setun_error *error);

/* Gives the complete file its name. The writer is gone afterwards, and in an error the temporary file too. */
setun_status npy_commit(npy_writer *writer, setun_error *error);

/* Removes the temporary file. Accepts NULL. */
void npy_discard(npy_writer *writer);
#endif
