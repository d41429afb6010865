/* test_rows.c - ops that work row by row: output_rows, top_k, add, mul, relu2, silu, rms_norm, rope. */
#include <math.h>
#include <string.h>

#include "definition.h"
#include "harness.h"

static const int64_t rows[] = {1, 2, 7, 17}, columns[] = {1, 3, 4, 5, 63, 64, 65, 257};
#define EACH(i, array) for (size_t i = 0; i < sizeof(array) / sizeof((array)[0]); i++)

static float f32_at(const test_tensor *tensor, int64_t row, int64_t column)
{
    return ((const float *)test_row(tensor, row))[column];
}

/* ---- add, mul, relu2, silu ---- */

static float define_add(float a, float b)
{
    return a + b;
}

static float define_mul(float a, float b)
{
    return a * b;
}

static float define_relu2(float x, float unused)
{
    (void)unused;
    return x > 0.0f ? x * x : 0.0f;
}

static float define_silu(float x, float unused)
{
    const float denominator = 1.0f + define_exp(-x);

    (void)unused;
    return x / denominator;
}

static void check_each(const char *op, uint32_t n_in, float (*define)(float, float), int64_t m, int64_t n, float scale)
{
    const char *fmts = n_in == 2 ? "f32,f32>f32" : "f32>f32";
    test_tensor a = test_tensor_make("f32", m, n, 1, 1), b = test_tensor_make("f32", m, n, 1, 1), y = test_tensor_make("f32", m, n, 1, 1);
    const test_call call = {.in = {&a, &b}, .n_in = n_in, .out = {&y}, .n_out = 1};
    setun_kernel_ref ref;

    test_fill_f32(&a, scale);
    test_fill_f32(&b, scale);
    for (int64_t i = 0; i < m; i++) { /* signed zeros, subnormals, any exponent */
        float *row = test_row(&a, i);

        row[0] = i % 2 ? -0.0f : 0x1p-140f;
        row[n / 2] = test_any_f32();
        row[n - 1] = i % 3 ? row[n - 1] : -row[n - 1];
    }
    cr_assert_gt(test_count_kernels(op, fmts), 0, "no %s", op);
    for (size_t k = 0; test_next_kernel(op, fmts, &k, &ref);) {
        test_run(ref, &call);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++)
                test_same_f32(op, ref.kernel->name, i, j, define(f32_at(&a, i, j), f32_at(&b, i, j)), f32_at(&y, i, j));
    }
    test_tensor_free(&a);
    test_tensor_free(&b);
    test_tensor_free(&y);
}

Test(rows, elementwise)
{
    static const float scales[] = {1.0f, 100.0f, 0x1p-100f};

    EACH(i, rows) EACH(j, columns) EACH(s, scales) {
        check_each("add", 2, define_add, rows[i], columns[j], scales[s]);
        check_each("mul", 2, define_mul, rows[i], columns[j], scales[s]);
        check_each("relu2", 1, define_relu2, rows[i], columns[j], scales[s]);
        check_each("silu", 1, define_silu, rows[i], columns[j], scales[s]);
    }
}

/* ---- output_rows ---- */

Test(rows, output_rows)
{
    EACH(i, rows) EACH(j, columns) {
        const int64_t m = rows[i], n = columns[j], n_out = (m + 1) / 2;
        test_tensor x = test_tensor_make("f32", m, n, 1, 1), y = test_tensor_make("f32", n_out, n, 1, 1);
        int32_t out_row[17];
        const setun_batch batch = {.size = sizeof(batch), .n_rows = m, .n_out_rows = n_out, .out_row = out_row};
        const test_call call = {.batch = &batch, .in = {&x}, .n_in = 1, .out = {&y}, .n_out = 1};
        setun_kernel_ref ref;

        test_fill_f32(&x, 1.0f);
        for (int64_t o = 0; o < n_out; o++)
            out_row[o] = (int32_t)(m - 1 - 2 * (n_out - 1 - o));
        cr_assert_gt(test_count_kernels("output_rows", "f32>f32"), 0);
        for (size_t k = 0; test_next_kernel("output_rows", "f32>f32", &k, &ref);) {
            test_run(ref, &call);
            for (int64_t o = 0; o < n_out; o++)
                test_same_bytes("output_rows", ref.kernel->name, o, test_row(&x, out_row[o]), test_row(&y, o), (size_t)n * sizeof(float));
        }
        test_tensor_free(&x);
        test_tensor_free(&y);
    }
}

/* ---- top_k ---- */

/* Column a of the row comes before b: by counting, not by a heap. */
static bool comes_before(const float *x, int64_t a, int64_t b)
{
    const float va = isnan(x[a]) ? -INFINITY : x[a], vb = isnan(x[b]) ? -INFINITY : x[b];

    return va > vb || (va == vb && a < b);
}

static void check_top_k(int64_t m, int64_t n, int64_t k, int kinds)
{
    static const float special[] = {-0.0f, 0.0f, NAN, INFINITY, -INFINITY};
    test_tensor x = test_tensor_make("f32", m, n, 1, 1), id = test_tensor_make("i32", m, k, 1, 1);
    const test_call call = {.in = {&x}, .n_in = 1, .out = {&id}, .n_out = 1};
    setun_kernel_ref ref;

    test_fill_f32(&x, 1.0f);
    for (int64_t i = 0; i < m; i++) {
        float *row = test_row(&x, i);

        for (int64_t j = 0; j < n && kinds == 1; j++) /* many are equal */
            row[j] = roundf(8 * row[j]);
        for (int64_t j = i % 3; j < n && kinds == 2; j += 3)
            row[j] = special[(i + j) % 5];
    }
    cr_assert_gt(test_count_kernels("top_k", "f32>i32"), 0);
    for (size_t at = 0; test_next_kernel("top_k", "f32>i32", &at, &ref);) {
        test_run(ref, &call);
        for (int64_t i = 0; i < m; i++) {
            const float *row = test_row(&x, i);
            const int32_t *found = test_row(&id, i);

            for (int64_t r = 0; r < k; r++) { /* exactly r others come before the one at place r */
                int64_t n_before = 0;

                cr_assert(found[r] >= 0 && found[r] < n, "%s: row %lld, place %lld: %d", ref.kernel->name, (long long)i, (long long)r, found[r]);
                for (int64_t j = 0; j < n; j++)
                    n_before += comes_before(row, j, found[r]);
                cr_assert_eq(n_before, r, "%s: %lld of %lld, row %lld: column %d is at place %lld, expected %lld", ref.kernel->name, (long long)k,
                             (long long)n, (long long)i, found[r], (long long)r, (long long)n_before);
            }
        }
    }
    test_tensor_free(&x);
    test_tensor_free(&id);
}

Test(rows, top_k)
{
    static const int64_t wanted[] = {1, 2, 3, 40, 257};

    for (int kinds = 0; kinds < 3; kinds++) {
        EACH(i, rows) EACH(j, columns) EACH(w, wanted) {
            if (wanted[w] <= columns[j])
                check_top_k(rows[i], columns[j], wanted[w], kinds);
        }
        check_top_k(1, 5003, 1, kinds);
        check_top_k(2, 5003, 64, kinds);
    }
}

/* ---- rms_norm ---- */

enum { FILL_UNIFORM, FILL_ZERO, FILL_CONSTANT, FILL_SUBNORMAL, N_FILLS };

static void check_norm(int64_t m, int64_t n, int64_t groups, float eps, float offset, int fill)
{
    test_tensor x = test_tensor_make("f32", m, n, 1, 1), w = test_tensor_make("f32", 1, n, 1, 1), y = test_tensor_make("f32", m, n, 1, 1);
    const setun_attr_rms_norm attr = {.size = sizeof(attr), .eps = eps, .groups = groups, .weight_offset = offset};
    const test_call call = {.attr = &attr, .in = {&x, &w}, .n_in = 2, .out = {&y}, .n_out = 1};
    float expected[600];
    setun_kernel_ref ref;

    test_fill_f32(&x, fill == FILL_SUBNORMAL ? 0x1p-130f : fill == FILL_ZERO ? 0.0f : 3.0f);
    test_fill_f32(&w, 1.0f);
    ((float *)w.t.data)[0] = -0.0f; /* without an offset nothing may be added: -0 + 0 would be +0 */
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            if (fill == FILL_CONSTANT)
                ((float *)test_row(&x, i))[j] = -0.7f;
    cr_assert_gt(test_count_kernels("rms_norm", "f32,f32>f32"), 0);
    for (size_t k = 0; test_next_kernel("rms_norm", "f32,f32>f32", &k, &ref);) {
        test_run(ref, &call);
        for (int64_t i = 0; i < m; i++) {
            define_rms_norm(test_row(&x, i), w.t.data, n, groups, eps, offset, expected);
            for (int64_t j = 0; j < n; j++)
                test_same_f32("rms_norm", ref.kernel->name, i, j, expected[j], f32_at(&y, i, j));
        }
    }
    test_tensor_free(&x);
    test_tensor_free(&w);
    test_tensor_free(&y);
}

Test(rows, rms_norm)
{
    EACH(i, rows) EACH(j, columns)
        for (int fill = 0; fill < N_FILLS; fill++) {
            check_norm(rows[i], columns[j], 1, 1e-5f, 0.0f, fill);
            check_norm(rows[i], columns[j], 1, 1e-6f, 1.0f, fill);
            check_norm(rows[i], 2 * columns[j], 2, 1e-5f, 0.0f, fill);
            check_norm(rows[i], columns[j], columns[j], 1e-5f, 0.25f, fill);
        }
    check_norm(3, 5 * 96, 5, 1e-5f, 0.0f, FILL_UNIFORM);
}

Test(rows, rms_norm_declines_groups_that_do_not_divide)
{
    static const int64_t groups[] = {0, -1, 3};
    test_tensor x = test_tensor_make("f32", 1, 64, 1, 1);
    setun_attr_rms_norm attr = {.size = sizeof(attr), .eps = 1e-5f};
    const test_call call = {.attr = &attr, .in = {&x, &x}, .n_in = 2, .out = {&x}, .n_out = 1};
    setun_kernel_ref ref;

    EACH(g, groups)
        for (size_t k = 0; test_next_kernel("rms_norm", "f32,f32>f32", &k, &ref);) {
            char why[100] = "";

            attr.groups = groups[g];
            cr_assert_eq(test_plan(ref, &call, why, sizeof(why)), SETUN_ERR_UNSUPPORTED);
            cr_assert_neq(why[0], '\0');
        }
    test_tensor_free(&x);
}

/* ---- rope ---- */

static void check_rope(int64_t m, int64_t heads, int64_t head_dim, int64_t n_dims, uint32_t pairing)
{
    enum { POSITIONS = 50 };
    const int64_t n = heads * head_dim, half = n_dims / 2;
    test_tensor x = test_tensor_make("f32", m, n, 1, 1), y = test_tensor_make("f32", m, n, 1, 1);
    test_tensor c = test_tensor_make("f32", POSITIONS, half, 1, 1), s = test_tensor_make("f32", POSITIONS, half, 1, 1);
    const setun_attr_rope attr = {.size = sizeof(attr), .pairing = pairing, .heads = heads, .head_dim = head_dim, .n_dims = n_dims};
    int32_t pos[17];
    const setun_batch batch = {.size = sizeof(batch), .n_rows = m, .pos = pos};
    const test_call call = {.attr = &attr, .batch = &batch, .in = {&x, &c, &s}, .n_in = 3, .out = {&y}, .n_out = 1};
    setun_kernel_ref ref;

    test_fill_f32(&x, 4.0f);
    test_fill_f32(&c, 1.0f);
    test_fill_f32(&s, 1.0f);
    for (int64_t i = 0; i < m; i++)
        pos[i] = (int32_t)(i == 0 ? POSITIONS - 1 : test_below(POSITIONS));
    cr_assert_gt(test_count_kernels("rope", "f32,f32,f32>f32"), 0);
    for (size_t k = 0; test_next_kernel("rope", "f32,f32,f32>f32", &k, &ref);) {
        test_run(ref, &call);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                const int64_t d = j % head_dim, start = j - d;
                const bool is_half = pairing == SETUN_ROPE_HALF, is_first = is_half ? d < half : d % 2 == 0;
                const int64_t pair = is_half ? d % (half > 0 ? half : 1) : d / 2;
                float expected = f32_at(&x, i, j);

                if (d < n_dims) {
                    const float a = f32_at(&x, i, start + (is_half ? pair : 2 * pair));
                    const float b = f32_at(&x, i, start + (is_half ? pair + half : 2 * pair + 1));
                    const float cosine = f32_at(&c, pos[i], pair), sine = f32_at(&s, pos[i], pair);

                    expected = is_first ? fmaf(a, cosine, -(b * sine)) : fmaf(b, cosine, a * sine);
                }
                test_same_f32("rope", ref.kernel->name, i, j, expected, f32_at(&y, i, j));
            }
    }
    test_tensor_free(&x);
    test_tensor_free(&y);
    test_tensor_free(&c);
    test_tensor_free(&s);
}

Test(rows, rope)
{
    EACH(i, rows)
        for (uint32_t pairing = 0; pairing < 2; pairing++) {
            check_rope(rows[i], 4, 64, 64, pairing);
            check_rope(rows[i], 1, 2, 2, pairing);
            check_rope(rows[i], 3, 10, 6, pairing);
            check_rope(rows[i], 2, 100, 34, pairing);
            check_rope(rows[i], 5, 7, 2, pairing);
        }
}

/* A quarter turn, by hand: (1, 2) becomes (-2, 1). */
Test(rows, rope_turns_the_right_way)
{
    static const float x[4] = {1.0f, 3.0f, 2.0f, 4.0f}, turned_half[4] = {-2.0f, 3.0f, 1.0f, 4.0f}, turned_pairs[4] = {-3.0f, 1.0f, 2.0f, 4.0f};
    test_tensor in = test_tensor_make("f32", 1, 4, 1, 1), y = test_tensor_make("f32", 1, 4, 1, 1);
    test_tensor c = test_tensor_make("f32", 1, 2, 1, 1), s = test_tensor_make("f32", 1, 2, 1, 1);
    setun_attr_rope attr = {.size = sizeof(attr), .heads = 1, .head_dim = 4, .n_dims = 4};
    const int32_t pos[1] = {0};
    const setun_batch batch = {.size = sizeof(batch), .n_rows = 1, .pos = pos};
    const test_call call = {.attr = &attr, .batch = &batch, .in = {&in, &c, &s}, .n_in = 3, .out = {&y}, .n_out = 1};
    setun_kernel_ref ref;

    memcpy(in.t.data, x, sizeof(x));
    memcpy(c.t.data, ((float[2]){0.0f, 1.0f}), 8);
    memcpy(s.t.data, ((float[2]){1.0f, 0.0f}), 8);
    for (size_t k = 0; test_next_kernel("rope", "f32,f32,f32>f32", &k, &ref);)
        for (uint32_t pairing = 0; pairing < 2; pairing++) {
            const float *expected = pairing == SETUN_ROPE_HALF ? turned_half : turned_pairs;

            attr.pairing = pairing;
            test_run(ref, &call);
            for (int64_t j = 0; j < 4; j++)
                cr_assert_eq(f32_at(&y, 0, j), expected[j], "%s: [%lld] is %a", ref.kernel->name, (long long)j, (double)f32_at(&y, 0, j));
        }
    test_tensor_free(&in);
    test_tensor_free(&y);
    test_tensor_free(&c);
    test_tensor_free(&s);
}
