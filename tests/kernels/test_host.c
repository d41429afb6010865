/* test_host.c - the host's functions: f64 log, exp, sin, cos against long double, exp32 against f64, rope tables, Philox against the
 * published vectors, Gumbel noise. SETUN_EXHAUSTIVE=1 walks every f32 in exp32 and takes more points elsewhere. */
#include <math.h>
#include <stdlib.h>

#include "definition.h"
#include "harness.h"
#include "numerics/numerics.h"

static bool exhaustive(void)
{
    return getenv("SETUN_EXHAUSTIVE") != NULL;
}

/* Error of y in units of the last place of `exact`. */
static double ulps(double y, long double exact)
{
    int e;

    if (exact == 0.0L)
        return y == 0.0 ? 0.0 : (double)INFINITY;
    frexpl(exact, &e);
    return (double)fabsl(((long double)y - exact) / ldexpl(1.0L, e - 53));
}

static double uniform(double low, double high)
{
    return low + (high - low) * ((double)(test_random() >> 11) * 0x1p-53);
}

Test(f64, log_is_within_an_ulp)
{
    double worst = 0.0, at = 0.0;

    cr_assert(setun_log64(1.0) == 0.0 && !signbit(setun_log64(1.0)));
    for (long i = exhaustive() ? 50000000 : 1000000; i > 0; i--) {
        const double x = i % 4 == 0   ? uniform(0.5, 2.0)
                         : i % 4 == 1 ? 1.0 - ldexp(uniform(0.0, 1.0), -(int)test_below(34))
                         : i % 4 == 2 ? ldexp(uniform(1.0, 2.0), (int)test_below(2000) - 1000)
                                      : ((double)(uint32_t)test_random() + 0.5) * 0x1p-32;
        const double error = ulps(setun_log64(x), logl((long double)x));

        if (error > worst) {
            worst = error;
            at = x;
        }
    }
    cr_log_info("log64: %.4f ulp at %a", worst, at);
    cr_assert_lt(worst, 1.0, "log64(%a): %f ulp", at, worst);
}

Test(f64, exp_is_within_an_ulp)
{
    double worst = 0.0, at = 0.0;

    cr_assert(setun_exp64(0.0) == 1.0 && setun_exp64(-0.0) == 1.0);
    for (long i = exhaustive() ? 50000000 : 1000000; i > 0; i--) {
        const double x = i % 2 ? uniform(-700.0, 700.0) : uniform(-20.0, 1.0), error = ulps(setun_exp64(x), expl((long double)x));

        if (error > worst) {
            worst = error;
            at = x;
        }
    }
    cr_log_info("exp64: %.4f ulp at %a", worst, at);
    cr_assert_lt(worst, 1.0, "exp64(%a): %f ulp", at, worst);
}

/* Arguments are what the rope tables pass: f32 numbers, from tiny to 2^20; near multiples of pi / 2 above all. */
Test(f64, sin_and_cos_are_within_2_5_ulp)
{
    double worst_sin = 0.0, worst_cos = 0.0, at_sin = 0.0, at_cos = 0.0;

    cr_assert(setun_sin64(0.0) == 0.0 && setun_cos64(0.0) == 1.0);
    for (long i = exhaustive() ? 50000000 : 1000000; i > 0; i--) {
        const double near = (double)test_below(667543) * 1.57079632679489661923;
        const double x = i % 3 == 0   ? (double)(float)uniform(0.0, 0x1p20)
                         : i % 3 == 1 ? (double)(float)near
                                      : (double)ldexpf((float)uniform(1.0, 2.0), (int)test_below(60) - 40);
        const double error_sin = ulps(setun_sin64(x), sinl((long double)x)), error_cos = ulps(setun_cos64(x), cosl((long double)x));

        if (error_sin > worst_sin) {
            worst_sin = error_sin;
            at_sin = x;
        }
        if (error_cos > worst_cos) {
            worst_cos = error_cos;
            at_cos = x;
        }
    }
    cr_log_info("sin64: %.4f ulp at %a, cos64: %.4f ulp at %a", worst_sin, at_sin, worst_cos, at_cos);
    cr_assert_lt(worst_sin, 2.5, "sin64(%a): %f ulp", at_sin, worst_sin);
    cr_assert_lt(worst_cos, 2.5, "cos64(%a): %f ulp", at_cos, worst_cos);
}

static float f32_of(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof(x));
    return x;
}

/* Every 251st f32 (a prime, so that all low bits occur), all of them around the thresholds. */
Test(exp32, every_input_is_within_0_892_ulp)
{
    const uint64_t step = exhaustive() ? 1 : 251;
    double worst = 0.0;
    float at = 0.0f;

    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += step) {
        const float x = f32_of((uint32_t)bits);
        float y;
        double exact;

        if (x != x)
            continue;
        y = setun_exp32(x);
        exact = exp((double)x);
        if (exact < 0x1p-126) {
            cr_assert(y == 0.0f && !signbit(y), "exp32(%a) = %a", (double)x, (double)y);
        } else if (exact > 0x1.fffffep127) {
            cr_assert(isinf(y) && y > 0, "exp32(%a) = %a", (double)x, (double)y);
        } else {
            int e;
            double error;

            frexp(exact, &e);
            error = fabs(((double)y - exact) * ldexp(1.0, 24 - e));
            if (error > worst) {
                worst = error;
                at = x;
            }
        }
    }
    cr_log_info("exp32: %.4f ulp at %a", worst, (double)at);
    cr_assert_lt(worst, 0.892, "exp32(%a): %f ulp", (double)at, worst);
}

Test(exp32, thresholds_are_where_the_true_function_leaves_the_normal_numbers)
{
    const float low = -0x1.5d589ep+6f, high = 0x1.62e42ep+6f;

    cr_assert(expl((long double)low) >= 0x1p-126L && expl((long double)nextafterf(low, -INFINITY)) < 0x1p-126L);
    cr_assert(expl((long double)high) <= 0x1.fffffep127L && expl((long double)nextafterf(high, INFINITY)) > 0x1.fffffep127L);
    cr_assert(setun_exp32(low) >= 0x1p-126f && setun_exp32(nextafterf(low, -INFINITY)) == 0.0f);
    cr_assert(isfinite(setun_exp32(high)) && isinf(setun_exp32(nextafterf(high, INFINITY))));
    cr_assert(setun_exp32(0.0f) == 1.0f && setun_exp32(-0.0f) == 1.0f);
    cr_assert(setun_exp32(-INFINITY) == 0.0f && isinf(setun_exp32(INFINITY)) && isnan(setun_exp32(NAN)));
}

/* The same bits as the written definition, which scales by ldexp instead of in the bits. */
Test(exp32, equals_the_definition)
{
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 1009) {
        const float x = f32_of((uint32_t)bits);

        if (x == x)
            test_same_f32("exp32", "host", 0, (int64_t)bits, define_exp(x), setun_exp32(x));
    }
}

Test(philox, equals_the_published_vectors)
{
    /* Random123's known answers for philox4x32, 10 rounds: counter, key, result. The third is made of the digits of pi. */
    static const uint32_t vector[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
    };

    for (size_t i = 0; i < 3; i++) {
        uint32_t word[4];

        setun_philox(vector[i], vector[i] + 4, word);
        for (int j = 0; j < 4; j++)
            cr_assert_eq(word[j], vector[i][6 + j], "vector %zu word %d: %08x", i, j, word[j]);
    }
}

/* Counter and key from the arguments as written in numerics.md; the value against long double. */
Test(gumbel, follows_the_definition)
{
    for (int i = 0; i < 100000; i++) {
        const uint64_t seed = test_random(), position = i % 2 ? test_random() : (uint64_t)i;
        const uint32_t id = (uint32_t)test_random();
        const uint32_t counter[4] = {id, (uint32_t)(position & 0xffffffff), (uint32_t)(position >> 32), 0};
        const uint32_t key[2] = {(uint32_t)(seed & 0xffffffff), (uint32_t)(seed >> 32)};
        uint32_t word[4];
        long double u;
        double g;

        setun_philox(counter, key, word);
        u = ((long double)word[0] + 0.5L) / 4294967296.0L;
        g = setun_gumbel(seed, position, id);
        cr_assert_lt(fabsl((long double)g + logl(-logl(u))), 1e-15L * (1.0L + fabsl((long double)g)));
        cr_assert(g > -3.14 && g < 22.88);
    }
}

/* The mean of the standard distribution is Euler's constant, its variance pi^2 / 6. */
/* Never below the noise, where it is nearest to it too (runs of ones, and zeros behind), and not so far above that it would be of no use. */
Test(gumbel, most_is_a_bound)
{
    for (uint32_t ones = 0; ones <= 32; ones++)
        for (int64_t off = -3; off <= 3; off++) {
            const uint32_t begin = ones == 0 ? 0 : UINT32_MAX << (32 - ones), word = (uint32_t)(begin + off);

            cr_assert_geq(setun_gumbel_most(word), setun_gumbel_of(word), "%08x", word);
        }
    for (uint32_t i = 0; i < 1000000; i++) {
        const uint32_t word = setun_gumbel_word(3, i / 1000, i % 1000);
        const double noise = setun_gumbel_of(word), most = setun_gumbel_most(word);

        cr_assert(most >= noise && (noise < 1 || most < noise + 1), "%08x: %g, at most %g", word, noise, most);
        cr_assert_eq(noise, setun_gumbel(3, i / 1000, i % 1000));
    }
}

Test(gumbel, has_the_right_mean_and_variance)
{
    const long n = 400000;
    double sum = 0.0, squares = 0.0, mean;

    for (long i = 0; i < n; i++) {
        const double g = setun_gumbel(7, (uint64_t)(i / 1000), (uint32_t)(i % 1000));

        sum += g;
        squares += g * g;
    }
    mean = sum / (double)n;
    cr_assert_lt(fabs(mean - 0.57721566), 0.01, "mean %f", mean);
    cr_assert_lt(fabs(squares / (double)n - mean * mean - 1.64493407), 0.03, "variance %f", squares / (double)n - mean * mean);
}

static void check_table(double theta, int64_t n_dims, int64_t n_positions, bool sine)
{
    const setun_graph_table table = {.n_positions = n_positions, .n_dims = n_dims, .theta = theta, .sine = sine};
    test_tensor out = test_tensor_make("f32", n_positions, n_dims / 2, 1, 1);
    setun_error error = {{0}};

    cr_assert_eq(setun_rope_table_check(&table, &error), SETUN_OK, "%s", error.text);
    setun_rope_table_fill(&table, &out.t);
    for (int64_t j = 0; j < n_dims / 2; j++) {
        const long double exact = powl((long double)theta, -2.0L * (long double)j / (long double)n_dims);
        const float frequency = (float)exact;

        /* f64 work cannot move the f32 result but next to a tie, which these bases do not meet. */
        test_same_f32("frequency", "host", 0, j, frequency, setun_rope_frequency(&table, j));
        for (int64_t pos = 0; pos < n_positions; pos += 1 + n_positions / 700) {
            const float angle = (float)pos * frequency;
            const float expected = (float)(sine ? sinl((long double)angle) : cosl((long double)angle));

            test_same_f32(sine ? "sin" : "cos", "host", pos, j, expected, ((float *)test_row(&out, pos))[j]);
        }
    }
    test_tensor_free(&out);
}

Test(rope_table, equals_the_correctly_rounded_values)
{
    for (int sine = 0; sine < 2; sine++) {
        check_table(500000.0, 64, 512, sine == 1);
        check_table(500000.0, 128, 4096, sine == 1);
        check_table(10000.0, 96, 2048, sine == 1);
        check_table(1000042.0, 256, 8192, sine == 1);
        check_table(1.0, 2, 100, sine == 1);
    }
}

/* Llama 3.1's own numbers, and some where every pair is slow, fast or between. The formula is that of the paper's code: by wavelengths, in
 * long double. */
Test(rope_table, scaled_as_in_llama3)
{
    static const struct { double theta, factor, low, high, trained; int64_t n_dims; } cases[] = {
        {500000.0, 8.0, 1.0, 4.0, 8192.0, 128}, {500000.0, 32.0, 1.0, 4.0, 8192.0, 64}, {10000.0, 4.0, 1.0, 4.0, 32.0, 12},
        {10000.0, 2.5, 0.25, 1000.0, 64.0, 20}, {10000.0, 8.0, 1000.0, 2000.0, 64.0, 34}, {10000.0, 8.0, 1e-6, 2e-6, 64.0, 34},
    };
    int n_slow = 0, n_fast = 0, n_between = 0;

    for (size_t i = 0; i < SETUN_COUNT(cases); i++)
        for (int64_t j = 0; j < cases[i].n_dims / 2; j++) {
            const setun_graph_table table = {.n_positions = 1, .n_dims = cases[i].n_dims, .theta = cases[i].theta, .scaling = SETUN_ROPE_SCALING_LLAMA3,
                                             .factor = cases[i].factor, .low = cases[i].low, .high = cases[i].high, .trained = cases[i].trained};
            const long double f = powl((long double)table.theta, -2.0L * (long double)j / (long double)table.n_dims);
            const long double wavelength = 2.0L * acosl(-1.0L) / f, trained = (long double)table.trained;
            const long double smooth = (trained / wavelength - (long double)table.low) / (long double)(table.high - table.low);
            const bool slow = wavelength > trained / (long double)table.low, fast = wavelength < trained / (long double)table.high;
            const long double scaled = slow ? f / (long double)table.factor : fast ? f : (1.0L - smooth) * f / (long double)table.factor + smooth * f;

            n_slow += slow;
            n_fast += fast;
            n_between += !slow && !fast;
            test_same_f32("frequency", "host", (int64_t)i, j, (float)scaled, setun_rope_frequency(&table, j));
        }
    cr_assert(n_slow > 20 && n_fast > 20 && n_between > 10, "%d slow, %d fast, %d between", n_slow, n_fast, n_between);
}

Test(rope_table, limits_are_refused)
{
    const setun_graph_table odd = {.n_positions = 1, .n_dims = 3, .theta = 1e4}, none = {.n_positions = 1, .n_dims = 0, .theta = 1e4},
                            flat = {.n_positions = 1, .n_dims = 2, .theta = 0.5}, nan = {.n_positions = 1, .n_dims = 2, .theta = (double)NAN},
                            far = {.n_positions = (INT64_C(1) << 20) + 1, .n_dims = 2, .theta = 1e4};
    const setun_graph_table *const wrong[] = {&odd, &none, &flat, &nan, &far};

    for (size_t i = 0; i < SETUN_COUNT(wrong); i++) {
        setun_error error = {{0}};

        cr_assert_eq(setun_rope_table_check(wrong[i], &error), SETUN_ERR_UNSUPPORTED);
        cr_assert_neq(error.text[0], '\0');
    }
}
