/* whole_file.c - written beside its name, then renamed. */
#include "whole_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "io.h"

struct whole_file {
    int   fd;
    char *path, *temporary;
};

static setun_status fail_write(const whole_file *file, setun_error *error)
{
    return set_error(error, SETUN_ERR_IO, "%s: %s", file->path, strerror(errno));
}

static void release(whole_file *file)
{
    interrupt_remove(NULL);
    free(file->path);
    free(file->temporary);
    free(file);
}

setun_status whole_file_create(const char *path, whole_file **out_file, setun_error *error)
{
    whole_file *file = calloc(1, sizeof(*file));
    struct stat old;
    mode_t mask;
    setun_status status;

    if (file == NULL || (file->path = strdup(path)) == NULL || asprintf(&file->temporary, "%s.XXXXXX", path) < 0) {
        free(file != NULL ? file->path : NULL);
        free(file);
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: %s", path);
    }
    /* Renaming a file over a device, a pipe or a folder would not write to it. */
    if (stat(path, &old) == 0 && !S_ISREG(old.st_mode)) {
        status = set_error(error, SETUN_ERR_IO, "%s: not a regular file", path);
        goto release_file;
    }
    file->fd = mkstemp(file->temporary);
    if (file->fd < 0) {
        status = fail_write(file, error);
        goto release_file;
    }
    interrupt_remove(file->temporary);
    mask = umask(0); /* mkstemp's file is private; the result gets the permissions of any new file */
    (void)umask(mask);
    if (fchmod(file->fd, 0666 & ~mask) != 0) {
        status = fail_write(file, error);
        whole_file_discard(file);
        return status;
    }
    *out_file = file;
    return SETUN_OK;

release_file:
    release(file);
    return status;
}

setun_status whole_file_write(whole_file *file, const void *data, size_t n_bytes, int64_t offset, setun_error *error)
{
    const char *from = data;

    while (n_bytes > 0) {
        const ssize_t n = pwrite(file->fd, from, n_bytes, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_write(file, error);
        from += n;
        offset += n;
        n_bytes -= (size_t)n;
    }
    return SETUN_OK;
}

setun_status whole_file_commit(whole_file *file, setun_error *error)
{
    setun_status status = SETUN_OK;

    if (close(file->fd) != 0 || rename(file->temporary, file->path) != 0) {
        status = fail_write(file, error);
        (void)unlink(file->temporary);
    }
    release(file);
    return status;
}

void whole_file_discard(whole_file *file)
{
    if (file == NULL)
        return;
    (void)close(file->fd);
    (void)unlink(file->temporary);
    release(file);
}

setun_status whole_file_save(const char *path, const char *text, size_t n_bytes, setun_error *error)
{
    whole_file *file;
    setun_status status = whole_file_create(path, &file, error);

    if (status != SETUN_OK)
        return status;
    status = whole_file_write(file, text, n_bytes, 0, error);
    if (status == SETUN_OK)
        return whole_file_commit(file, error);
    whole_file_discard(file);
    return status;
}

setun_status whole_file_or_stdout(const char *path, const char *text, size_t n_bytes, setun_error *error)
{
    return strcmp(path, "-") == 0 ? stdout_write(text, n_bytes, error) : whole_file_save(path, text, n_bytes, error);
}
