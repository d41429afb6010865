/* test_linear.c - quantise, ternary linear, dense linear, absmean and Hugging Face packing, at every edge of m, n and k. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "definition.h"
#include "harness.h"

static const int64_t rows[] = {1, 2, 7, 17}, columns[] = {1, 3, 4, 5, 63, 64, 65, 257};
#define EACH(i, array) for (size_t i = 0; i < sizeof(array) / sizeof((array)[0]); i++)

enum { FILL_RANDOM, FILL_LOW, FILL_ZERO, FILL_HIGH, N_FILLS };

/* A weight of -1, 0, 1. */
static int ternary(int fill)
{
    return fill == FILL_RANDOM ? (int)test_below(3) - 1 : fill - FILL_ZERO;
}

static int code_at(const test_tensor *t, int64_t row, int64_t column)
{
    return ((const uint8_t *)test_row(t, row))[column / 4] >> (2 * (column % 4)) & 3;
}

/* One row of tern2.row, padding included, from weights. */
static void expected_row(const int8_t *weights, int64_t k, uint8_t *out_row, int64_t row_bytes)
{
    for (int64_t i = 0; i < row_bytes; i++) {
        unsigned byte = 0;

        for (int64_t j = 0; j < 4; j++)
            byte |= (4 * i + j < k ? (unsigned)(weights[4 * i + j] + 1) : 1u) << (2 * j);
        out_row[i] = (uint8_t)byte;
    }
}

/* ---- quantise ---- */

static void check_quantise(int64_t m, int64_t k, void (*fill)(float *x, int64_t k))
{
    test_tensor x = test_tensor_make("f32", m, k, 1, 1), q = test_tensor_make("i8.row", m, k, 1, 1), s = test_tensor_make("f32", 1, m, 1, 1);
    const test_call call = {.in = {&x}, .n_in = 1, .out = {&q, &s}, .n_out = 2};
    int8_t *expected = calloc((size_t)q.t.stride_bytes[0], 1);
    setun_kernel_ref ref;

    for (int64_t i = 0; i < m; i++)
        fill(test_row(&x, i), k);
    cr_assert_gt(test_count_kernels("pack", "f32>i8.row+f32"), 0);
    for (size_t n = 0; test_next_kernel("pack", "f32>i8.row+f32", &n, &ref);) {
        test_run(ref, &call);
        for (int64_t i = 0; i < m; i++) {
            test_same_f32("scale", ref.kernel->name, i, 0, define_quantise(test_row(&x, i), k, expected), ((float *)s.t.data)[i]);
            test_same_bytes("codes and zero padding", ref.kernel->name, i, expected, test_row(&q, i), (size_t)q.t.stride_bytes[0]);
        }
    }
    free(expected);
    test_tensor_free(&x);
    test_tensor_free(&q);
    test_tensor_free(&s);
}

static void fill_uniform(float *x, int64_t k)
{
    for (int64_t i = 0; i < k; i++)
        x[i] = test_uniform() * 10.0f;
}

static void fill_zero(float *x, int64_t k)
{
    for (int64_t i = 0; i < k; i++)
        x[i] = i % 2 ? 0.0f : -0.0f;
}

static void fill_constant(float *x, int64_t k)
{
    for (int64_t i = 0; i < k; i++)
        x[i] = -3.0f;
}

static void fill_below_floor(float *x, int64_t k)
{
    for (int64_t i = 0; i < k; i++)
        x[i] = test_uniform() * 9e-6f;
}

static void fill_subnormal(float *x, int64_t k)
{
    for (int64_t i = 0; i < k; i++)
        x[i] = test_uniform() * 0x1p-127f;
}

/* Multiples of a half of a step: rint must go to the even neighbour. */
static void fill_halves(float *x, int64_t k)
{
    for (int64_t i = 0; i < k; i++)
        x[i] = (float)(test_below(507) - 253) * 0.5f;
    x[0] = 127.0f;
}

static void fill_any(float *x, int64_t k)
{
    for (int64_t i = 0; i < k; i++)
        x[i] = test_any_f32();
}

Test(quantise, follows_the_definition)
{
    static void (*const fill[])(float *, int64_t) = {fill_uniform,   fill_zero,   fill_constant, fill_below_floor,
                                                     fill_subnormal, fill_halves, fill_any};

    EACH(i, rows) EACH(j, columns) EACH(f, fill)
        check_quantise(rows[i], columns[j], fill[f]);
}

/* By hand: amax 2, s = 63.5. */
Test(quantise, known_values)
{
    static const float x[8] = {2.0f, -2.0f, 1.0f, -1.0f, 0.0f, 0.011f, 0.0078740157f, 0.5f};
    static const int8_t expected[8] = {127, -127, 64, -64, 0, 1, 0, 32}; /* 63.5 -> 64, -63.5 -> -64, 0.6985 -> 1, 0.5 -> 0, 31.75 -> 32 */
    test_tensor in = test_tensor_make("f32", 1, 8, 1, 1), q = test_tensor_make("i8.row", 1, 8, 1, 1), s = test_tensor_make("f32", 1, 1, 1, 1);
    const test_call call = {.in = {&in}, .n_in = 1, .out = {&q, &s}, .n_out = 2};
    setun_kernel_ref ref;

    memcpy(in.t.data, x, sizeof(x));
    for (size_t n = 0; test_next_kernel("pack", "f32>i8.row+f32", &n, &ref);) {
        test_run(ref, &call);
        test_same_f32("scale", ref.kernel->name, 0, 0, 63.5f, *(float *)s.t.data);
        test_same_bytes("codes", ref.kernel->name, 0, expected, q.t.data, sizeof(expected));
    }
    test_tensor_free(&in);
    test_tensor_free(&q);
    test_tensor_free(&s);
}

/* ---- ternary linear ---- */

/* Blocks of 16 rows by 16 columns, by the address that formats.md gives; every byte of the tensor is written. */
static void expected_blocks(const int8_t *weights, int64_t n, int64_t k, uint8_t *out_blocks)
{
    const int64_t across = (k + 15) / 16;

    for (int64_t i = 0; i < (n + 15) / 16 * 16; i++)
        for (int64_t c = 0; c < across * 16; c++) {
            const int64_t g = i / 16, r = i % 16, b = c / 16, p = c % 16 / 4, e = c % 4;
            uint8_t *byte = out_blocks + (g * across + b) * 64 + 4 * r + e;
            const unsigned code = i < n && c < k ? (unsigned)(weights[i * k + c] + 1) : 1u;

            *byte = (uint8_t)((*byte & ~(3u << (2 * p))) | code << (2 * p));
        }
}

/* Blocks of 16 rows by 96 columns, bit by bit as the table of formats.md has them. */
static void expected_blocks5(const int8_t *weights, int64_t n, int64_t k, uint8_t *out_blocks)
{
    /* Bit i of code s: its line, and its bit there. */
    static const struct {
        int line, bit;
    } place[8][5] = {{{0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}}, {{1, 0}, {1, 1}, {1, 2}, {1, 3}, {1, 4}}, {{2, 0}, {2, 1}, {2, 2}, {2, 3}, {2, 4}},
                     {{3, 0}, {3, 1}, {3, 2}, {3, 3}, {3, 4}}, {{4, 0}, {4, 1}, {4, 2}, {4, 3}, {4, 4}}, {{0, 5}, {0, 6}, {0, 7}, {1, 5}, {1, 6}},
                     {{2, 5}, {2, 6}, {2, 7}, {3, 5}, {3, 6}}, {{4, 5}, {4, 6}, {4, 7}, {1, 7}, {3, 7}}};
    const int64_t across = (k + 95) / 96, n_bytes = (n + 15) / 16 * across * 320;

    memset(out_blocks, 0, (size_t)n_bytes);
    for (int64_t i = 0; i < (n + 15) / 16 * 16; i++)
        for (int64_t b = 0; b < across; b++)
            for (int64_t s = 0; s < 8; s++)
                for (int64_t e = 0; e < 4; e++) {
                    unsigned x = 0;

                    for (int64_t p = 0, power = 1; p < 3; p++, power *= 3) {
                        const int64_t c = 96 * b + 12 * s + 4 * p + e;

                        x += (unsigned)power * (i < n && c < k ? (unsigned)(weights[i * k + c] + 1) : 1u);
                    }
                    for (int bit = 0; bit < 5; bit++)
                        out_blocks[(i / 16 * across + b) * 320 + 64 * place[s][bit].line + 4 * (i % 16) + e] |=
                            (uint8_t)((x >> bit & 1) << place[s][bit].bit);
                }
}

static void fill_ternary(test_tensor *t, const int8_t *weights, int64_t n, int64_t k)
{
    if (strcmp(t->t.fmt, "tern2.row") == 0)
        for (int64_t i = 0; i < n; i++)
            expected_row(weights + i * k, k, test_row(t, i), t->t.stride_bytes[0]);
    else
        (strcmp(t->t.fmt, "tern5.r16k96") == 0 ? expected_blocks5 : expected_blocks)(weights, n, k, t->t.data);
}

/* q_fill: random, or all of one extreme: -128, 127, or +-127 in the weights' own sign pattern. */
static void check_ternary_in(const char *fmt, const char *fmts, int64_t m, int64_t n, int64_t k, int w_fill, int q_fill)
{
    test_tensor q = test_tensor_make("i8.row", m, k, 1, 1), s = test_tensor_make("f32", 1, m, 1, 1);
    test_tensor t = test_tensor_make(fmt, n, k, 1, 1), ws = test_tensor_make("f32", 1, n, 1, 1);
    test_tensor y = test_tensor_make("f32", m, n, 1, 1);
    const test_call call = {.in = {&q, &s, &t, &ws}, .n_in = 4, .out = {&y}, .n_out = 1};
    int8_t *weights = calloc((size_t)(n * k), 1);
    setun_kernel_ref ref;

    memset(q.t.data, 0, q.memory.n_bytes);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < k; j++)
            weights[i * k + j] = (int8_t)ternary(w_fill);
        ((float *)ws.t.data)[i] = test_uniform() + 1.5f;
    }
    fill_ternary(&t, weights, n, k);
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < k; j++)
            ((int8_t *)test_row(&q, i))[j] = (int8_t)(q_fill == 0   ? test_below(256) - 128
                                                      : q_fill == 1 ? -128
                                                      : q_fill == 2 ? 127
                                                                    : 127 * weights[j]);
        ((float *)s.t.data)[i] = 127.0f / (test_uniform() + 1.5f);
    }
    cr_assert_gt(test_count_kernels("linear", fmts), 0);
    for (size_t r = 0; test_next_kernel("linear", fmts, &r, &ref);) {
        test_run(ref, &call);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                int64_t d = 0;
                float factor;

                for (int64_t c = 0; c < k; c++)
                    d += (int64_t)weights[j * k + c] * ((int8_t *)test_row(&q, i))[c];
                factor = ((float *)ws.t.data)[j] / ((float *)s.t.data)[i];
                test_same_f32("ternary", ref.kernel->name, i, j, (float)d * factor, ((float *)test_row(&y, i))[j]);
            }
    }
    free(weights);
    test_tensor_free(&q);
    test_tensor_free(&s);
    test_tensor_free(&t);
    test_tensor_free(&ws);
    test_tensor_free(&y);
}

static void check_ternary(int64_t m, int64_t n, int64_t k, int w_fill, int q_fill)
{
    check_ternary_in("tern2.row", "i8.row+f32,tern2.row+f32>f32", m, n, k, w_fill, q_fill);
    if (test_count_kernels("linear", "i8.row+f32,tern2.r16k16+f32>f32") > 0) /* not the scalar backend's */
        check_ternary_in("tern2.r16k16", "i8.row+f32,tern2.r16k16+f32>f32", m, n, k, w_fill, q_fill);
    if (test_count_kernels("linear", "i8.row+f32,tern5.r16k96+f32>f32") > 0)
        check_ternary_in("tern5.r16k96", "i8.row+f32,tern5.r16k96+f32>f32", m, n, k, w_fill, q_fill);
}

Test(ternary_linear, follows_the_definition)
{
    EACH(i, rows) EACH(j, columns) EACH(k, columns)
        check_ternary(rows[i], columns[j], columns[k], FILL_RANDOM, 0);
}

Test(ternary_linear, extremes)
{
    EACH(k, columns)
        for (int w_fill = 0; w_fill < N_FILLS; w_fill++)
            for (int q_fill = 0; q_fill < 4; q_fill++)
                check_ternary(2, 5, columns[k], w_fill, q_fill);
}

/* Where blocks of 96 columns begin and end, and of more rows than one. */
Test(ternary_linear, around_whole_blocks)
{
    static const int64_t widths[] = {11, 12, 13, 83, 84, 95, 96, 97, 108, 128, 191, 192, 193, 288};

    EACH(i, rows) EACH(k, widths)
        check_ternary(rows[i], 33, widths[k], FILL_RANDOM, (int)(k % 2) * 3);
}

/* The shapes of 2B4T's rows: sums far beyond 16 bits. */
Test(ternary_linear, long_rows)
{
    for (int w_fill = 0; w_fill < N_FILLS; w_fill++)
        for (int q_fill = 0; q_fill < 4; q_fill++) {
            check_ternary(1, 3, 2560, w_fill, q_fill);
            check_ternary(2, 3, 6912, w_fill, q_fill);
        }
}

/* A kernel accepts its own k_max and declines one more. */
Test(ternary_linear, a_row_whose_sum_could_overflow_is_declined)
{
    setun_kernel_ref ref;

    for (size_t r = 0; test_next_kernel("linear", "i8.row+f32,tern2.row+f32>f32", &r, &ref);) {
        const int64_t k = ref.kernel->k_max;

        cr_assert_gt(ref.kernel->acc_bits, 0, "%s does not state its accumulator", ref.kernel->name);
        cr_assert(k > 0 && (ref.kernel->acc_bits >= 64 || 128 * k <= INT64_MAX >> (64 - ref.kernel->acc_bits)), "%s: k_max %lld",
                  ref.kernel->name, (long long)k);
        for (int64_t beyond = 0; beyond <= 1; beyond++) {
            test_tensor q = {.t = {.dim = {1, k + beyond, 1, 1}}}, t = {.t = {.dim = {1, k + beyond, 1, 1}}};
            test_tensor vector = {.t = {.dim = {1, 1, 1, 1}}};
            const test_call call = {.in = {&q, &vector, &t, &vector}, .n_in = 4, .out = {&vector}, .n_out = 1};
            char why[100] = "";

            cr_assert_eq(test_plan(ref, &call, why, sizeof(why)), beyond ? SETUN_ERR_UNSUPPORTED : SETUN_OK, "%s: %s", ref.kernel->name, why);
            cr_assert_eq(why[0] != '\0', beyond == 1);
        }
    }
}

/* ---- dense linear ---- */

static void check_dense(const char *fmt, const char *fmts, size_t size, int64_t m, int64_t n, int64_t k, bool as_in_file, bool subnormal)
{
    const float scale = subnormal ? 0x1p-70f : 1.0f;
    test_tensor x = test_tensor_make("f32", m, k, 1, 1), y = test_tensor_make("f32", m, n, 1, 1);
    test_tensor w = as_in_file ? test_tensor_as_in_file(fmt, n, k, size) : test_tensor_make(fmt, n, k, 1, 1);
    const test_call call = {.in = {&x, &w}, .n_in = 2, .out = {&y}, .n_out = 1};
    float *wide = calloc((size_t)(n * k), sizeof(float));
    setun_kernel_ref ref;

    test_fill_f32(&x, scale);
    for (int64_t i = 0; i < n * k; i++) {
        float value = test_uniform() * scale;
        uint32_t bits;
        uint16_t half;

        memcpy(&bits, &value, sizeof(bits));
        half = strcmp(fmt, "f16") == 0 ? define_f32_to_f16(value) : (uint16_t)(bits >> 16);
        wide[i] = size == 4 ? value : strcmp(fmt, "f16") == 0 ? define_f16_to_f32(half) : define_bf16_to_f32(half);
        memcpy((char *)test_row(&w, i / k) + (size_t)(i % k) * size, size == 4 ? (const void *)&value : (const void *)&half, size);
    }
    cr_assert_gt(test_count_kernels("linear", fmts), 0, "no linear %s", fmts);
    for (size_t r = 0; test_next_kernel("linear", fmts, &r, &ref);) {
        test_run(ref, &call);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++)
                test_same_f32(fmts, ref.kernel->name, i, j, define_dot(test_row(&x, i), wide + j * k, k), ((float *)test_row(&y, i))[j]);
    }
    free(wide);
    test_tensor_free(&x);
    test_tensor_free(&w);
    test_tensor_free(&y);
}

Test(dense_linear, follows_the_definition)
{
    EACH(i, rows) EACH(j, columns) EACH(k, columns)
        for (int variant = 0; variant < 2; variant++) {
            check_dense("f32", "f32,f32>f32", 4, rows[i], columns[j], columns[k], variant == 1, false);
            check_dense("f16", "f32,f16>f32", 2, rows[i], columns[j], columns[k], variant == 1, false);
            check_dense("bf16", "f32,bf16>f32", 2, rows[i], columns[j], columns[k], variant == 1, false);
        }
}

/* Products below 2^-126: nothing may be flushed to zero, and a lane may end as -0. */
Test(dense_linear, subnormal_products)
{
    EACH(k, columns) {
        check_dense("f32", "f32,f32>f32", 4, 2, 5, columns[k], false, true);
        check_dense("bf16", "f32,bf16>f32", 2, 2, 5, columns[k], false, true);
    }
}

/* c + a * b, a * b being half of c's last place or 2^-46 of that more or less: an fma that rounds twice goes the wrong way. Lane 0 gets c
 * and a * b, the others stay zero. */
Test(dense_linear, sums_just_beside_ties)
{
    static const int64_t ks[] = {17, 32, 33};

    EACH(i, ks) {
        enum { M = 64, N = 9 };
        const int64_t k = ks[i];
        test_tensor x = test_tensor_make("f32", M, k, 1, 1), w = test_tensor_make("f32", N, k, 1, 1), y = test_tensor_make("f32", M, N, 1, 1);
        const test_call call = {.in = {&x, &w}, .n_in = 2, .out = {&y}, .n_out = 1};
        setun_kernel_ref ref;

        test_fill_f32(&x, 0.0f);
        test_fill_f32(&w, 0.0f);
        for (int64_t j = 0; j < N; j++) { /* b = 1 or beside it, both signs */
            ((float *)test_row(&w, j))[0] = 1.0f;
            ((float *)test_row(&w, j))[16] = (j < 5 ? 1.0f : -1.0f) * (1.0f + (float)(j % 5 - 2) * 0x1p-23f);
        }
        for (int64_t r = 0; r < M; r++) {
            const int exponent = (int)test_below(200) - 100;

            ((float *)test_row(&x, r))[0] = ldexpf(1.0f + (float)test_below(1 << 23) * 0x1p-23f, exponent);
            ((float *)test_row(&x, r))[16] = ldexpf(1.0f + (float)(r % 5 - 2) * 0x1p-23f, exponent - 24);
        }
        for (size_t n = 0; test_next_kernel("linear", "f32,f32>f32", &n, &ref);) {
            test_run(ref, &call);
            for (int64_t r = 0; r < M; r++)
                for (int64_t j = 0; j < N; j++)
                    test_same_f32("ties", ref.kernel->name, r, j, define_dot(test_row(&x, r), test_row(&w, j), k), ((float *)test_row(&y, r))[j]);
        }
        test_tensor_free(&x);
        test_tensor_free(&w);
        test_tensor_free(&y);
    }
}

/* ---- absmean ---- */

static void check_absmean(const char *fmt, const char *fmts, size_t size, int64_t n, int64_t k, float scale)
{
    test_tensor w = test_tensor_as_in_file(fmt, n, k, size), t = test_tensor_make("tern2.row", n, k, 1, 1);
    test_tensor s = test_tensor_make("f32", 1, n, 1, 1);
    const test_call call = {.in = {&w}, .n_in = 1, .out = {&t, &s}, .n_out = 2};
    float *wide = calloc((size_t)(n * k), sizeof(float));
    int8_t *codes = calloc((size_t)(n * k), 1);
    uint8_t *row = calloc((size_t)t.t.stride_bytes[0], 1);
    setun_kernel_ref ref;
    float m;

    for (int64_t i = 0; i < n * k; i++) {
        const float value = test_uniform() * scale;
        uint32_t bits;
        uint16_t half;

        memcpy(&bits, &value, sizeof(bits));
        half = strcmp(fmt, "f16") == 0 ? define_f32_to_f16(value) : (uint16_t)(bits >> 16);
        wide[i] = size == 4 ? value : strcmp(fmt, "f16") == 0 ? define_f16_to_f32(half) : define_bf16_to_f32(half);
        memcpy((char *)w.t.data + (size_t)i * size, size == 4 ? (const void *)&value : (const void *)&half, size);
    }
    m = define_absmean(wide, n, k, codes);
    cr_assert_gt(test_count_kernels("ternarise", fmts), 0, "no ternarise %s", fmts);
    for (size_t r = 0; test_next_kernel("ternarise", fmts, &r, &ref);) {
        test_run(ref, &call);
        for (int64_t i = 0; i < n; i++) {
            expected_row(codes + i * k, k, row, t.t.stride_bytes[0]);
            test_same_bytes(fmts, ref.kernel->name, i, row, test_row(&t, i), (size_t)t.t.stride_bytes[0]);
            test_same_f32("scale", ref.kernel->name, i, 0, m, ((float *)s.t.data)[i]);
        }
    }
    free(wide);
    free(codes);
    free(row);
    test_tensor_free(&w);
    test_tensor_free(&t);
    test_tensor_free(&s);
}

Test(absmean, follows_the_definition)
{
    static const float scales[] = {0.05f, 1.0f, 0.0f, 1e-6f};

    EACH(i, columns) EACH(j, columns) EACH(s, scales) {
        check_absmean("bf16", "bf16>tern2.row+f32", 2, columns[i], columns[j], scales[s]);
        check_absmean("f16", "f16>tern2.row+f32", 2, columns[i], columns[j], scales[s]);
        check_absmean("f32", "f32>tern2.row+f32", 4, columns[i], columns[j], scales[s]);
    }
}

/* ---- Hugging Face packing ---- */

Test(tern2_hf, every_weight_finds_its_place)
{
    EACH(i, columns) EACH(j, columns) {
        const int64_t n = 4 * columns[i], k = columns[j];
        test_tensor hf = test_tensor_make("tern2.hf", n, k, 1, 1), s_in = test_tensor_make("f32", 1, n, 1, 1);
        test_tensor t = test_tensor_make("tern2.row", n, k, 1, 1), s_out = test_tensor_make("f32", 1, n, 1, 1);
        const test_call call = {.in = {&hf, &s_in}, .n_in = 2, .out = {&t, &s_out}, .n_out = 2};
        setun_kernel_ref ref;

        test_fill_f32(&s_in, 1.0f);
        for (int64_t b = 0; b < n / 4 * k; b++)
            ((uint8_t *)hf.t.data)[b] = (uint8_t)(test_below(3) | test_below(3) << 2 | test_below(3) << 4 | test_below(3) << 6);
        cr_assert_gt(test_count_kernels("pack", "tern2.hf+f32>tern2.row+f32"), 0);
        for (size_t r = 0; test_next_kernel("pack", "tern2.hf+f32>tern2.row+f32", &r, &ref);) {
            test_run(ref, &call);
            /* formats.md: T[q * P + p][c] = (byte[p][c] >> 2q) & 3 */
            for (int64_t q = 0; q < 4; q++)
                for (int64_t p = 0; p < n / 4; p++)
                    for (int64_t c = 0; c < k; c++)
                        cr_assert_eq(code_at(&t, q * (n / 4) + p, c), ((uint8_t *)hf.t.data)[p * k + c] >> (2 * q) & 3);
            for (int64_t row = 0; row < n; row++) {
                for (int64_t c = k; c < 4 * t.t.stride_bytes[0]; c++)
                    cr_assert_eq(code_at(&t, row, c), 1, "padding of row %lld", (long long)row);
                test_same_f32("scale", ref.kernel->name, 0, row, ((float *)s_in.t.data)[row], ((float *)s_out.t.data)[row]);
            }
        }
        test_tensor_free(&hf);
        test_tensor_free(&s_in);
        test_tensor_free(&t);
        test_tensor_free(&s_out);
    }
}

/* ---- blocks of 16 rows by 16 columns ---- */

/* One way into or out of a packing: in and out are the same weights in two layouts. */
static void check_pack(const char *from, const char *to, test_tensor *in, test_tensor *out, int64_t n)
{
    test_tensor s_in = test_tensor_make("f32", 1, n, 1, 1), s_out = test_tensor_make("f32", 1, n, 1, 1);
    const test_call call = {.in = {in, &s_in}, .n_in = 2, .out = {out, &s_out}, .n_out = 2};
    uint8_t *expected = malloc(out->memory.n_bytes);
    char fmts[64];
    setun_kernel_ref ref;

    memcpy(expected, out->t.data, out->memory.n_bytes);
    test_fill_f32(&s_in, 1.0f);
    (void)snprintf(fmts, sizeof(fmts), "%s+f32>%s+f32", from, to);
    cr_assert_gt(test_count_kernels("pack", fmts), 0, "no pack %s", fmts);
    for (size_t r = 0; test_next_kernel("pack", fmts, &r, &ref);) {
        test_run(ref, &call);
        test_same_bytes(fmts, ref.kernel->name, 0, expected, out->t.data, out->memory.n_bytes);
        test_same_bytes("scales", ref.kernel->name, 0, s_in.t.data, s_out.t.data, (size_t)n * sizeof(float));
    }
    free(expected);
    test_tensor_free(&s_in);
    test_tensor_free(&s_out);
}

Test(tern2_r16k16, every_weight_finds_its_place)
{
    static const int64_t heights[] = {4, 12, 16, 20, 64, 68}, widths[] = {1, 3, 4, 15, 16, 17, 63, 64, 65, 257};

    EACH(i, heights) EACH(j, widths) {
        const int64_t n = heights[i], k = widths[j];
        test_tensor rows16 = test_tensor_make("tern2.r16k16", n, k, 1, 1), row = test_tensor_make("tern2.row", n, k, 1, 1);
        test_tensor hf = test_tensor_make("tern2.hf", n, k, 1, 1);
        int8_t *weights = malloc((size_t)(n * k));

        for (int64_t c = 0; c < n * k; c++)
            weights[c] = (int8_t)(test_below(3) - 1);
        fill_ternary(&rows16, weights, n, k);
        fill_ternary(&row, weights, n, k);
        memset(hf.t.data, 0, hf.memory.n_bytes);
        for (int64_t c = 0; c < n * k; c++)
            ((uint8_t *)hf.t.data)[c % (n / 4 * k)] |= (uint8_t)((unsigned)(weights[c] + 1) << (2 * (c / (n / 4 * k))));
        check_pack("tern2.row", "tern2.r16k16", &row, &rows16, n);
        check_pack("tern2.r16k16", "tern2.row", &rows16, &row, n);
        check_pack("tern2.hf", "tern2.r16k16", &hf, &rows16, n);
        free(weights);
        test_tensor_free(&rows16);
        test_tensor_free(&row);
        test_tensor_free(&hf);
    }
}

Test(tern5_r16k96, every_weight_finds_its_place)
{
    static const int64_t heights[] = {1, 12, 16, 17, 48, 68}, widths[] = {1, 4, 11, 12, 13, 60, 61, 84, 95, 96, 97, 191, 192, 193, 767, 768, 769, 800};

    EACH(i, heights) EACH(j, widths) {
        const int64_t n = heights[i], k = widths[j];
        test_tensor blocks = test_tensor_make("tern5.r16k96", n, k, 1, 1), row = test_tensor_make("tern2.row", n, k, 1, 1);
        int8_t *weights = malloc((size_t)(n * k));

        for (int64_t c = 0; c < n * k; c++)
            weights[c] = (int8_t)(test_below(3) - 1);
        fill_ternary(&blocks, weights, n, k);
        fill_ternary(&row, weights, n, k);
        check_pack("tern2.row", "tern5.r16k96", &row, &blocks, n);
        check_pack("tern5.r16k96", "tern2.row", &blocks, &row, n);
        free(weights);
        test_tensor_free(&blocks);
        test_tensor_free(&row);
    }
}
