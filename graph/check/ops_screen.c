/* ops_screen.c - cases of screen and rescreen: the models' heads with fewer rows, ragged edges, extremes up to the longest rows. */
#include <stdio.h>

#include "check/ops.h"

typedef struct shape {
    int64_t m, n, k;
} shape;

static const shape small[] = {{1, 1, 1}, {2, 3, 5}, {1, 16, 64}, {7, 5, 33}, {4, 16, 4}, {3, 32, 256}, {0, 48, 256}};
static const int64_t rows[] = {1, 2, 4, 5, 7, 16, 17};
static const shape model[] = {{0, 64, 256}, {0, 33, 2560}, {0, 48, 2560}};
static const int64_t edge_k[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 60, 63, 64, 65, 66, 127, 128, 129, 255, 257, 1000, 1023};
static const int64_t edge_n[] = {1, 2, 15, 16, 17, 33, 64, 257};
static const shape large[] = {{64, 64, 128}, {1, 2560, 256}, {16, 1040, 64}};
static const shape extreme[] = {{1, 16, 256}, {3, 17, 129}, {2, 16, 2560}, {5, 16, 65536}};
static const struct {
    enum setun_check_fill x, w;
} fills[] = {
    {SETUN_FILL_PLUS, SETUN_FILL_PLUS},     {SETUN_FILL_PLUS, SETUN_FILL_MINUS},   {SETUN_FILL_LOWEST, SETUN_FILL_PLUS},
    {SETUN_FILL_LOWEST, SETUN_FILL_MINUS},  {SETUN_FILL_MINUS, SETUN_FILL_PLUS},   {SETUN_FILL_ALTERNATING, SETUN_FILL_RANDOM},
    {SETUN_FILL_ZERO, SETUN_FILL_RANDOM},   {SETUN_FILL_RANDOM, SETUN_FILL_ZERO},  {SETUN_FILL_ALTERNATING, SETUN_FILL_ALTERNATING},
};

static bool set(setun_check_case *c, shape s, enum setun_check_fill x, enum setun_check_fill w)
{
    c->rows = s.m;
    setun_check_dims(c->in_dim[0], s.m, s.k);
    setun_check_dims(c->in_dim[1], s.n, s.k);
    setun_check_dims(c->out_dim[0], s.m, s.n);
    setun_check_dims(c->out_dim[1], s.m, s.n);
    c->fill[0] = x;
    c->fill[1] = w;
    c->has_batch = true;
    (void)snprintf(c->text, sizeof(c->text), "m=%lld n=%lld k=%lld x=%s w=%s", (long long)s.m, (long long)s.n, (long long)s.k,
                   setun_check_fill_name(x), setun_check_fill_name(w));
    return true;
}

static bool describe(const setun_check_target *target, uint32_t i, setun_check_case *c)
{
    (void)target;
    if (setun_check_take(&i, SETUN_COUNT(small)))
        return set(c, small[i], SETUN_FILL_RANDOM, SETUN_FILL_RANDOM);
    if (setun_check_take(&i, SETUN_COUNT(model) * SETUN_COUNT(rows))) {
        shape s = model[i / SETUN_COUNT(rows)];

        s.m = rows[i % SETUN_COUNT(rows)];
        return set(c, s, SETUN_FILL_RANDOM, SETUN_FILL_RANDOM);
    }
    if (setun_check_take(&i, 2 * SETUN_COUNT(edge_k)))
        return set(c, (shape){rows[i % SETUN_COUNT(rows)], edge_n[i % SETUN_COUNT(edge_n)], edge_k[i % SETUN_COUNT(edge_k)]},
                   SETUN_FILL_RANDOM, SETUN_FILL_RANDOM);
    if (setun_check_take(&i, SETUN_COUNT(large)))
        return set(c, large[i], SETUN_FILL_RANDOM, SETUN_FILL_RANDOM);
    if (setun_check_take(&i, SETUN_COUNT(extreme) * SETUN_COUNT(fills)))
        return set(c, extreme[i % SETUN_COUNT(extreme)], fills[i / SETUN_COUNT(extreme)].x, fills[i / SETUN_COUNT(extreme)].w);
    if (setun_check_take(&i, 1)) { /* the sum would not fit 32 bits: numerics.md */
        c->declines = true;
        return set(c, (shape){1, 16, 65537}, SETUN_FILL_RANDOM, SETUN_FILL_RANDOM);
    }
    return false;
}

const setun_check_op setun_check_screen = {
    .name = "screen", .n_in = 2, .n_out = 2, .in_rows = {0, -1}, .out_rows = {0, 0}, .describe = describe,
};

/* ---- rescreen: one row of x, and some rows of w by their ids ---- */

static bool set_some(setun_check_case *c, shape s, enum setun_check_fill x, enum setun_check_fill w)
{
    c->rows = 1;
    setun_check_dims(c->in_dim[0], 1, s.k);
    setun_check_dims(c->in_dim[1], s.n, s.k);
    setun_check_dims(c->in_dim[2], 1, s.n);
    setun_check_dims(c->in_dim[3], 1, s.m);
    setun_check_dims(c->out_dim[0], 1, s.m);
    setun_check_dims(c->out_dim[1], 1, s.m);
    c->fill[0] = x;
    c->fill[1] = w;
    (void)snprintf(c->text, sizeof(c->text), "ids=%lld n=%lld k=%lld x=%s w=%s", (long long)s.m, (long long)s.n, (long long)s.k,
                   setun_check_fill_name(x), setun_check_fill_name(w));
    return true;
}

/* Shapes are those of screen, their rows the number of ids: fewer and more than there are rows of w. */
static bool describe_some(const setun_check_target *target, uint32_t i, setun_check_case *c)
{
    static const shape some[] = {{1, 1, 1}, {3, 3, 5}, {16, 64, 64}, {17, 65, 33}, {40, 128, 256}, {100, 300, 2560}, {33, 275, 300}};

    (void)target;
    if (setun_check_take(&i, SETUN_COUNT(some)))
        return set_some(c, some[i], SETUN_FILL_RANDOM, SETUN_FILL_RANDOM);
    if (setun_check_take(&i, 2 * SETUN_COUNT(edge_k)))
        return set_some(c, (shape){rows[i % SETUN_COUNT(rows)], edge_n[i % SETUN_COUNT(edge_n)], edge_k[i % SETUN_COUNT(edge_k)]},
                        SETUN_FILL_RANDOM, SETUN_FILL_RANDOM);
    if (setun_check_take(&i, SETUN_COUNT(extreme) * SETUN_COUNT(fills)))
        return set_some(c, extreme[i % SETUN_COUNT(extreme)], fills[i / SETUN_COUNT(extreme)].x, fills[i / SETUN_COUNT(extreme)].w);
    if (setun_check_take(&i, 1)) {
        c->declines = true;
        return set_some(c, (shape){1, 16, 65537}, SETUN_FILL_RANDOM, SETUN_FILL_RANDOM);
    }
    return false;
}

/* The last row, the first, then any, some of them more than once. */
static setun_status prepare_some(const setun_check_target *target, setun_check_case *c, setun_check_operand *oracle_in, setun_check_operand *in,
                                 setun_check_failure *failure, setun_error *error)
{
    const int64_t n = c->in_dim[1][0];
    int32_t *id = oracle_in[3].part[0].data;

    (void)target, (void)in, (void)failure, (void)error;
    for (int64_t i = 0; i < c->in_dim[3][1]; i++)
        id[i] = (int32_t)(i == 0 ? n - 1 : i == 1 ? 0 : setun_check_below(&c->random, n));
    setun_check_operand_soil(&oracle_in[3], &c->random);
    return SETUN_OK;
}

const setun_check_op setun_check_rescreen = {
    .name = "rescreen", .n_in = 4, .n_out = 2, .in_rows = {-1, -1, -1, -1}, .out_rows = {-1, -1}, .describe = describe_some, .prepare = prepare_some,
};
