/* test_shorter.c - a weight file that becomes shorter while it is in use: an error that says so, never a signal. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"
#include "weights/weight_file.h"

/* "a" is 16 KiB of bytes 0, 1, 2, ...; it begins at byte 128 of the file. */
static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[64,64],\"data_offsets\":[0,16384]}}                                                        ";
enum { DATA_START = 8 + 120, N_BYTES = 16384 };

static setun_weights *open_one(struct folder *folder)
{
    unsigned char data[N_BYTES];

    cr_assert_eq((sizeof(header) - 1 + 7) / 8 * 8, DATA_START - 8);
    for (size_t i = 0; i < N_BYTES; i++)
        data[i] = (unsigned char)(i % 251);
    folder_create(folder);
    folder_write_text(folder, "config.json", CONFIG_MULTIPLIES);
    folder_write_safetensors(folder, "model.safetensors", header, data, N_BYTES);
    return expect_opened(folder, "one tensor");
}

Test(weights_shorter, pieces_are_what_the_file_holds)
{
    struct folder folder;
    setun_weights *weights = open_one(&folder);
    const setun_weight *weight = setun_weights_find(weights, "a");
    unsigned char piece[1000];
    setun_error error = {{0}};

    cr_assert_not_null(weight);
    for (size_t at = 0; at + sizeof(piece) <= N_BYTES; at += 997) {
        cr_assert_eq(setun_weight_read(weights, weight, at, sizeof(piece), piece, &error), SETUN_OK, "%s", error.text);
        for (size_t i = 0; i < sizeof(piece); i++)
            cr_assert_eq(piece[i], (at + i) % 251);
    }
    cr_expect_eq(setun_weight_read(weights, weight, N_BYTES, 0, piece, &error), SETUN_OK);
    cr_expect_eq(setun_weight_read(weights, weight, N_BYTES - 1, 2, piece, &error), SETUN_ERR_INVALID);
    cr_expect_eq(setun_weight_read(weights, weight, SIZE_MAX, 2, piece, &error), SETUN_ERR_INVALID);
    cr_expect_eq(setun_weight_read(weights, weight, 1, SIZE_MAX, piece, &error), SETUN_ERR_INVALID);
    setun_weights_close(weights);
    folder_remove(&folder);
}

Test(weights_shorter, truncated_after_open)
{
    static const size_t lengths[] = {DATA_START + 5000, DATA_START + 4096, DATA_START, DATA_START - 1, 1, 0};
    struct folder folder;
    setun_weights *weights = open_one(&folder);
    const setun_weight *weight = setun_weights_find(weights, "a");
    static unsigned char data[N_BYTES];
    setun_error error = {{0}};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        const size_t n_left = lengths[i] > DATA_START ? lengths[i] - DATA_START : 0;
        char expected[200];

        cr_assert_eq(truncate(folder_file(&folder, "model.safetensors"), (off_t)lengths[i]), 0);
        (void)snprintf(expected, sizeof(expected),
                       "model.safetensors: byte %d: expected %d bytes from here, found the file's end after %zu: it became shorter",
                       (int)DATA_START, (int)N_BYTES, n_left);
        cr_expect_eq(setun_weight_read(weights, weight, 0, N_BYTES, data, &error), SETUN_ERR_IO);
        cr_expect_not_null(strstr(error.text, expected), "%s", error.text);
        cr_expect_eq(setun_weight_check(weights, weight, &error), SETUN_ERR_IO);
        if (n_left > 0)
            cr_expect_eq(setun_weight_read(weights, weight, 0, n_left, data, &error), SETUN_OK, "%s", error.text);
    }
    setun_weights_close(weights);
    folder_remove(&folder);
}

/* The path may be gone or lead to another file: what was opened is what is read. */
Test(weights_shorter, removed_after_open)
{
    struct folder folder;
    setun_weights *weights = open_one(&folder);
    static unsigned char data[N_BYTES];
    setun_error error = {{0}};

    cr_assert_eq(unlink(folder_file(&folder, "model.safetensors")), 0);
    cr_expect_eq(setun_weight_read(weights, setun_weights_find(weights, "a"), 0, N_BYTES, data, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(data[250], 250);
    setun_weights_close(weights);
    folder_remove(&folder);
}
