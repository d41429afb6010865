/* npy.c - NumPy files, format 1.0: magic, version, header length, a Python dictionary padded to 64 bytes, the data. */
#include "npy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "io.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows are written as they lie in memory, and the header says '<f4'");

struct npy_writer {
    int     fd;
    int64_t n_rows;
    size_t  row_bytes, header_bytes;
    char   *path, *temporary;
};

static setun_status fail_write(const npy_writer *writer, setun_error *error)
{
    return set_error(error, SETUN_ERR_IO, "%s: %s", writer->path, strerror(errno));
}

/* pwrite of everything, or an error. */
static setun_status write_at(npy_writer *writer, const void *data, size_t n_bytes, int64_t offset, setun_error *error)
{
    const char *from = data;

    while (n_bytes > 0) {
        const ssize_t n = pwrite(writer->fd, from, n_bytes, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_write(writer, error);
        from += n;
        offset += n;
        n_bytes -= (size_t)n;
    }
    return SETUN_OK;
}

static setun_status write_header(npy_writer *writer, int64_t n_columns, setun_error *error)
{
    enum { PREFIX = 10, ALIGN = 64 }; /* magic 6, version 2, length 2; the data start at a multiple of 64 */
    char header[4 * ALIGN];
    int n = snprintf(header + PREFIX, sizeof(header) - PREFIX, "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld), }",
                     (long long)writer->n_rows, (long long)n_columns) + PREFIX;
    const int total = (n + 1 + ALIGN - 1) / ALIGN * ALIGN;

    memset(header + n, ' ', (size_t)(total - n));
    header[total - 1] = '\n';
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (char)((total - PREFIX) & 0xff);
    header[9] = (char)((total - PREFIX) >> 8);
    writer->header_bytes = (size_t)total;
    return write_at(writer, header, (size_t)total, 0, error);
}

static void release(npy_writer *writer)
{
    interrupt_remove(NULL);
    free(writer->path);
    free(writer->temporary);
    free(writer);
}

setun_status npy_create(const char *path, int64_t n_rows, int64_t n_columns, npy_writer **out_writer, setun_error *error)
{
    npy_writer *writer = calloc(1, sizeof(*writer));
    struct stat old;
    int64_t n_bytes;
    mode_t mask;
    setun_status status;

    if (writer == NULL || asprintf(&writer->path, "%s", path) < 0 || asprintf(&writer->temporary, "%s.XXXXXX", path) < 0) {
        free(writer != NULL ? writer->path : NULL);
        free(writer);
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: %s", path);
    }
    writer->n_rows = n_rows;
    writer->row_bytes = (size_t)n_columns * sizeof(float);
    if (n_rows < 0 || n_columns < 0 || __builtin_mul_overflow(n_rows, n_columns, &n_bytes) || n_bytes > INT64_MAX / 8) {
        status = set_error(error, SETUN_ERR_INVALID, "%s: %lld x %lld values are too many", path, (long long)n_rows, (long long)n_columns);
        goto release_writer;
    }
    /* Renaming a file over a device, a pipe or a folder would not write to it. */
    if (stat(path, &old) == 0 && !S_ISREG(old.st_mode)) {
        status = set_error(error, SETUN_ERR_IO, "%s: not a regular file", path);
        goto release_writer;
    }
    writer->fd = mkstemp(writer->temporary);
    if (writer->fd < 0) {
        status = fail_write(writer, error);
        goto release_writer;
    }
    interrupt_remove(writer->temporary);
    mask = umask(0); /* mkstemp's file is private; the result gets the permissions of any new file */
    (void)umask(mask);
    if (fchmod(writer->fd, 0666 & ~mask) != 0)
        status = fail_write(writer, error);
    else
        status = write_header(writer, n_columns, error);
    if (status != SETUN_OK) {
        npy_discard(writer);
        return status;
    }
    *out_writer = writer;
    return SETUN_OK;

release_writer:
    release(writer);
    return status;
}

setun_status npy_write(npy_writer *writer, int64_t i, const float *row, setun_error *error)
{
    return write_at(writer, row, writer->row_bytes, (int64_t)writer->header_bytes + i * (int64_t)writer->row_bytes, error);
}

setun_status npy_commit(npy_writer *writer, setun_error *error)
{
    setun_status status = SETUN_OK;

    if (close(writer->fd) != 0 || rename(writer->temporary, writer->path) != 0) {
        status = fail_write(writer, error);
        (void)unlink(writer->temporary);
    }
    release(writer);
    return status;
}

void npy_discard(npy_writer *writer)
{
    if (writer == NULL)
        return;
    (void)close(writer->fd);
    (void)unlink(writer->temporary);
    release(writer);
}
