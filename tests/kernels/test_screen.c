/* test_screen.c - op screen: codes, norms and bounds against the definition, and |dot - z| <= e in long double for rows made to break it. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "definition.h"
#include "harness.h"
#include "setun_numerics.h"

#define SCREEN_FMTS "i16.hl+f32+f32+f32,i8.r16k4+f32+f32+f32>f32,f32"
#define EACH(i, array) for (size_t i = 0; i < sizeof(array) / sizeof((array)[0]); i++)

enum { MAX_K = 4096, N_ROWS = 16 };

/* ---- the definition, a second time ---- */

static double define_norm(const double *v, int64_t k)
{
    double lane[16] = {0};

    for (int64_t i = 0; i < k; i++)
        lane[i % 16] = lane[i % 16] + v[i] * v[i];
    for (int h = 8; h >= 1; h /= 2)
        for (int j = 0; j < h; j++)
            lane[j] = lane[j] + lane[j + h];
    return sqrt(lane[0]);
}

static float define_up(double v)
{
    return (float)(v * (1.0 + 0x1p-20) + 0x1p-126);
}

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
    *size = define_norm(wide, k);
    *rest = define_norm(left, k);
    return step;
}

/* ---- operands ---- */

typedef struct activations {
    test_tensor q, step, a, b;
} activations;

typedef struct weights {
    test_tensor c, step, rest, size;
} weights;

static activations pack(setun_kernel_ref ref, const float *x, int64_t m, int64_t k)
{
    activations out = {test_tensor_make("i16.hl", m, k, 1, 1), test_tensor_make("f32", 1, m, 1, 1), test_tensor_make("f32", 1, m, 1, 1),
                       test_tensor_make("f32", 1, m, 1, 1)};
    test_tensor in = test_tensor_make("f32", m, k, 1, 1);
    const test_call call = {.in = {&in}, .n_in = 1, .out = {&out.q, &out.step, &out.a, &out.b}, .n_out = 4};

    for (int64_t i = 0; i < m; i++)
        memcpy(test_row(&in, i), x + i * k, (size_t)k * sizeof(float));
    test_run(ref, &call);
    test_tensor_free(&in);
    return out;
}

static weights quantise(setun_kernel_ref ref, const float *w, int64_t n, int64_t k)
{
    weights out = {test_tensor_make("i8.r16k4", n, k, 1, 1), test_tensor_make("f32", 1, n, 1, 1), test_tensor_make("f32", 1, n, 1, 1),
                   test_tensor_make("f32", 1, n, 1, 1)};
    test_tensor in = test_tensor_make("f32", n, k, 1, 1);
    const test_call call = {.in = {&in}, .n_in = 1, .out = {&out.c, &out.step, &out.rest, &out.size}, .n_out = 4};

    for (int64_t i = 0; i < n; i++)
        memcpy(test_row(&in, i), w + i * k, (size_t)k * sizeof(float));
    test_run(ref, &call);
    test_tensor_free(&in);
    return out;
}

static void free_activations(activations *x)
{
    test_tensor_free(&x->q);
    test_tensor_free(&x->step);
    test_tensor_free(&x->a);
    test_tensor_free(&x->b);
}

static void free_weights(weights *w)
{
    test_tensor_free(&w->c);
    test_tensor_free(&w->step);
    test_tensor_free(&w->rest);
    test_tensor_free(&w->size);
}

static setun_kernel_ref kernel(const char *pattern, const char *fmts)
{
    setun_kernel_ref ref;
    size_t at = 0;

    cr_assert(test_next_kernel(pattern, fmts, &at, &ref), "no kernel %s %s", pattern, fmts);
    return ref;
}

static float value(const test_tensor *t, int64_t i)
{
    return ((const float *)test_row(t, 0))[i];
}

/* ---- rows that are hard ---- */

enum { ROW_RANDOM, ROW_ONE_HUGE, ROW_EQUAL, ROW_ALTERNATING, ROW_HALF_STEPS, ROW_TINY, ROW_ZERO, ROW_ONE_SIGN, ROW_WIDE, ROW_TIES, N_FILLS };

/* x is what the row will meet: some rows are bent towards it. */
static void fill_row(float *w, const float *x, int64_t k, int fill)
{
    const float size = ldexpf(1.0f, (int)test_below(12) - 8);

    for (int64_t i = 0; i < k; i++) {
        const float sign = x[i] < 0 ? -1.0f : 1.0f;

        switch (fill) {
        case ROW_ONE_HUGE: /* the others are rounded to zero, and lean the way of x */
            w[i] = i == 7 % k ? 250.0f * size : 0.98f * size * sign;
            break;
        case ROW_EQUAL:
            w[i] = size;
            break;
        case ROW_ALTERNATING:
            w[i] = i % 2 == 0 ? size : -size;
            break;
        case ROW_HALF_STEPS: /* what rounding leaves is nearly half a step, everywhere with the sign of x */
            w[i] = i == 0 ? 127.0f : (float)(test_below(200) - 100) + 0.4999f * sign;
            break;
        case ROW_TINY:
            w[i] = ldexpf(test_uniform(), -130 - (int)test_below(15));
            break;
        case ROW_ZERO:
            w[i] = i % 2 == 0 ? 0.0f : -0.0f;
            break;
        case ROW_ONE_SIGN: /* every product positive: rounding errors of the chain all point one way, if they can */
            w[i] = sign * (1.0f + 0x1p-12f * fabsf(test_uniform())) * size;
            break;
        case ROW_WIDE:
            w[i] = ldexpf(test_uniform(), (int)test_below(40) - 30);
            break;
        case ROW_TIES:
            w[i] = i == 0 ? 127.0f : (float)(test_below(252) - 126) + 0.5f;
            break;
        default:
            w[i] = size * test_uniform();
        }
    }
}

enum { X_RANDOM, X_OUTLIERS, X_ONE, X_HALF_STEPS, X_SIGNS, X_TINY, X_ZERO, X_LARGE, N_X };

static void fill_x(float *x, int64_t k, int fill)
{
    for (int64_t i = 0; i < k; i++)
        x[i] = test_uniform();
    if (fill == X_OUTLIERS)
        for (int i = 0; i < 3; i++)
            x[test_below(k)] = i % 2 == 0 ? 20.0f : -20.0f;
    for (int64_t i = 0; i < k; i++) {
        if (fill == X_ONE)
            x[i] = i == k / 2 ? 3.0f : 0.0f;
        if (fill == X_HALF_STEPS)
            x[i] = i == 0 ? 32639.0f : (float)(test_below(20000) - 10000) + 0.4999f;
        if (fill == X_SIGNS)
            x[i] = x[i] < 0 ? -1.0f : 1.0f;
        if (fill == X_TINY)
            x[i] = ldexpf(x[i], -120 - (int)test_below(25));
        if (fill == X_ZERO)
            x[i] = 0.0f;
        if (fill == X_LARGE)
            x[i] = ldexpf(x[i], 60);
    }
}

/* ---- tests ---- */

/* The largest |z - z~| / e met, and with it whether a smaller bound would have been caught. */
static long double check_bound(setun_kernel_ref ref, const float *x, const float *w, int64_t n, int64_t k, const activations *q, const weights *c)
{
    test_tensor z = test_tensor_make("f32", 1, n, 1, 1), e = test_tensor_make("f32", 1, n, 1, 1);
    const test_call call = {.in = {(test_tensor *)(uintptr_t)&q->q, (test_tensor *)(uintptr_t)&q->step, (test_tensor *)(uintptr_t)&q->a,
                                   (test_tensor *)(uintptr_t)&q->b, (test_tensor *)(uintptr_t)&c->c, (test_tensor *)(uintptr_t)&c->step,
                                   (test_tensor *)(uintptr_t)&c->rest, (test_tensor *)(uintptr_t)&c->size},
                            .n_in = 8, .out = {&z, &e}, .n_out = 2};
    long double worst = 0;

    test_run(ref, &call);
    for (int64_t j = 0; j < n; j++) {
        const float exact = define_dot(x, w + j * k, k);
        const long double far = fabsl((long double)exact - (long double)value(&z, j)), bound = (long double)value(&e, j);
        long double real = 0;

        cr_assert(isfinite(value(&z, j)) && isfinite(value(&e, j)), "%s: row %lld is not finite", ref.kernel->name, (long long)j);
        cr_assert(far <= bound, "%s: k %lld, row %lld: z %a, dot %a, e %a", ref.kernel->name, (long long)k, (long long)j, (double)value(&z, j),
                  (double)exact, (double)value(&e, j));
        /* The real dot lies within it, too, which rounding had no part in. */
        for (int64_t i = 0; i < k; i++)
            real += (long double)x[i] * (long double)w[j * k + i];
        cr_assert(fabsl(real - (long double)value(&z, j)) <= bound, "%s: row %lld: the real dot", ref.kernel->name, (long long)j);
        /* Rows and activations of zeros leave nothing but what is added for underflow. */
        if (bound > 0x1p-99L && far / bound > worst)
            worst = far / bound;
    }
    test_tensor_free(&z);
    test_tensor_free(&e);
    return worst;
}

Test(screen, bound_holds)
{
    static const int64_t ks[] = {1, 3, 16, 17, 64, 255, 256, 2560};
    const setun_kernel_ref to_q = kernel("pack", "f32>i16.hl+f32+f32+f32"), to_c = kernel("quantise", "f32>i8.r16k4+f32+f32+f32");
    float *x = malloc(MAX_K * sizeof(float)), *w = malloc(N_ROWS * MAX_K * sizeof(float));
    long double worst = 0;

    EACH(a, ks)
        for (int fx = 0; fx < N_X; fx++) {
            const int64_t k = ks[a];
            setun_kernel_ref ref;
            activations q;
            weights c;

            fill_x(x, k, fx);
            for (int64_t j = 0; j < N_ROWS; j++)
                fill_row(w + j * k, x, k, (int)j % N_FILLS);
            q = pack(to_q, x, 1, k);
            c = quantise(to_c, w, N_ROWS, k);
            for (size_t at = 0; test_next_kernel("screen", SCREEN_FMTS, &at, &ref);) {
                const long double found = check_bound(ref, x, w, N_ROWS, k, &q, &c);

                worst = found > worst ? found : worst;
            }
            free_activations(&q);
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
    const setun_kernel_ref to_q = kernel("pack", "f32>i16.hl+f32+f32+f32"), to_c = kernel("quantise", "f32>i8.r16k4+f32+f32+f32");
    activations q = pack(to_q, x, 1, k);
    weights c = quantise(to_c, w, 1, k);
    test_tensor z = test_tensor_make("f32", 1, 1, 1, 1), e = test_tensor_make("f32", 1, 1, 1, 1);
    const test_call call = {.in = {&q.q, &q.step, &q.a, &q.b, &c.c, &c.step, &c.rest, &c.size}, .n_in = 8, .out = {&z, &e}, .n_out = 2};
    const long double other = by_rest ? (long double)value(&q.b, 0) * (long double)value(&c.size, 0) : (long double)value(&q.a, 0) * (long double)value(&c.rest, 0);
    long double far;

    test_run(kernel("screen", SCREEN_FMTS), &call);
    far = fabsl((long double)define_dot(x, w, k) - (long double)value(&z, 0));
    cr_expect(far <= (long double)value(&e, 0), "%s", what);
    cr_expect(far > other + 0x1p-100L, "%s: without its term the bound would still hold: off by %Lg, the other term is %Lg", what, far, other);
    cr_expect(far > 0.9L * (long double)value(&e, 0), "%s: off by %Lg of the bound", what, far / (long double)value(&e, 0));
    test_tensor_free(&z);
    test_tensor_free(&e);
    free_activations(&q);
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
            fill_x(x + j * k, k, (int)j % N_X);
            fill_row(rows + j * k, x + j * k, k, (int)j % N_FILLS);
        }
        for (size_t at = 0; test_next_kernel("quantise", "f32>i8.r16k4+f32+f32+f32", &at, &ref);) {
            weights c = quantise(ref, rows, N_ROWS, k);

            for (int64_t j = 0; j < N_ROWS; j++) {
                test_same_f32("step", ref.kernel->name, j, 0, define_round(rows + j * k, k, 127.0f, code, &size, &rest), value(&c.step, j));
                test_same_f32("rest", ref.kernel->name, j, 0, define_up(rest), value(&c.rest, j));
                test_same_f32("size", ref.kernel->name, j, 0, define_up(size), value(&c.size, j));
                for (int64_t i = 0; i < (k + 3) / 4 * 4; i++)
                    cr_assert_eq(((const int8_t *)c.c.t.data)[i / 4 * 64 + 4 * j + i % 4], i < k ? code[i] : 0, "row %lld, column %lld", (long long)j,
                                 (long long)i);
            }
            free_weights(&c);
        }
        for (size_t at = 0; test_next_kernel("pack", "f32>i16.hl+f32+f32+f32", &at, &ref);) {
            activations q = pack(ref, x, N_ROWS, k);

            for (int64_t j = 0; j < N_ROWS; j++) {
                const int8_t *row = test_row(&q.q, j);
                double b;

                test_same_f32("step", ref.kernel->name, j, 0, define_round(x + j * k, k, 32639.0f, code, &size, &rest), value(&q.step, j));
                b = rest + (size + rest) * (((double)k / 16.0 + 32.0) * 0x1p-23);
                test_same_f32("a", ref.kernel->name, j, 0, define_up(size + rest), value(&q.a, j));
                test_same_f32("b", ref.kernel->name, j, 0, define_up(b), value(&q.b, j));
                for (int64_t i = 0; i < half; i++) {
                    cr_assert_eq(256 * row[i] + row[half + i], i < k ? code[i] : 0, "%s: row %lld, column %lld", ref.kernel->name, (long long)j, (long long)i);
                    cr_assert(row[i] >= -127);
                }
            }
            free_activations(&q);
        }
    }
    free(rows);
    free(x);
}

/* What is not finite makes the bound so. */
Test(screen, damage_is_seen)
{
    enum { K = 64 };
    const setun_kernel_ref to_q = kernel("pack", "f32>i16.hl+f32+f32+f32"), to_c = kernel("quantise", "f32>i8.r16k4+f32+f32+f32");
    static const float bad[] = {INFINITY, -INFINITY, NAN, FLT_MAX};
    float x[K], w[K];

    EACH(i, bad) {
        activations q;
        weights c;
        setun_kernel_ref ref;

        fill_x(x, K, X_LARGE);
        fill_row(w, x, K, ROW_RANDOM);
        w[5] = bad[i];
        q = pack(to_q, x, 1, K);
        c = quantise(to_c, w, 1, K);
        for (size_t at = 0; test_next_kernel("screen", SCREEN_FMTS, &at, &ref);) {
            test_tensor z = test_tensor_make("f32", 1, 1, 1, 1), e = test_tensor_make("f32", 1, 1, 1, 1);
            const test_call call = {.in = {&q.q, &q.step, &q.a, &q.b, &c.c, &c.step, &c.rest, &c.size}, .n_in = 8, .out = {&z, &e}, .n_out = 2};

            test_run(ref, &call);
            cr_expect(!(value(&e, 0) <= 0x1p64f), "%s: %g in a row gives a bound of %g", ref.kernel->name, (double)bad[i], (double)value(&e, 0));
            test_tensor_free(&z);
            test_tensor_free(&e);
        }
        free_activations(&q);
        free_weights(&c);
    }
}
