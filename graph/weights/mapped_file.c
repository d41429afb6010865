/* mapped_file.c - maps regular files read-only. */
#include "weights/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
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

setun_status setun_mapped_file_open(const char *path, setun_mapped_file *out_file, setun_error *error)
{
    struct stat info;
    void *data = NULL;
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
    if (fstat(fd, &info) != 0) {
        status = fail_errno(error, path, "cannot look at it");
        goto close_fd;
    }
    status = check_regular(path, &info, error);
    if (status != SETUN_OK)
        goto close_fd;

    if (info.st_size > 0) {
        data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            status = fail_errno(error, path, "cannot map it");
            goto close_fd;
        }
    }
    *out_file = (setun_mapped_file){.path = path, .data = data, .n_bytes = (size_t)info.st_size};

close_fd:
    (void)close(fd); /* the mapping keeps the file */
    return status;
}

void setun_mapped_file_close(setun_mapped_file *file)
{
    if (file == NULL || file->data == NULL)
        return;
    (void)munmap((void *)(uintptr_t)file->data, file->n_bytes);
    file->data = NULL;
    file->n_bytes = 0;
}
