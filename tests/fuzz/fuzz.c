/* fuzz.c - expectations, and inputs as folders. */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void fuzz_expect(int holds, const char *condition, const char *file, int line)
{
    if (holds)
        return;
    (void)fprintf(stderr, "%s:%d: expected %s\n", file, line, condition);
    abort();
}

void fuzz_expect_refusal(setun_status status, const setun_error *error)
{
    const size_t length = strnlen(error->text, sizeof(error->text));

    if (status >= SETUN_OK || status < SETUN_ERR_INTERRUPTED || length == 0 || length == sizeof(error->text))
        (void)fprintf(stderr, "status %d, a text of %zu bytes\n", (int)status, length);
    FUZZ_EXPECT(status < SETUN_OK && status >= SETUN_ERR_INTERRUPTED);
    FUZZ_EXPECT(length > 0 && length < sizeof(error->text));
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)error->text[i];

        if (c < ' ' || c == 0x7F)
            (void)fprintf(stderr, "control character 0x%02X in \"%s\"\n", c, error->text);
        FUZZ_EXPECT(c >= ' ' && c != 0x7F);
    }
}

int fuzz_memory_file(const uint8_t *data, size_t n_bytes)
{
    static int file = -1;

    if (file >= 0)
        (void)close(file);
    file = memfd_create("setun-fuzz", MFD_CLOEXEC);
    FUZZ_EXPECT(file >= 0 && (n_bytes == 0 || write(file, data, n_bytes) == (ssize_t)n_bytes));
    return file;
}

static char        folder[256];
static const char *written[8];

static const char *path_of(const char *name)
{
    static char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void remove_folder(void)
{
    for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++)
        if (written[i] != NULL)
            (void)unlink(path_of(written[i]));
    (void)unlink(path_of("tokenizer.json")); /* fuzz_model.c adds it */
    (void)rmdir(folder);
}

static void make_folder(void)
{
    const char *parent = getenv("TMPDIR");

    /* Memory rather than a disk, where there is such a file system. */
    if (parent == NULL)
        parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(folder, sizeof(folder), "%s/setun-fuzz-XXXXXX", parent);
    FUZZ_EXPECT(mkdtemp(folder) != NULL);
    FUZZ_EXPECT(atexit(remove_folder) == 0);
}

static void write_part(const char *name, const uint8_t *data, size_t n_bytes)
{
    int fd;

    (void)unlink(path_of(name));
    if (n_bytes == 0)
        return;
    fd = open(path_of(name), O_WRONLY | O_CREAT | O_EXCL, 0600);
    FUZZ_EXPECT(fd >= 0 && write(fd, data, n_bytes) == (ssize_t)n_bytes);
    (void)close(fd);
}

const char *fuzz_folder(const char *const *names, size_t n_names, const uint8_t *data, size_t n_bytes)
{
    if (folder[0] == '\0')
        make_folder();
    FUZZ_EXPECT(n_names <= sizeof(written) / sizeof(written[0]));
    for (size_t i = 0; i < n_names; i++) {
        const uint8_t *end = i + 1 == n_names || n_bytes == 0 ? NULL : memchr(data, 0x1E, n_bytes);
        const size_t n = end == NULL ? n_bytes : (size_t)(end - data);

        written[i] = names[i];
        write_part(names[i], data, n);
        data += n + (end != NULL);
        n_bytes -= n + (end != NULL);
    }
    return folder;
}
