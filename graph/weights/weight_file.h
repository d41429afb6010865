/* weight_file.h - a weight file kept open, whose bytes are read by range. Internal.
 * Nothing is mapped: a file that somebody cuts off or that a disk fails to give is an error here, where a mapping would end in a signal. */
#ifndef SETUN_WEIGHT_FILE_H
#define SETUN_WEIGHT_FILE_H
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"

typedef struct setun_weight_file {
    struct setun_weight_file *next;    /* the owner's list */
    const char               *path;    /* for errors; the owner's */
    int                       fd;      /* -1: closed */
    uint64_t                  n_bytes; /* when it was opened */
    uint64_t                  first_byte; /* 0; else this object is a part of a larger file, from there on: a copy that is not to be closed */
} setun_weight_file;

/* Opens the file at `path` (borrowed: it must outlive the object). Symbolic links are followed; what is not a regular file is refused
 * without being opened, so a FIFO cannot block and a device is not disturbed. SETUN_ERR_NOT_FOUND, SETUN_ERR_IO. */
setun_status setun_weight_file_open(const char *path, setun_weight_file *out_file, setun_error *error);
void         setun_weight_file_close(setun_weight_file *file); /* accepts NULL and one that is closed */

/* Reads bytes first_byte to first_byte + n_bytes - 1 into dst. Any number of threads may do so at once.
 * SETUN_ERR_IO: the file has become shorter, or cannot be read; dst is undefined then. */
setun_status setun_weight_file_read(const setun_weight_file *file, uint64_t first_byte, size_t n_bytes, void *dst, setun_error *error);
#endif
