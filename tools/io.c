/* io.c - whole files in, checked output out. */
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "options.h"
#include "progress.h"

const char *input_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

setun_status read_input(const char *path, char **out_text, size_t *out_bytes, setun_error *error)
{
    const bool standard = strcmp(path, "-") == 0;
    const char *name = input_name(path);
    size_t n = 0, capacity = 65536;
    char *text = NULL;
    FILE *file = standard ? stdin : fopen(path, "rb");
    setun_status status = SETUN_OK;

    if (file == NULL)
        return set_error(error, errno == ENOENT ? SETUN_ERR_NOT_FOUND : SETUN_ERR_IO, "%s: %s", name, strerror(errno));
    for (;;) {
        char *larger = realloc(text, capacity);

        if (larger == NULL) {
            status = set_error(error, SETUN_ERR_NOMEM, "out of memory: %s", name);
            break;
        }
        text = larger;
        n += fread(text + n, 1, capacity - 1 - n, file);
        if (ferror(file)) {
            status = set_error(error, SETUN_ERR_IO, "%s: %s", name, strerror(errno));
            break;
        }
        if (n < capacity - 1)
            break;
        capacity *= 2;
    }
    if (!standard)
        (void)fclose(file);
    if (status != SETUN_OK) {
        free(text);
        return status;
    }
    text[n] = '\0';
    *out_text = text;
    *out_bytes = n;
    return SETUN_OK;
}

setun_status read_ids(const char *what, const char *text, size_t n_bytes, int32_t **out_ids, size_t *out_n_ids, setun_error *error)
{
    static const char space[] = " \t\r\n";
    int32_t *ids = malloc((n_bytes / 2 + 1) * sizeof(*ids)); /* an id takes a digit and a space at least */
    size_t n = 0, at = 0;

    if (ids == NULL)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: %s", what);
    while (at < n_bytes) {
        size_t end = at;
        int64_t id;

        while (end < n_bytes && memchr(space, text[end], sizeof(space) - 1) == NULL)
            end++;
        if (end == at) {
            at++;
            continue;
        }
        if (!parse_int(text + at, end - at, 0, INT32_MAX, &id)) {
            free(ids);
            return set_error(error, SETUN_ERR_INVALID, "%s: byte %zu: '%.*s' is not a token id", what, at,
                             end - at > 40 ? 40 : (int)(end - at), text + at);
        }
        ids[n++] = (int32_t)id;
        at = end;
    }
    *out_ids = ids;
    *out_n_ids = n;
    return SETUN_OK;
}

setun_status encode_text(const setun_tokenizer *tokenizer, const char *path, const char *text, size_t n_bytes, unsigned flags, bool with_bos,
                         int32_t **out_ids, size_t *out_n_ids, setun_error *error)
{
    const int32_t bos = with_bos ? setun_tokenizer_bos(tokenizer) : -1;
    const size_t n_bos = bos >= 0;
    int32_t *encoded, *ids;
    size_t n;
    setun_status status = setun_tokenizer_encode(tokenizer, text, n_bytes, flags, &encoded, &n, error);

    if (status != SETUN_OK && path != NULL) {
        char reason[sizeof(error->text)];

        (void)snprintf(reason, sizeof(reason), "%s", error->text);
        (void)set_error(error, status, "%.500s: %.500s", input_name(path), reason);
    }
    if (status != SETUN_OK)
        return status;
    ids = malloc((n + n_bos + 1) * sizeof(*ids));
    if (ids != NULL) {
        if (n_bos != 0)
            ids[0] = bos;
        if (n > 0)
            memcpy(ids + n_bos, encoded, n * sizeof(*ids));
        *out_ids = ids;
        *out_n_ids = n + n_bos;
    } else {
        status = set_error(error, SETUN_ERR_NOMEM, "out of memory: %zu token ids", n);
    }
    setun_free(encoded);
    return status;
}

void stdio_open(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY); /* takes this number, the lowest free one; wrong way on purpose */
}

bool pipe_open(bool nonblocking, int out_ends[2])
{
    if (pipe(out_ends) != 0)
        return false;
    for (int i = 0; i < 2; i++)
        if (fcntl(out_ends[i], F_SETFD, FD_CLOEXEC) != 0 || (nonblocking && fcntl(out_ends[i], F_SETFL, O_NONBLOCK) != 0)) {
            const int cause = errno;

            (void)close(out_ends[0]);
            (void)close(out_ends[1]);
            out_ends[0] = out_ends[1] = -1;
            errno = cause;
            return false;
        }
    return true;
}

setun_status stdout_write(const char *text, size_t n_bytes, setun_error *error)
{
    progress_hide(); /* it may be the same terminal */
    if (fwrite(text, 1, n_bytes, stdout) != n_bytes || fflush(stdout) != 0)
        return set_error(error, SETUN_ERR_IO, "standard output: %s", strerror(errno));
    return SETUN_OK;
}

setun_status stdout_close(setun_error *error)
{
    const bool lost = ferror(stdout) != 0;

    errno = 0;
    if (fclose(stdout) != 0 || lost)
        return set_error(error, SETUN_ERR_IO, "standard output: %s", errno != 0 ? strerror(errno) : "a write failed");
    return SETUN_OK;
}

int print_json(json_t *value)
{
    /* 17 digits give every double back, and are more than most need; JSON_ENSURE_ASCII is not set: text is UTF-8. */
    char *text = value != NULL ? json_dumps(value, JSON_REAL_PRECISION(17)) : NULL;
    setun_error error;
    setun_status status;

    json_decref(value);
    if (text == NULL)
        return fail("out of memory: JSON output");
    json_shorten_reals(text);
    status = stdout_write(text, strlen(text), &error);
    free(text);
    if (status == SETUN_OK)
        status = stdout_write("\n", 1, &error);
    return status == SETUN_OK ? EXIT_DONE : fail("%s", error.text);
}

json_t *json_ids(const int32_t *ids, size_t n_ids)
{
    json_t *array = json_array();

    for (size_t i = 0; array != NULL && i < n_ids; i++) {
        if (json_array_append_new(array, json_integer(ids[i])) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

void print_tokens(const char *what, int n_digits, int64_t n, int64_t n_timed, double seconds)
{
    (void)fprintf(stderr, "%s %*lld token%s", what, n_digits, (long long)n, n == 1 ? "" : "s");
    if (n_timed > 0 && seconds > 0)
        (void)fprintf(stderr, ", %.1f tokens/s", (double)n_timed / seconds);
    (void)fputc('\n', stderr);
}
