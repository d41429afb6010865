/* folder.c - files for the tests of graph/weights. */
#include "folder.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void folder_create(struct folder *folder)
{
    (void)snprintf(folder->path, sizeof(folder->path), "%s/weights-XXXXXX", SETUN_BUILD_DIR);
    cr_assert_not_null(mkdtemp(folder->path));
}

const char *folder_file(const struct folder *folder, const char *name)
{
    static char path[4096];

    cr_assert_lt((size_t)snprintf(path, sizeof(path), "%s/%s", folder->path, name), sizeof(path));
    return path;
}

void folder_remove(struct folder *folder)
{
    DIR *list = opendir(folder->path);
    struct dirent *entry;

    cr_assert_not_null(list);
    while ((entry = readdir(list)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            cr_expect_eq(remove(folder_file(folder, entry->d_name)), 0);
    closedir(list);
    cr_expect_eq(rmdir(folder->path), 0);
}

void folder_write(const struct folder *folder, const char *name, const void *data, size_t n_bytes)
{
    FILE *file = fopen(folder_file(folder, name), "wb");

    cr_assert_not_null(file);
    cr_assert_eq(fwrite(data, 1, n_bytes, file), n_bytes);
    cr_assert_eq(fclose(file), 0);
}

void folder_write_text(const struct folder *folder, const char *name, const char *text)
{
    folder_write(folder, name, text, strlen(text));
}

void folder_write_safetensors(const struct folder *folder, const char *name, const char *header, const void *data, size_t n_data)
{
    const size_t n_header = (strlen(header) + 7) / 8 * 8, n_bytes = 8 + n_header + n_data;
    unsigned char *bytes = calloc(1, n_bytes);

    cr_assert_not_null(bytes);
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)n_header >> (8 * i) & 255);
    memset(bytes + 8, ' ', n_header);
    memcpy(bytes + 8, header, strlen(header));
    if (data != NULL && n_data > 0)
        memcpy(bytes + 8 + n_header, data, n_data);
    folder_write(folder, name, bytes, n_bytes);
    free(bytes);
}

unsigned char *read_whole(const char *path, size_t *out_bytes)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes;
    long n_bytes;

    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fseek(file, 0, SEEK_END), 0);
    n_bytes = ftell(file);
    cr_assert_gt(n_bytes, 0);
    rewind(file);
    bytes = malloc((size_t)n_bytes);
    cr_assert_not_null(bytes);
    cr_assert_eq(fread(bytes, 1, (size_t)n_bytes, file), (size_t)n_bytes);
    fclose(file);
    *out_bytes = (size_t)n_bytes;
    return bytes;
}

void expect_refused(const struct folder *folder, const char *what, setun_status status, const char *fragment)
{
    setun_weights *weights = NULL;
    setun_error error = {{0}};
    const setun_status found = setun_weights_open(folder->path, &weights, &error);

    cr_expect_eq(found, status, "%s: expected status %d, found %d: %s", what, (int)status, (int)found, error.text);
    cr_expect_null(weights, "%s: the output was set in spite of the error", what);
    cr_expect_not_null(strstr(error.text, fragment), "%s: expected \"%s\" in \"%s\"", what, fragment, error.text);
    cr_expect_null(strchr(error.text, '\n'), "%s: more than one line", what);
    if (found == SETUN_OK)
        setun_weights_close(weights);
}

setun_weights *expect_opened(const struct folder *folder, const char *what)
{
    setun_weights *weights = NULL;
    setun_error error = {{0}};
    const setun_status status = setun_weights_open(folder->path, &weights, &error);

    cr_assert_eq(status, SETUN_OK, "%s: %s", what, error.text);
    return weights;
}

static size_t size_of(const setun_weight *weight)
{
    size_t n = strcmp(weight->fmt, "f32") == 0 ? 4 : 2;

    for (unsigned i = 0; i < 4; i++)
        n *= (size_t)weight->dim[i];
    return strcmp(weight->fmt, "tern2.hf") == 0 ? n / 8 : n;
}

void expect_well_formed(const setun_weights *weights, const char *what)
{
    setun_error error = {{0}};

    cr_expect_gt(setun_weights_count(weights), 0u, "%s", what);
    for (size_t i = 0; i < setun_weights_count(weights); i++) {
        const setun_weight *weight = setun_weights_at(weights, i);
        unsigned char ends[2];

        cr_expect_eq(weight->n_bytes, size_of(weight), "%s: %s", what, weight->name);
        cr_expect_leq(weight->n_dims, 4u, "%s: %s", what, weight->name);
        cr_expect(weight->dim[0] > 0 && weight->dim[1] > 0 && weight->dim[2] > 0 && weight->dim[3] > 0, "%s: %s", what, weight->name);
        cr_expect(weight->scale > 0 && isfinite(weight->scale), "%s: %s", what, weight->name);
        cr_expect_eq(weight->has_scale, strcmp(weight->fmt, "tern2.hf") == 0, "%s: %s", what, weight->name);
        cr_expect_eq(setun_weights_find(weights, weight->name), weight, "%s: %s", what, weight->name);
        cr_expect_eq(setun_weight_read(weights, weight, 0, 1, &ends[0], &error), SETUN_OK, "%s: %s", what, error.text);
        cr_expect_eq(setun_weight_read(weights, weight, weight->n_bytes - 1, 1, &ends[1], &error), SETUN_OK, "%s: %s", what, error.text);
        cr_expect_eq(setun_weight_read(weights, weight, weight->n_bytes, 1, &ends[1], &error), SETUN_ERR_INVALID, "%s", what);
    }
}
