/* test_attention.c - kv_write and attention through caches of shuffled blocks: sequences mixed in a batch, lengths around the chunk's
 * borders, windows, both cache types, grouped heads. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "definition.h"
#include "harness.h"

enum { SEQS = 3, BLOCKS = 9, LEN_MAX = 800 };

/* A small world: three sequences whose blocks lie scattered over two caches, and the plain history of what was written. */
typedef struct world {
    const char *cache_fmt;
    bool        half;
    int64_t     heads, kv_heads, head_dim;
    float       size;                  /* of the numbers */
    test_tensor k_cache, v_cache;
    float      *k[SEQS], *v[SEQS];     /* [LEN_MAX][kv_heads * head_dim], as the cache's type holds them */
    int32_t     block[SEQS][BLOCKS], len[SEQS];
    const int32_t *blocks[SEQS];
} world;

static world world_make(const char *cache_fmt, int64_t heads, int64_t kv_heads, int64_t head_dim, float size)
{
    world w = {.cache_fmt = cache_fmt, .half = cache_fmt[1] == '1', .heads = heads, .kv_heads = kv_heads, .head_dim = head_dim, .size = size};
    int32_t order[SEQS * 3 + 1];

    w.k_cache = test_tensor_make(cache_fmt, SEQS * 3 + 1, kv_heads, 256, head_dim);
    w.v_cache = test_tensor_make(cache_fmt, SEQS * 3 + 1, kv_heads, 256, head_dim);
    for (int32_t i = 0; i < SEQS * 3 + 1; i++) { /* shuffle */
        const int64_t j = test_below(i + 1);

        order[i] = order[j];
        order[j] = i;
    }
    for (int s = 0; s < SEQS; s++) {
        for (int b = 0; b < BLOCKS; b++)
            w.block[s][b] = b < 3 ? order[3 * s + b] : INT32_MIN / 2; /* never to be read */
        w.k[s] = calloc((size_t)(LEN_MAX * kv_heads * head_dim), sizeof(float));
        w.v[s] = calloc((size_t)(LEN_MAX * kv_heads * head_dim), sizeof(float));
    }
    return w;
}

static void world_free(world *w)
{
    test_tensor_free(&w->k_cache);
    test_tensor_free(&w->v_cache);
    for (int s = 0; s < SEQS; s++) {
        free(w->k[s]);
        free(w->v[s]);
    }
}

static float stored(const world *w, float x)
{
    return w->half ? define_f16_to_f32(define_f32_to_f16(x)) : x;
}

/* Appends n_rows rows to random sequences through the kernel under test, at most limit[s] positions each. */
static int64_t append(world *w, setun_kernel_ref kv_write, int64_t n_rows, const int32_t *limit, int32_t *seq, int32_t *pos)
{
    const int64_t n = w->kv_heads * w->head_dim;
    test_tensor k = test_tensor_make("f32", n_rows, n, 1, 1), v = test_tensor_make("f32", n_rows, n, 1, 1);
    const setun_attr_kv_write attr = {.size = sizeof(attr), .kv_heads = w->kv_heads, .head_dim = w->head_dim};
    setun_batch batch = {.size = sizeof(batch), .n_seqs = SEQS, .seq = seq, .pos = pos, .len = w->len, .block = w->blocks};
    const test_call call = {.attr = &attr, .batch = &batch, .in = {&k, &v}, .n_in = 2, .out = {&w->k_cache, &w->v_cache}, .n_out = 2};
    int64_t m = 0;

    for (int s = 0; s < SEQS; s++)
        w->blocks[s] = w->block[s];
    test_fill_f32(&k, w->size);
    test_fill_f32(&v, w->size);
    for (int64_t tries = 0; m < n_rows && tries < 8 * n_rows; tries++) {
        const int32_t s = (int32_t)test_below(SEQS);

        if (w->len[s] == limit[s])
            continue;
        seq[m] = s;
        pos[m] = w->len[s]++;
        for (int64_t j = 0; j < n; j++) {
            w->k[s][pos[m] * n + j] = stored(w, ((float *)test_row(&k, m))[j]);
            w->v[s][pos[m] * n + j] = stored(w, ((float *)test_row(&v, m))[j]);
        }
        m++;
    }
    batch.n_rows = m;
    k.t.dim[0] = v.t.dim[0] = m;
    if (m > 0)
        test_run(kv_write, &call);
    test_tensor_free(&k);
    test_tensor_free(&v);
    return m;
}

/* Attention of the m rows just appended, against the definition over the plain history. */
static void attend(world *w, setun_kernel_ref ref, int64_t m, const int32_t *seq, const int32_t *pos, int64_t window, bool causal)
{
    const int64_t n = w->heads * w->head_dim, kv = w->kv_heads * w->head_dim;
    test_tensor q = test_tensor_make("f32", m, n, 1, 1), y = test_tensor_make("f32", m, n, 1, 1);
    const setun_attr_attention attr = {.size = sizeof(attr), .causal = causal, .heads = w->heads, .kv_heads = w->kv_heads,
                                       .head_dim = w->head_dim, .window = window, .scale = 0.125f * 1.1f};
    const setun_batch batch = {.size = sizeof(batch), .n_seqs = SEQS, .n_rows = m, .seq = seq, .pos = pos, .len = w->len, .block = w->blocks};
    const test_call call = {.attr = &attr, .batch = &batch, .in = {&q, &w->k_cache, &w->v_cache}, .n_in = 3, .out = {&y}, .n_out = 1};
    float *k = calloc((size_t)(LEN_MAX * w->head_dim), sizeof(float)), *v = calloc((size_t)(LEN_MAX * w->head_dim), sizeof(float));
    float expected[512];

    test_fill_f32(&q, w->size);
    test_run(ref, &call);
    for (int64_t i = 0; i < m; i++)
        for (int64_t h = 0; h < w->heads; h++) {
            const int64_t kv_head = h / (w->heads / w->kv_heads), hi = causal ? pos[i] : w->len[seq[i]] - 1;
            const int64_t lo = window > 0 && pos[i] - window + 1 > 0 ? pos[i] - window + 1 : 0;

            for (int64_t j = 0; j <= hi; j++) {
                memcpy(k + j * w->head_dim, w->k[seq[i]] + j * kv + kv_head * w->head_dim, (size_t)w->head_dim * sizeof(float));
                memcpy(v + j * w->head_dim, w->v[seq[i]] + j * kv + kv_head * w->head_dim, (size_t)w->head_dim * sizeof(float));
            }
            define_attention((float *)test_row(&q, i) + h * w->head_dim, k, v, lo, hi, w->head_dim, attr.scale, expected);
            for (int64_t d = 0; d < w->head_dim; d++)
                test_same_f32("attention", ref.kernel->name, i, h * w->head_dim + d, expected[d],
                              ((float *)test_row(&y, i))[h * w->head_dim + d]);
        }
    free(k);
    free(v);
    test_tensor_free(&q);
    test_tensor_free(&y);
}

/* n_passes batches of up to n_rows rows; every pass is attended to in several ways. */
static void check(const char *fmt, int64_t heads, int64_t kv_heads, int64_t head_dim, float size, const int32_t *limit, int64_t n_rows,
                  int64_t n_passes)
{
    const char *write_fmts = fmt[1] == '1' ? "f32,f32>f16.kv256,f16.kv256" : "f32,f32>f32.kv256,f32.kv256";
    const char *attention_fmts = fmt[1] == '1' ? "f32,f16.kv256,f16.kv256>f32" : "f32,f32.kv256,f32.kv256>f32";
    int32_t seq[LEN_MAX * SEQS], pos[LEN_MAX * SEQS];
    setun_kernel_ref kv_write, attention;

    cr_assert_gt(test_count_kernels("kv_write", write_fmts), 0);
    cr_assert_gt(test_count_kernels("attention", attention_fmts), 0);
    for (size_t a = 0; test_next_kernel("kv_write", write_fmts, &a, &kv_write);)
        for (size_t b = 0; test_next_kernel("attention", attention_fmts, &b, &attention);) {
            world w = world_make(fmt, heads, kv_heads, head_dim, size);

            for (int64_t pass = 0; pass < n_passes; pass++) {
                const int64_t m = append(&w, kv_write, n_rows, limit, seq, pos);

                if (m == 0)
                    break;
                attend(&w, attention, m, seq, pos, 0, true);
                attend(&w, attention, m, seq, pos, 1, true);
                attend(&w, attention, m, seq, pos, 5, true);
                attend(&w, attention, m, seq, pos, 256, true);
                attend(&w, attention, m, seq, pos, 300, false);
                attend(&w, attention, m, seq, pos, 0, false);
            }
            world_free(&w);
        }
}

static const char *const caches[] = {"f16.kv256", "f32.kv256"};

Test(attention, sequences_mixed_in_a_batch)
{
    static const int32_t limit[SEQS] = {40, 3, 17};

    for (int c = 0; c < 2; c++) {
        check(caches[c], 4, 1, 64, 2.0f, limit, 7, 5);
        check(caches[c], 4, 2, 5, 2.0f, limit, 17, 3);
        check(caches[c], 1, 1, 1, 2.0f, limit, 1, 4);
        check(caches[c], 3, 3, 33, 8.0f, limit, 2, 6);
    }
}

/* A long chunk first, then rows on both sides of the borders at 256 and 512. */
static void check_borders(const char *fmt, int32_t length)
{
    const int32_t first[SEQS] = {length - 5, 0, length - 258 > 0 ? length - 258 : 0}, then[SEQS] = {length + 3, 2, first[2] + 3};
    const char *write_fmts = fmt[1] == '1' ? "f32,f32>f16.kv256,f16.kv256" : "f32,f32>f32.kv256,f32.kv256";
    const char *attention_fmts = fmt[1] == '1' ? "f32,f16.kv256,f16.kv256>f32" : "f32,f32.kv256,f32.kv256>f32";
    int32_t seq[LEN_MAX * SEQS], pos[LEN_MAX * SEQS];
    setun_kernel_ref kv_write, attention;

    for (size_t a = 0; test_next_kernel("kv_write", write_fmts, &a, &kv_write);)
        for (size_t b = 0; test_next_kernel("attention", attention_fmts, &b, &attention);) {
            world w = world_make(fmt, 2, 1, 20, 3.0f);
            int64_t m;

            while (append(&w, kv_write, 64, first, seq, pos) > 0)
                ;
            while ((m = append(&w, kv_write, 4, then, seq, pos)) > 0) {
                attend(&w, attention, m, seq, pos, 0, true);
                attend(&w, attention, m, seq, pos, 255, true);
                attend(&w, attention, m, seq, pos, 256, true);
                attend(&w, attention, m, seq, pos, 257, true);
                attend(&w, attention, m, seq, pos, 0, false);
            }
            world_free(&w);
        }
}

Test(attention, borders_of_chunks)
{
    for (int c = 0; c < 2; c++) {
        check_borders(caches[c], 256);
        check_borders(caches[c], 512);
        check_borders(caches[c], 700);
    }
}

/* Scores so far apart that exp32 is 0 for most, also for whole chunks. */
Test(attention, scores_far_apart)
{
    static const int32_t limit[SEQS] = {600, 30, 0};

    for (int c = 0; c < 2; c++)
        check(caches[c], 2, 1, 16, 40.0f, limit, 630, 1);
}

Test(attention, what_is_not_defined_is_declined)
{
    const setun_attr_attention good = {.size = sizeof(good), .causal = 1, .heads = 4, .kv_heads = 2, .head_dim = 8, .scale = 1.0f};
    setun_attr_attention wrong[6];
    test_tensor q = test_tensor_make("f32", 1, 32, 1, 1), cache = test_tensor_make("f16.kv256", 1, 2, 256, 8);
    setun_kernel_ref ref;

    for (int i = 0; i < 6; i++)
        wrong[i] = good;
    wrong[0].softcap = 30.0f;
    wrong[1].kv_heads = 3;
    wrong[2].kv_heads = 0;
    wrong[3].window = -1;
    wrong[4].head_dim = 4;
    wrong[5].heads = 8;
    for (size_t k = 0; test_next_kernel("attention", "f32,f16.kv256,f16.kv256>f32", &k, &ref);)
        for (int i = 0; i < 6; i++) {
            test_call call = {.attr = &wrong[i], .in = {&q, &cache, &cache}, .n_in = 3, .out = {&q}, .n_out = 1};
            char why[100] = "";

            cr_assert_eq(test_plan(ref, &call, why, sizeof(why)), SETUN_ERR_UNSUPPORTED, "case %d", i);
            cr_assert_neq(why[0], '\0');
            call.attr = &good;
            cr_assert_eq(test_plan(ref, &call, why, sizeof(why)), SETUN_OK, "%s", why);
        }
    test_tensor_free(&q);
    test_tensor_free(&cache);
}
