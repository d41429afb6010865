/* weight_file.c - opens regular files and reads ranges of them. */
#include "weights/weight_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

static setun_status fail_errno(setun_error *error, const char *path, const char *what)
{
    const int number = errno;

    if (number == ENOMEM)
        return setun_fail(error, SETUN_ERR_NOMEM, "%s: %s: %s", path, what, strerror(number));
    return setun_fail(error, number == ENOENT || number == ENOTDIR ? SETUN_ERR_NOT_FOUND : SETUN_ERR_IO, "%s: %s: %s", path, what,
                      strerror(number));
}

static const char *kind_name(mode_t mode)
{
    if (S_ISDIR(mode))
        return "a folder";
    if (S_ISFIFO(mode))
        return "a FIFO";
    if (S_ISSOCK(mode))
        return "a socket";
    return "a device";
}

static setun_status check_regular(const char *path, const struct stat *info, setun_error *error)
{
    if (!S_ISREG(info->st_mode))
        return setun_fail(error, SETUN_ERR_IO, "%s: expected a regular file, found %s", path, kind_name(info->st_mode));
    return SETUN_OK;
}

setun_status setun_weight_file_open(const char *path, setun_weight_file *out_file, setun_error *error)
{
    struct stat info;
    setun_status status;
    int fd;

    if (stat(path, &info) != 0)
        return fail_errno(error, path, "cannot look at it");
    status = check_regular(path, &info, error);
    if (status != SETUN_OK)
        return status;

    /* O_NONBLOCK: should a FIFO have taken the file's place since, opening it still does not block. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_errno(error, path, "cannot open it");
    status = fstat(fd, &info) != 0 ? fail_errno(error, path, "cannot look at it") : check_regular(path, &info, error);
    if (status != SETUN_OK) {
        (void)close(fd);
        return status;
    }
    *out_file = (setun_weight_file){.path = path, .fd = fd, .n_bytes = (uint64_t)info.st_size};
    return SETUN_OK;
}

void setun_weight_file_close(setun_weight_file *file)
{
    if (file == NULL || file->fd < 0)
        return;
    (void)close(file->fd);
    file->fd = -1;
}

setun_status setun_weight_file_read(const setun_weight_file *file, uint64_t first_byte, size_t n_bytes, void *dst, setun_error *error)
{
    unsigned char *to = dst;
    size_t n_read = 0;

    if (first_byte > file->n_bytes || n_bytes > file->n_bytes - first_byte)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %" PRIu64 ": expected %zu bytes from here, found the file's end at byte %" PRIu64,
                          file->path, first_byte, n_bytes, file->n_bytes);
    while (n_read < n_bytes) {
        /* One call transfers 2 GiB at most; the kernel cuts it there. */
        const ssize_t got = pread(file->fd, to + n_read, n_bytes - n_read, (off_t)(file->first_byte + first_byte + n_read));

        if (got > 0)
            n_read += (size_t)got;
        else if (got == 0)
            return setun_fail(error, SETUN_ERR_IO,
                              "%s: byte %" PRIu64 ": expected %zu bytes from here, found the file's end after %zu: it became shorter than the "
                              "%" PRIu64 " bytes that it had when it was opened",
                              file->path, first_byte, n_bytes, n_read, file->n_bytes);
        else if (errno != EINTR)
            return setun_fail(error, SETUN_ERR_IO, "%s: byte %" PRIu64 ": cannot read %zu bytes: %s", file->path, first_byte + n_read,
                              n_bytes - n_read, strerror(errno));
    }
    return SETUN_OK;
}
