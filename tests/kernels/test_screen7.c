/* test_screen7.c - the ops screen and rescreen in 7 bits: codes in their bytes, norms, results and bounds against the definition, and |dot - z| <= e in
 * long double for rows made to break it. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "screen.h"

#define SCREEN_FMTS   "i16.hl+f32+f32+f32,i7.r256k32+f32+f32+f32+f32>f32,f32"
#define RESCREEN_FMTS "i16.hl+f32+f32+f32,i7.r256k32+f32+f32+f32+f32,f32,i32>f32,f32"
#define QUANTISE_FMTS "f32>i7.r256k32+f32+f32+f32+f32"

enum { MAX_K = SCREEN_MAX_K, N_ROWS = 16, BANDS = 531 /* two bands of 256 rows and a ragged one */ };

/* ---- the definition, a second time ---- */

typedef struct defined {
    float step, rest, size, fine;
} defined;

static defined define_round(const float *w, int64_t k, int *code)
{
    static double size[MAX_K], rest[MAX_K], fine[MAX_K];
    float amax = 0, step, inverse;

    for (int64_t i = 0; i < k; i++)
        amax = fmaxf(amax, fabsf(w[i]));
    step = amax / 32.0f;
    inverse = amax < 0x1p-100f ? 0.0f : 64.0f / amax;
    for (int64_t i = 0; i < k; i++) {
        const float scaled = w[i] * inverse;

        code[i] = (int)fminf(fmaxf(floorf(scaled + 64.0f), 0.0f), 127.0f);
        size[i] = (double)w[i];
        rest[i] = (double)w[i] - (double)step * (2 * (code[i] / 4) - 31);
        fine[i] = (double)w[i] - (double)step / 4 * (2 * code[i] - 127);
    }
    return (defined){step, screen_up(screen_norm(rest, k)), screen_up(screen_norm(size, k)), screen_up(screen_norm(fine, k))};
}

/* formats.md: where the upper and the lower bits of row i, column c of w[n, k] are. */
static void define_place(int code, int64_t n, int64_t k, int64_t i, int64_t c, uint8_t *bytes)
{
    const int64_t upper_bytes = (k + 31) / 32 * 320, lower_bytes = (k + 255) / 256 * 64, band = i / 256;
    const int64_t h = n - 256 * band < 256 ? n - 256 * band : 256, g = i % 256 / 16, r = i % 16, e = c % 4, p = c % 32 / 4, u = code / 4, l = code % 4;
    uint8_t *const start = bytes + band * (16 * upper_bytes + 256 * lower_bytes), *const block = start + g * upper_bytes + 320 * (c / 32);

    block[4 * r + e] |= (uint8_t)((u / 16) << p);
    block[64 + 64 * (p / 2) + 4 * r + e] |= (uint8_t)(u % 16 << (p % 2 == 0 ? 0 : 4));
    start[(h + 15) / 16 * upper_bytes + i % 256 * lower_bytes + 64 * (c / 256) + c % 64] |= (uint8_t)(l << 2 * (c % 256 / 64));
}

/* ---- operands ---- */

typedef struct weights {
    test_tensor c, step, rest, size, fine;
} weights;

static weights quantise(setun_kernel_ref ref, const float *w, int64_t n, int64_t k)
{
    weights out = {test_tensor_make("i7.r256k32", n, k, 1, 1), screen_vector(n), screen_vector(n), screen_vector(n), screen_vector(n)};
    test_tensor in = screen_matrix(w, n, k);
    const test_call call = {.in = {&in}, .n_in = 1, .out = {&out.c, &out.step, &out.rest, &out.size, &out.fine}, .n_out = 5};

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
    test_tensor_free(&w->fine);
}

/* z and e, in this order, of what was screened. */
typedef struct bounds {
    test_tensor z, e;
} bounds;

static bounds screen(setun_kernel_ref ref, activations *x, weights *w)
{
    const int64_t m = x->q.t.dim[0], n = w->c.t.dim[0];
    bounds out = {test_tensor_make("f32", m, n, 1, 1), test_tensor_make("f32", m, n, 1, 1)};
    const setun_batch batch = {.size = sizeof(batch), .n_rows = m};
    const test_call call = {.batch = &batch, .in = {&x->q, &x->step, &x->a, &x->b, &w->c, &w->step, &w->rest, &w->size, &w->fine}, .n_in = 9,
                            .out = {&out.z, &out.e}, .n_out = 2};

    test_run(ref, &call);
    return out;
}

/* Of one row of x, and the rows of w that id[n_ids] names. */
static bounds rescreen(setun_kernel_ref ref, activations *x, weights *w, bounds *coarse, const int32_t *id, int64_t n_ids)
{
    bounds out = {screen_vector(n_ids), screen_vector(n_ids)};
    test_tensor ids = test_tensor_make("i32", 1, n_ids, 1, 1);
    const test_call call = {.in = {&x->q, &x->step, &x->a, &x->b, &w->c, &w->step, &w->rest, &w->size, &w->fine, &coarse->z, &ids}, .n_in = 11,
                            .out = {&out.z, &out.e}, .n_out = 2};

    memcpy(test_row(&ids, 0), id, (size_t)n_ids * sizeof(int32_t));
    test_run(ref, &call);
    test_tensor_free(&ids);
    return out;
}

static void free_bounds(bounds *b)
{
    test_tensor_free(&b->z);
    test_tensor_free(&b->e);
}

/* All rows, in some order. */
static void any_order(int32_t *id, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        id[i] = (int32_t)i;
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = test_below(i + 1);
        const int32_t swapped = id[i];

        id[i] = id[j];
        id[j] = swapped;
    }
}

/* ---- tests ---- */

/* All bytes of the codes, and bits of steps and norms; every kernel that makes them. */
Test(screen7, operands_are_the_definition)
{
    static const int64_t ks[] = {1, 4, 33, 64, 130, 255, 257, 1000}, ns[] = {BANDS, 16, 1, 271};
    static int code[MAX_K];
    float *w = malloc(BANDS * MAX_K * sizeof(float)), *x = malloc(MAX_K * sizeof(float));
    setun_kernel_ref ref;

    cr_assert_gt(test_count_kernels("quantise", QUANTISE_FMTS), 0);
    EACH(a, ks) {
        const int64_t k = ks[a], n = ns[a % 4];
        test_tensor expected = test_tensor_make("i7.r256k32", n, k, 1, 1);
        defined *row = malloc((size_t)n * sizeof(*row));

        memset(expected.memory.data, 0, expected.memory.n_bytes);
        for (int64_t j = 0; j < n; j++) {
            screen_fill_x(x, k, (int)j % N_X);
            screen_fill_row(w + j * k, x, k, (int)j % N_FILLS);
            row[j] = define_round(w + j * k, k, code);
            for (int64_t c = 0; c < k; c++)
                define_place(code[c], n, k, j, c, expected.memory.data);
        }
        for (size_t at = 0; test_next_kernel("quantise", QUANTISE_FMTS, &at, &ref);) {
            weights found = quantise(ref, w, n, k);

            test_same_bytes("codes", ref.kernel->name, 0, expected.memory.data, found.c.memory.data, expected.memory.n_bytes);
            for (int64_t j = 0; j < n; j++) {
                test_same_f32("step", ref.kernel->name, j, 0, row[j].step, screen_value(&found.step, j));
                test_same_f32("rest", ref.kernel->name, j, 0, row[j].rest, screen_value(&found.rest, j));
                test_same_f32("size", ref.kernel->name, j, 0, row[j].size, screen_value(&found.size, j));
                test_same_f32("fine", ref.kernel->name, j, 0, row[j].fine, screen_value(&found.fine, j));
            }
            free_weights(&found);
        }
        test_tensor_free(&expected);
        free(row);
    }
    free(w);
    free(x);
}

/* z of codes, which are `most` in size at most: fma(256, H, L) * scale. */
static float define_z(const int8_t *x, int64_t half, const int *code, int64_t k, int times, int most, float scale)
{
    int32_t high = 0, low = 0;

    for (int64_t c = 0; c < k; c++) {
        high += x[c] * (times * code[c] - most);
        low += x[half + c] * (times * code[c] - most);
    }
    return fmaf(256.0f, (float)high, (float)low) * scale;
}

static float define_e(float a, float rest, float b, float size)
{
    const float first = a * rest, second = b * size;

    return (first + second) + 0x1p-100f;
}

static void check_results(int64_t m, int64_t n, int64_t k, const float *x, const float *w)
{
    static int code[MAX_K];
    const int64_t half = (k + 63) / 64 * 64, n_ids = n + 3;
    activations q = screen_pack(screen_kernel("pack", SCREEN_PACK_FMTS), x, m, k), first = screen_pack(screen_kernel("pack", SCREEN_PACK_FMTS), x, 1, k);
    weights c = quantise(screen_kernel("quantise", QUANTISE_FMTS), w, n, k);
    bounds coarse = screen(screen_kernel("screen", SCREEN_FMTS), &first, &c);
    int32_t *id = malloc((size_t)n_ids * sizeof(*id));
    setun_kernel_ref ref;

    for (size_t at = 0; test_next_kernel("screen", SCREEN_FMTS, &at, &ref);) {
        bounds found = screen(ref, &q, &c);

        for (int64_t j = 0; j < n; j++) {
            const defined row = define_round(w + j * k, k, code);

            for (int64_t i = 0; i < k; i++)
                code[i] /= 4;
            for (int64_t i = 0; i < m; i++) {
                const float z = define_z(test_row(&q.q, i), half, code, k, 2, 31, row.step * screen_value(&q.step, i));
                const float e = define_e(screen_value(&q.a, i), row.rest, screen_value(&q.b, i), row.size);

                test_same_f32("z", ref.kernel->name, i, j, z, ((const float *)test_row(&found.z, i))[j]);
                test_same_f32("e", ref.kernel->name, i, j, e, ((const float *)test_row(&found.e, i))[j]);
            }
        }
        free_bounds(&found);
    }
    any_order(id, n);
    for (int64_t i = n; i < n_ids; i++) /* a row may be asked for twice */
        id[i] = (int32_t)test_below(n);
    for (size_t at = 0; test_next_kernel("rescreen", RESCREEN_FMTS, &at, &ref);) {
        bounds found = rescreen(ref, &first, &c, &coarse, id, n_ids);

        for (int64_t i = 0; i < n_ids; i++) {
            const defined row = define_round(w + id[i] * k, k, code);
            const float scale = (row.step * screen_value(&first.step, 0)) * 0.25f;

            for (int64_t j = 0; j < k; j++)
                code[j] %= 4;
            test_same_f32("z", ref.kernel->name, id[i], i, screen_value(&coarse.z, id[i]) + define_z(test_row(&first.q, 0), half, code, k, 2, 3, scale),
                          screen_value(&found.z, i));
            test_same_f32("e", ref.kernel->name, id[i], i, define_e(screen_value(&first.a, 0), row.fine, screen_value(&first.b, 0), row.size),
                          screen_value(&found.e, i));
        }
        free_bounds(&found);
    }
    free(id);
    free_bounds(&coarse);
    free_weights(&c);
    screen_free_activations(&q);
    screen_free_activations(&first);
}

/* All bits of z and e. */
Test(screen7, results_are_the_definition)
{
    static const struct {
        int64_t m, n, k;
    } shapes[] = {{1, 1, 1}, {2, 17, 33}, {3, BANDS, 300}, {9, 257, 96}, {17, 20, 257}, {1, 530, 513}};
    float *x = malloc(17 * MAX_K * sizeof(float)), *w = malloc(BANDS * MAX_K * sizeof(float));

    cr_assert_gt(test_count_kernels("screen", SCREEN_FMTS), 0);
    cr_assert_gt(test_count_kernels("rescreen", RESCREEN_FMTS), 0);
    EACH(s, shapes) {
        for (int64_t i = 0; i < shapes[s].m; i++)
            screen_fill_x(x + i * shapes[s].k, shapes[s].k, i % 2 == 0 ? X_RANDOM : X_OUTLIERS);
        for (int64_t j = 0; j < shapes[s].n; j++)
            screen_fill_row(w + j * shapes[s].k, x, shapes[s].k, (int)j % N_FILLS);
        check_results(shapes[s].m, shapes[s].n, shapes[s].k, x, w);
    }
    free(x);
    free(w);
}

/* The largest share of a bound that was needed, of screen and of rescreen. */
static void check_bounds(const float *x, const float *w, int64_t k, activations *q, weights *c, long double out_worst[2])
{
    int32_t id[N_ROWS];
    setun_kernel_ref ref;

    any_order(id, N_ROWS);
    for (size_t at = 0; test_next_kernel("screen", SCREEN_FMTS, &at, &ref);) {
        bounds coarse = screen(ref, q, c);
        setun_kernel_ref second;

        for (int64_t j = 0; j < N_ROWS; j++)
            out_worst[0] =
                fmaxl(out_worst[0], screen_check_bound(ref.kernel->name, x, w + j * k, k, screen_value(&coarse.z, j), screen_value(&coarse.e, j)));
        for (size_t next = 0; test_next_kernel("rescreen", RESCREEN_FMTS, &next, &second);) {
            bounds fine = rescreen(second, q, c, &coarse, id, N_ROWS);

            for (int64_t i = 0; i < N_ROWS; i++) {
                const float z = screen_value(&fine.z, i), e = screen_value(&fine.e, i);
                const int fill = (int)(id[i] % N_FILLS);

                out_worst[1] = fmaxl(out_worst[1], screen_check_bound(second.kernel->name, x, w + id[i] * k, k, z, e));
                /* Two more bits leave a quarter of what five leave of weights that lie anywhere. */
                if ((fill == ROW_RANDOM || fill == ROW_OUTLIERS) && k >= 64) {
                    cr_expect_lt(screen_value(&c->fine, id[i]), 0.35f * screen_value(&c->rest, id[i]), "row %d", (int)id[i]);
                    cr_expect_leq(e, screen_value(&coarse.e, id[i]), "row %d", (int)id[i]);
                }
            }
            free_bounds(&fine);
        }
        free_bounds(&coarse);
    }
}

Test(screen7, bound_holds)
{
    static const int64_t ks[] = {1, 3, 16, 17, 64, 255, 257, 2560};
    const setun_kernel_ref to_q = screen_kernel("pack", SCREEN_PACK_FMTS), to_c = screen_kernel("quantise", QUANTISE_FMTS);
    float *x = malloc(MAX_K * sizeof(float)), *w = malloc(N_ROWS * MAX_K * sizeof(float));
    long double worst[2] = {0, 0};

    EACH(a, ks)
        for (int fx = 0; fx < N_X; fx++) {
            const int64_t k = ks[a];
            activations q;
            weights c;

            screen_fill_x(x, k, fx);
            for (int64_t j = 0; j < N_ROWS; j++)
                screen_fill_row(w + j * k, x, k, (int)j % N_FILLS);
            q = screen_pack(to_q, x, 1, k);
            c = quantise(to_c, w, N_ROWS, k);
            check_bounds(x, w, k, &q, &c, worst);
            screen_free_activations(&q);
            free_weights(&c);
        }
    /* Some rows are as bad as can be: a bound half as large, or without one of its terms, would have been caught. */
    cr_expect(worst[0] > 0.9L && worst[1] > 0.9L, "the worst were %Lg and %Lg of the bounds", worst[0], worst[1]);
    free(x);
    free(w);
}

/* The terms of a bound, one at a time, each at what it is there for: a bound without it fails. */
static void check_term(const char *what, const float *x, const float *w, int64_t k, bool is_fine, bool by_rest)
{
    activations q = screen_pack(screen_kernel("pack", SCREEN_PACK_FMTS), x, 1, k);
    weights c = quantise(screen_kernel("quantise", QUANTISE_FMTS), w, 1, k);
    bounds coarse = screen(screen_kernel("screen", SCREEN_FMTS), &q, &c);
    bounds fine = rescreen(screen_kernel("rescreen", RESCREEN_FMTS), &q, &c, &coarse, &(int32_t){0}, 1);
    const bounds *b = is_fine ? &fine : &coarse;
    const float rest = screen_value(is_fine ? &c.fine : &c.rest, 0), z = screen_value(&b->z, 0), e = screen_value(&b->e, 0);
    const long double by_size = (long double)screen_value(&q.b, 0) * (long double)screen_value(&c.size, 0);
    const long double other = by_rest ? by_size : (long double)screen_value(&q.a, 0) * (long double)rest;
    const long double share = screen_check_bound(what, x, w, k, z, e);

    cr_expect(share * (long double)e > other + 0x1p-100L, "%s: without its term the bound would still hold: off by %Lg, the other term is %Lg", what,
              share * (long double)e, other);
    cr_expect(share > 0.9L, "%s: off by %Lg of the bound", what, share);
    free_bounds(&coarse);
    free_bounds(&fine);
    screen_free_activations(&q);
    free_weights(&c);
}

Test(screen7, each_term_is_needed)
{
    static float x[MAX_K], w[MAX_K];
    const int64_t k = 512;

    /* What rounding left of the row points the way of x: a step, or a quarter of one, everywhere. The largest weight is 32 steps. */
    for (int i = 0; i < k; i++) {
        x[i] = i % 3 == 0 ? -1.0f : 1.0f;
        w[i] = (i == 0 ? 32.0f : (float)(2 * (i % 15) + 1) + 0.999f) * x[i];
    }
    check_term("the row's rest", x, w, k, false, true);
    for (int i = 1; i < k; i++)
        w[i] = ((float)(2 * (i % 60) + 1) * 0.25f + 0.2499f) * x[i];
    check_term("the row's rest of seven bits", x, w, k, true, true);
    /* What rounding left of the activations points the way of the row, which is exact, except where both have their largest. */
    for (int is_fine = 0; is_fine < 2; is_fine++) {
        for (int i = 0; i < MAX_K; i++) {
            const float sign = i % 3 == 0 ? -1.0f : 1.0f;

            w[i] = (i == 0 ? 32.0f : is_fine ? 31.75f : 31.0f) * sign;
            x[i] = (i == 0 ? 32639.0f : (float)(i % 90) + 0.499f) * sign;
        }
        check_term(is_fine ? "the activations' rest, seven bits" : "the activations' rest", x, w, MAX_K, is_fine != 0, false);
    }
}

/* What is not finite makes the bounds so. */
Test(screen7, damage_is_seen)
{
    enum { K = 64 };
    static const float bad[] = {INFINITY, -INFINITY, NAN, FLT_MAX};
    float x[K], w[K];

    EACH(i, bad) {
        activations q;
        weights c;
        setun_kernel_ref ref, second;

        screen_fill_x(x, K, X_LARGE);
        screen_fill_row(w, x, K, ROW_RANDOM);
        w[5] = bad[i];
        q = screen_pack(screen_kernel("pack", SCREEN_PACK_FMTS), x, 1, K);
        for (size_t from = 0; test_next_kernel("quantise", QUANTISE_FMTS, &from, &ref);) {
            c = quantise(ref, w, 1, K);
            for (size_t at = 0; test_next_kernel("screen", SCREEN_FMTS, &at, &ref);) {
                bounds coarse = screen(ref, &q, &c);

                cr_expect(!(screen_value(&coarse.e, 0) <= 0x1p64f), "%s: %g in a row gives a bound of %g", ref.kernel->name, (double)bad[i],
                          (double)screen_value(&coarse.e, 0));
                for (size_t next = 0; test_next_kernel("rescreen", RESCREEN_FMTS, &next, &second);) {
                    bounds fine = rescreen(second, &q, &c, &coarse, &(int32_t){0}, 1);

                    cr_expect(!(screen_value(&fine.e, 0) <= 0x1p64f), "%s: %g in a row gives a bound of %g", second.kernel->name, (double)bad[i],
                              (double)screen_value(&fine.e, 0));
                    free_bounds(&fine);
                }
                free_bounds(&coarse);
            }
            free_weights(&c);
        }
        screen_free_activations(&q);
    }
}
