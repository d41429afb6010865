/* partial_file.c - parts of files on disk: locking, tags, room, SHA-256, and the final name. */
#include "partial_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "command.h"
#include "io.h"
#include "progress.h"
#include "whole_file.h"
#include "words.h"

struct partial_file {
    int     fd;
    char   *path, *partial, *from; /* PATH, PATH.partial, PATH.partial.from */
    char   *url;
    char    tag[PARTIAL_TAG_BYTES];
    int64_t size;
};

static setun_status fail_file(const char *path, setun_error *error)
{
    return set_error(error, SETUN_ERR_IO, "%s: %s", path, strerror(errno));
}

static void release(partial_file *file)
{
    if (file == NULL)
        return;
    if (file->fd >= 0)
        (void)close(file->fd);
    free(file->path);
    free(file->partial);
    free(file->from);
    free(file->url);
    free(file);
}

/* The tag that PATH.partial.from gives, if it is of the same URL: two lines, the URL and the tag. */
static setun_status read_tag(partial_file *file, setun_error *error)
{
    const size_t n_url = strlen(file->url);
    size_t n_bytes, n_tag;
    char *text;
    setun_status status = read_input(file->from, &text, &n_bytes, error);

    if (status == SETUN_ERR_NOT_FOUND)
        return SETUN_OK;
    if (status != SETUN_OK)
        return status;
    if (strlen(text) == n_bytes && n_bytes > n_url + 2 && memcmp(text, file->url, n_url) == 0 && text[n_url] == '\n') {
        n_tag = strcspn(text + n_url + 1, "\n");
        if (n_tag < sizeof(file->tag) && n_url + 1 + n_tag + 1 == n_bytes)
            memcpy(file->tag, text + n_url + 1, n_tag); /* the object was zeroed */
    }
    free(text);
    return SETUN_OK;
}

static setun_status open_locked(partial_file *file, setun_error *error)
{
    struct stat opened, named;

    file->fd = open(file->partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (file->fd < 0)
        return fail_file(file->partial, error);
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return set_error(error, SETUN_ERR_IO, "%s: another setun is downloading it", file->partial);
        return fail_file(file->partial, error);
    }
    /* Between the two calls another setun may have completed it, and this is the complete file now. */
    if (fstat(file->fd, &opened) != 0 || stat(file->partial, &named) != 0 || opened.st_ino != named.st_ino || opened.st_dev != named.st_dev)
        return set_error(error, SETUN_ERR_IO, "%s: another setun has just downloaded it", file->path);
    if (!S_ISREG(opened.st_mode))
        return set_error(error, SETUN_ERR_IO, "%s: not a regular file", file->partial);
    file->size = opened.st_size;
    return SETUN_OK;
}

setun_status partial_file_open(const char *path, const char *url, partial_file **out_file, setun_error *error)
{
    partial_file *file = calloc(1, sizeof(*file));
    setun_status status;

    if (file == NULL)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: %s", path);
    file->fd = -1;
    file->path = strdup(path);
    file->url = strdup(url);
    if (asprintf(&file->partial, "%s.partial", path) < 0)
        file->partial = NULL;
    if (asprintf(&file->from, "%s.partial.from", path) < 0)
        file->from = NULL;
    if (file->path == NULL || file->url == NULL || file->partial == NULL || file->from == NULL)
        status = set_error(error, SETUN_ERR_NOMEM, "out of memory: %s", path);
    else
        status = open_locked(file, error);
    if (status == SETUN_OK)
        status = read_tag(file, error);
    if (status == SETUN_OK && file->tag[0] == '\0' && file->size > 0)
        status = partial_file_restart(file, "", error);
    if (status != SETUN_OK) {
        release(file);
        return status;
    }
    *out_file = file;
    return SETUN_OK;
}

int64_t partial_file_size(const partial_file *file)
{
    return file->size;
}

const char *partial_file_tag(const partial_file *file)
{
    return file->tag;
}

const char *partial_file_path(const partial_file *file)
{
    return file->partial;
}

setun_status partial_file_restart(partial_file *file, const char *tag, setun_error *error)
{
    char *text;
    setun_status status;

    /* In this order: a part never lies beside the tag of another version. */
    file->tag[0] = '\0';
    if (unlink(file->from) != 0 && errno != ENOENT)
        return fail_file(file->from, error);
    if (ftruncate(file->fd, 0) != 0)
        return fail_file(file->partial, error);
    file->size = 0;
    if (tag[0] == '\0' || strlen(tag) >= sizeof(file->tag) || strpbrk(tag, "\r\n") != NULL || strpbrk(file->url, "\r\n") != NULL)
        return SETUN_OK;
    if (asprintf(&text, "%s\n%s\n", file->url, tag) < 0)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: %s", file->from);
    status = whole_file_save(file->from, text, strlen(text), error);
    free(text);
    if (status == SETUN_OK)
        (void)snprintf(file->tag, sizeof(file->tag), "%s", tag);
    return status;
}

setun_status partial_file_append(partial_file *file, const void *data, size_t n_bytes, setun_error *error)
{
    const char *from = data;

    while (n_bytes > 0) {
        const ssize_t n = pwrite(file->fd, from, n_bytes, (off_t)file->size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_file(file->partial, error);
        from += n;
        file->size += n;
        n_bytes -= (size_t)n;
    }
    return SETUN_OK;
}

setun_status partial_file_check_room(const partial_file *file, int64_t n_bytes, setun_error *error)
{
    char wanted[SIZE_TEXT_BYTES], there[SIZE_TEXT_BYTES];
    struct statvfs disk;

    if (fstatvfs(file->fd, &disk) != 0)
        return SETUN_OK; /* then a write will tell */
    if (n_bytes > 0 && (uint64_t)n_bytes / disk.f_frsize >= disk.f_bavail)
        return set_error(error, SETUN_ERR_IO, "%s: needs %s more, but the disk has only %s left", file->path,
                         size_text((uint64_t)n_bytes, wanted), size_text((uint64_t)disk.f_bavail * disk.f_frsize, there));
    return SETUN_OK;
}

setun_status file_hash(int fd, const char *path, int64_t n_bytes, char out_hex[65], setun_error *error)
{
    enum { BLOCK_BYTES = 1 << 18 };
    unsigned char *block = malloc(BLOCK_BYTES);
    setun_status status = SETUN_OK;
    int64_t at = 0;
    SHA2_CTX context;

    if (block == NULL)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: %s", path);
    SHA256Init(&context);
    while (status == SETUN_OK && at < n_bytes) {
        const ssize_t n = pread(fd, block, BLOCK_BYTES, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = fail_file(path, error);
        else if (n == 0)
            status = set_error(error, SETUN_ERR_IO, "%s: ends at byte %" PRId64 " of %" PRId64, path, at, n_bytes);
        else if (interrupt_signal() != 0)
            status = set_error(error, SETUN_ERR_INTERRUPTED, "interrupted");
        if (status == SETUN_OK) {
            SHA256Update(&context, block, (size_t)n);
            at += n;
            progress_show("checking SHA-256", (uint64_t)at, (uint64_t)n_bytes);
        }
    }
    progress_clear();
    free(block);
    if (status == SETUN_OK)
        (void)SHA256End(&context, out_hex);
    return status;
}

setun_status partial_file_hash(const partial_file *file, char out_hex[65], setun_error *error)
{
    return file_hash(file->fd, file->partial, file->size, out_hex, error);
}

setun_status partial_file_commit(partial_file *file, setun_error *error)
{
    setun_status status = SETUN_OK;

    if (rename(file->partial, file->path) != 0)
        status = fail_file(file->path, error);
    else
        (void)unlink(file->from);
    release(file);
    return status;
}

void partial_file_close(partial_file *file)
{
    if (file == NULL)
        return;
    if (file->size == 0 || file->tag[0] == '\0') {
        (void)unlink(file->partial);
        (void)unlink(file->from);
    }
    release(file);
}

void partial_file_discard(partial_file *file)
{
    file->tag[0] = '\0';
    partial_file_close(file);
}
