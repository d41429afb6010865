/* bad_model.c - damages a copy of models/fable. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bad_input.h"
#include "fixture.h"

static const char *const files[] = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
                                    "tokenizer_config.json"};
enum { N_FILES = sizeof(files) / sizeof(files[0]), LENGTH_BYTES = 8 };

typedef struct content {
    char  *bytes;
    size_t n;
} content;

/* Replaces n_old bytes at `at` by text[n_new]. */
static void splice(content *file, size_t at, size_t n_old, const char *text, size_t n_new)
{
    char *bytes = malloc(file->n - n_old + n_new + 1);

    cr_assert(bytes != NULL && at + n_old <= file->n);
    memcpy(bytes, file->bytes, at);
    memcpy(bytes + at, text, n_new);
    memcpy(bytes + at + n_new, file->bytes + at + n_old, file->n - at - n_old);
    free(file->bytes);
    file->n = file->n - n_old + n_new;
    file->bytes = bytes;
    file->bytes[file->n] = '\0';
}

static uint64_t header_bytes(const content *file)
{
    uint64_t n = 0;

    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        n = n << 8 | (unsigned char)file->bytes[i];
    return n;
}

/* Byte of the file where `text` first stands, looking at n bytes from `start`. */
static size_t find(const content *file, size_t start, size_t n, const char *text, const char *name)
{
    const char *found = memmem(file->bytes + start, n, text, strlen(text));

    cr_assert(found != NULL, "%s: the file has no '%s'", name, text);
    return (size_t)(found - file->bytes);
}

static void damage_header(content *file, const bad_model *bad)
{
    const uint64_t n_old = header_bytes(file);
    const size_t at = find(file, LENGTH_BYTES, n_old, bad->from, bad->name);
    uint64_t n_new = n_old - strlen(bad->from) + strlen(bad->to);

    splice(file, at, strlen(bad->from), bad->to, strlen(bad->to));
    while (n_new % 8 != 0) /* the format aligns its data with blanks */
        splice(file, LENGTH_BYTES + n_new++, 0, " ", 1);
    for (int i = 0; i < LENGTH_BYTES; i++)
        file->bytes[i] = (char)(n_new >> (8 * i));
}

static void damage_data(content *file, const bad_model *bad, size_t n_to)
{
    const uint64_t n_header = header_bytes(file);
    json_error_t error;
    json_t *header = json_loadb(file->bytes + LENGTH_BYTES, n_header, 0, &error);
    const json_t *offsets = json_object_get(json_object_get(header, bad->from), "data_offsets");
    size_t begin, end;

    cr_assert(offsets != NULL, "%s: no tensor '%s'", bad->name, bad->from);
    begin = (size_t)json_integer_value(json_array_get(offsets, 0));
    end = (size_t)json_integer_value(json_array_get(offsets, 1));
    cr_assert(bad->at + n_to <= end - begin, "%s: outside the tensor", bad->name);
    memcpy(file->bytes + LENGTH_BYTES + n_header + begin + bad->at, bad->to, n_to);
    json_decref(header);
}

static void damage(content *file, const bad_model *bad)
{
    const size_t n_to = bad->n_to != 0 || bad->to == NULL ? bad->n_to : strlen(bad->to);

    switch (bad->damage) {
    case DAMAGE_NONE:
    case DAMAGE_REMOVE:
    case DAMAGE_FOLDER:
        break;
    case DAMAGE_TRUNCATE:
        cr_assert(bad->at < file->n);
        file->n = bad->at;
        break;
    case DAMAGE_REPLACE_ALL:
        splice(file, 0, file->n, bad->to, n_to);
        break;
    case DAMAGE_REPLACE:
        splice(file, find(file, 0, file->n, bad->from, bad->name), strlen(bad->from), bad->to, n_to);
        break;
    case DAMAGE_BYTES:
        splice(file, bad->at, n_to, bad->to, n_to);
        break;
    case DAMAGE_APPEND:
        splice(file, file->n, 0, bad->to, n_to);
        break;
    case DAMAGE_HEADER:
        damage_header(file, bad);
        break;
    case DAMAGE_DATA:
        damage_data(file, bad, n_to);
        break;
    }
}

void bad_model_make(const char *folder, const bad_model *bad)
{
    for (size_t i = 0; i < N_FILES; i++) {
        char from[512], to[512];
        content file;

        (void)snprintf(from, sizeof(from), "%s/%s", FABLE, files[i]);
        (void)snprintf(to, sizeof(to), "%s/%s", folder, files[i]);
        if (strcmp(files[i], bad->file) != 0) {
            cr_assert_eq(symlink(from, to), 0);
            continue;
        }
        if (bad->damage == DAMAGE_REMOVE)
            continue;
        if (bad->damage == DAMAGE_FOLDER) {
            cr_assert_eq(mkdir(to, 0777), 0);
            continue;
        }
        file.bytes = file_read(from, &file.n);
        damage(&file, bad);
        file_write(to, file.bytes, file.n);
        free(file.bytes);
    }
}

void bad_model_clear(const char *folder)
{
    for (size_t i = 0; i < N_FILES; i++) {
        char path[512];

        (void)snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        if (unlink(path) != 0)
            (void)rmdir(path);
    }
}
