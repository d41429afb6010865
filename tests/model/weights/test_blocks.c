/* test_blocks.c - contents of q8_0.b32 and q6_k.b256: scales that are not finite, and the figures that `setun model show` prints. The bytes lie
 * in a safetensors file as f32, which is then looked at as if it held blocks. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"
#include "inspect/inspect_internal.h"

typedef struct block_format {
    const char *fmt;
    size_t      columns, n_bytes, d_at;
} block_format;
static const block_format formats[] = {{"q8_0.b32", 32, 34, 0}, {"q6_k.b256", 256, 210, 208}};

/* n_bytes, a multiple of 4, as rows of `columns` values of a format of blocks. */
static setun_weights *open_blocks(const struct folder *folder, const block_format *format, const void *data, size_t rows, size_t columns,
                                  setun_weight *out_weight)
{
    const size_t n_bytes = rows * columns / format->columns * format->n_bytes;
    setun_weights *weights;
    char header[160];

    cr_assert_eq(n_bytes % 4, 0);
    (void)snprintf(header, sizeof(header), "{\"w.weight\":{\"dtype\":\"F32\",\"shape\":[%zu],\"data_offsets\":[0,%zu]}}", n_bytes / 4, n_bytes);
    folder_write_safetensors(folder, "model.safetensors", header, data, n_bytes);
    folder_write_text(folder, "config.json", CONFIG_MULTIPLIES);
    weights = expect_opened(folder, format->fmt);
    *out_weight = *setun_weights_find(weights, "w");
    out_weight->fmt = format->fmt;
    out_weight->n_dims = 2;
    out_weight->dim[0] = (int64_t)rows;
    out_weight->dim[1] = (int64_t)columns;
    return weights;
}

/* Each scale of several tensors in turn; the larger ones are read in pieces, which end within blocks. */
static void check_bad_scales(const block_format *format, size_t rows, size_t columns, size_t step)
{
    static const unsigned char bad[][2] = {{0x00, 0x7c}, {0x00, 0xfc}, {0x01, 0x7c}, {0xff, 0xff}};
    const size_t row_blocks = columns / format->columns, n_blocks = rows * row_blocks, n_bytes = n_blocks * format->n_bytes;
    unsigned char *data = malloc(n_bytes);
    struct folder folder;

    memset(data, 0xff, n_bytes); /* codes may be anything */
    for (size_t b = 0; b < n_blocks; b++) {
        data[b * format->n_bytes + format->d_at] = 0xff;
        data[b * format->n_bytes + format->d_at + 1] = 0x7b; /* 65504: finite */
    }
    folder_create(&folder);
    for (size_t b = 0; b <= n_blocks; b += step) { /* at the end none */
        unsigned char *d = data + b * format->n_bytes + format->d_at;
        setun_error error = {{0}};
        setun_weights *weights;
        setun_weight weight;
        char expected[200];

        if (b < n_blocks)
            memcpy(d, bad[b / step % 4], 2);
        weights = open_blocks(&folder, format, data, rows, columns, &weight);
        cr_expect_eq(setun_weight_check_whole(weights, &weight, &error), b < n_blocks ? SETUN_ERR_FORMAT : SETUN_OK, "%s: %s", format->fmt, error.text);
        (void)snprintf(expected, sizeof(expected), "tensor 'w', row %zu, columns %zu to %zu: expected a finite scale", b / row_blocks,
                       b % row_blocks * format->columns, b % row_blocks * format->columns + format->columns - 1);
        cr_expect(b == n_blocks || strstr(error.text, expected) != NULL, "expected '%s', found '%s'", expected, error.text);
        (void)snprintf(expected, sizeof(expected), ": byte %llu: ", (unsigned long long)(weight.file_byte + (uint64_t)(d - data)));
        cr_expect(b == n_blocks || strstr(error.text, expected) != NULL, "expected '%s', found '%s'", expected, error.text);
        setun_weights_close(weights);
        if (b < n_blocks)
            memcpy(d, (const unsigned char[]){0xff, 0x7b}, 2);
    }
    folder_remove(&folder);
    free(data);
}

Test(weights_blocks, scales_that_are_not_finite)
{
    check_bad_scales(&formats[0], 2, 96, 1);
    check_bad_scales(&formats[1], 2, 512, 1);
    check_bad_scales(&formats[0], 4096, 128, 1024); /* 557,056 bytes */
    check_bad_scales(&formats[1], 1024, 512, 256);  /* 430,080 */
}

static void expect_figures(const block_format *format, const void *data, size_t rows, size_t columns, double min, double max, double squares,
                           uint64_t n_bad)
{
    struct folder folder;
    setun_tensor_statistics s;
    setun_error error = {{0}};
    setun_weight weight;
    setun_weights *weights;
    const double n = (double)(rows * columns - n_bad);

    folder_create(&folder);
    weights = open_blocks(&folder, format, data, rows, columns, &weight);
    cr_assert_eq(setun_weight_statistics(weights, &weight, false, &s, &error), SETUN_OK, "%s", error.text);
    cr_expect(s.dense && !s.ternary);
    cr_expect_eq(s.min, min, "%s: %g", format->fmt, s.min);
    cr_expect_eq(s.max, max, "%s: %g", format->fmt, s.max);
    cr_expect_eq(s.n_bad, n_bad);
    cr_expect_float_eq(s.rms, sqrt(squares / n), 1e-12 * s.rms, "%s: %g", format->fmt, s.rms);
    setun_weights_close(weights);
    folder_remove(&folder);
}

/* d = 0.5 and codes 0 but for two; 9000 rows, so that the second piece begins within the tensor. */
Test(weights_blocks, figures_of_q8_0)
{
    enum { ROWS = 9000, COLUMNS = 64 };
    unsigned char *data = calloc(ROWS, 68);

    for (size_t b = 0; b < 2 * ROWS; b++)
        data[34 * b + 1] = 0x38;
    data[2] = 0x80;                    /* -128 */
    data[34 * (2 * ROWS - 1) + 33] = 100;
    expect_figures(&formats[0], data, ROWS, COLUMNS, -64.0, 50.0, 64.0 * 64.0 + 50.0 * 50.0, 0);
    data[34 * 7 + 1] = 0x7c; /* a block of infinities, or of NaN where the code is 0 */
    expect_figures(&formats[0], data, ROWS, COLUMNS, -64.0, 50.0, 64.0 * 64.0 + 50.0 * 50.0, 32);
    free(data);
}

/* d = 2^-3 and codes 32 but for a few. */
Test(weights_blocks, figures_of_q6_k)
{
    enum { ROWS = 1400 };
    unsigned char *data = calloc(ROWS, 210), *last = data + (ROWS - 1) * (size_t)210;

    for (size_t b = 0; b < ROWS; b++) {
        memset(data + 210 * b + 128, 0xaa, 64); /* high bits 2: code 32 */
        data[210 * b + 192] = 0x80;             /* -128 */
        data[210 * b + 192 + 5] = 3;
        data[210 * b + 192 + 15] = 127;
        data[210 * b + 209] = 0x30;
    }
    last[0] = 0x0f; /* column 0: code 63, weight 2^-3 * -128 * 31 = -496 */
    last[128] |= 0x03;
    last[50] = 0x09;              /* column 50: low half, p = 1: code 41 in part 3, whose factor is 0 */
    last[128 + 63] &= 0x3f;       /* column 255: code 0, weight 2^-3 * 127 * -32 = -508 */
    last[128 + 17] = 0xaa ^ 0x10; /* column 64 + 17 = 81: p = 2, bits 4 and 5 are 3, code 48 in part 5: 2^-3 * 3 * 16 = 6 */
    expect_figures(&formats[1], data, ROWS, 256, -508.0, 6.0, 496.0 * 496.0 + 508.0 * 508.0 + 6.0 * 6.0, 0);
    free(data);
}
