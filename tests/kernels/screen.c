/* screen.c - see screen.h. */
#include "screen.h"

#include <math.h>
#include <string.h>

#include "definition.h"

double screen_norm(const double *v, int64_t k)
{
    double lane[16] = {0};

    for (int64_t i = 0; i < k; i++)
        lane[i % 16] = lane[i % 16] + v[i] * v[i];
    for (int h = 8; h >= 1; h /= 2)
        for (int j = 0; j < h; j++)
            lane[j] = lane[j] + lane[j + h];
    return sqrt(lane[0]);
}

float screen_up(double v)
{
    return (float)(v * (1.0 + 0x1p-20) + 0x1p-126);
}

test_tensor screen_vector(int64_t n)
{
    return test_tensor_make("f32", 1, n, 1, 1);
}

test_tensor screen_matrix(const float *v, int64_t n, int64_t k)
{
    const test_tensor t = test_tensor_make("f32", n, k, 1, 1);

    for (int64_t i = 0; i < n; i++)
        memcpy(test_row(&t, i), v + i * k, (size_t)k * sizeof(float));
    return t;
}

activations screen_pack(setun_kernel_ref ref, const float *x, int64_t m, int64_t k)
{
    activations out = {test_tensor_make("i16.hl", m, k, 1, 1), screen_vector(m), screen_vector(m), screen_vector(m)};
    test_tensor in = screen_matrix(x, m, k);
    const test_call call = {.in = {&in}, .n_in = 1, .out = {&out.q, &out.step, &out.a, &out.b}, .n_out = 4};

    test_run(ref, &call);
    test_tensor_free(&in);
    return out;
}

void screen_free_activations(activations *x)
{
    test_tensor_free(&x->q);
    test_tensor_free(&x->step);
    test_tensor_free(&x->a);
    test_tensor_free(&x->b);
}

setun_kernel_ref screen_kernel(const char *pattern, const char *fmts)
{
    setun_kernel_ref ref;
    size_t at = 0;

    cr_assert(test_next_kernel(pattern, fmts, &at, &ref), "no kernel %s %s", pattern, fmts);
    return ref;
}

float screen_value(const test_tensor *t, int64_t i)
{
    return ((const float *)test_row(t, 0))[i];
}

/* ---- rows that are hard ---- */

void screen_fill_row(float *w, const float *x, int64_t k, int fill)
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
        case ROW_OUTLIERS:
            w[i] = (i % 211 == 5 ? 20.0f : 1.0f) * size * test_uniform();
            break;
        case ROW_HALF_STEPS5: /* the same of five bits, whose codes are odd numbers where the largest weight is 32 */
            w[i] = i == 0 ? 32.0f * sign : (float)(2 * (test_below(30) - 15) + 1) + 0.9999f * sign;
            break;
        case ROW_HALF_STEPS7: /* and of seven, quarters of them */
            w[i] = i == 0 ? 32.0f * sign : (float)(2 * (test_below(120) - 60) + 1) * 0.25f + 0.24999f * sign;
            break;
        default:
            w[i] = size * test_uniform();
        }
    }
}

void screen_fill_x(float *x, int64_t k, int fill)
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

/* ---- the bound ---- */

long double screen_check_bound(const char *kernel, const float *x, const float *w, int64_t k, float z, float e)
{
    const float exact = define_dot(x, w, k);
    const long double far = fabsl((long double)exact - (long double)z), bound = (long double)e;
    long double real = 0;

    cr_assert(isfinite(z) && isfinite(e), "%s: k %lld: z %a, e %a", kernel, (long long)k, (double)z, (double)e);
    cr_assert(far <= bound, "%s: k %lld: z %a, dot %a, e %a", kernel, (long long)k, (double)z, (double)exact, (double)e);
    /* The real dot lies within it, too, which rounding had no part in. */
    for (int64_t i = 0; i < k; i++)
        real += (long double)x[i] * (long double)w[i];
    cr_assert(fabsl(real - (long double)z) <= bound, "%s: k %lld: the real dot", kernel, (long long)k);
    /* Rows and activations of zeros leave nothing but what is added for underflow. */
    return bound > 0x1p-99L ? far / bound : 0;
}
