/* test_fma.c - the scalar backend's fma without an FMA instruction against libm's, on the cases where double rounding would show.
 * SETUN_EXHAUSTIVE=1 makes it 100 times longer. */
#include <fenv.h>
#include <stdlib.h>

#include "harness.h"

#include "backends/scalar/lanes.h"

static long n_cases(long quick)
{
    return getenv("SETUN_EXHAUSTIVE") != NULL ? 100 * quick : quick;
}

static void check_lanes(const float *a, const float *b, const float *c)
{
    float acc[SETUN_LANES];

    memcpy(acc, c, sizeof(acc));
    fma_lanes(a, b, acc);
    for (int i = 0; i < SETUN_LANES; i++) {
        const float expected = fmaf(a[i], b[i], c[i]), exact = fma_exact(a[i], b[i], c[i]);

        if (expected != expected) {
            cr_assert(acc[i] != acc[i] && exact != exact, "fma(%a, %a, %a) must be NaN", (double)a[i], (double)b[i], (double)c[i]);
            continue;
        }
        cr_assert(f32_bits(expected) == f32_bits(acc[i]) && f32_bits(expected) == f32_bits(exact),
                  "fma(%a, %a, %a): expected %a, lanes %a, exact %a", (double)a[i], (double)b[i], (double)c[i], (double)expected,
                  (double)acc[i], (double)exact);
    }
}

/* A float with the given exponent, random sign, and a mantissa of n_bits random bits. */
static float with_exponent(int exponent, int n_bits)
{
    const uint32_t mantissa = (uint32_t)test_random() & 0x7FFFFF & ~(0x7FFFFFu >> n_bits);

    return ldexpf((test_random() & 1) ? -(1.0f + (float)mantissa * 0x1p-23f) : 1.0f + (float)mantissa * 0x1p-23f, exponent);
}

Test(fma, any_bits)
{
    float a[SETUN_LANES], b[SETUN_LANES], c[SETUN_LANES];

    for (long n = n_cases(100000); n > 0; n--) {
        for (int i = 0; i < SETUN_LANES; i++) {
            a[i] = test_any_f32();
            b[i] = test_any_f32();
            c[i] = test_any_f32();
        }
        check_lanes(a, b, c);
    }
}

/* Exponents close enough for product and sum to interact, short mantissas so that exact ties are common. */
Test(fma, ties)
{
    float a[SETUN_LANES], b[SETUN_LANES], c[SETUN_LANES];

    for (long n = n_cases(300000); n > 0; n--) {
        const int bits_a = (int)test_below(24), bits_b = (int)test_below(24), bits_c = (int)test_below(24);
        const int ea = (int)test_below(60) - 30;

        for (int i = 0; i < SETUN_LANES; i++) {
            const int eb = (int)test_below(60) - 30;

            a[i] = with_exponent(ea, bits_a);
            b[i] = with_exponent(eb, bits_b);
            c[i] = with_exponent(ea + eb + (int)test_below(60) - 30, bits_c);
        }
        check_lanes(a, b, c);
    }
}

/* Half a last place of c, plus or minus as little as two f32 factors can make: rounding to f64 first loses it. */
Test(fma, just_beside_ties)
{
    float a[SETUN_LANES], b[SETUN_LANES], c[SETUN_LANES];

    for (long n = n_cases(200000); n > 0; n--) {
        for (int i = 0; i < SETUN_LANES; i++) {
            const int exponent = (int)test_below(200) - 100, shift = (int)test_below(20) + 1;
            const float off = (test_random() & 1) ? ldexpf(1.0f, -shift) : 0.0f;

            c[i] = with_exponent(exponent, 23);
            a[i] = ldexpf(1.0f + ldexpf((float)(test_below(3) - 1), -23 + (int)test_below(12)), exponent - 24 + shift);
            b[i] = ldexpf(1.0f + ldexpf((float)(test_below(3) - 1), -23 + (int)test_below(12)) + off, -shift);
            if (test_random() & 1)
                b[i] = -b[i];
        }
        check_lanes(a, b, c);
    }
}

/* Results around and below the smallest normal number, where the grid is coarser and zero is near. */
Test(fma, subnormal_results)
{
    float a[SETUN_LANES], b[SETUN_LANES], c[SETUN_LANES];

    for (long n = n_cases(300000); n > 0; n--) {
        const int bits = (int)test_below(24);

        for (int i = 0; i < SETUN_LANES; i++) {
            const int ea = (int)test_below(100) - 100, target = -122 - (int)test_below(32);

            a[i] = with_exponent(ea, bits);
            b[i] = with_exponent(target - ea < -126 ? -126 : target - ea, (int)test_below(24));
            c[i] = test_below(4) == 0 ? 0.0f : ldexpf((float)(test_below(1 << 25) - (1 << 24)), -149 - (int)test_below(2));
        }
        check_lanes(a, b, c);
    }
}

/* Half a step of the subnormal grid, 2^-150, more or less a little, beside c on that grid up to just above the smallest normal number. One
 * lane at a time: a group goes the exact way as soon as one lane is in doubt, and would hide the others. */
Test(fma, just_beside_ties_of_the_subnormal_grid)
{
    for (long n = n_cases(300000); n > 0; n--) {
        float a[SETUN_LANES] = {0}, b[SETUN_LANES] = {0}, c[SETUN_LANES] = {0};
        const int lane = (int)test_below(SETUN_LANES), shift = 23 - (int)test_below(9);
        const int64_t steps = n % 2 ? (1 << 23) + test_below(9) - 4 : test_below(1 << 24);

        c[lane] = ldexpf((float)steps, -149);
        a[lane] = ldexpf(1.0f + ldexpf((float)(test_below(3) - 1), -shift), -75);
        b[lane] = ldexpf(1.0f + ldexpf((float)(test_below(3) - 1), -shift), -75);
        if (test_random() & 1)
            a[lane] = -a[lane];
        if (test_random() & 1)
            c[lane] = -c[lane];
        check_lanes(a, b, c);
    }
}

Test(fma, zeros_overflow_and_infinity)
{
    static const float special[] = {0.0f,         -0.0f,         1.0f,           -1.0f,     0x1p-149f,     -0x1p-149f,      0x1p-126f,
                                    0x1.fffffep127f, -0x1.fffffep127f, 0x1p127f, 0x1p103f, 0x1p-75f, -0x1p-75f, 0x1p102f, 0x1.fffffep-127f};
    static const float last[] = {INFINITY, -INFINITY, 0.0f, -0.0f, 0x1.fffffep127f, -0x1.fffffep127f, 0x1p-149f, -0x1p-126f};
    float a[SETUN_LANES], b[SETUN_LANES], c[SETUN_LANES];

    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
        for (size_t j = 0; j < sizeof(special) / sizeof(special[0]); j++)
            for (size_t k = 0; k < sizeof(last) / sizeof(last[0]); k++) {
                for (int lane = 0; lane < SETUN_LANES; lane++) {
                    a[lane] = special[i];
                    b[lane] = special[j];
                    c[lane] = last[(k + (size_t)lane) % (sizeof(last) / sizeof(last[0]))];
                }
                check_lanes(a, b, c);
            }
}
