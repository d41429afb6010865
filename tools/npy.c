/* npy.c - NumPy files, format 1.0: magic, version, header length, a Python dictionary padded to 64 bytes, the data. */
#include "npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "whole_file.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows are written as they lie in memory, and the header says '<f4'");

struct npy_writer {
    whole_file *file;
    size_t      row_bytes, header_bytes;
};

static setun_status write_header(npy_writer *writer, int64_t n_rows, int64_t n_columns, setun_error *error)
{
    enum { PREFIX = 10, ALIGN = 64 }; /* magic 6, version 2, length 2; the data start at a multiple of 64 */
    static const unsigned char magic[8] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0}; /* version 1.0 */
    char header[4 * ALIGN];
    int n = snprintf(header + PREFIX, sizeof(header) - PREFIX, "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld), }",
                     (long long)n_rows, (long long)n_columns) + PREFIX;
    const int total = (n + 1 + ALIGN - 1) / ALIGN * ALIGN;

    memset(header + n, ' ', (size_t)(total - n));
    header[total - 1] = '\n';
    memcpy(header, magic, sizeof(magic));
    header[8] = (char)((total - PREFIX) & 0xff);
    header[9] = (char)((total - PREFIX) >> 8);
    writer->header_bytes = (size_t)total;
    return whole_file_write(writer->file, header, (size_t)total, 0, error);
}

setun_status npy_create(const char *path, int64_t n_rows, int64_t n_columns, npy_writer **out_writer, setun_error *error)
{
    npy_writer *writer;
    int64_t n_values;
    setun_status status;

    if (n_rows < 0 || n_columns < 0 || __builtin_mul_overflow(n_rows, n_columns, &n_values) || n_values > INT64_MAX / 8)
        return set_error(error, SETUN_ERR_INVALID, "%s: %lld x %lld values are too many", path, (long long)n_rows, (long long)n_columns);
    writer = calloc(1, sizeof(*writer));
    if (writer == NULL)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: %s", path);
    writer->row_bytes = (size_t)n_columns * sizeof(float);
    status = whole_file_create(path, &writer->file, error);
    if (status == SETUN_OK)
        status = write_header(writer, n_rows, n_columns, error);
    if (status != SETUN_OK) {
        npy_discard(writer);
        return status;
    }
    *out_writer = writer;
    return SETUN_OK;
}

setun_status npy_write(npy_writer *writer, int64_t i, const float *row, setun_error *error)
{
    return whole_file_write(writer->file, row, writer->row_bytes, (int64_t)writer->header_bytes + i * (int64_t)writer->row_bytes, error);
}

setun_status npy_commit(npy_writer *writer, setun_error *error)
{
    const setun_status status = whole_file_commit(writer->file, error);

    free(writer);
    return status;
}

void npy_discard(npy_writer *writer)
{
    if (writer == NULL)
        return;
    whole_file_discard(writer->file);
    free(writer);
}
