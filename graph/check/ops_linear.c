/* ops_linear.c - cases of linear: the models' matrices (2B4T's with fewer rows, so that a check stays short), ragged edges, extremes. */
#include <stdio.h>
#include <string.h>

#include "check/ops.h"

typedef struct shape {
    int64_t m, n, k;
} shape;

static const int64_t rows[] = {1, 2, 7, 16, 17};
static const shape small[] = {{1, 1, 1}, {2, 3, 5}, {1, 4, 64}, {7, 5, 33}, {2, 16, 128}, {3, 32, 256}};
static const shape model[] = {{0, 256, 256}, {0, 64, 256}, {0, 768, 256}, {0, 256, 768},      /* fable: q and o, k and v, gate and up, down */
                              {0, 48, 2560}, {0, 33, 2560}, {0, 48, 6912}};                   /* 2B4T: those of hidden size, a ragged one, down */
static const int64_t edge_k[] = {1,   2,   3,   4,   5,   15,  16,  17,  31,  32,  33,   63,   64,   65,   127,
                                 128, 129, 191, 255, 256, 257, 384, 511, 512, 640, 1000, 1023, 1024, 1025, 1280};
static const int64_t edge_n[] = {1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 64};
/* As many rows as a chunk of a prompt has, as many columns as 2B4T's matrices: the oracle is slow, so k is short, but for a token's. */
static const shape large[] = {{64, 64, 128}, {256, 48, 64}, {100, 33, 256}, {18, 1040, 64}, {40, 2560, 16}, {1, 2560, 2560}, {2, 6912, 32},
                              {35, 33, 1605}}; /* the last: both in parts, none whole */
static const shape extreme[] = {{1, 16, 256}, {5, 5, 129}, {2, 17, 2560}, {4, 16, 6912}};
static const struct {
    enum setun_check_fill x, w;
} fills[] = {
    {SETUN_FILL_RANDOM, SETUN_FILL_CODES},      {SETUN_FILL_LOWEST, SETUN_FILL_CODES},      {SETUN_FILL_PLUS, SETUN_FILL_PLUS},
    {SETUN_FILL_PLUS, SETUN_FILL_MINUS},        {SETUN_FILL_MINUS, SETUN_FILL_PLUS},        {SETUN_FILL_MINUS, SETUN_FILL_MINUS},
    {SETUN_FILL_LOWEST, SETUN_FILL_MINUS},      {SETUN_FILL_LOWEST, SETUN_FILL_PLUS},       {SETUN_FILL_ALTERNATING, SETUN_FILL_RANDOM},
    {SETUN_FILL_ALTERNATING, SETUN_FILL_ALTERNATING}, {SETUN_FILL_RANDOM, SETUN_FILL_ZERO}, {SETUN_FILL_ZERO, SETUN_FILL_RANDOM},
    {SETUN_FILL_ANY, SETUN_FILL_RANDOM},        {SETUN_FILL_TINY, SETUN_FILL_RANDOM},       {SETUN_FILL_RANDOM, SETUN_FILL_TINY},
    {SETUN_FILL_TINY, SETUN_FILL_HUGE},         {SETUN_FILL_HUGE, SETUN_FILL_TINY},         {SETUN_FILL_TIES, SETUN_FILL_TIES},
};

static bool is_ternary(const setun_check_target *target)
{
    return strncmp(target->oracle_fmts.in[0], "i8.row", 6) == 0;
}

/* k is rounded up to what the formats can hold: blocks are whole. */
static bool set(const setun_check_target *target, setun_check_case *c, shape s, enum setun_check_fill x, enum setun_check_fill w)
{
    s.k = setun_check_columns(target, (const char *const[]){target->oracle_fmts.in[0], target->oracle_fmts.in[1], target->fmts.in[0],
                              target->fmts.in[1]}, 4, s.k);
    c->rows = s.m;
    setun_check_dims(c->in_dim[0], s.m, s.k);
    setun_check_dims(c->in_dim[1], s.n, s.k);
    setun_check_dims(c->out_dim[0], s.m, s.n);
    c->fill[0] = x;
    c->fill[1] = w;
    c->has_batch = true;
    (void)snprintf(c->text, sizeof(c->text), "m=%lld n=%lld k=%lld x=%s w=%s", (long long)s.m, (long long)s.n, (long long)s.k,
                   setun_check_fill_name(x), setun_check_fill_name(w));
    return true;
}

static bool describe(const setun_check_target *target, uint32_t i, setun_check_case *c)
{
    if (setun_check_take(&i, SETUN_COUNT(small)))
        return set(target, c, small[i], SETUN_FILL_RANDOM, SETUN_FILL_RANDOM);
    if (setun_check_take(&i, SETUN_COUNT(model) * SETUN_COUNT(rows))) {
        shape s = model[i / SETUN_COUNT(rows)];

        s.m = rows[i % SETUN_COUNT(rows)];
        return set(target, c, s, SETUN_FILL_RANDOM, SETUN_FILL_RANDOM);
    }
    if (setun_check_take(&i, 2 * SETUN_COUNT(edge_k)))
        return set(target, c, (shape){rows[i % SETUN_COUNT(rows)], edge_n[i % SETUN_COUNT(edge_n)], edge_k[i % SETUN_COUNT(edge_k)]},
                   SETUN_FILL_RANDOM, SETUN_FILL_RANDOM);
    if (setun_check_take(&i, SETUN_COUNT(large)))
        return set(target, c, large[i], SETUN_FILL_RANDOM, SETUN_FILL_RANDOM);
    if (setun_check_take(&i, SETUN_COUNT(extreme) * SETUN_COUNT(fills)))
        return set(target, c, extreme[i % SETUN_COUNT(extreme)], fills[i / SETUN_COUNT(extreme)].x, fills[i / SETUN_COUNT(extreme)].w);
    if (setun_check_take(&i, 1)) /* a pass whose logits nobody wants */
        return set(target, c, (shape){0, 48, 256}, SETUN_FILL_RANDOM, SETUN_FILL_RANDOM);
    if (is_ternary(target) && setun_check_take(&i, 2)) { /* the sum would not fit 32 bits: numerics.md */
        c->declines = true;
        return set(target, c, (shape){1, i == 0 ? 1 : 256, INT64_C(1) << (i == 0 ? 24 : 32)}, SETUN_FILL_RANDOM, SETUN_FILL_RANDOM);
    }
    return false;
}

const setun_check_op setun_check_linear = {
    .name = "linear", .n_in = 2, .n_out = 1, .in_rows = {0, -1}, .out_rows = {0}, .in_file = 1u << 1, .describe = describe,
};
