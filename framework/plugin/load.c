/* load.c - one plugin file: read as bytes, header decided on, dlopen, and the same header found again in memory. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "plugin/elf.h"
#include "plugin/load.h"
#include "plugin/tables.h"

/* Larger than any plugin with its debug information; bounds the memory that one candidate may take. */
#define MAX_FILE_BYTES (UINT64_C(1) << 30)

static const char *kind_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a folder";
    case S_IFIFO:
        return "a named pipe";
    case S_IFSOCK:
        return "a socket";
    default:
        return "a device";
    }
}

/* The whole regular file in memory (caller frees) and its identity. Looked at before it is opened: opening a pipe may block and
 * opening a device may act. */
static setun_status read_whole(const char *file, char **out_bytes, size_t *out_n_bytes, struct stat *out_info, setun_error *error)
{
    setun_status status;
    char *bytes = NULL;
    size_t n = 0;
    int fd;

    if (lstat(file, out_info) == 0 && S_ISLNK(out_info->st_mode) && stat(file, out_info) != 0)
        return setun_fail(error, SETUN_ERR_IO, "a symbolic link that leads nowhere: %s", strerror(errno));
    if (stat(file, out_info) != 0)
        return setun_fail(error, SETUN_ERR_IO, "%s", strerror(errno));
    if (!S_ISREG(out_info->st_mode))
        return setun_fail(error, SETUN_ERR_IO, "%s, expected a file", kind_of(out_info->st_mode));
    fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return setun_fail(error, SETUN_ERR_IO, "%s", strerror(errno));
    if (fstat(fd, out_info) != 0 || !S_ISREG(out_info->st_mode)) {
        status = setun_fail(error, SETUN_ERR_IO, "changed while it was opened");
        goto close_file;
    }
    if ((uint64_t)out_info->st_size > MAX_FILE_BYTES) {
        status = setun_fail(error, SETUN_ERR_IO, "%lld bytes, too large for a plugin", (long long)out_info->st_size);
        goto close_file;
    }
    bytes = setun_alloc((size_t)out_info->st_size);
    if (bytes == NULL) {
        status = setun_fail_nomem(error, "plugin file", (size_t)out_info->st_size);
        goto close_file;
    }
    while (n < (size_t)out_info->st_size) {
        const ssize_t got = read(fd, bytes + n, (size_t)out_info->st_size - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            status = setun_fail(error, SETUN_ERR_IO, "%s", got < 0 ? strerror(errno) : "became shorter while it was read");
            goto free_bytes;
        }
        n += (size_t)got;
    }
    close(fd);
    *out_bytes = bytes;
    *out_n_bytes = n;
    return SETUN_OK;
free_bytes:
    free(bytes);
close_file:
    close(fd);
    return status;
}

/* Decides by the file's bytes alone. */
static setun_status check_file(const char *file, const setun_host *host, setun_loaded *loaded, setun_elf *out_elf,
                               struct stat *out_info, setun_error *error)
{
    char *bytes = NULL;
    size_t n_bytes = 0;
    setun_status status = read_whole(file, &bytes, &n_bytes, out_info, error);

    if (status != SETUN_OK)
        return status;
    if (setun_elf_is_native()) {
        status = setun_elf_read(bytes, n_bytes, out_elf, error);
        if (status == SETUN_OK) {
            loaded->header = out_elf->header;
            loaded->has_header = 1;
            status = setun_handshake_check(&loaded->header, host, error);
        }
        if (status == SETUN_OK)
            status = setun_elf_check(out_elf, loaded->header.build, error);
    }
    free(bytes);
    return status;
}

/* The symbol must live in the very file that was read, where the file said, and hold what the file said. */
static setun_status check_mapped(const struct stat *read_info, const setun_elf *elf, const setun_host *host, setun_loaded *loaded,
                                 setun_error *error)
{
    const void *symbol = dlsym(loaded->handle, SETUN_SYMBOL);
    setun_plugin_header header;
    struct stat info;
    Dl_info where;

    if (symbol == NULL)
        return setun_fail(error, SETUN_ERR_FORMAT, "no symbol %s: not a Setun plugin", SETUN_SYMBOL);
    if (dladdr(symbol, &where) == 0 || where.dli_fname == NULL || stat(where.dli_fname, &info) != 0)
        return setun_fail(error, SETUN_ERR_FORMAT, "the dynamic linker does not know where %s comes from", SETUN_SYMBOL);
    if (info.st_dev != read_info->st_dev || info.st_ino != read_info->st_ino)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s is not defined in this file, it belongs to %s", SETUN_SYMBOL, where.dli_fname);
    memcpy(&header, symbol, sizeof(header));
    if (!setun_elf_is_native()) {
        setun_status status;

        loaded->header = header;
        loaded->has_header = 1;
        status = setun_handshake_check(&header, host, error);
        if (status != SETUN_OK)
            return status;
    } else if (memcmp(&header, &loaded->header, sizeof(header)) != 0 ||
               (uintptr_t)symbol - (uintptr_t)where.dli_fbase != elf->symbol_value) {
        return setun_fail(error, SETUN_ERR_FORMAT, "%s in memory differs from the file: changed while it was loaded", SETUN_SYMBOL);
    }
    loaded->plugin = symbol;
    return SETUN_OK;
}

setun_status setun_load(const char *file, const setun_host *host, setun_loaded *out_loaded, setun_error *error)
{
    /* dlopen looks for a name without '/' in the system's folders. */
    const char *prefix = strchr(file, '/') == NULL ? "./" : "";
    const size_t path_bytes = strlen(prefix) + strlen(file) + 1;
    struct stat info;
    setun_elf elf;
    setun_status status;
    bool no_memory;
    char *path;

    memset(&elf, 0, sizeof(elf));
    status = check_file(file, host, out_loaded, &elf, &info, error);
    if (status != SETUN_OK)
        return status;
    path = setun_alloc(path_bytes);
    if (path == NULL)
        return setun_fail_nomem(error, "plugin path", path_bytes);
    snprintf(path, path_bytes, "%s%s", prefix, file);
    errno = 0;
    out_loaded->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    no_memory = errno == ENOMEM;
    free(path);
    if (out_loaded->handle == NULL) {
        const char *text = dlerror();

        return setun_fail(error, no_memory ? SETUN_ERR_NOMEM : SETUN_ERR_FORMAT, "dlopen: %s", text == NULL ? "unknown error" : text);
    }
    status = check_mapped(&info, &elf, host, out_loaded, error);
    if (status == SETUN_OK)
        status = setun_tables_check(out_loaded->plugin, &out_loaded->n_kernels, &out_loaded->n_formats, error);
    if (status != SETUN_OK)
        setun_unload(out_loaded);
    return status;
}

void setun_unload(setun_loaded *loaded)
{
    if (loaded->handle != NULL)
        dlclose(loaded->handle);
    loaded->handle = NULL;
    loaded->plugin = NULL;
}
