/* test_facts.c - RoPE and BitLinear as the model's authors write them, in double precision: not numerics.md's steps, but what these are for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "numerics/numerics.h"
#include "setun_ops.h"

/* ---- rope: pair (a, b) at position p turns by p * theta^(-2j / n) ---- */

/* (j, j + n / 2) of Hugging Face's weights, (2j, 2j + 1) of Meta's and of GGUF's llama. */
static void pair_of(uint32_t pairing, int64_t j, int64_t n_dims, int64_t *out_a, int64_t *out_b)
{
    *out_a = pairing == SETUN_ROPE_HALF ? j : 2 * j;
    *out_b = pairing == SETUN_ROPE_HALF ? j + n_dims / 2 : 2 * j + 1;
}

static test_tensor make_table(double theta, int64_t n_dims, int64_t n_positions, bool sine)
{
    const setun_graph_table table = {.n_positions = n_positions, .n_dims = n_dims, .theta = theta, .sine = sine};
    test_tensor made = test_tensor_make("f32", n_positions, n_dims / 2, 1, 1);
    setun_error error = {{0}};

    cr_assert_eq(setun_rope_table_check(&table, &error), SETUN_OK, "%s", error.text);
    setun_rope_table_fill(&table, &made.t);
    return made;
}

static void check_rope(double theta, int64_t heads, int64_t head_dim, int64_t n_dims, uint32_t pairing)
{
    enum { POSITIONS = 4096, ROWS = 9 };
    test_tensor x = test_tensor_make("f32", ROWS, heads * head_dim, 1, 1), y = test_tensor_make("f32", ROWS, heads * head_dim, 1, 1);
    test_tensor c = make_table(theta, n_dims, POSITIONS, false), s = make_table(theta, n_dims, POSITIONS, true);
    const setun_attr_rope attr = {.size = sizeof(attr), .pairing = pairing, .heads = heads, .head_dim = head_dim, .n_dims = n_dims};
    const int32_t pos[ROWS] = {0, 1, 2, 17, 255, 256, 1000, 2047, POSITIONS - 1};
    const setun_batch batch = {.size = sizeof(batch), .n_rows = ROWS, .pos = pos};
    const test_call call = {.attr = &attr, .batch = &batch, .in = {&x, &c, &s}, .n_in = 3, .out = {&y}, .n_out = 1};
    setun_kernel_ref ref;

    test_fill_f32(&x, 4.0f);
    cr_assert_gt(test_count_kernels("rope", "f32,f32,f32>f32"), 0);
    for (size_t k = 0; test_next_kernel("rope", "f32,f32,f32>f32", &k, &ref);) {
        test_run(ref, &call);
        for (int64_t i = 0; i < ROWS; i++)
            for (int64_t h = 0; h < heads; h++) {
                const float *from = (const float *)test_row(&x, i) + h * head_dim, *to = (const float *)test_row(&y, i) + h * head_dim;

                for (int64_t j = 0; j < n_dims / 2; j++) {
                    const double angle = (double)pos[i] * pow(theta, -2.0 * (double)j / (double)n_dims);
                    int64_t a, b;
                    double bound;

                    pair_of(pairing, j, n_dims, &a, &b);
                    /* The frequency and the angle are rounded to f32, half an ulp each: the angle is off by up to 2^-23 of itself. */
                    bound = (fabs((double)from[a]) + fabs((double)from[b])) * (1e-6 + angle * 0x1p-23);
                    cr_assert_lt(fabs((double)to[a] - ((double)from[a] * cos(angle) - (double)from[b] * sin(angle))), bound + 1e-30,
                                 "%s: position %d, head %lld, pair %lld", ref.kernel->name, pos[i], (long long)h, (long long)j);
                    cr_assert_lt(fabs((double)to[b] - ((double)from[a] * sin(angle) + (double)from[b] * cos(angle))), bound + 1e-30,
                                 "%s: position %d, head %lld, pair %lld", ref.kernel->name, pos[i], (long long)h, (long long)j);
                }
                cr_assert_eq(memcmp(to + n_dims, from + n_dims, (size_t)(head_dim - n_dims) * sizeof(float)), 0);
            }
    }
    test_tensor_free(&x);
    test_tensor_free(&y);
    test_tensor_free(&c);
    test_tensor_free(&s);
}

/* Heads and bases of 2B4T, Falcon3, the 1bitLLM models, and of no model. */
Test(facts, rope_of_both_pairings)
{
    for (uint32_t pairing = 0; pairing < 2; pairing++) {
        check_rope(500000.0, 5, 128, 128, pairing);
        check_rope(1000042.0, 4, 256, 256, pairing);
        check_rope(10000.0, 3, 100, 100, pairing);
        check_rope(10000.0, 5, 34, 34, pairing);
        check_rope(10000.0, 2, 22, 10, pairing);
    }
}

/* ---- BitLinear ----
 * amax = max(1e-5, max|x|); s = 127 / amax; q = clamp(round_half_even(x * s)); d = sum of code * q - sum of q, codes 0, 1, 2;
 * y = d / s * scale. Setun computes d * (scale / s): two roundings in another order, so up to 2 ulp apart (and 3 from the exact value). */

typedef struct quantised {
    float   scale;
    int64_t sum; /* of q */
} quantised;

static quantised quantise(const float *x, int64_t k, int *q)
{
    double amax = 1e-5;
    quantised made = {.sum = 0};

    for (int64_t c = 0; c < k; c++)
        amax = fmax(amax, fabs((double)x[c]));
    made.scale = (float)(127.0 / amax);
    for (int64_t c = 0; c < k; c++) {
        q[c] = (int)nearbyint((double)(x[c] * made.scale));
        q[c] = q[c] < -128 ? -128 : q[c] > 127 ? 127 : q[c];
        made.sum += q[c];
    }
    return made;
}

static void set_code(test_tensor *t, int64_t row, int64_t column, unsigned code)
{
    uint8_t *byte = (uint8_t *)test_row(t, row) + column / 4;

    *byte = (uint8_t)((*byte & ~(3u << (2 * (column % 4)))) | code << (2 * (column % 4)));
}

static void compare_linear(const char *fmts, test_tensor *q, test_tensor *s, test_tensor *t, test_tensor *scales, test_tensor *y, const float *expected)
{
    const test_call call = {.in = {q, s, t, scales}, .n_in = 4, .out = {y}, .n_out = 1};
    const int64_t m = y->t.dim[0], n = y->t.dim[1];
    setun_kernel_ref ref;

    for (size_t k = 0; test_next_kernel("linear", fmts, &k, &ref);) {
        test_run(ref, &call);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                const float found = ((const float *)test_row(y, i))[j], e = expected[i * n + j];

                cr_assert(fabs((double)found - (double)e) <= 2.0 * ((double)nextafterf(fabsf(e), INFINITY) - (double)fabsf(e)),
                          "%s: [%lld, %lld] is %a, not %a", ref.kernel->name, (long long)i, (long long)j, (double)found, (double)e);
            }
    }
}

static void check_bitlinear(int64_t m, int64_t n, int64_t k, float spread, float weight_scale)
{
    test_tensor x = test_tensor_make("f32", m, k, 1, 1), q = test_tensor_make("i8.row", m, k, 1, 1), s = test_tensor_make("f32", 1, m, 1, 1);
    test_tensor t = test_tensor_make("tern2.row", n, k, 1, 1), blocks = test_tensor_make("tern2.r16k16", n, k, 1, 1);
    test_tensor scales = test_tensor_make("f32", 1, n, 1, 1), packed_scales = test_tensor_make("f32", 1, n, 1, 1);
    test_tensor y = test_tensor_make("f32", m, n, 1, 1);
    const test_call quantises = {.in = {&x}, .n_in = 1, .out = {&q, &s}, .n_out = 2}, packs = {.in = {&t, &scales}, .n_in = 2, .out = {&blocks, &packed_scales}, .n_out = 2};
    int *codes = calloc((size_t)k, sizeof(int)), *own = calloc((size_t)(n * k), sizeof(int));
    float *expected = calloc((size_t)(m * n), sizeof(float));
    setun_kernel_ref ref;

    cr_assert(codes != NULL && own != NULL && expected != NULL);
    test_fill_f32(&x, spread);
    for (int64_t j = 0; j < n; j++) {
        ((float *)scales.t.data)[j] = weight_scale;
        memset(test_row(&t, j), 0x55, (size_t)t.t.stride_bytes[0]);
        for (int64_t c = 0; c < k; c++) {
            own[j * k + c] = (int)test_below(3);
            set_code(&t, j, c, (unsigned)own[j * k + c]);
        }
    }
    cr_assert_gt(test_count_kernels("pack", "f32>i8.row+f32"), 0);
    for (size_t r = 0; test_next_kernel("pack", "f32>i8.row+f32", &r, &ref);) {
        test_run(ref, &quantises);
        for (int64_t i = 0; i < m; i++) {
            const quantised row = quantise(test_row(&x, i), k, codes);

            cr_assert_eq(((const float *)s.t.data)[i], row.scale, "%s: scale of row %lld", ref.kernel->name, (long long)i);
            for (int64_t c = 0; c < k; c++)
                cr_assert_eq(((const int8_t *)test_row(&q, i))[c], codes[c], "%s: [%lld, %lld]", ref.kernel->name, (long long)i, (long long)c);
            for (int64_t j = 0; j < n; j++) {
                int64_t d = -row.sum;

                for (int64_t c = 0; c < k; c++)
                    d += (int64_t)own[j * k + c] * codes[c];
                expected[i * n + j] = (float)d / row.scale * weight_scale;
            }
        }
    }
    cr_assert_gt(test_count_kernels("linear", "i8.row+f32,tern2.row+f32>f32"), 0);
    compare_linear("i8.row+f32,tern2.row+f32>f32", &q, &s, &t, &scales, &y, expected);
    cr_assert_gt(test_count_kernels("pack", "tern2.row+f32>tern2.r16k16+f32"), 0);
    for (size_t r = 0; test_next_kernel("pack", "tern2.row+f32>tern2.r16k16+f32", &r, &ref);)
        test_run(ref, &packs);
    compare_linear("i8.row+f32,tern2.r16k16+f32>f32", &q, &s, &blocks, &packed_scales, &y, expected);
    free(codes);
    free(own);
    free(expected);
    test_tensor_free(&x);
    test_tensor_free(&q);
    test_tensor_free(&s);
    test_tensor_free(&t);
    test_tensor_free(&blocks);
    test_tensor_free(&scales);
    test_tensor_free(&packed_scales);
    test_tensor_free(&y);
}

/* Shapes of 2B4T's rows and of the small families'; activations from far above to below the floor of 1e-5. */
Test(facts, bitlinear)
{
    static const float spreads[] = {1e4f, 4.0f, 0.01f, 3e-5f, 1e-20f};

    for (size_t i = 0; i < sizeof(spreads) / sizeof(spreads[0]); i++) {
        check_bitlinear(3, 33, 2560, spreads[i], 1.7f);
        check_bitlinear(7, 34, 136, spreads[i], 0.0371f);
        check_bitlinear(2, 17, 340, spreads[i], 12.5f);
        check_bitlinear(5, 64, 1152, spreads[i], 0x1.8p-9f);
        check_bitlinear(1, 5, 53, spreads[i], 1.0f);
    }
}
