/* text.c - what of a text can be shown, the nearest known word for a mistyped one, and whole files as text. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

enum { WORD_BYTES = 48 }; /* words longer than this are not compared */

size_t setun_text_character(const char *text, int *out_printable)
{
    const unsigned char *c = (const unsigned char *)text;
    /* Bytes that must follow, and the range of the first of them, by the Unicode standard's table 3-7. */
    const size_t n_more = c[0] >= 0xc2 && c[0] <= 0xdf ? 1 : c[0] >= 0xe0 && c[0] <= 0xef ? 2 : c[0] >= 0xf0 && c[0] <= 0xf4 ? 3 : 0;
    const unsigned char low = c[0] == 0xe0 ? 0xa0 : c[0] == 0xf0 ? 0x90 : 0x80, high = c[0] == 0xed ? 0x9f : c[0] == 0xf4 ? 0x8f : 0xbf;

    *out_printable = n_more > 0 || (c[0] >= 0x20 && c[0] < 0x7f);
    for (size_t i = 1; i <= n_more; i++)
        if (c[i] < (i == 1 ? low : 0x80) || c[i] > (i == 1 ? high : 0xbf)) { /* a NUL ends it here at the latest */
            *out_printable = 0;
            return 1;
        }
    if (c[0] == 0xc2 && c[1] < 0xa0)
        *out_printable = 0; /* C1 */
    return 1 + n_more;
}

/* Edit distance of two words: insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
static size_t edit_distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t d[3][WORD_BYTES + 1]; /* rows i-2, i-1, i */

    for (size_t j = 0; j <= n_b; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t *row = d[i % 3], *above = d[(i + 2) % 3], *two_above = d[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);

            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && two_above[j - 2] + 1 < best)
                best = two_above[j - 2] + 1;
            row[j] = best;
        }
    }
    return d[n_a % 3][n_b];
}

const char *setun_nearest_word(const char *word, const char *const *words, size_t n_words)
{
    const char *nearest = NULL;
    size_t length = strlen(word), best = length <= 2 ? 2 : length / 3 + 2; /* one more than the distance that still looks like a slip */

    if (length == 0 || length > WORD_BYTES)
        return NULL;
    for (size_t i = 0; i < n_words; i++) {
        size_t n = strlen(words[i]), distance;

        if (n > WORD_BYTES)
            continue;
        distance = edit_distance(word, length, words[i], n);
        if (distance < best) {
            best = distance;
            nearest = words[i];
        }
    }
    return nearest;
}

setun_status setun_read_file(const char *path, size_t max_bytes, char **out_text, size_t *out_bytes, setun_error *error)
{
    struct stat info;
    char *text = NULL;
    size_t n = 0, capacity = 0;
    setun_status status = SETUN_OK;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO without a writer must not hang us */

    if (file < 0)
        return setun_fail(error, errno == ENOENT ? SETUN_ERR_NOT_FOUND : SETUN_ERR_IO, "%s: %s", path, strerror(errno));
    if (fstat(file, &info) != 0) {
        status = setun_fail(error, SETUN_ERR_IO, "%s: %s", path, strerror(errno));
        goto close_file;
    }
    if (!S_ISREG(info.st_mode)) {
        status = setun_fail(error, SETUN_ERR_IO, "%s: expected a regular file, found %s", path,
                            S_ISDIR(info.st_mode) ? "a directory" : "a device or pipe");
        goto close_file;
    }
    for (;;) {
        ssize_t got;

        if (!setun_grow(&text, &capacity, n + 65536, 1)) {
            status = setun_fail_nomem(error, path, n + 65536);
            goto free_text;
        }
        got = read(file, text + n, capacity - n - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            status = setun_fail(error, SETUN_ERR_IO, "%s: %s", path, strerror(errno));
            goto free_text;
        }
        if (got == 0)
            break;
        n += (size_t)got;
        if (n > max_bytes) {
            status = setun_fail(error, SETUN_ERR_FORMAT, "%s: larger than the %zu bytes that such a file may have", path, max_bytes);
            goto free_text;
        }
    }
    text[n] = '\0';
    *out_text = text;
    *out_bytes = n;
    goto close_file;

free_text:
    free(text);
close_file:
    (void)close(file);
    return status;
}
