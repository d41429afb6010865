/* output.c - made beside its name, then renamed. */
#include "convert/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct setun_output {
    char *path;      /* as given, without slashes at its end */
    char *temporary; /* beside it */
    char *old;       /* name for what is being replaced; NULL: there is nothing */
    bool  folder;
};

static setun_status fail_errno(const char *path, setun_error *error)
{
    return setun_fail(error, errno == ENOMEM ? SETUN_ERR_NOMEM : SETUN_ERR_IO, "%s: %s", path, strerror(errno));
}

static void release(setun_output *output)
{
    free(output->path);
    free(output->temporary);
    free(output->old);
    free(output);
}

/* Files of a Hugging Face folder: what a conversion writes, and what comes with downloads. */
static bool is_model_file(const char *name)
{
    static const char *const ends[] = {".json", ".safetensors", ".jinja", ".txt", ".md", ".model"};

    for (size_t i = 0; i < SETUN_COUNT(ends); i++) {
        const size_t n = strlen(name), n_end = strlen(ends[i]);

        if (n > n_end && strcmp(name + n - n_end, ends[i]) == 0)
            return true;
    }
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Removes a folder of plain files. */
static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir != NULL)
        (void)closedir(dir);
    (void)rmdir(path);
}

/* Whether a folder may be replaced: it is a model's, and no place where somebody keeps other things. */
static setun_status check_old_folder(const char *path, setun_error *error)
{
    DIR *dir = opendir(path);
    setun_status status = SETUN_OK;
    bool has_config = false;

    if (dir == NULL)
        return fail_errno(path, error);
    for (struct dirent *entry; status == SETUN_OK && (entry = readdir(dir)) != NULL;) {
        struct stat info;

        has_config = has_config || strcmp(entry->d_name, "config.json") == 0;
        if (!is_model_file(entry->d_name) ||
            (entry->d_name[0] != '.' && (fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(info.st_mode))))
            status = setun_fail(error, SETUN_ERR_INVALID, "%s: it holds '%.100s', which no conversion writes: it is not replaced", path,
                                entry->d_name);
    }
    (void)closedir(dir);
    if (status == SETUN_OK && !has_config)
        status = setun_fail(error, SETUN_ERR_INVALID, "%s: a folder without a config.json is no model: it is not replaced", path);
    return status;
}

/* What has the name already. */
static setun_status check_old(setun_output *output, bool force, setun_error *error)
{
    struct stat old;
    setun_status status = SETUN_OK;

    if (lstat(output->path, &old) != 0)
        return errno == ENOENT ? SETUN_OK : fail_errno(output->path, error);
    if (!force)
        return setun_fail(error, SETUN_ERR_INVALID, "%s: it exists already (--force replaces it)", output->path);
    if (output->folder ? !S_ISDIR(old.st_mode) : !S_ISREG(old.st_mode))
        return setun_fail(error, SETUN_ERR_INVALID, "%s: expected %s to be replaced, found something else", output->path,
                          output->folder ? "a folder" : "a regular file");
    if (output->folder)
        status = check_old_folder(output->path, error);
    if (status == SETUN_OK && output->folder && asprintf(&output->old, "%s.old-XXXXXX", output->path) < 0) {
        output->old = NULL;
        status = setun_fail_nomem(error, output->path, 0);
    }
    return status;
}

/* The temporary one is private at first; the result gets the permissions of anything new. */
static setun_status make_temporary(setun_output *output, setun_error *error)
{
    const mode_t mask = umask(0);
    int fd = -1, code;

    (void)umask(mask);
    if (output->folder) {
        if (mkdtemp(output->temporary) == NULL)
            return fail_errno(output->path, error);
        code = chmod(output->temporary, 0777 & ~mask);
    } else {
        fd = mkstemp(output->temporary);
        if (fd < 0)
            return fail_errno(output->path, error);
        code = fchmod(fd, 0666 & ~mask);
        (void)close(fd);
    }
    return code == 0 ? SETUN_OK : fail_errno(output->path, error);
}

setun_status setun_output_create(const char *path, bool folder, bool force, setun_output **out_output, setun_error *error)
{
    setun_output *output = setun_calloc(1, sizeof(*output));
    size_t n = strlen(path);
    setun_status status;

    if (output == NULL)
        return setun_fail_nomem(error, "output", sizeof(*output));
    while (n > 1 && path[n - 1] == '/')
        n--;
    output->folder = folder;
    output->path = setun_strndup(path, n);
    if (output->path == NULL || asprintf(&output->temporary, "%s.XXXXXX", output->path) < 0) {
        output->temporary = NULL;
        release(output);
        return setun_fail_nomem(error, path, n);
    }
    if (n == 0)
        status = setun_fail(error, SETUN_ERR_INVALID, "the output's name is empty");
    else
        status = check_old(output, force, error);
    if (status != SETUN_OK) {
        release(output);
        return status;
    }
    status = make_temporary(output, error);
    if (status != SETUN_OK) {
        setun_output_discard(output);
        return status;
    }
    *out_output = output;
    return SETUN_OK;
}

void setun_output_discard(setun_output *output)
{
    if (output == NULL)
        return;
    if (output->folder)
        remove_folder(output->temporary);
    else
        (void)unlink(output->temporary);
    release(output);
}

/* The names in the folder that holds the output reach the disk. */
static void sync_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *parent = slash == NULL ? setun_strdup(".") : setun_strndup(path, slash == path ? 1 : (size_t)(slash - path));
    const int fd = parent == NULL ? -1 : open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        (void)fsync(fd); /* some file systems do not offer it; the file itself is safe already */
        (void)close(fd);
    }
    free(parent);
}

/* A folder is not renamed over one with files in it: the old one gets another name first, and its own back if that fails. */
static int replace_folder(setun_output *output)
{
    int code;

    if (mkdtemp(output->old) == NULL)
        return -1;
    if (rename(output->path, output->old) != 0) {
        code = errno;
        (void)rmdir(output->old);
        errno = code;
        return -1;
    }
    if (rename(output->temporary, output->path) == 0) {
        remove_folder(output->old);
        return 0;
    }
    code = errno;
    (void)rename(output->old, output->path);
    errno = code;
    return -1;
}

setun_status setun_output_commit(setun_output *output, setun_error *error)
{
    setun_status status = SETUN_OK;

    if ((output->old != NULL ? replace_folder(output) : rename(output->temporary, output->path)) != 0) {
        status = fail_errno(output->path, error);
        setun_output_discard(output);
        return status;
    }
    sync_parent(output->path);
    release(output);
    return status;
}

/* ---- streams ---- */

enum { BUFFER_BYTES = 1 << 20 };

struct setun_stream {
    int      fd;
    char    *shown; /* the name for errors: the final one */
    uint64_t at;
    size_t   n_held;
    char     held[BUFFER_BYTES];
};

setun_status setun_stream_open(setun_output *output, const char *name, setun_stream **out_stream, setun_error *error)
{
    setun_stream *stream = setun_alloc(sizeof(*stream));
    char *path = NULL;

    if (stream == NULL)
        return setun_fail_nomem(error, "file buffer", sizeof(*stream));
    *stream = (setun_stream){.fd = -1};
    if (asprintf(&path, "%s%s%s", output->temporary, name != NULL ? "/" : "", name != NULL ? name : "") < 0)
        path = NULL;
    if (path == NULL || asprintf(&stream->shown, "%s%s%s", output->path, name != NULL ? "/" : "", name != NULL ? name : "") < 0) {
        free(path);
        free(stream);
        return setun_fail_nomem(error, "path", strlen(output->path));
    }
    stream->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    free(path);
    if (stream->fd < 0) {
        const setun_status status = fail_errno(stream->shown, error);

        setun_stream_drop(stream);
        return status;
    }
    *out_stream = stream;
    return SETUN_OK;
}

static setun_status write_out(setun_stream *stream, const char *data, size_t n_bytes, setun_error *error)
{
    while (n_bytes > 0) {
        const ssize_t n = write(stream->fd, data, n_bytes);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_errno(stream->shown, error);
        data += n;
        n_bytes -= (size_t)n;
    }
    return SETUN_OK;
}

static setun_status flush(setun_stream *stream, setun_error *error)
{
    const size_t n = stream->n_held;

    stream->n_held = 0;
    return write_out(stream, stream->held, n, error);
}

setun_status setun_stream_write(setun_stream *stream, const void *data, size_t n_bytes, setun_error *error)
{
    if (stream->n_held + n_bytes > BUFFER_BYTES) {
        const setun_status status = flush(stream, error);

        if (status != SETUN_OK)
            return status;
    }
    stream->at += n_bytes;
    if (n_bytes >= BUFFER_BYTES)
        return write_out(stream, data, n_bytes, error);
    if (n_bytes > 0)
        memcpy(stream->held + stream->n_held, data, n_bytes);
    stream->n_held += n_bytes;
    return SETUN_OK;
}

setun_status setun_stream_patch(setun_stream *stream, uint64_t offset, const void *data, size_t n_bytes, setun_error *error)
{
    const char *from = data;
    setun_status status = flush(stream, error);

    while (status == SETUN_OK && n_bytes > 0) {
        const ssize_t n = pwrite(stream->fd, from, n_bytes, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_errno(stream->shown, error);
        from += n;
        offset += (uint64_t)n;
        n_bytes -= (size_t)n;
    }
    return status;
}

setun_status setun_stream_zeros(setun_stream *stream, size_t n_bytes, setun_error *error)
{
    static const char zeros[256];
    setun_status status = SETUN_OK;

    for (size_t n; status == SETUN_OK && n_bytes > 0; n_bytes -= n) {
        n = n_bytes < sizeof(zeros) ? n_bytes : sizeof(zeros);
        status = setun_stream_write(stream, zeros, n, error);
    }
    return status;
}

uint64_t setun_stream_at(const setun_stream *stream)
{
    return stream->at;
}

void setun_stream_drop(setun_stream *stream)
{
    if (stream == NULL)
        return;
    if (stream->fd >= 0)
        (void)close(stream->fd);
    free(stream->shown);
    free(stream);
}

setun_status setun_stream_finish(setun_stream *stream, setun_error *error)
{
    setun_status status = flush(stream, error);
    const int fd = stream->fd;

    if (status == SETUN_OK && fsync(fd) != 0)
        status = fail_errno(stream->shown, error);
    stream->fd = -1;
    if (close(fd) != 0 && status == SETUN_OK)
        status = fail_errno(stream->shown, error);
    setun_stream_drop(stream);
    return status;
}

setun_status setun_output_save(setun_output *output, const char *name, const char *text, size_t n_bytes, setun_error *error)
{
    setun_stream *stream;
    setun_status status = setun_stream_open(output, name, &stream, error);

    if (status != SETUN_OK)
        return status;
    status = setun_stream_write(stream, text, n_bytes, error);
    if (status == SETUN_OK)
        return setun_stream_finish(stream, error);
    setun_stream_drop(stream);
    return status;
}

static setun_status make_folders(const char *path, setun_error *error)
{
    char *copy = setun_strdup(path);
    setun_status status = SETUN_OK;

    if (copy == NULL)
        return setun_fail_nomem(error, "a path", strlen(path));
    for (char *slash = *copy == '\0' ? NULL : strchr(copy + 1, '/'); slash != NULL && status == SETUN_OK; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            status = setun_fail(error, SETUN_ERR_IO, "%s: %s", copy, strerror(errno));
        *slash = '/';
    }
    free(copy);
    return status;
}

setun_status setun_output_cache(const char *path, const char *text, size_t n_bytes, setun_error *error)
{
    setun_output *output;
    setun_status status = make_folders(path, error);

    if (status == SETUN_OK)
        status = setun_output_create(path, false, true, &output, error);
    if (status != SETUN_OK)
        return status;
    status = setun_output_save(output, NULL, text, n_bytes, error);
    if (status == SETUN_OK)
        return setun_output_commit(output, error);
    setun_output_discard(output);
    return status;
}
