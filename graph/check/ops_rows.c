/* ops_rows.c - cases of the ops that work on rows: embedding, output_rows, rms_norm, rope, add, mul, relu2, silu, top_k. */
#include <math.h>
#include <stdio.h>

#include "check/ops.h"

static const int64_t rows[] = {1, 2, 7, 16, 17};
static const int64_t columns[] = {16, 3, 1, 2, 15, 17, 31, 33, 63, 64, 65, 127, 128, 129, 256, 257, 768, 2560, 6912};
static const enum setun_check_fill fills[] = {SETUN_FILL_RANDOM, SETUN_FILL_ANY,  SETUN_FILL_TINY,  SETUN_FILL_HUGE,       SETUN_FILL_ZERO,
                                              SETUN_FILL_PLUS,   SETUN_FILL_TIES, SETUN_FILL_MINUS, SETUN_FILL_ALTERNATING};
enum { N_FRAMES = SETUN_COUNT(columns) + 3 * SETUN_COUNT(fills) };

/* Frame i: m, n and a fill: every width at random, then every fill in three widths. */
static void frame(uint32_t i, int64_t *out_m, int64_t *out_n, enum setun_check_fill *out_fill)
{
    static const int64_t few[] = {33, 256, 768};

    *out_m = rows[i % SETUN_COUNT(rows)];
    if (i < SETUN_COUNT(columns)) {
        *out_n = columns[i];
        *out_fill = SETUN_FILL_RANDOM;
        return;
    }
    i -= (uint32_t)SETUN_COUNT(columns);
    *out_n = few[i % 3];
    *out_fill = fills[i / 3];
}

static void set(setun_check_case *c, int64_t m, int64_t n, enum setun_check_fill fill)
{
    c->rows = m;
    setun_check_dims(c->in_dim[0], m, n);
    setun_check_dims(c->in_dim[1], m, n);
    setun_check_dims(c->out_dim[0], m, n);
    c->fill[0] = fill;
    c->fill[1] = fill;
    c->has_batch = true;
    (void)snprintf(c->text, sizeof(c->text), "m=%lld n=%lld x=%s", (long long)m, (long long)n, setun_check_fill_name(fill));
}

/* ---- add, mul, relu2, silu ---- */

static bool describe_elementwise(const setun_check_target *target, uint32_t i, setun_check_case *c)
{
    enum setun_check_fill fill;
    int64_t m, n;

    (void)target;
    if (i == N_FRAMES) /* a pass without rows */
        set(c, 0, 64, SETUN_FILL_RANDOM);
    if (i >= N_FRAMES)
        return i == N_FRAMES;
    frame(i, &m, &n, &fill);
    set(c, m, n, fill);
    return true;
}

#define ELEMENTWISE(op, inputs)                                                                                                        \
    const setun_check_op setun_check_##op = {.name = #op, .n_in = inputs, .n_out = 1, .describe = describe_elementwise}
ELEMENTWISE(add, 2);
ELEMENTWISE(mul, 2);
ELEMENTWISE(relu2, 1);
ELEMENTWISE(silu, 1);
ELEMENTWISE(probe_int8, 1);

/* ---- embedding ---- */

static bool describe_embedding(const setun_check_target *target, uint32_t i, setun_check_case *c)
{
    static const int64_t vocabularies[] = {300, 1, 17};
    const int64_t vocabulary = vocabularies[i % SETUN_COUNT(vocabularies)];
    enum setun_check_fill fill;
    int64_t m, n;

    if (i >= N_FRAMES)
        return false;
    frame(i, &m, &n, &fill);
    n = setun_check_columns(target, (const char *const[]){target->oracle_fmts.in[1], target->fmts.in[1]}, 2, n);
    set(c, m, n, fill);
    setun_check_dims(c->in_dim[0], 1, m);
    setun_check_dims(c->in_dim[1], vocabulary, n);
    for (int64_t r = 0; r < m; r++)
        c->token[r] = (int32_t)(r == 0 ? vocabulary - 1 : r == 1 ? 0 : setun_check_below(&c->random, vocabulary));
    c->batch.token = c->token;
    (void)snprintf(c->text, sizeof(c->text), "m=%lld vocabulary=%lld n=%lld table=%s", (long long)m, (long long)vocabulary, (long long)n,
                   setun_check_fill_name(fill));
    return true;
}

static setun_status prepare_embedding(const setun_check_target *target, setun_check_case *c, setun_check_operand *oracle_in,
                                      setun_check_operand *in, setun_check_failure *failure, setun_error *error)
{
    (void)target, (void)in, (void)failure, (void)error;
    memcpy(oracle_in[0].part[0].data, c->token, (size_t)c->rows * sizeof(c->token[0]));
    setun_check_operand_soil(&oracle_in[0], &c->random);
    return SETUN_OK;
}

const setun_check_op setun_check_embedding = {
    .name = "embedding", .n_in = 2, .n_out = 1, .in_rows = {1, -1}, .in_file = 1u << 1, .describe = describe_embedding,
    .prepare = prepare_embedding,
};

/* ---- output_rows ---- */

/* Some rows, ascending: all, none, the last, every other. The output's rows are not those of the pass, so they stay as they are. */
static bool describe_output_rows(const setun_check_target *target, uint32_t i, setun_check_case *c)
{
    enum setun_check_fill fill;
    int64_t m, n, n_out = 0;

    (void)target;
    if (i >= N_FRAMES)
        return false;
    frame(i, &m, &n, &fill);
    set(c, m, n, fill);
    for (int64_t r = 0; r < m; r++)
        if (i % 4 == 0 || (i % 4 == 1 && r == m - 1) || (i % 4 == 2 && r % 2 == 1))
            c->out_row[n_out++] = (int32_t)r;
    c->batch.n_out_rows = n_out;
    c->batch.out_row = c->out_row;
    c->out_dim[0][0] = n_out;
    (void)snprintf(c->text, sizeof(c->text), "m=%lld out=%lld n=%lld x=%s", (long long)m, (long long)n_out, (long long)n,
                   setun_check_fill_name(fill));
    return true;
}

const setun_check_op setun_check_output_rows = {.name = "output_rows", .n_in = 1, .n_out = 1, .describe = describe_output_rows};

/* ---- top_k ---- */

/* One, some and all of the columns. */
static bool describe_top_k(const setun_check_target *target, uint32_t i, setun_check_case *c)
{
    enum { N_WANTED = 4 };
    enum setun_check_fill fill;
    int64_t m, n, k;

    (void)target;
    if (i >= N_WANTED * N_FRAMES)
        return false;
    frame(i / N_WANTED, &m, &n, &fill);
    k = (const int64_t[N_WANTED]){1, (n + 3) / 4, n < 40 ? n : 40, n}[i % N_WANTED];
    set(c, m, n, fill);
    setun_check_dims(c->out_dim[0], m, k);
    (void)snprintf(c->text, sizeof(c->text), "m=%lld k=%lld of n=%lld x=%s", (long long)m, (long long)k, (long long)n, setun_check_fill_name(fill));
    return true;
}

/* Here and there what is equal to others, or to nothing. */
static setun_status prepare_top_k(const setun_check_target *target, setun_check_case *c, setun_check_operand *oracle_in, setun_check_operand *in,
                                  setun_check_failure *failure, setun_error *error)
{
    static const float special[] = {0.0f, -0.0f, 1.0f, INFINITY, -INFINITY, NAN, -NAN};
    const setun_tensor *x = &oracle_in[0].part[0];

    (void)target, (void)in, (void)failure, (void)error;
    for (int64_t i = 0; i < x->dim[0]; i++)
        for (int64_t j = 0; j < x->dim[1]; j++)
            if (setun_check_below(&c->random, 8) == 0)
                ((float *)(void *)((char *)x->data + i * x->stride_bytes[0]))[j] = special[setun_check_below(&c->random, SETUN_COUNT(special))];
    setun_check_operand_soil(&oracle_in[0], &c->random);
    return SETUN_OK;
}

const setun_check_op setun_check_top_k = {.name = "top_k", .n_in = 1, .n_out = 1, .describe = describe_top_k, .prepare = prepare_top_k};

/* ---- rms_norm ---- */

static bool describe_rms_norm(const setun_check_target *target, uint32_t i, setun_check_case *c)
{
    static const int64_t wrong_groups[] = {0, -1, 7, 1 << 20};
    setun_attr_rms_norm *attr = &c->attrs.rms_norm;
    enum setun_check_fill fill;
    int64_t m = 2, n = 256;

    (void)target;
    *attr = (setun_attr_rms_norm){.size = sizeof(*attr), .eps = i % 3 == 0 ? 1e-6f : 1e-5f, .groups = 1,
                                  .weight_offset = i % 4 == 3 ? 1.0f : 0.0f};
    c->attr = attr;
    if (setun_check_take(&i, N_FRAMES)) {
        frame(i, &m, &n, &fill);
        set(c, m, n, fill);
    } else if (setun_check_take(&i, 8)) { /* a group for each head: fable's, 2B4T's, odd ones */
        static const int64_t heads[] = {4, 20, 3, 5}, head_dim[] = {64, 128, 33, 1};

        attr->groups = heads[i % 4];
        set(c, rows[i % SETUN_COUNT(rows)], heads[i % 4] * head_dim[i % 4], SETUN_FILL_RANDOM);
    } else if (setun_check_take(&i, SETUN_COUNT(wrong_groups))) {
        attr->groups = wrong_groups[i];
        c->declines = true;
        set(c, m, n, SETUN_FILL_RANDOM);
    } else {
        return false;
    }
    setun_check_dims(c->in_dim[1], 1, c->in_dim[0][1]);
    if (c->fill[0] == SETUN_FILL_HUGE)
        c->fill[1] = SETUN_FILL_RANDOM;
    (void)snprintf(c->text, sizeof(c->text), "m=%lld n=%lld groups=%lld eps=%g offset=%g x=%s", (long long)c->rows,
                   (long long)c->in_dim[0][1], (long long)attr->groups, (double)attr->eps, (double)attr->weight_offset,
                   setun_check_fill_name(c->fill[0]));
    return true;
}

const setun_check_op setun_check_rms_norm = {
    .name = "rms_norm", .n_in = 2, .n_out = 1, .in_rows = {0, -1}, .in_file = 1u << 1, .describe = describe_rms_norm,
};

/* ---- rope ---- */

enum { N_POSITIONS = 48 };

static void set_rope(setun_check_case *c, int64_t m, int64_t columns_of_x, enum setun_check_fill fill)
{
    const setun_attr_rope *attr = &c->attrs.rope;
    const int64_t half = attr->n_dims / 2 > 0 ? attr->n_dims / 2 : 1; /* a table has a column even if nothing is rotated */

    set(c, m, columns_of_x, fill);
    setun_check_dims(c->in_dim[1], N_POSITIONS, half);
    setun_check_dims(c->in_dim[2], N_POSITIONS, half);
    for (int64_t r = 0; r < m; r++)
        c->pos[r] = (int32_t)(r == 0 ? N_POSITIONS - 1 : r == 1 ? 0 : setun_check_below(&c->random, N_POSITIONS));
    c->batch.pos = c->pos;
    c->attr = attr;
    (void)snprintf(c->text, sizeof(c->text), "m=%lld heads=%lld head_dim=%lld n_dims=%lld pairing=%s x=%s", (long long)m,
                   (long long)attr->heads, (long long)attr->head_dim, (long long)attr->n_dims,
                   attr->pairing == SETUN_ROPE_HALF ? "half" : attr->pairing == SETUN_ROPE_INTERLEAVED ? "interleaved" : "?",
                   setun_check_fill_name(fill));
}

static bool describe_rope(const setun_check_target *target, uint32_t i, setun_check_case *c)
{
    static const struct {
        int64_t heads, head_dim, n_dims;
    } good[] = {{1, 2, 2}, {2, 16, 16}, {4, 64, 64}, {1, 64, 64}, {20, 128, 128}, {5, 128, 128}, {3, 6, 6},  {2, 33, 32},
                {2, 128, 64}, {3, 20, 18}, {2, 8, 0}, {1, 34, 30}, {2, 80, 80}, {2, 96, 48}};
    static const struct {
        int64_t heads, head_dim, n_dims, columns;
        uint32_t pairing;
    } wrong[] = {{2, 16, 3, 32, 0}, {2, 16, 18, 32, 0}, {2, 16, -2, 32, 1}, {2, 16, 16, 31, 0}, {3, 16, 16, 32, 1}, {2, 16, 16, 32, 7}};
    static const enum setun_check_fill extremes[] = {SETUN_FILL_ANY, SETUN_FILL_TINY, SETUN_FILL_HUGE, SETUN_FILL_ZERO};
    setun_attr_rope *attr = &c->attrs.rope;

    (void)target;
    attr->size = sizeof(*attr);
    if (setun_check_take(&i, 4 * SETUN_COUNT(good))) {
        const size_t g = i / 4;

        *attr = (setun_attr_rope){sizeof(*attr), i % 2, good[g].heads, good[g].head_dim, good[g].n_dims};
        set_rope(c, rows[i % SETUN_COUNT(rows)], attr->heads * attr->head_dim, SETUN_FILL_RANDOM);
        return true;
    }
    if (setun_check_take(&i, 2 * SETUN_COUNT(extremes))) {
        *attr = (setun_attr_rope){sizeof(*attr), i % 2, 3, 64, 64};
        set_rope(c, 7, 192, extremes[i / 2]);
        return true;
    }
    if (setun_check_take(&i, SETUN_COUNT(wrong))) {
        *attr = (setun_attr_rope){sizeof(*attr), wrong[i].pairing, wrong[i].heads, wrong[i].head_dim, wrong[i].n_dims};
        c->declines = true;
        set_rope(c, 2, wrong[i].columns, SETUN_FILL_RANDOM);
        return true;
    }
    return false;
}

const setun_check_op setun_check_rope = {.name = "rope", .n_in = 3, .n_out = 1, .in_rows = {0, -1, -1}, .describe = describe_rope};
