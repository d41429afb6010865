/* test_gguf_ternary.c - the ternary types of GGUF files: bytes worked out by hand, a decoder written element by element, and the way back. */
#include <stdio.h>
#include <string.h>

#include "definition.h"
#include "harness.h"

/* Element e (flat) of I2_S: e / 128 is the block, byte e % 32 of it, the first 32 elements in the highest bits. */
static unsigned i2s_element(const uint8_t *row, int64_t e)
{
    return (unsigned)(row[32 * (e / 128) + e % 128 % 32] >> (6 - 2 * (e % 128 / 32))) & 3;
}

static bool is_zero_d(const uint8_t *d)
{
    return ((d[0] | d[1] << 8) & 0x7FFF) == 0;
}

/* TQ2_0: element (j / 32) * 128 + 32 l + m is (qs[j + m] >> 2 l) & 3, j = 0, 32. */
static unsigned tq2_element(const uint8_t *row, int64_t e)
{
    const uint8_t *block = row + e / 256 * 66;

    if (is_zero_d(block + 64))
        return 1;
    for (int j = 0; j < 64; j += 32)
        for (int l = 0; l < 4; l++)
            for (int m = 0; m < 32; m++)
                if (j / 32 * 128 + 32 * l + m == e % 256)
                    return (unsigned)(block[j + m] >> (2 * l)) & 3;
    return 99;
}

/* TQ1_0: trit n of byte B is (((B * 3^n) & 255) * 3) >> 8. */
static unsigned tq1_element(const uint8_t *row, int64_t e)
{
    static const unsigned power[] = {1, 3, 9, 27, 81};
    const uint8_t *block = row + e / 256 * 54;
    const int64_t i = e % 256;
    unsigned byte, n;

    if (is_zero_d(block + 52))
        return 1;
    if (i < 160) {
        byte = block[i % 32];
        n = (unsigned)(i / 32);
    } else if (i < 240) {
        byte = block[32 + (i - 160) % 16];
        n = (unsigned)((i - 160) / 16);
    } else {
        byte = block[48 + (i - 240) % 4];
        n = (unsigned)((i - 240) / 4);
    }
    return ((byte * power[n] & 255) * 3) >> 8;
}

static const struct type {
    const char *fmt;
    int64_t     columns; /* of a block */
    size_t      block_bytes, d_at;
    unsigned  (*element)(const uint8_t *row, int64_t e);
} types[] = {{"tern2.i2s", 128, 32, 0, i2s_element}, {"tern.tq1", 256, 54, 52, tq1_element}, {"tern2.tq2", 256, 66, 64, tq2_element}};
enum { N_TYPES = sizeof(types) / sizeof(types[0]) };

static unsigned row_element(const uint8_t *row, int64_t e)
{
    return (unsigned)(row[e / 4] >> (2 * (e % 4))) & 3;
}

static unsigned r16k16_element(const uint8_t *data, int64_t k, int64_t row, int64_t column)
{
    const int64_t g = row / 16, r = row % 16, b = column / 16, p = column % 16 / 4, e = column % 4;

    return (unsigned)(data[(g * ((k + 15) / 16) + b) * 64 + 4 * r + e] >> (2 * p)) & 3;
}

/* Padding columns too. A code's five bits are in lines s, or 0 and 1, 2 and 3, 4, 1 and 3 (formats.md). */
static unsigned r16k96_element(const uint8_t *data, int64_t k, int64_t row, int64_t column)
{
    static const unsigned power[3] = {1, 3, 9};
    const uint8_t *b = data + (row / 16 * ((k + 95) / 96) + column / 96) * 320 + 4 * (row % 16) + column % 4;
    const int64_t s = column % 96 / 12;
    const unsigned x = s < 5    ? b[64 * s] & 31u
                       : s == 5 ? (unsigned)b[0] >> 5 | (b[64] & 0x60u) >> 2
                       : s == 6 ? (unsigned)b[128] >> 5 | (b[192] & 0x60u) >> 2
                                : (unsigned)b[256] >> 5 | (b[64] & 0x80u) >> 4 | (b[192] & 0x80u) >> 3;

    return x / power[column % 12 / 4] % 3;
}

/* Any codes but 3; d now and then zero, of both signs. */
static void fill(const struct type *type, test_tensor *t)
{
    for (int64_t i = 0; i < t->t.dim[0]; i++)
        for (int64_t b = 0; b < t->t.dim[1] / type->columns; b++) {
            uint8_t *block = (uint8_t *)t->t.data + i * t->t.stride_bytes[0] + b * (int64_t)type->block_bytes;

            for (size_t at = 0; at < type->block_bytes; at++)
                do
                    block[at] = (uint8_t)test_random();
                while (type->element != tq1_element && (block[at] & block[at] >> 1 & 0x55) != 0);
            if (type->d_at != 0) {
                const uint16_t d = test_below(4) == 0 ? (uint16_t)(test_below(2) << 15) : (uint16_t)(1 + test_below(0x7BFF));

                memcpy(block + type->d_at, &d, sizeof(d));
            }
        }
}

static void check_to(const struct type *type, const char *to, int64_t n, int64_t k)
{
    char fmts[64];
    test_tensor in = test_tensor_make(type->fmt, n, k, 1, 1), scale = test_tensor_make("f32", 1, n, 1, 1);
    test_tensor out = test_tensor_make(to, n, k, 1, 1), out_scale = test_tensor_make("f32", 1, n, 1, 1);
    const test_call call = {.in = {&in, &scale}, .n_in = 2, .out = {&out, &out_scale}, .n_out = 2};
    const bool rows = strcmp(to, "tern2.row") == 0, wide = strcmp(to, "tern5.r16k96") == 0;
    unsigned (*const element)(const uint8_t *data, int64_t k, int64_t row, int64_t column) = wide ? r16k96_element : r16k16_element;
    const int64_t padded = wide ? (k + 95) / 96 * 96 : k;
    setun_kernel_ref ref;

    (void)snprintf(fmts, sizeof(fmts), "%s+f32>%s+f32", type->fmt, to);
    fill(type, &in);
    test_fill_f32(&scale, 1);
    cr_assert_gt(test_count_kernels("pack", fmts), 0, "no pack %s", fmts);
    for (size_t i = 0; test_next_kernel("pack", fmts, &i, &ref);) {
        test_run(ref, &call);
        for (int64_t r = 0; r < n; r++)
            for (int64_t c = 0; c < k; c++) {
                const unsigned expected = type->element(test_row(&in, r), c);
                const unsigned found = rows ? row_element(test_row(&out, r), c) : element(out.t.data, k, r, c);

                cr_assert_eq(found, expected, "%s: row %lld, column %lld: code %u, expected %u", ref.kernel->name, (long long)r, (long long)c,
                             found, expected);
            }
        for (int64_t r = 0; !rows && r < (n + 15) / 16 * 16; r++)
            for (int64_t c = r < n ? k : 0; c < padded; c++)
                cr_assert_eq(element(out.t.data, k, r, c), 1, "padding");
        test_same_bytes("scales", ref.kernel->name, 0, scale.t.data, out_scale.t.data, 4 * (size_t)n);
    }
    test_tensor_free(&in);
    test_tensor_free(&scale);
    test_tensor_free(&out);
    test_tensor_free(&out_scale);
}

Test(gguf_ternary, to_rows_and_blocks)
{
    static const int64_t ns[] = {1, 4, 15, 17, 33};

    for (int t = 0; t < N_TYPES; t++)
        for (int i = 0; i < 5; i++)
            for (int64_t k = 256; k <= 768; k += types[t].columns) {
                check_to(&types[t], "tern2.row", ns[i], k);
                check_to(&types[t], "tern2.r16k16", ns[i], k);
                check_to(&types[t], "tern5.r16k96", ns[i], k);
            }
}

/* From tern2.row and read again by the decoder above; d is the row's scale as f16. */
static void check_back(const struct type *type, int64_t n, int64_t k)
{
    char fmts[64];
    test_tensor in = test_tensor_make("tern2.row", n, k, 1, 1), scale = test_tensor_make("f32", 1, n, 1, 1);
    test_tensor out = test_tensor_make(type->fmt, n, k, 1, 1), out_scale = test_tensor_make("f32", 1, n, 1, 1);
    const test_call call = {.in = {&in, &scale}, .n_in = 2, .out = {&out, &out_scale}, .n_out = 2};
    setun_kernel_ref ref;

    for (int64_t r = 0; r < n; r++) {
        uint8_t *row = test_row(&in, r);

        memset(row, 0x55, (size_t)in.t.stride_bytes[0]);
        for (int64_t c = 0; c < k; c++)
            row[c / 4] = (uint8_t)(row[c / 4] ^ (1u ^ (unsigned)test_below(3)) << (2 * (c % 4)));
        ((float *)scale.t.data)[r] = 0.01f + (float)r / 128;
    }
    (void)snprintf(fmts, sizeof(fmts), "tern2.row+f32>%s+f32", type->fmt);
    cr_assert_gt(test_count_kernels("pack", fmts), 0, "no pack %s", fmts);
    for (size_t i = 0; test_next_kernel("pack", fmts, &i, &ref);) {
        test_run(ref, &call);
        for (int64_t r = 0; r < n; r++) {
            const uint8_t *row = test_row(&out, r);

            for (int64_t c = 0; c < k; c++)
                cr_assert_eq(type->element(row, c), row_element(test_row(&in, r), c), "%s: row %lld, column %lld", ref.kernel->name,
                             (long long)r, (long long)c);
            for (int64_t b = 0; type->d_at != 0 && b < k / type->columns; b++) {
                uint16_t d;

                memcpy(&d, row + b * (int64_t)type->block_bytes + type->d_at, sizeof(d));
                cr_assert_eq(d, define_f32_to_f16(((float *)scale.t.data)[r]), "%s: d", ref.kernel->name);
            }
        }
        test_same_bytes("scales", ref.kernel->name, 0, scale.t.data, out_scale.t.data, 4 * (size_t)n);
    }
    test_tensor_free(&in);
    test_tensor_free(&scale);
    test_tensor_free(&out);
    test_tensor_free(&out_scale);
}

Test(gguf_ternary, from_rows)
{
    for (int t = 0; t < N_TYPES; t++)
        for (int64_t n = 1; n <= 9; n += 4)
            for (int64_t k = 256; k <= 768; k += types[t].columns)
                check_back(&types[t], n, k);
}

/* One weight at a time among zeros: where does it land? Worked out by hand from the tables of the formats. */
static const struct place {
    int         type;
    int64_t     column;
    size_t      at;
    uint8_t     minus, zero, plus; /* the byte there for -1, 0 and 1, the others being 0 */
} places[] = {
    /* I2_S: 00 01 10 in a pair of bits, 01 elsewhere: 0x55 is four zeros. */
    {0, 0, 0, 0x15, 0x55, 0x95},
    {0, 31, 31, 0x15, 0x55, 0x95},
    {0, 32, 0, 0x45, 0x55, 0x65},
    {0, 95, 31, 0x51, 0x55, 0x59},
    {0, 127, 31, 0x54, 0x55, 0x56},
    {0, 128, 32, 0x15, 0x55, 0x95},
    {0, 255, 63, 0x54, 0x55, 0x56},
    /* TQ1_0: the number 11111 in base 3 is 121 of 243, 127.5 of 256: 128. The highest digit counts 81, the lowest 1. */
    {1, 0, 0, 43, 128, 213},      /* 40, 121, 202: 42.1, 127.5, 212.8 */
    {1, 128, 0, 127, 128, 129},   /* 120, 121, 122: 126.4, 127.5, 128.5 */
    {1, 159, 31, 127, 128, 129},
    {1, 160, 32, 43, 128, 213},
    {1, 239, 47, 127, 128, 129},
    {1, 240, 48, 42, 127, 212},   /* digits 1111 and a 0: 120 of 243 is 126.4; 39 is 41.1, 201 is 211.8 */
    {1, 255, 51, 124, 127, 130},  /* the fourth digit counts 3: 117 is 123.3, 123 is 129.6 */
    /* TQ2_0 */
    {2, 0, 0, 0x54, 0x55, 0x56},
    {2, 31, 31, 0x54, 0x55, 0x56},
    {2, 32, 0, 0x51, 0x55, 0x59},
    {2, 127, 31, 0x15, 0x55, 0x95},
    {2, 128, 32, 0x54, 0x55, 0x56},
    {2, 255, 63, 0x15, 0x55, 0x95},
};

Test(gguf_ternary, places_worked_out_by_hand)
{
    for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++)
        for (unsigned code = 0; code < 3; code++) {
            const struct type *type = &types[places[p].type];
            const uint8_t expected[] = {places[p].minus, places[p].zero, places[p].plus};
            test_tensor in = test_tensor_make("tern2.row", 1, 256, 1, 1), scale = test_tensor_make("f32", 1, 1, 1, 1);
            test_tensor out = test_tensor_make(type->fmt, 1, 256, 1, 1), out_scale = test_tensor_make("f32", 1, 1, 1, 1);
            const test_call call = {.in = {&in, &scale}, .n_in = 2, .out = {&out, &out_scale}, .n_out = 2};
            uint8_t *row = test_row(&in, 0);
            setun_kernel_ref ref;
            char fmts[64];

            memset(row, 0x55, 64);
            row[places[p].column / 4] = (uint8_t)(0x55 ^ (1u ^ code) << (2 * (places[p].column % 4)));
            ((float *)scale.t.data)[0] = 1.5f;
            (void)snprintf(fmts, sizeof(fmts), "tern2.row+f32>%s+f32", type->fmt);
            for (size_t i = 0; test_next_kernel("pack", fmts, &i, &ref);) {
                const uint8_t *found = test_row(&out, 0);

                test_run(ref, &call);
                cr_assert_eq(found[places[p].at], expected[code], "%s: column %lld, code %u: byte %zu is 0x%02x, expected 0x%02x",
                             ref.kernel->name, (long long)places[p].column, code, places[p].at, found[places[p].at], expected[code]);
                if (type->d_at != 0)
                    cr_assert(found[type->d_at] == 0x00 && found[type->d_at + 1] == 0x3E, "1.5 as f16");
            }
            test_tensor_free(&in);
            test_tensor_free(&scale);
            test_tensor_free(&out);
            test_tensor_free(&out_scale);
        }
}
