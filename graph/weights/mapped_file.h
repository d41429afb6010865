/* mapped_file.h - a whole regular file as read-only memory: the only place in Setun that maps a file. Internal. */
#ifndef SETUN_MAPPED_FILE_H
#define SETUN_MAPPED_FILE_H
#include <stddef.h>

#include "setun/error.h"

typedef struct setun_mapped_file {
    struct setun_mapped_file *next; /* the owner's list */
    const char               *path; /* for errors; the owner's */
    const unsigned char      *data; /* page aligned; n_bytes bytes, pages are read when they are touched */
    size_t                    n_bytes;
} setun_mapped_file;

/* Maps the file at `path` (borrowed: it must outlive the mapping). Symbolic links are followed; what is not a regular file is refused
 * without being opened, so a FIFO cannot block and a device is not disturbed. An empty file has n_bytes 0 and no mapping.
 * SETUN_ERR_NOT_FOUND, SETUN_ERR_IO. */
setun_status setun_mapped_file_open(const char *path, setun_mapped_file *out_file, setun_error *error);
void         setun_mapped_file_close(setun_mapped_file *file); /* accepts NULL and a zeroed one; frees nothing but the mapping */
#endif
