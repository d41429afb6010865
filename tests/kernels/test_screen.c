/* test_screen.c - op screen: codes, norms and bounds against the definition, and |dot - z| <= e in long double for rows made to break it. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "definition.h"
#include "screen.h"
#include "setun_numerics.h"

#define SCREEN_FMTS "i16.hl+f32+f32+f32,i8.r16k4+f32+f32+f32>f32,f32"

enum { MAX_K = SCREEN_MAX_K, N_ROWS = 16 };

/* ---- the definition, a second time ---- */

/* Codes of a row with largest code `most`, its step, and the two norms. */
static float define_round(const float *v, int64_t k, float most, int32_t *code, double *size, double *rest)
{
    static double wide[MAX_K], left[MAX_K];
    float amax = 0, step, inverse;

    for (int64_t i = 0; i < k; i++)
        amax = fmaxf(amax, fabsf(v[i]));
    step = amax / most;
    inverse = amax < 0x1p-100f ? 0.0f : most / amax;
    for (int64_t i = 0; i < k; i++) {
        code[i] = (int32_t)fminf(fmaxf(rintf(v[i] * inverse), -most), most);
        wide[i] = (double)v[i];
        left[i] = (double)v[i] - (double)step * (double)code[i];
    }
    *size = screen_norm(wide, k);
    *rest = screen_norm(left, k);
    return step;
}

/* ---- operands ---- */

typedef struct weights {
    test_tensor c, step, rest, size;
} weights;

static weights quantise(setun_kernel_ref ref, const float *w, int64_t n, int64_t k)
{
    weights out = {test_tensor_make("i8.r16k4", n, k, 1, 1), screen_vector(n), screen_vector(n), screen_vector(n)};
    test_tensor in = screen_matrix(w, n, k);
    const test_call call = {.in = {&in}, .n_in = 1, .out = {&out.c, &out.step, &out.rest, &out.size}, .n_out = 4};

    test_run(ref, &call);
    test_tensor_free(&in);
    return out;
}

static void free_weights(weights *w)
{
    test_tensor_free(&w->c);
    test_tensor_free(&w->step);
    test_tensor_free(&w->rest);
    test_tensor_free(&w->size);
}

/* ---- tests ---- */

/* The largest share of a bound that was needed, and with it whether a smaller one would have been caught. */
static long double check_bound(setun_kernel_ref ref, const float *x, const float *w, int64_t n, int64_t k, const activations *q, const weights *c)
{
    test_tensor z = screen_vector(n), e = screen_vector(n);
    const test_call call = {.in = {(test_tensor *)(uintptr_t)&q->q, (test_tensor *)(uintptr_t)&q->step, (test_tensor *)(uintptr_t)&q->a,
                                   (test_tensor *)(uintptr_t)&q->b, (test_tensor *)(uintptr_t)&c->c, (test_tensor *)(uintptr_t)&c->step,
                                   (test_tensor *)(uintptr_t)&c->rest, (test_tensor *)(uintptr_t)&c->size},
                            .n_in = 8, .out = {&z, &e}, .n_out = 2};
    long double worst = 0;

    test_run(ref, &call);
    for (int64_t j = 0; j < n; j++)
        worst = fmaxl(worst, screen_check_bound(ref.kernel->name, x, w + j * k, k, screen_value(&z, j), screen_value(&e, j)));
    test_tensor_free(&z);
    test_tensor_free(&e);
    return worst;
}

Test(screen, bound_holds)
{
    static const int64_t ks[] = {1, 3, 16, 17, 64, 255, 256, 2560};
    const setun_kernel_ref to_q = screen_kernel("pack", SCREEN_PACK_FMTS), to_c = screen_kernel("quantise", "f32>i8.r16k4+f32+f32+f32");
    float *x = malloc(MAX_K * sizeof(float)), *w = malloc(N_ROWS * MAX_K * sizeof(float));
    long double worst = 0;

    EACH(a, ks)
        for (int fx = 0; fx < N_X; fx++) {
            const int64_t k = ks[a];
            setun_kernel_ref ref;
            activations q;
            weights c;

            screen_fill_x(x, k, fx);
            for (int64_t j = 0; j < N_ROWS; j++)
                screen_fill_row(w + j * k, x, k, (int)j % N_FILLS);
            q = screen_pack(to_q, x, 1, k);
            c = quantise(to_c, w, N_ROWS, k);
            for (size_t at = 0; test_next_kernel("screen", SCREEN_FMTS, &at, &ref);)
                worst = fmaxl(worst, check_bound(ref, x, w, N_ROWS, k, &q, &c));
            screen_free_activations(&q);
            free_weights(&c);
        }
    /* Some rows are as bad as can be: a bound half as large, or without one of its terms, would have been caught. */
    cr_expect(worst > 0.9L, "the worst was %Lg of the bound", worst);
    free(x);
    free(w);
}

/* The terms of the bound, one at a time, each at what it is there for: a bound without it fails. */
static void check_term(const char *what, const float *x, const float *w, int64_t k, bool by_rest)
{
    const setun_kernel_ref to_q = screen_kernel("pack", SCREEN_PACK_FMTS), to_c = screen_kernel("quantise", "f32>i8.r16k4+f32+f32+f32");
    activations q = screen_pack(to_q, x, 1, k);
    weights c = quantise(to_c, w, 1, k);
    test_tensor z = screen_vector(1), e = screen_vector(1);
    const test_call call = {.in = {&q.q, &q.step, &q.a, &q.b, &c.c, &c.step, &c.rest, &c.size}, .n_in = 8, .out = {&z, &e}, .n_out = 2};
    const long double by_size = (long double)screen_value(&q.b, 0) * (long double)screen_value(&c.size, 0);
    const long double other = by_rest ? by_size : (long double)screen_value(&q.a, 0) * (long double)screen_value(&c.rest, 0);
    long double far;

    test_run(screen_kernel("screen", SCREEN_FMTS), &call);
    far = fabsl((long double)define_dot(x, w, k) - (long double)screen_value(&z, 0));
    cr_expect(far <= (long double)screen_value(&e, 0), "%s", what);
    cr_expect(far > other + 0x1p-100L, "%s: without its term the bound would still hold: off by %Lg, the other term is %Lg", what, far, other);
    cr_expect(far > 0.9L * (long double)screen_value(&e, 0), "%s: off by %Lg of the bound", what, far / (long double)screen_value(&e, 0));
    test_tensor_free(&z);
    test_tensor_free(&e);
    screen_free_activations(&q);
    free_weights(&c);
}

Test(screen, each_term_is_needed)
{
    enum { K = 512 };
    static float x[K], w[K];

    /* What rounding left of the row points the way of x. */
    for (int i = 0; i < K; i++) {
        x[i] = i % 3 == 0 ? -1.0f : 1.0f;
        w[i] = (i == 0 ? 127.0f : (float)(i % 50) + 0.499f) * x[i];
    }
    check_term("the row's rest", x, w, K, true);
    /* What rounding left of the activations points the way of the row, which is exact. */
    for (int i = 0; i < K; i++) {
        w[i] = i % 3 == 0 ? -127.0f : 127.0f;
        x[i] = i == 0 ? -32639.0f : (float)(i % 90) + (i % 3 == 0 ? -0.499f : 0.499f);
    }
    check_term("the activations' rest", x, w, K, false);
}

/* All bits of codes, steps and norms; every kernel that makes them. */
Test(screen, operands_are_the_definition)
{
    static const int64_t ks[] = {1, 4, 15, 33, 64, 130, 1000};
    static int32_t code[MAX_K];
    float *rows = malloc(N_ROWS * MAX_K * sizeof(float)), *x = malloc(N_ROWS * MAX_K * sizeof(float));
    setun_kernel_ref ref;
    double size, rest;

    EACH(a, ks) {
        const int64_t k = ks[a], half = (k + 63) / 64 * 64;

        for (int64_t j = 0; j < N_ROWS; j++) {
            screen_fill_x(x + j * k, k, (int)j % N_X);
            screen_fill_row(rows + j * k, x + j * k, k, (int)j % N_FILLS);
        }
        for (size_t at = 0; test_next_kernel("quantise", "f32>i8.r16k4+f32+f32+f32", &at, &ref);) {
            weights c = quantise(ref, rows, N_ROWS, k);

            for (int64_t j = 0; j < N_ROWS; j++) {
                test_same_f32("step", ref.kernel->name, j, 0, define_round(rows + j * k, k, 127.0f, code, &size, &rest), screen_value(&c.step, j));
                test_same_f32("rest", ref.kernel->name, j, 0, screen_up(rest), screen_value(&c.rest, j));
                test_same_f32("size", ref.kernel->name, j, 0, screen_up(size), screen_value(&c.size, j));
                for (int64_t i = 0; i < (k + 3) / 4 * 4; i++)
                    cr_assert_eq(((const int8_t *)c.c.t.data)[i / 4 * 64 + 4 * j + i % 4], i < k ? code[i] : 0, "row %lld, column %lld", (long long)j,
                                 (long long)i);
            }
            free_weights(&c);
        }
        for (size_t at = 0; test_next_kernel("pack", SCREEN_PACK_FMTS, &at, &ref);) {
            activations q = screen_pack(ref, x, N_ROWS, k);

            for (int64_t j = 0; j < N_ROWS; j++) {
                const int8_t *row = test_row(&q.q, j);
                double b;

                test_same_f32("step", ref.kernel->name, j, 0, define_round(x + j * k, k, 32639.0f, code, &size, &rest), screen_value(&q.step, j));
                b = rest + (size + rest) * (((double)k / 16.0 + 32.0) * 0x1p-23);
                test_same_f32("a", ref.kernel->name, j, 0, screen_up(size + rest), screen_value(&q.a, j));
                test_same_f32("b", ref.kernel->name, j, 0, screen_up(b), screen_value(&q.b, j));
                for (int64_t i = 0; i < half; i++) {
                    cr_assert_eq(256 * row[i] + row[half + i], i < k ? code[i] : 0, "%s: row %lld, column %lld", ref.kernel->name, (long long)j, (long long)i);
                    cr_assert(row[i] >= -127);
                }
            }
            screen_free_activations(&q);
        }
    }
    free(rows);
    free(x);
}

/* What is not finite makes the bound so. */
Test(screen, damage_is_seen)
{
    enum { K = 64 };
    const setun_kernel_ref to_q = screen_kernel("pack", SCREEN_PACK_FMTS), to_c = screen_kernel("quantise", "f32>i8.r16k4+f32+f32+f32");
    static const float bad[] = {INFINITY, -INFINITY, NAN, FLT_MAX};
    float x[K], w[K];

    EACH(i, bad) {
        activations q;
        weights c;
        setun_kernel_ref ref;

        screen_fill_x(x, K, X_LARGE);
        screen_fill_row(w, x, K, ROW_RANDOM);
        w[5] = bad[i];
        q = screen_pack(to_q, x, 1, K);
        c = quantise(to_c, w, 1, K);
        for (size_t at = 0; test_next_kernel("screen", SCREEN_FMTS, &at, &ref);) {
            test_tensor z = screen_vector(1), e = screen_vector(1);
            const test_call call = {.in = {&q.q, &q.step, &q.a, &q.b, &c.c, &c.step, &c.rest, &c.size}, .n_in = 8, .out = {&z, &e}, .n_out = 2};

            test_run(ref, &call);
            cr_expect(!(screen_value(&e, 0) <= 0x1p64f), "%s: %g in a row gives a bound of %g", ref.kernel->name, (double)bad[i], (double)screen_value(&e, 0));
            test_tensor_free(&z);
            test_tensor_free(&e);
        }
        screen_free_activations(&q);
        free_weights(&c);
    }
}
