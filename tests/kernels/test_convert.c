/* test_convert.c - pack kernels that widen, embedding, and the rounding of the f16 cache: every f16 and bf16, every f16 midpoint. */
#include <math.h>
#include <string.h>

#include "definition.h"
#include "harness.h"

static bool is_nan_f16(uint16_t h)
{
    return (h & 0x7C00) == 0x7C00 && (h & 0x3FF) != 0;
}

static bool is_nan_bf16(uint16_t h)
{
    return (h & 0x7F80) == 0x7F80 && (h & 0x7F) != 0;
}

static void widen_all(const char *fmt, const char *fmts, float (*define)(uint16_t), bool (*is_nan)(uint16_t))
{
    test_tensor in = test_tensor_make(fmt, 256, 256, 1, 1), out = test_tensor_make("f32", 256, 256, 1, 1);
    const test_call call = {.in = {&in}, .n_in = 1, .out = {&out}, .n_out = 1};
    setun_kernel_ref ref;

    for (int64_t i = 0; i < 65536; i++)
        ((uint16_t *)test_row(&in, i / 256))[i % 256] = (uint16_t)i;
    cr_assert_gt(test_count_kernels("pack", fmts), 0, "no pack %s", fmts);
    for (size_t k = 0; test_next_kernel("pack", fmts, &k, &ref);) {
        test_run(ref, &call);
        for (int64_t i = 0; i < 65536; i++) {
            const float y = ((float *)test_row(&out, i / 256))[i % 256];

            if (is_nan((uint16_t)i))
                cr_assert(isnan(y), "%s: %04x gave %a", ref.kernel->name, (unsigned)i, (double)y);
            else
                test_same_f32("widen", ref.kernel->name, i / 256, i % 256, define((uint16_t)i), y);
        }
    }
    test_tensor_free(&in);
    test_tensor_free(&out);
}

Test(convert, every_f16)
{
    widen_all("f16", "f16>f32", define_f16_to_f32, is_nan_f16);
}

Test(convert, every_bf16)
{
    widen_all("bf16", "bf16>f32", define_bf16_to_f32, is_nan_bf16);
}

/* Vectors as they are in a file: no padding, any column count, element alignment only. */
Test(convert, vectors_as_they_lie_in_a_file)
{
    static const char *const fmt[] = {"f32", "f16", "bf16"}, *const fmts[] = {"f32>f32", "f16>f32", "bf16>f32"};

    for (int f = 0; f < 3; f++)
        for (int64_t n = 1; n <= 67; n += 3) {
            const size_t size = f == 0 ? 4 : 2;
            test_tensor in = test_tensor_as_in_file(fmt[f], 1, n, size), out = test_tensor_make("f32", 1, n, 1, 1);
            const test_call call = {.in = {&in}, .n_in = 1, .out = {&out}, .n_out = 1};
            setun_kernel_ref ref;

            for (int64_t j = 0; j < n; j++) {
                const float x = test_any_f32();
                const uint16_t half = f == 1 ? define_f32_to_f16(test_uniform()) : 0x3F81;

                memcpy((char *)in.t.data + (size_t)j * size, f == 0 ? (const void *)&x : (const void *)&half, size);
            }
            cr_assert_gt(test_count_kernels("pack", fmts[f]), 0);
            for (size_t k = 0; test_next_kernel("pack", fmts[f], &k, &ref);) {
                test_run(ref, &call);
                for (int64_t j = 0; j < n; j++) {
                    uint16_t half;
                    float expected;

                    memcpy(&half, (const char *)in.t.data + (size_t)j * size, sizeof(half));
                    if (f == 0)
                        memcpy(&expected, (const char *)in.t.data + (size_t)j * size, sizeof(expected));
                    else
                        expected = f == 1 ? define_f16_to_f32(half) : define_bf16_to_f32(half);
                    test_same_f32(fmts[f], ref.kernel->name, 0, j, expected, ((float *)test_row(&out, 0))[j]);
                }
            }
            test_tensor_free(&in);
            test_tensor_free(&out);
        }
}

/* Numbers on, between and just beside neighbours of the f16 grid, up to overflow; their negatives; any f32. */
static float hard_for_f16(int64_t i)
{
    const uint16_t h = (uint16_t)(i / 8 % 0x7C00);
    const double a = (double)define_f16_to_f32(h), b = h == 0x7BFF ? 65536.0 : (double)define_f16_to_f32((uint16_t)(h + 1));
    const float middle = (float)((a + b) / 2);
    float x;

    switch (i % 4) {
    case 0:
        x = middle;
        break;
    case 1:
        x = nextafterf(middle, 0.0f);
        break;
    case 2:
        x = nextafterf(middle, INFINITY);
        break;
    default:
        x = test_any_f32();
        break;
    }
    return i % 8 < 4 ? x : -x;
}

/* kv_write rounds: one KV head of 256 elements, one row for each of 256 positions of one block. */
Test(convert, f32_to_f16_on_every_midpoint)
{
    enum { COLUMNS = 1024, ROWS = 256 };
    test_tensor k = test_tensor_make("f32", ROWS, COLUMNS, 1, 1), v = test_tensor_make("f32", ROWS, COLUMNS, 1, 1);
    test_tensor k_cache = test_tensor_make("f16.kv256", 1, 1, 256, COLUMNS), v_cache = test_tensor_make("f16.kv256", 1, 1, 256, COLUMNS);
    const setun_attr_kv_write attr = {.size = sizeof(attr), .kv_heads = 1, .head_dim = COLUMNS};
    int32_t seq[ROWS], pos[ROWS];
    const int32_t block[1] = {0}, len[1] = {ROWS}, *const blocks[1] = {block};
    const setun_batch batch = {.size = sizeof(batch), .n_seqs = 1, .n_rows = ROWS, .seq = seq, .pos = pos, .len = len, .block = blocks};
    const test_call call = {.attr = &attr, .batch = &batch, .in = {&k, &v}, .n_in = 2, .out = {&k_cache, &v_cache}, .n_out = 2};
    setun_kernel_ref ref;

    for (int32_t i = 0; i < ROWS; i++) {
        seq[i] = 0;
        pos[i] = i;
        for (int64_t j = 0; j < COLUMNS; j++) {
            ((float *)test_row(&k, i))[j] = hard_for_f16(i * COLUMNS + j);
            ((float *)test_row(&v, i))[j] = -((float *)test_row(&k, i))[j];
        }
    }
    cr_assert_gt(test_count_kernels("kv_write", "f32,f32>f16.kv256,f16.kv256"), 0);
    for (size_t i = 0; test_next_kernel("kv_write", "f32,f32>f16.kv256,f16.kv256", &i, &ref);) {
        test_run(ref, &call);
        for (int64_t row = 0; row < ROWS; row++)
            for (int64_t j = 0; j < COLUMNS; j++) {
                const float x = ((float *)test_row(&k, row))[j];
                const uint16_t found = ((uint16_t *)(void *)((char *)k_cache.t.data + row * k_cache.t.stride_bytes[2]))[j];
                const uint16_t negative = ((uint16_t *)(void *)((char *)v_cache.t.data + row * v_cache.t.stride_bytes[2]))[j];

                cr_assert_eq(found, define_f32_to_f16(x), "%s: %a became %04x, expected %04x", ref.kernel->name, (double)x, found,
                             define_f32_to_f16(x));
                cr_assert_eq(negative, found ^ 0x8000, "%s: %a became %04x", ref.kernel->name, (double)-x, negative);
            }
    }
    test_tensor_free(&k);
    test_tensor_free(&v);
    test_tensor_free(&k_cache);
    test_tensor_free(&v_cache);
}

static void check_embedding(const char *fmt, const char *fmts, size_t size, int64_t m, int64_t n, bool as_in_file)
{
    enum { VOCAB = 37 };
    test_tensor token = test_tensor_make("i32", 1, m, 1, 1), y = test_tensor_make("f32", m, n, 1, 1);
    test_tensor table = as_in_file ? test_tensor_as_in_file(fmt, VOCAB, n, size) : test_tensor_make(fmt, VOCAB, n, 1, 1);
    const setun_batch batch = {.size = sizeof(batch), .n_rows = m, .token = token.t.data};
    const test_call call = {.batch = &batch, .in = {&token, &table}, .n_in = 2, .out = {&y}, .n_out = 1};
    setun_kernel_ref ref;

    for (int64_t i = 0; i < m; i++)
        ((int32_t *)token.t.data)[i] = (int32_t)(i == 0 ? VOCAB - 1 : test_below(VOCAB));
    for (int64_t i = 0; i < VOCAB; i++)
        for (int64_t j = 0; j < n; j++) {
            const float x = test_uniform();
            uint32_t bits;
            uint16_t half = define_f32_to_f16(x);

            memcpy(&bits, &x, sizeof(bits));
            if (strcmp(fmt, "bf16") == 0)
                half = (uint16_t)(bits >> 16);
            memcpy((char *)test_row(&table, i) + (size_t)j * size, size == 4 ? (const void *)&x : (const void *)&half, size);
        }
    cr_assert_gt(test_count_kernels("embedding", fmts), 0, "no embedding %s", fmts);
    for (size_t k = 0; test_next_kernel("embedding", fmts, &k, &ref);) {
        test_run(ref, &call);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                const char *from = (const char *)test_row(&table, ((int32_t *)token.t.data)[i]) + (size_t)j * size;
                float expected;
                uint16_t half;

                memcpy(&half, from, sizeof(half));
                if (size == 4)
                    memcpy(&expected, from, sizeof(expected));
                else
                    expected = strcmp(fmt, "f16") == 0 ? define_f16_to_f32(half) : define_bf16_to_f32(half);
                test_same_f32(fmts, ref.kernel->name, i, j, expected, ((float *)test_row(&y, i))[j]);
            }
    }
    test_tensor_free(&token);
    test_tensor_free(&table);
    test_tensor_free(&y);
}

Test(convert, embedding)
{
    static const int64_t ms[] = {1, 2, 7, 17}, ns[] = {1, 5, 64, 257};

    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            for (int as_in_file = 0; as_in_file < 2; as_in_file++) {
                check_embedding("f32", "i32,f32>f32", 4, ms[i], ns[j], as_in_file == 1);
                check_embedding("f16", "i32,f16>f32", 2, ms[i], ns[j], as_in_file == 1);
                check_embedding("bf16", "i32,bf16>f32", 2, ms[i], ns[j], as_in_file == 1);
            }
}
