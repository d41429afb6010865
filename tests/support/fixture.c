/* fixture.c - golden files, NumPy matrices, temporary folders. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *file_read(const char *path, size_t *out_bytes)
{
    FILE *file = fopen(path, "rb");
    char *text;
    long n;

    cr_assert(file != NULL, "%s: %s", path, strerror(errno));
    cr_assert(fseek(file, 0, SEEK_END) == 0 && (n = ftell(file)) >= 0 && fseek(file, 0, SEEK_SET) == 0);
    text = malloc((size_t)n + 1);
    cr_assert(text != NULL && fread(text, 1, (size_t)n, file) == (size_t)n, "%s: cannot be read", path);
    (void)fclose(file);
    text[n] = '\0';
    *out_bytes = (size_t)n;
    return text;
}

void file_write(const char *path, const void *data, size_t n_bytes)
{
    FILE *file = fopen(path, "wb");

    cr_assert(file != NULL, "%s: %s", path, strerror(errno));
    cr_assert(n_bytes == 0 || fwrite(data, 1, n_bytes, file) == n_bytes);
    cr_assert(fclose(file) == 0);
}

matrix matrix_read(const char *path)
{
    size_t n_bytes, n_header;
    char *bytes = file_read(path, &n_bytes), *header;
    unsigned long long rows, columns;
    matrix read;

    cr_assert(n_bytes >= 10 && memcmp(bytes, "\x93NUMPY\x01\x00", 8) == 0, "%s: not a NumPy file of version 1.0", path);
    n_header = (unsigned char)bytes[8] + 256u * (unsigned char)bytes[9];
    cr_assert(n_bytes >= 10 + n_header && (10 + n_header) % 16 == 0 && bytes[9 + n_header] == '\n', "%s: bad header length", path);
    header = strndup(bytes + 10, n_header);
    cr_assert(header != NULL && strstr(header, "'descr': '<f4'") != NULL && strstr(header, "'fortran_order': False") != NULL,
              "%s: header %s", path, header);
    cr_assert(strstr(header, "'shape': (") != NULL &&
                  sscanf(strstr(header, "'shape': ("), "'shape': (%llu, %llu)", &rows, &columns) == 2,
              "%s: header %s", path, header);
    free(header);
    cr_assert(rows < 1000000 && columns < 1000000 && n_bytes == 10 + n_header + 4 * (size_t)(rows * columns),
              "%s: %zu bytes for %llu x %llu", path, n_bytes, rows, columns);
    read = (matrix){(size_t)rows, (size_t)columns, malloc(4 * (size_t)(rows * columns) + 1)};
    cr_assert(read.data != NULL);
    memcpy(read.data, bytes + 10 + n_header, 4 * (size_t)(rows * columns));
    free(bytes);
    return read;
}

void matrix_free(matrix *read)
{
    free(read->data);
    read->data = NULL;
}

json_t *jsonl_read(const char *path)
{
    size_t n_bytes;
    char *text = file_read(path, &n_bytes), *at = text;
    json_t *lines = json_array();

    while (at < text + n_bytes) {
        const size_t n = strcspn(at, "\n");
        json_error_t error;
        json_t *line = json_loadb(at, n, JSON_ALLOW_NUL, &error);

        cr_assert(line != NULL, "%s: line %zu: %s", path, json_array_size(lines) + 1, error.text);
        json_array_append_new(lines, line);
        at += n + 1;
    }
    free(text);
    return lines;
}

void folder_make(char *out_path)
{
    (void)strcpy(out_path, "/tmp/setun-test-XXXXXX");
    cr_assert(mkdtemp(out_path) != NULL, "mkdtemp: %s", strerror(errno));
}

size_t folder_count(const char *path)
{
    DIR *folder = opendir(path);
    size_t n = 0;

    cr_assert(folder != NULL, "%s: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void)closedir(folder);
    return n;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    (void)remove(path);
    return 0;
}

void folder_remove(const char *path)
{
    (void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
