/* test_tables.c - packings for lookup tables, and the tables themselves, against the text of formats.md: bytes built here from the weights and
 * activations, by every loaded kernel that packs them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

/* Weight of row i, column c; 0 where there is none. */
typedef struct matrix {
    int8_t *weights;
    int64_t n, k;
} matrix;

static int weight_at(const matrix *w, int64_t i, int64_t c)
{
    return i < w->n && c < w->k ? w->weights[i * w->k + c] : 0;
}

/* Codes weight + 1 of `digits` columns from c on, `step` apart, in base 3, the first counting once. */
static unsigned number(const matrix *w, int64_t i, int64_t c, int64_t step, int digits)
{
    unsigned x = 0;

    for (int p = digits - 1; p >= 0; p--)
        x = 3 * x + (unsigned)(weight_at(w, i, c + p * step) + 1);
    return x;
}

static void expect_row(const matrix *w, test_tensor *t)
{
    for (int64_t i = 0; i < w->n; i++) {
        uint8_t *row = test_row(t, i);

        memset(row, 0x55, (size_t)t->t.stride_bytes[0]);
        for (int64_t c = 0; c < w->k; c++)
            row[c / 4] = (uint8_t)((row[c / 4] & ~(3u << (c % 4 * 2))) | (unsigned)(weight_at(w, i, c) + 1) << (c % 4 * 2));
    }
}

static void expect_243(const matrix *w, test_tensor *t)
{
    const int64_t across = (w->k + 19) / 20;

    for (int64_t i = 0; i < (w->n + 15) / 16 * 16; i++)
        for (int64_t b = 0; b < across; b++)
            for (int64_t e = 0; e < 4; e++) {
                const unsigned m = number(w, i, 20 * b + e, 4, 3), y = number(w, i, 20 * b + 12 + e, 4, 2), h = m / 4, z = m % 4;

                ((uint8_t *)t->t.data)[(i / 16 * across + b) * 64 + i % 16 * 4 + e] = (uint8_t)(y > 0 ? h + 8 * (y - 1) + 64 * z : 7 + 8 * h + 64 * z);
            }
}

static void expect_14(const matrix *w, test_tensor *t)
{
    const int64_t across = (w->k + 23) / 24;

    memset(t->t.data, 0, t->memory.n_bytes);
    for (int64_t i = 0; i < (w->n + 31) / 32 * 32; i++)
        for (int64_t b = 0; b < across; b++)
            for (int64_t j = 0; j < 8; j++) {
                const int sum = (int)number(w, i, 24 * b + 3 * j, 1, 3) - 13;
                uint8_t *block = (uint8_t *)t->t.data + (i / 32 * across + b) * 160;
                const int64_t r = i % 32;

                block[16 * j + r % 16] |= (uint8_t)(abs(sum) * (r < 16 ? 1 : 16));
                block[128 + r] |= (uint8_t)((sum < 0) << j);
            }
}

static void expect_27(const matrix *w, test_tensor *t)
{
    const int64_t across = (w->k + 47) / 48;

    memset(t->t.data, 0, t->memory.n_bytes);
    for (int64_t i = 0; i < (w->n + 63) / 64 * 64; i++)
        for (int64_t b = 0; b < across; b++)
            for (int64_t s = 0; s < 16; s++) {
                const unsigned x = number(w, i, 48 * b + 3 * s, 1, 3);
                uint8_t *block = (uint8_t *)t->t.data + (i / 64 * across + b) * 640;

                for (int bit = 0; bit < 5; bit++) {
                    const int64_t word = s < 15 ? s / 3 : 4 - bit, place = s < 15 ? s % 3 * 5 + bit : 15;

                    block[(2 * word + i % 64 / 32) * 64 + 2 * (i % 32) + place / 8] |= (uint8_t)((x >> bit & 1) << (place % 8));
                }
            }
}

/* All kernels that pack `from` into `to`: the same bytes, and the same f32 beside them. */
static void check_pack(const char *fmts, test_tensor *in, test_tensor *out, int64_t n)
{
    test_tensor s_in = test_tensor_make("f32", 1, n, 1, 1), s_out = test_tensor_make("f32", 1, n, 1, 1);
    const test_call call = {.in = {in, &s_in}, .n_in = 2, .out = {out, &s_out}, .n_out = 2};
    uint8_t *expected = malloc(out->memory.n_bytes);
    setun_kernel_ref ref;

    cr_assert_not_null(expected);
    memcpy(expected, out->t.data, out->memory.n_bytes);
    test_fill_f32(&s_in, 1.0f);
    cr_assert_gt(test_count_kernels("pack", fmts), 0, "no pack %s", fmts);
    for (size_t r = 0; test_next_kernel("pack", fmts, &r, &ref);) {
        memset(out->t.data, 0xA5, out->memory.n_bytes);
        test_run(ref, &call);
        test_same_bytes(fmts, ref.kernel->name, 0, expected, out->t.data, out->memory.n_bytes);
        test_same_bytes("scales", ref.kernel->name, 0, s_in.t.data, s_out.t.data, (size_t)n * sizeof(float));
    }
    free(expected);
    test_tensor_free(&s_in);
    test_tensor_free(&s_out);
}

static const struct {
    const char *fmt;
    void      (*expect)(const matrix *w, test_tensor *t);
} packings[] = {{"tern243.r16k20", expect_243}, {"tern14.r32k24", expect_14}, {"tern27.r64k48", expect_27}};

Test(packings, every_weight_finds_its_place)
{
    static const int64_t heights[] = {1, 15, 16, 17, 31, 33, 64, 65, 130}, widths[] = {1, 2, 3, 4, 5, 19, 20, 21, 23, 24, 25, 47, 48, 49, 96, 257, 480};

    for (size_t f = 0; f < sizeof(packings) / sizeof(packings[0]); f++)
        for (size_t i = 0; i < sizeof(heights) / sizeof(heights[0]); i++)
            for (size_t j = 0; j < sizeof(widths) / sizeof(widths[0]); j++) {
                const matrix w = {malloc((size_t)(heights[i] * widths[j])), heights[i], widths[j]};
                test_tensor packed = test_tensor_make(packings[f].fmt, w.n, w.k, 1, 1), row = test_tensor_make("tern2.row", w.n, w.k, 1, 1);
                char fmts[80];

                cr_assert_not_null(w.weights);
                for (int64_t c = 0; c < w.n * w.k; c++)
                    w.weights[c] = (int8_t)(test_below(3) - 1);
                packings[f].expect(&w, &packed);
                expect_row(&w, &row);
                (void)snprintf(fmts, sizeof(fmts), "tern2.row+f32>%s+f32", packings[f].fmt);
                check_pack(fmts, &row, &packed, w.n);
                (void)snprintf(fmts, sizeof(fmts), "%s+f32>tern2.row+f32", packings[f].fmt);
                check_pack(fmts, &packed, &row, w.n);
                free(w.weights);
                test_tensor_free(&packed);
                test_tensor_free(&row);
            }
}

/* All five weights of a byte, and nothing else: 243 bytes, all different, of which none is one that formats.md says does not occur. */
Test(packings, a_byte_of_five_weights_is_one_of_243)
{
    bool seen[256] = {false};
    matrix w = {calloc(20, 1), 1, 20};

    cr_assert_not_null(w.weights);
    for (int x = 0; x < 243; x++) {
        test_tensor t = test_tensor_make("tern243.r16k20", 1, 20, 1, 1), row = test_tensor_make("tern2.row", 1, 20, 1, 1);
        uint8_t byte;

        for (int p = 0, rest = x; p < 5; p++, rest /= 3)
            w.weights[4 * p] = (int8_t)(rest % 3 - 1);
        expect_243(&w, &t);
        expect_row(&w, &row);
        check_pack("tern2.row+f32>tern243.r16k20+f32", &row, &t, 1);
        byte = ((uint8_t *)t.t.data)[0];
        cr_assert(!seen[byte], "byte %d twice", byte);
        cr_assert(!((byte & 63) == 63 || (byte >> 6 == 3 && ((byte & 7) == 6 || (byte & 63) == (7 | 6 << 3)))), "byte %d", byte);
        seen[byte] = true;
        test_tensor_free(&t);
        test_tensor_free(&row);
    }
    free(w.weights);
}

/* ---- tables ---- */

static int column(const test_tensor *q, int64_t i, int64_t c)
{
    return c < q->t.dim[1] ? ((int8_t *)test_row(q, i))[c] : 0;
}

static int sum_of(const test_tensor *q, int64_t i, int64_t c, int x)
{
    return (x % 3 - 1) * column(q, i, c) + (x / 3 % 3 - 1) * column(q, i, c + 1) + (x / 9 - 1) * column(q, i, c + 2);
}

static void expect_t14(const test_tensor *q, test_tensor *t)
{
    memset(t->t.data, 0, t->memory.n_bytes);
    for (int64_t i = 0; i < q->t.dim[0]; i++)
        for (int64_t c = 0; c < (q->t.dim[1] + 23) / 24 * 24; c += 3)
            for (int e = 0; e < 14; e++) {
                const int64_t j = c % 24 / 3;
                const int sum = sum_of(q, i, c, 13 + e);
                int high = sum / 25, low = sum % 25;
                int8_t *at = (int8_t *)test_row(t, i) + c / 24 * 256 + j / 2 * 64 + j % 2 * 16 + e;

                if (low > 12) {
                    low -= 25;
                    high++;
                } else if (low < -12) {
                    low += 25;
                    high--;
                }
                at[0] = (int8_t)low;
                at[32] = (int8_t)high;
            }
}

static void expect_t27(const test_tensor *q, test_tensor *t)
{
    memset(t->t.data, 0, t->memory.n_bytes);
    for (int64_t i = 0; i < q->t.dim[0]; i++)
        for (int64_t c = 0; c < (q->t.dim[1] + 47) / 48 * 48; c += 3)
            for (int x = 0; x < 27; x++) {
                const int sum = sum_of(q, i, c, x);
                uint8_t *at = (uint8_t *)test_row(t, i) + c / 48 * 1024 + c % 48 / 3 * 64 + 2 * x;

                at[0] = (uint8_t)(sum & 255);
                at[1] = (uint8_t)((sum & 0xFFFF) >> 8);
            }
}

/* Random q, then all -128, all 127, and -128 beside 127. */
Test(tables, hold_every_sum)
{
    static const int64_t widths[] = {1, 2, 3, 23, 24, 25, 47, 48, 49, 64, 65, 192, 257};

    for (size_t j = 0; j < sizeof(widths) / sizeof(widths[0]); j++)
        for (int fill = 0; fill < 4; fill++) {
            test_tensor q = test_tensor_make("i8.row", 3, widths[j], 1, 1);
            test_tensor t14 = test_tensor_make("i8.t14", 3, widths[j], 1, 1), t27 = test_tensor_make("i16.t27", 3, widths[j], 1, 1);

            memset(q.t.data, 0, q.memory.n_bytes);
            for (int64_t i = 0; i < 3; i++)
                for (int64_t c = 0; c < widths[j]; c++)
                    ((int8_t *)test_row(&q, i))[c] = (int8_t)(fill == 0 ? test_below(256) - 128 : fill == 1 || (fill == 3 && c % 2 == 0) ? -128 : 127);
            expect_t14(&q, &t14);
            expect_t27(&q, &t27);
            check_pack("i8.row+f32>i8.t14+f32", &q, &t14, 3);
            check_pack("i8.row+f32>i16.t27+f32", &q, &t27, 3);
            test_tensor_free(&q);
            test_tensor_free(&t14);
            test_tensor_free(&t27);
        }
}
