/* ops_attention.c - cases of kv_write and attention: sequences of ragged lengths mixed in a batch, blocks scattered over the caches,
 * lengths on both sides of the chunks' borders. Caches of any format are filled by the kv_write kernel that makes it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/ops.h"

enum { CHUNK = 256 };

typedef struct heads {
    int64_t heads, kv_heads, head_dim;
} heads;

/* Rows of the pass are the last positions of their sequences, all of them shuffled. */
typedef struct world {
    int32_t len[SETUN_CHECK_MAX_SEQS], rows[SETUN_CHECK_MAX_SEQS];
} world;

static const heads model[] = {{4, 1, 64}, {20, 5, 128}}; /* fable, 2B4T */
static const heads odd[] = {{1, 1, 1}, {4, 2, 5}, {3, 3, 33}, {6, 2, 20}, {2, 1, 16}, {8, 1, 80}, {2, 2, 96}};
static const world worlds[] = {
    {{1}, {1}},
    {{5, 1, 3}, {2, 1, 3}},
    {{257, 2, 255, 256}, {2, 1, 1, 3}},
    {{513, 17, 512, 1}, {3, 7, 5, 1}},
    {{16, 40, 15}, {16, 1, 0}},
    {{700, 33}, {7, 10}},
};

/* Blocks of all sequences, shuffled, and two that belong to nobody. */
static int64_t make_batch(setun_check_case *c, const world *w)
{
    int32_t order[SETUN_CHECK_MAX_SEQS * SETUN_CHECK_MAX_BLOCKS + 2] = {0};
    int64_t n_blocks = 2, m = 0;

    while (c->batch.n_seqs < SETUN_CHECK_MAX_SEQS && w->len[c->batch.n_seqs] > 0)
        n_blocks += (w->len[c->batch.n_seqs++] + CHUNK - 1) / CHUNK;
    for (int32_t i = 0; i < n_blocks; i++) {
        const int64_t j = setun_check_below(&c->random, i + 1);

        order[i] = i;
        order[i] = order[j];
        order[j] = i;
    }
    for (uint32_t s = 0, next = 0; s < c->batch.n_seqs; s++) {
        c->len[s] = w->len[s];
        c->block[s] = c->blocks[s];
        for (int32_t b = 0; b < (w->len[s] + CHUNK - 1) / CHUNK; b++)
            c->blocks[s][b] = order[next++];
        for (int32_t r = 0; r < w->rows[s]; r++, m++) {
            const int64_t at = setun_check_below(&c->random, m + 1);

            c->seq[m] = c->seq[at];
            c->pos[m] = c->pos[at];
            c->seq[at] = (int32_t)s;
            c->pos[at] = w->len[s] - w->rows[s] + r;
        }
    }
    c->rows = m;
    c->has_batch = true;
    c->batch.seq = c->seq;
    c->batch.pos = c->pos;
    c->batch.len = c->len;
    c->batch.block = c->block;
    return n_blocks;
}

static void set_cache(int64_t dim[4], int64_t n_blocks, const heads *h)
{
    dim[0] = n_blocks;
    dim[1] = h->kv_heads;
    dim[2] = CHUNK;
    dim[3] = h->head_dim;
}

static void say(setun_check_case *c, const heads *h, const world *w, const char *more)
{
    (void)snprintf(c->text, sizeof(c->text), "m=%lld heads=%lld kv_heads=%lld head_dim=%lld len=%d,%d,%d,%d%s", (long long)c->rows,
                   (long long)h->heads, (long long)h->kv_heads, (long long)h->head_dim, w->len[0], w->len[1], w->len[2], w->len[3], more);
}

/* ---- kv_write ---- */

static void set_kv_write(setun_check_case *c, const heads *h, const world *w, enum setun_check_fill fill)
{
    const int64_t n_blocks = make_batch(c, w);
    char more[32];

    c->attrs.kv_write = (setun_attr_kv_write){.size = sizeof(c->attrs.kv_write), .kv_heads = h->kv_heads, .head_dim = h->head_dim};
    c->attr = &c->attrs.kv_write;
    for (int i = 0; i < 2; i++) {
        setun_check_dims(c->in_dim[i], c->rows, h->kv_heads * h->head_dim);
        set_cache(c->out_dim[i], n_blocks, h);
        c->fill[i] = fill;
    }
    (void)snprintf(more, sizeof(more), " k=v=%s", setun_check_fill_name(fill));
    say(c, h, w, more);
}

static bool describe_kv_write(const setun_check_target *target, uint32_t i, setun_check_case *c)
{
    static const enum setun_check_fill fills[] = {SETUN_FILL_ANY, SETUN_FILL_TINY, SETUN_FILL_HUGE, SETUN_FILL_ZERO, SETUN_FILL_TIES};

    (void)target;
    if (setun_check_take(&i, SETUN_COUNT(odd) * 2))
        set_kv_write(c, &odd[i / 2], &worlds[i % SETUN_COUNT(worlds)], SETUN_FILL_RANDOM);
    else if (setun_check_take(&i, SETUN_COUNT(model) * SETUN_COUNT(worlds)))
        set_kv_write(c, &model[i / SETUN_COUNT(worlds)], &worlds[i % SETUN_COUNT(worlds)], SETUN_FILL_RANDOM);
    else if (setun_check_take(&i, SETUN_COUNT(fills)))
        set_kv_write(c, &model[0], &worlds[2], fills[i]);
    else if (setun_check_take(&i, 3)) { /* sizes that contradict each other */
        set_kv_write(c, &odd[1], &worlds[1], SETUN_FILL_RANDOM);
        c->declines = true;
        c->out_dim[0][1] += i == 0;
        c->out_dim[1][3] += i == 1;
        c->attrs.kv_write.kv_heads += i == 2;
    } else {
        return false;
    }
    return true;
}

const setun_check_op setun_check_kv_write = {
    .name = "kv_write", .n_in = 2, .n_out = 2, .out_rows = {-1, -1}, .keeps_out = true, .describe = describe_kv_write};

/* ---- attention ---- */

static void set_attention(setun_check_case *c, const heads *h, const world *w, int64_t window, bool causal, enum setun_check_fill fill)
{
    const int64_t n_blocks = make_batch(c, w);
    char more[64];

    c->attrs.attention = (setun_attr_attention){.size = sizeof(c->attrs.attention), .causal = causal, .heads = h->heads,
                                                .kv_heads = h->kv_heads, .head_dim = h->head_dim, .window = window,
                                                .scale = 1.0f / sqrtf((float)h->head_dim)};
    c->attr = &c->attrs.attention;
    setun_check_dims(c->in_dim[0], c->rows, h->heads * h->head_dim);
    setun_check_dims(c->out_dim[0], c->rows, h->heads * h->head_dim);
    set_cache(c->in_dim[1], n_blocks, h);
    set_cache(c->in_dim[2], n_blocks, h);
    c->fill[0] = c->fill[1] = c->fill[2] = fill;
    (void)snprintf(more, sizeof(more), " window=%lld causal=%d q=k=v=%s", (long long)window, causal, setun_check_fill_name(fill));
    say(c, h, w, more);
}

static void spoil_attention(setun_check_case *c, uint32_t i)
{
    setun_attr_attention *a = &c->attrs.attention;

    c->declines = true;
    if (i == 0)
        a->softcap = 30.0f; /* numerics.md: not defined in version 1 */
    else if (i == 1)
        a->kv_heads = 3;
    else if (i == 2)
        a->kv_heads = 0;
    else if (i == 3)
        a->window = -1;
    else if (i == 4)
        a->heads *= 2;
    else
        a->head_dim += 1;
}

static bool describe_attention(const setun_check_target *target, uint32_t i, setun_check_case *c)
{
    static const int64_t windows[] = {0, 1, 5, 255, 256, 257, 300};
    static const enum setun_check_fill fills[] = {SETUN_FILL_TINY, SETUN_FILL_ZERO, SETUN_FILL_PLUS, SETUN_FILL_ALTERNATING, SETUN_FILL_TIES};

    (void)target;
    if (setun_check_take(&i, SETUN_COUNT(odd) * 3)) {
        set_attention(c, &odd[i % SETUN_COUNT(odd)], &worlds[i % SETUN_COUNT(worlds)], 0, i % 5 != 4, SETUN_FILL_RANDOM);
    } else if (setun_check_take(&i, SETUN_COUNT(worlds))) {
        set_attention(c, &model[0], &worlds[i], 0, true, SETUN_FILL_RANDOM);
    } else if (setun_check_take(&i, 3)) {
        set_attention(c, &model[1], &worlds[i], 0, true, SETUN_FILL_RANDOM);
    } else if (setun_check_take(&i, 2 * SETUN_COUNT(windows))) {
        set_attention(c, &odd[3], &worlds[3 + i / 2 % 2 * 2], windows[i / 2], i % 2 == 0, SETUN_FILL_RANDOM);
    } else if (setun_check_take(&i, SETUN_COUNT(fills))) {
        set_attention(c, &odd[4], &worlds[2], 0, true, fills[i]);
    } else if (setun_check_take(&i, 6)) {
        set_attention(c, &odd[1], &worlds[1], 0, true, SETUN_FILL_RANDOM);
        spoil_attention(c, i);
    } else {
        return false;
    }
    return true;
}

/* The first kernel that writes caches of these formats from f32. */
static bool find_writer(const setun_plugins *plugins, const char *k_fmt, const char *v_fmt, setun_kernel_ref *out_ref)
{
    char wanted[3 * SETUN_CHECK_FMT_BYTES];

    (void)snprintf(wanted, sizeof(wanted), "f32,f32>%s,%s", k_fmt, v_fmt);
    for (size_t i = 0; i < setun_plugins_n_kernels(plugins); i++) {
        *out_ref = setun_plugins_kernel(plugins, i);
        if (strcmp(out_ref->kernel->pattern, "kv_write") == 0 && strcmp(out_ref->kernel->fmts, wanted) == 0)
            return true;
    }
    return false;
}

/* Writes every position of every sequence, from kv[2] f32, into caches[2]. */
static setun_status write_caches(const setun_check_target *target, const setun_check_case *c, const setun_batch *batch,
                                 const setun_check_operand *kv, setun_check_operand *caches, setun_check_failure *failure, setun_error *error)
{
    static const int8_t none[2] = {-1, -1};
    const setun_attr_kv_write attr = {.size = sizeof(attr), .kv_heads = c->attrs.attention.kv_heads, .head_dim = c->attrs.attention.head_dim};
    setun_check_call call = {.plugins = target->plugins, .attr = &attr, .batch = batch, .in = kv, .out = caches, .n_in = 2, .n_out = 2,
                             .out_rows = none, .rows_max = batch->n_rows, .keeps_out = true};
    const setun_check_way way = {.n_workers = 1, .random = c->random};
    setun_status status;
    char why[200];
    bool declined;

    if (!find_writer(target->plugins, caches[0].part[0].fmt, caches[1].part[0].fmt, &call.ref))
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "no loaded plugin has a kv_write into %s and %s", caches[0].part[0].fmt,
                          caches[1].part[0].fmt);
    status = setun_check_run(&call, &way, &declined, why, failure, error);
    if (status == SETUN_OK && failure->kind == NULL && declined)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s declines: %s", call.ref.kernel->name, why);
    return status;
}

/* The sequences' whole history goes through kv_write, into rubbish: what was never written must not matter. */
static setun_status prepare_attention(const setun_check_target *target, setun_check_case *c, setun_check_operand *oracle_in,
                                      setun_check_operand *in, setun_check_failure *failure, setun_error *error)
{
    const setun_attr_attention *attr = &c->attrs.attention;
    const int64_t dim[4] = {0, attr->kv_heads * attr->head_dim, 1, 1};
    int64_t rows_dim[4], n = 0;
    setun_check_operand kv[2] = {{.n_parts = 0}, {.n_parts = 0}};
    int32_t *seq, *pos;
    setun_batch batch = c->batch;
    setun_status status = SETUN_OK;

    for (uint32_t s = 0; s < batch.n_seqs; s++)
        n += c->len[s];
    memcpy(rows_dim, dim, sizeof(dim));
    rows_dim[0] = n;
    seq = setun_calloc((size_t)n, sizeof(*seq));
    pos = setun_calloc((size_t)n, sizeof(*pos));
    if (seq == NULL || pos == NULL) {
        status = setun_fail_nomem(error, "history", (size_t)n * sizeof(*seq));
        goto free_rows;
    }
    for (int64_t s = 0, row = 0; s < batch.n_seqs; s++)
        for (int32_t j = 0; j < c->len[s]; j++, row++) {
            seq[row] = (int32_t)s;
            pos[row] = j;
        }
    batch.n_rows = n;
    batch.seq = seq;
    batch.pos = pos;
    for (int i = 0; i < 2 && status == SETUN_OK; i++) {
        status = setun_check_operand_make(target->plugins, "f32", rows_dim, &kv[i], error);
        if (status == SETUN_OK)
            (void)setun_check_operand_fill(&kv[i], c->fill[1 + i], &c->random);
        setun_check_operand_rubbish(&oracle_in[1 + i], &c->random);
        if (in[1 + i].part[0].data != oracle_in[1 + i].part[0].data)
            setun_check_operand_rubbish(&in[1 + i], &c->random);
    }
    if (status == SETUN_OK)
        status = write_caches(target, c, &batch, kv, &oracle_in[1], failure, error);
    if (status == SETUN_OK && failure->kind == NULL &&
        (in[1].part[0].data != oracle_in[1].part[0].data || in[2].part[0].data != oracle_in[2].part[0].data))
        status = write_caches(target, c, &batch, kv, &in[1], failure, error);
    setun_check_operand_free(&kv[0]);
    setun_check_operand_free(&kv[1]);

free_rows:
    free(seq);
    free(pos);
    return status;
}

const setun_check_op setun_check_attention = {
    .name = "attention", .n_in = 3, .n_out = 1, .in_rows = {0, -1, -1}, .describe = describe_attention, .prepare = prepare_attention};
