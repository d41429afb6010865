/* test_damage.c - the default model's file cut short at many places, and with bits of its header flipped. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"

enum {
    HEADER_BYTES = 9816, /* of models/fable/model.safetensors, the 8 bytes of the length included */
    SEED = 20250711,
    DATA_CUTS = 300,
    BIT_FLIPS = 1000
};

/* splitmix64 */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static unsigned char *copy_fable(struct folder *folder, size_t *out_bytes)
{
    unsigned char *bytes;
    size_t n_config;

    folder_create(folder);
    bytes = read_whole(SETUN_SOURCE_DIR "/models/fable/config.json", &n_config);
    folder_write(folder, "config.json", bytes, n_config);
    free(bytes);
    bytes = read_whole(SETUN_SOURCE_DIR "/models/fable/model.safetensors", out_bytes);
    folder_write(folder, "model.safetensors", bytes, *out_bytes);
    return bytes;
}

static void expect_cut_refused(const struct folder *folder, const char *path, size_t n_bytes)
{
    char what[64];

    (void)snprintf(what, sizeof(what), "cut to %zu bytes", n_bytes);
    cr_assert_eq(truncate(path, (off_t)n_bytes), 0);
    expect_refused(folder, what, SETUN_ERR_FORMAT, "model.safetensors: byte ");
}

static int descending(const void *left, const void *right)
{
    const size_t a = *(const size_t *)left, b = *(const size_t *)right;

    return a < b ? 1 : a > b ? -1 : 0;
}

Test(weights_damage, truncation, .timeout = 240)
{
    struct folder folder;
    uint64_t state = SEED;
    size_t n_file, cuts[DATA_CUTS];
    char path[4096];

    free(copy_fable(&folder, &n_file));
    strcpy(path, folder_file(&folder, "model.safetensors"));
    setun_weights_close(expect_opened(&folder, "copy of fable"));

    /* Longest first, so that one copy serves them all. */
    for (size_t i = 0; i < DATA_CUTS; i++)
        cuts[i] = HEADER_BYTES + (size_t)(draw(&state) % (n_file - HEADER_BYTES));
    cuts[0] = n_file - 1;
    qsort(cuts, DATA_CUTS, sizeof(cuts[0]), descending);
    for (size_t i = 0; i < DATA_CUTS; i++)
        expect_cut_refused(&folder, path, cuts[i]);
    for (size_t n = HEADER_BYTES + 1; n-- > 0;)
        expect_cut_refused(&folder, path, n);
    folder_remove(&folder);
}

Test(weights_damage, longer_file)
{
    struct folder folder;
    size_t n_file;

    free(copy_fable(&folder, &n_file));
    cr_assert_eq(truncate(folder_file(&folder, "model.safetensors"), (off_t)n_file + 1), 0);
    expect_refused(&folder, "one byte more", SETUN_ERR_FORMAT, "byte 3064990: expected the end of the file after the last tensor");
    folder_remove(&folder);
}

/* A flipped bit gives an error or, where it hits a name, say, weights that are sound in themselves. */
Test(weights_damage, bit_flips, .timeout = 240)
{
    struct folder folder;
    uint64_t state = SEED;
    size_t n_file, n_errors = 0;
    unsigned char *bytes = copy_fable(&folder, &n_file);
    FILE *file = fopen(folder_file(&folder, "model.safetensors"), "r+b");

    cr_assert_not_null(file);
    cr_log_info("seed %d", (int)SEED);
    for (size_t i = 0; i < BIT_FLIPS; i++) {
        /* The first 64 take the bits of the length in turn. */
        const uint64_t bit = i < 64 ? i : draw(&state) % (8 * HEADER_BYTES);
        const size_t at = (size_t)(bit / 8);
        const unsigned char broken = (unsigned char)(bytes[at] ^ 1u << bit % 8);
        setun_weights *weights = NULL;
        setun_error error = {{0}};
        setun_status status;
        char what[64];

        (void)snprintf(what, sizeof(what), "bit %u of byte %zu", (unsigned)(bit % 8), at);
        cr_assert(fseek(file, (long)at, SEEK_SET) == 0 && fputc(broken, file) == broken && fflush(file) == 0);
        status = setun_weights_open(folder.path, &weights, &error);
        if (status == SETUN_OK) {
            expect_well_formed(weights, what);
            setun_weights_close(weights);
        } else {
            cr_expect(status == SETUN_ERR_FORMAT || status == SETUN_ERR_UNSUPPORTED, "%s: status %d: %s", what, (int)status, error.text);
            cr_expect_not_null(strstr(error.text, folder.path), "%s: %s", what, error.text);
            n_errors++;
        }
        cr_assert(fseek(file, (long)at, SEEK_SET) == 0 && fputc(bytes[at], file) == bytes[at] && fflush(file) == 0);
    }
    /* Most of the header is not names: most flips must be noticed. */
    cr_expect_gt(n_errors, (size_t)BIT_FLIPS / 4, "only %zu of %d flips were noticed", n_errors, (int)BIT_FLIPS);
    fclose(file);
    free(bytes);
    setun_weights_close(expect_opened(&folder, "restored"));
    folder_remove(&folder);
}
