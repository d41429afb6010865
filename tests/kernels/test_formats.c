/* test_formats.c - sizes, strides and refusals of the standard formats against the table of formats.md. */
#include <string.h>

#include "harness.h"

typedef struct format_case {
    const char *name;
    int64_t     dim[4];
    size_t      n_bytes; /* 0: must be refused */
    int64_t     stride[4];
    int64_t     row;     /* offset(row) ... */
    size_t      offset;  /* ... is this */
} format_case;

#define BIG (INT64_C(1) << 61)
static const format_case cases[] = {
    {"i32", {1, 17, 1, 1}, 128, {128, 4, 0, 0}, 0, 0},
    {"f32", {3, 16, 1, 1}, 192, {64, 4, 0, 0}, 2, 128},
    {"f32", {3, 17, 1, 1}, 384, {128, 4, 0, 0}, 3, 384},
    {"f16", {2, 33, 1, 1}, 256, {128, 2, 0, 0}, 1, 128},
    {"bf16", {2, 32, 1, 1}, 128, {64, 2, 0, 0}, 1, 64},
    {"i8.row", {5, 64, 1, 1}, 320, {64, 1, 0, 0}, 4, 256},
    {"i8.row", {5, 65, 1, 1}, 640, {128, 1, 0, 0}, 5, 640},
    {"i8.b32", {3, 32, 1, 1}, 384, {128, 1, 0, 0}, 2, 256},
    {"i8.b32", {2, 544, 1, 1}, 1408, {704, 1, 0, 0}, 1, 704}, /* 576 of codes, 17 scales in 128 */
    {"i8.b32", {1, 33, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"i8.b32", {1, INT64_MAX / 32 * 32, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"i8.b32", {BIG, 32, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"q8_0.b32", {3, 64, 1, 1}, 204, {68, 0, 0, 0}, 2, 136},
    {"q8_0.b32", {3, 48, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"q8_0.b32", {1, INT64_MAX / 32 * 32, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"q6_k.b256", {5, 512, 1, 1}, 2100, {420, 0, 0, 0}, 4, 1680},
    {"q6_k.b256", {5, 128, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"q6_k.b256", {BIG, 2560, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"tern2.row", {7, 256, 1, 1}, 448, {64, 0, 0, 0}, 3, 192},
    {"tern2.row", {7, 257, 1, 1}, 896, {128, 0, 0, 0}, 7, 896},
    {"tern2.row", {1, 1, 1, 1}, 64, {64, 0, 0, 0}, 0, 0},
    {"tern2.r16k16", {32, 64, 1, 1}, 512, {0, 0, 0, 0}, 16, 256},
    {"tern2.r16k16", {17, 65, 1, 1}, 640, {0, 0, 0, 0}, 17, 640},
    {"tern2.r16k16", {1, 1, 1, 1}, 64, {0, 0, 0, 0}, 0, 0},
    {"tern2.r16k16", {INT64_MAX, INT64_MAX, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"tern5.r16k96", {32, 192, 1, 1}, 1280, {0, 0, 0, 0}, 16, 640},
    {"tern5.r16k96", {17, 97, 1, 1}, 1280, {0, 0, 0, 0}, 17, 1280},
    {"tern5.r16k96", {1, 1, 1, 1}, 320, {0, 0, 0, 0}, 0, 0},
    {"tern5.r16k96", {2560, 6912, 1, 1}, 3686400, {0, 0, 0, 0}, 1280, 1843200},
    {"tern5.r16k96", {INT64_MAX, INT64_MAX, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"tern2.hf", {8, 5, 1, 1}, 10, {0, 0, 0, 0}, 0, 0},
    {"tern2.hf", {6, 5, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"tern2.i2s", {3, 256, 1, 1}, 192, {64, 0, 0, 0}, 2, 128},
    {"tern2.i2s", {3, 192, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"tern2.i2s", {BIG, 2560, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"tern.tq1", {5, 512, 1, 1}, 540, {108, 0, 0, 0}, 4, 432},
    {"tern.tq1", {5, 128, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"tern2.tq2", {5, 512, 1, 1}, 660, {132, 0, 0, 0}, 1, 132},
    {"tern2.tq2", {5, 257, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"tern2.tq2", {8, INT64_MAX / 256 * 256, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"f16.kv256", {2, 3, 256, 64}, 2 * 3 * 256 * 128, {3 * 256 * 128, 256 * 128, 128, 2}, 1, 3 * 256 * 128},
    {"f32.kv256", {1, 1, 256, 5}, 256 * 64, {256 * 64, 256 * 64, 64, 4}, 1, 256 * 64},
    {"f16.kv256", {2, 3, 128, 64}, 0, {0, 0, 0, 0}, 0, 0},
    {"f16.kv256", {0, 3, 256, 64}, 0, {0, 0, 0, 0}, 0, 0},
    {"f32", {0, 4, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"f32", {4, 0, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"f32", {-1, 4, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"f32", {4, 4, 2, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"f32", {1, BIG, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"f32", {BIG, 1, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"f32", {1, INT64_MAX / 4, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"i8.row", {1, INT64_MAX, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"tern2.row", {INT64_MAX, INT64_MAX, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"tern2.hf", {INT64_MAX - 3, 64, 1, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"f32.kv256", {BIG, 1, 256, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"f32.kv256", {1, BIG, 256, 1}, 0, {0, 0, 0, 0}, 0, 0},
    {"f32.kv256", {1, 1, 256, BIG}, 0, {0, 0, 0, 0}, 0, 0},
};

Test(formats, table)
{
    setun_plugins *plugins;
    const setun_plugins_options options = {.path = SETUN_PLUGIN_OUTPUT_DIR};
    setun_error error = {{0}};

    cr_assert_eq(setun_plugins_open(&options, &plugins, &error), SETUN_OK, "%s", error.text);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const format_case *c = &cases[i];
        const setun_format *format = setun_plugins_format(plugins, c->name);
        int64_t stride[4] = {-1, -1, -1, -1};
        size_t n_bytes;

        cr_assert_not_null(format, "%s", c->name);
        cr_assert(format->align >= 64 && (format->align & (format->align - 1)) == 0);
        cr_assert_geq(format->row_group, 1);
        n_bytes = format->layout(c->dim, stride);
        cr_assert_eq(n_bytes, c->n_bytes, "case %zu, %s: %zu bytes, expected %zu", i, c->name, n_bytes, c->n_bytes);
        for (int d = 0; d < 4; d++)
            cr_assert_eq(stride[d], c->stride[d], "case %zu, %s: stride %d is %lld", i, c->name, d, (long long)stride[d]);
        if (n_bytes != 0)
            cr_assert_eq(format->offset(c->dim, c->row), c->offset, "case %zu, %s: offset", i, c->name);
    }
    setun_plugins_close(plugins);
}
