/* test_blocks.c - q8_0.b32 and q6_k.b256: linear, embedding, pack and the quantisers, against the definition and against what they are for. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "definition.h"
#include "definition_blocks.h"
#include "harness.h"

static const define_block_format *const formats[] = {&define_q8_0, &define_q6_k};
#define EACH(i, array) for (size_t i = 0; i < sizeof(array) / sizeof((array)[0]); i++)

/* Any finite d, zero and subnormals among them. */
static uint16_t any_d(void)
{
    uint16_t bits;

    switch (test_below(8)) {
    case 0:
        return (uint16_t)(test_below(2) << 15); /* zeros */
    case 1:
        return (uint16_t)((uint64_t)test_random() & 0x83FF); /* subnormal */
    case 2:
        return (uint16_t)(0x7BFF | test_below(2) << 15); /* the largest */
    default:
        do
            bits = (uint16_t)test_random();
        while ((bits & 0x7C00) == 0x7C00);
        return bits;
    }
}

enum { FILL_ANY, FILL_HIGH, FILL_LOW, FILL_MIXED, N_FILLS };

/* A row of blocks: random, or the extremes of codes and parts. */
static void fill_row(const define_block_format *format, uint8_t *row, int64_t k, int fill)
{
    for (int64_t b = 0; b < k / format->columns; b++) {
        uint8_t *block = row + b * format->n_bytes;
        const int64_t d_at = format->columns == 32 ? 0 : 208;
        const uint16_t d = fill == FILL_ANY ? any_d() : 0x3C00;

        for (int64_t i = 0; i < format->n_bytes; i++) {
            const bool part = format->columns == 256 && i >= 192;
            const uint8_t high = part || format->columns == 32 ? 0x7F : 0xFF, low = part || format->columns == 32 ? 0x80 : 0x00;

            block[i] = (uint8_t)test_random();
            if (fill != FILL_ANY)
                block[i] = fill == FILL_HIGH || (fill == FILL_MIXED && test_below(2) == 0) ? high : low;
        }
        block[d_at] = (uint8_t)(d & 255);
        block[d_at + 1] = (uint8_t)(d >> 8);
    }
}

/* A row of i8.b32. */
static void fill_codes(int8_t *row, int64_t k, int fill)
{
    float *scale = (float *)(void *)(row + (k + 63) / 64 * 64);

    for (int64_t j = 0; j < k; j++)
        row[j] = (int8_t)(fill == FILL_HIGH ? 127 : fill == FILL_LOW ? -127 : fill == FILL_MIXED ? 254 * test_below(2) - 127 : test_below(255) - 127);
    for (int64_t b = 0; b < k / 32; b++)
        scale[b] = fabsf(test_uniform()) + 0x1p-20f;
}

/* ---- linear ---- */

static void check_linear(const define_block_format *format, int64_t m, int64_t n, int64_t k, int fill_x, int fill_w)
{
    test_tensor x = test_tensor_make("i8.b32", m, k, 1, 1), w = test_tensor_make(format->fmt, n, k, 1, 1), y = test_tensor_make("f32", m, n, 1, 1);
    const test_call call = {.in = {&x, &w}, .n_in = 2, .out = {&y}, .n_out = 1};
    float *expected = malloc((size_t)(m * n) * sizeof(float));
    char fmts[64];
    setun_kernel_ref ref;

    (void)snprintf(fmts, sizeof(fmts), "i8.b32,%s>f32", format->fmt);
    for (int64_t i = 0; i < m; i++) {
        memset(test_row(&x, i), 0, (size_t)x.t.stride_bytes[0]);
        fill_codes(test_row(&x, i), k, fill_x);
    }
    for (int64_t j = 0; j < n; j++)
        fill_row(format, test_row(&w, j), k, fill_w);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            expected[i * n + j] = define_block_linear(format, test_row(&x, i), (float *)(void *)((char *)test_row(&x, i) + (k + 63) / 64 * 64),
                                                      test_row(&w, j), k);
    cr_assert_gt(test_count_kernels("linear", fmts), 0, "no linear %s", fmts);
    for (size_t at = 0; test_next_kernel("linear", fmts, &at, &ref);) {
        test_run(ref, &call);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++)
                test_same_f32(fmts, ref.kernel->name, i, j, expected[i * n + j], ((float *)test_row(&y, i))[j]);
    }
    free(expected);
    test_tensor_free(&x);
    test_tensor_free(&w);
    test_tensor_free(&y);
}

Test(blocks, linear_follows_the_definition)
{
    static const int64_t m[] = {1, 2, 5, 7}, n[] = {1, 15, 17, 33}, n_blocks[] = {1, 2, 3, 9};

    EACH(f, formats) EACH(i, m) EACH(j, n) EACH(b, n_blocks)
        check_linear(formats[f], m[i], n[j], n_blocks[b] * formats[f]->columns, FILL_ANY, FILL_ANY);
}

Test(blocks, linear_of_extremes)
{
    EACH(f, formats)
        for (int x = 0; x < N_FILLS; x++)
            for (int w = 0; w < N_FILLS; w++)
                check_linear(formats[f], 3, 17, 3 * formats[f]->columns, x, w);
}

/* ---- embedding and pack ---- */

static void check_values(const define_block_format *format, int64_t n, int fill)
{
    enum { VOCAB = 37, M = 9 };
    test_tensor token = test_tensor_make("i32", 1, M, 1, 1), y = test_tensor_make("f32", M, n, 1, 1), all = test_tensor_make("f32", VOCAB, n, 1, 1);
    test_tensor table = test_tensor_make(format->fmt, VOCAB, n, 1, 1);
    const setun_batch batch = {.size = sizeof(batch), .n_rows = M, .token = token.t.data};
    const test_call embedding = {.batch = &batch, .in = {&token, &table}, .n_in = 2, .out = {&y}, .n_out = 1};
    const test_call pack = {.in = {&table}, .n_in = 1, .out = {&all}, .n_out = 1};
    char fmts[64];
    setun_kernel_ref ref;

    for (int64_t i = 0; i < M; i++)
        ((int32_t *)token.t.data)[i] = (int32_t)(i == 0 ? VOCAB - 1 : test_below(VOCAB));
    for (int64_t i = 0; i < VOCAB; i++)
        fill_row(format, test_row(&table, i), n, fill);
    (void)snprintf(fmts, sizeof(fmts), "i32,%s>f32", format->fmt);
    cr_assert_gt(test_count_kernels("embedding", fmts), 0, "no embedding %s", fmts);
    for (size_t k = 0; test_next_kernel("embedding", fmts, &k, &ref);) {
        test_run(ref, &embedding);
        for (int64_t i = 0; i < M; i++)
            for (int64_t j = 0; j < n; j++)
                test_same_f32(fmts, ref.kernel->name, i, j, define_block_value(format, test_row(&table, ((int32_t *)token.t.data)[i]), j),
                              ((float *)test_row(&y, i))[j]);
    }
    (void)snprintf(fmts, sizeof(fmts), "%s>f32", format->fmt);
    cr_assert_gt(test_count_kernels("pack", fmts), 0, "no pack %s", fmts);
    for (size_t k = 0; test_next_kernel("pack", fmts, &k, &ref);) {
        test_run(ref, &pack);
        for (int64_t i = 0; i < VOCAB; i++)
            for (int64_t j = 0; j < n; j++)
                test_same_f32(fmts, ref.kernel->name, i, j, define_block_value(format, test_row(&table, i), j), ((float *)test_row(&all, i))[j]);
    }
    test_tensor_free(&token);
    test_tensor_free(&y);
    test_tensor_free(&all);
    test_tensor_free(&table);
}

Test(blocks, embedding_and_pack)
{
    EACH(f, formats)
        for (int64_t b = 1; b <= 5; b++)
            for (int fill = 0; fill < N_FILLS; fill++)
                check_values(formats[f], b * formats[f]->columns, fill);
}

/* A file of tests/golden/blocks of that size; malloc-ed. */
static void *golden(const define_block_format *format, const char *end, size_t n_bytes)
{
    const char *folder = SETUN_SOURCE_DIR "/tests/golden/blocks";
    char path[1000];
    void *data = malloc(n_bytes + 1);
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%.4s.%s", folder, format->fmt, end); /* q8_0, q6_k */
    file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fread(data, 1, n_bytes + 1, file), n_bytes, "%s", path);
    (void)fclose(file);
    return data;
}

/* Written and read by another program: tests/python/blocks.py. */
Test(blocks, gguf_reads_the_same_values)
{
    enum { ROWS = 8, COLUMNS = 512 };

    EACH(f, formats) {
        const size_t row_bytes = (size_t)(COLUMNS / formats[f]->columns * formats[f]->n_bytes);
        uint8_t *blocks = golden(formats[f], "blocks", ROWS * row_bytes);
        float *values = golden(formats[f], "f32", ROWS * COLUMNS * sizeof(float));
        test_tensor w = test_tensor_make(formats[f]->fmt, ROWS, COLUMNS, 1, 1), y = test_tensor_make("f32", ROWS, COLUMNS, 1, 1);
        test_tensor token = test_tensor_make("i32", 1, ROWS, 1, 1);
        const setun_batch batch = {.size = sizeof(batch), .n_rows = ROWS, .token = token.t.data};
        const test_call calls[] = {{.in = {&w}, .n_in = 1, .out = {&y}, .n_out = 1},
                                   {.batch = &batch, .in = {&token, &w}, .n_in = 2, .out = {&y}, .n_out = 1}};
        static const char *const op[] = {"pack", "embedding"}, *const before[] = {"", "i32,"};
        setun_kernel_ref ref;
        char fmts[64];

        for (int i = 0; i < ROWS; i++) {
            memcpy(test_row(&w, i), blocks + (size_t)i * row_bytes, row_bytes);
            ((int32_t *)token.t.data)[i] = i;
        }
        for (int o = 0; o < 2; o++) {
            (void)snprintf(fmts, sizeof(fmts), "%s%s>f32", before[o], formats[f]->fmt);
            cr_assert_gt(test_count_kernels(op[o], fmts), 0);
            for (size_t at = 0; test_next_kernel(op[o], fmts, &at, &ref);) {
                test_run(ref, &calls[o]);
                for (int i = 0; i < ROWS; i++)
                    for (int j = 0; j < COLUMNS; j++)
                        test_same_f32(fmts, ref.kernel->name, i, j, values[i * COLUMNS + j], ((float *)test_row(&y, i))[j]);
            }
        }
        test_tensor_free(&w);
        test_tensor_free(&y);
        test_tensor_free(&token);
        free(blocks);
        free(values);
    }
}

/* ---- activations ---- */

static void fill_activations(float *x, int64_t k, int fill)
{
    for (int64_t j = 0; j < k; j++)
        switch (fill) {
        case 0:
            x[j] = test_uniform() * 10.0f;
            break;
        case 1: /* any, huge ones and subnormals */
            x[j] = test_any_f32();
            break;
        case 2: /* multiples of a half of a step */
            x[j] = j % 32 == 0 ? 127.0f : (float)(test_below(507) - 253) * 0.5f;
            break;
        case 3: /* below the floor */
            x[j] = test_uniform() * 9e-6f;
            break;
        default:
            x[j] = j % 2 ? 0.0f : -0.0f;
            break;
        }
}

Test(blocks, activations_follow_the_definition)
{
    static const int64_t rows[] = {1, 2, 7}, columns[] = {32, 64, 96, 256, 544, 992};

    cr_assert_gt(test_count_kernels("pack", "f32>i8.b32"), 0);
    EACH(r, rows) EACH(c, columns) for (int fill = 0; fill < 5; fill++) {
        const int64_t m = rows[r], k = columns[c], scales_at = (k + 63) / 64 * 64;
        test_tensor x = test_tensor_make("f32", m, k, 1, 1), q = test_tensor_make("i8.b32", m, k, 1, 1);
        const test_call call = {.in = {&x}, .n_in = 1, .out = {&q}, .n_out = 1};
        char *expected = malloc((size_t)q.t.stride_bytes[0]);
        setun_kernel_ref ref;

        for (int64_t i = 0; i < m; i++)
            fill_activations(test_row(&x, i), k, fill);
        for (size_t n = 0; test_next_kernel("pack", "f32>i8.b32", &n, &ref);) {
            test_run(ref, &call);
            for (int64_t i = 0; i < m; i++) {
                memset(expected, 0, (size_t)q.t.stride_bytes[0]);
                for (int64_t b = 0; b < k / 32; b++) {
                    const float scale = define_quantise_block((const float *)test_row(&x, i) + 32 * b, (int8_t *)expected + 32 * b);

                    memcpy(expected + scales_at + 4 * b, &scale, sizeof(scale));
                }
                test_same_bytes("codes, scales, padding", ref.kernel->name, i, expected, test_row(&q, i), (size_t)q.t.stride_bytes[0]);
            }
        }
        free(expected);
        test_tensor_free(&x);
        test_tensor_free(&q);
    }
}

/* ---- quantisers ---- */

/* Two uniform ones make a hump; outliers now and then, and blocks of every size. */
static float like_a_weight(int fill, int64_t row)
{
    switch (fill) {
    case 0:
        return (test_uniform() + test_uniform()) * 0.02f * (test_below(64) == 0 ? 4.0f : 1.0f);
    case 1:
        return test_any_f32();
    case 2: /* subnormal d, and below */
        return ldexpf(test_uniform(), -10 - (int)(row % 40));
    case 3: /* past what f16 can hold */
        return ldexpf(test_uniform(), 16 + (int)(row % 16));
    case 4:
        return test_below(2) == 0 ? 0.0f : -0.0f;
    default: /* whole codes of a power of two: nothing is lost */
        return (float)(test_below(64) - 32) * 0x1p-6f;
    }
}

static void check_quantise(const define_block_format *format, const char *from, int64_t n, int64_t k, int fill)
{
    test_tensor w = test_tensor_make(from, n, k, 1, 1), q = test_tensor_make(format->fmt, n, k, 1, 1);
    const test_call call = {.in = {&w}, .n_in = 1, .out = {&q}, .n_out = 1};
    const size_t row_bytes = (size_t)(k / format->columns * format->n_bytes);
    uint8_t *expected = malloc(row_bytes);
    float *wide = malloc((size_t)(n * k) * sizeof(float));
    char fmts[64];
    setun_kernel_ref ref;

    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < k; j++) {
            const float x = like_a_weight(fill, i);
            uint32_t bits;
            uint16_t half;

            memcpy(&bits, &x, sizeof(bits));
            half = strcmp(from, "bf16") == 0 ? (uint16_t)(bits >> 16) : define_f32_to_f16(fminf(fmaxf(x, -65504.0f), 65504.0f));
            wide[i * k + j] = strcmp(from, "f32") == 0 ? x : strcmp(from, "f16") == 0 ? define_f16_to_f32(half) : define_bf16_to_f32(half);
            memcpy((char *)test_row(&w, i) + j * w.t.stride_bytes[1], w.t.stride_bytes[1] == 4 ? (const void *)&bits : (const void *)&half,
                   (size_t)w.t.stride_bytes[1]);
        }
    (void)snprintf(fmts, sizeof(fmts), "%s>%s", from, format->fmt);
    cr_assert_gt(test_count_kernels("quantise", fmts), 0, "no quantise %s", fmts);
    for (size_t at = 0; test_next_kernel("quantise", fmts, &at, &ref);) {
        test_run(ref, &call);
        for (int64_t i = 0; i < n; i++) {
            for (int64_t b = 0; b < k / format->columns; b++)
                format->quantise(wide + i * k + b * format->columns, expected + b * format->n_bytes);
            test_same_bytes(fmts, ref.kernel->name, i, expected, test_row(&q, i), row_bytes);
        }
    }
    free(expected);
    free(wide);
    test_tensor_free(&w);
    test_tensor_free(&q);
}

Test(blocks, quantisers_follow_the_definition)
{
    static const char *const from[] = {"f32", "f16", "bf16"};

    EACH(f, formats) EACH(t, from) for (int fill = 0; fill < 6; fill++) {
        check_quantise(formats[f], from[t], 41, formats[f]->columns, fill);
        check_quantise(formats[f], from[t], 3, 3 * formats[f]->columns, fill);
    }
}

/* Squared error of a quantised tensor, beside that of a plain one: the part's largest magnitude on the largest code, no search. */
static void measure(const define_block_format *format, double *out_error, double *out_plain, double *out_power)
{
    enum { N = 64, K = 512 };
    test_tensor w = test_tensor_make("f32", N, K, 1, 1), q = test_tensor_make(format->fmt, N, K, 1, 1);
    const test_call call = {.in = {&w}, .n_in = 1, .out = {&q}, .n_out = 1};
    char fmts[64];
    size_t at = 0;
    setun_kernel_ref ref;

    *out_error = *out_plain = *out_power = 0;
    for (int64_t i = 0; i < N; i++)
        for (int64_t j = 0; j < K; j++)
            ((float *)test_row(&w, i))[j] = like_a_weight(0, i);
    (void)snprintf(fmts, sizeof(fmts), "f32>%s", format->fmt);
    cr_assert(test_next_kernel("quantise", fmts, &at, &ref));
    test_run(ref, &call);
    for (int64_t i = 0; i < N; i++)
        for (int64_t j = 0; j < K; j++) {
            const float *row = test_row(&w, i), *part = row + j / 16 * 16;
            const double x = (double)row[j];
            double amax = 0, step;

            for (int c = 0; c < 16; c++)
                amax = fmax(amax, fabs((double)part[c]));
            step = amax / 31;
            *out_error += pow(x - (double)define_block_value(format, test_row(&q, i), j), 2);
            *out_plain += pow(x - step * nearbyint(x / step), 2);
            *out_power += x * x;
        }
    test_tensor_free(&w);
    test_tensor_free(&q);
}

/* Q6_K beats an exact scale for every part without a search, although its own scales are 8 bits; Q8_0 is 16 times finer than 6 bits. */
Test(blocks, quantisers_are_good)
{
    double error, plain, power;

    measure(&define_q6_k, &error, &plain, &power);
    cr_log_info("q6_k: %g of the power, plain %g", error / power, plain / power);
    cr_assert_lt(error, 0.85 * plain, "q6_k: squared error %g, plain %g", error, plain);
    measure(&define_q8_0, &error, &plain, &power);
    cr_assert_lt(error, 0.2 * plain, "q8_0: squared error %g, plain %g", error, plain);
}

/* By hand: one part of the block has values, d is f16(ideal / -128), and the largest value lands on code -32. */
Test(blocks, a_block_by_hand)
{
    test_tensor w = test_tensor_make("f32", 1, 256, 1, 1), q = test_tensor_make("q6_k.b256", 1, 256, 1, 1);
    const test_call call = {.in = {&w}, .n_in = 1, .out = {&q}, .n_out = 1};
    const uint8_t *block = q.t.data;
    setun_kernel_ref ref;

    for (int j = 0; j < 256; j++)
        ((float *)w.t.data)[j] = j >= 240 ? (float)(j - 272) * 0x1p-5f : 0.0f; /* -1, -31/32 .. -17/32 in the last part */
    for (size_t at = 0; test_next_kernel("quantise", "f32>q6_k.b256", &at, &ref);) {
        test_run(ref, &call);
        cr_assert_eq(block[208] | block[209] << 8, 0x8C00, "d %02x%02x, expected -2^-12", block[209], block[208]); /* 2^-5 / -128 */
        cr_assert_eq((int8_t)block[192 + 15], -128);
        for (int l = 0; l < 16; l++) { /* codes 0 .. 15, p = 3: high halves of low[112 ..], bits 6 and 7 of high[48 ..] */
            cr_assert_eq(block[112 + l] >> 4, l, "column %d", 240 + l);
            cr_assert_eq(block[128 + 48 + l] >> 6, 0, "column %d", 240 + l);
        }
        for (int c = 0; c < 240; c++)
            cr_assert_eq(define_q6_k.code(block, c), 0, "column %d", c);
    }
    test_tensor_free(&w);
    test_tensor_free(&q);
}
