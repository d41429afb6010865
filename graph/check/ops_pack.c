/* ops_pack.c - cases of pack, ternarise and quantise. Which fills a case has follows from the format of the input. */
#include <stdio.h>
#include <string.h>

#include "check/ops.h"

static const struct {
    int64_t rows, columns;
} shapes[] = {{4, 16},    {1, 1},    {4, 1},   {8, 5},    {16, 64},   {17, 63},  {20, 65},   {7, 33},   {32, 128}, {2, 129},
              {64, 256},  {12, 257}, {16, 31}, {128, 32}, {256, 256}, {64, 256}, {768, 256}, {256, 768}, /* fable */
              {48, 2560}, {64, 6912}, {36, 2561},                                                         /* 2B4T's, and one beside them */
              {275, 289}};                                                                                /* more than a band of 256 rows, ragged */
static const enum setun_check_fill fills[] = {SETUN_FILL_RANDOM, SETUN_FILL_CODES, SETUN_FILL_TIES, SETUN_FILL_ZERO,  SETUN_FILL_PLUS,
                                              SETUN_FILL_MINUS,  SETUN_FILL_ANY,   SETUN_FILL_TINY, SETUN_FILL_HUGE,  SETUN_FILL_LOWEST,
                                              SETUN_FILL_ALTERNATING};

/* Rows of activations differ from pass to pass, those of weights do not. */
static bool is_activation(const setun_check_target *target)
{
    static const char *const fmts[] = {"i8.row", "i8.b32", "i16.hl", "i8.t14", "i16.t27"};

    for (size_t i = 0; i < SETUN_COUNT(fmts); i++)
        if (strncmp(target->fmts.in[0], fmts[i], strlen(fmts[i])) == 0 || strncmp(target->fmts.out[0], fmts[i], strlen(fmts[i])) == 0)
            return true;
    return false;
}

static bool describe(const setun_check_target *target, uint32_t i, setun_check_case *c)
{
    const uint32_t n_shapes = SETUN_COUNT(shapes);
    static const uint32_t few[] = {4, 7, 14, 18};
    uint32_t shape;
    int64_t columns;

    c->fill[0] = SETUN_FILL_RANDOM;
    if (setun_check_take(&i, n_shapes)) {
        shape = i;
    } else if (setun_check_take(&i, SETUN_COUNT(fills) * SETUN_COUNT(few))) {
        shape = few[i % SETUN_COUNT(few)];
        c->fill[0] = fills[i / SETUN_COUNT(few)];
    } else {
        return false;
    }
    columns = setun_check_columns(target, (const char *const[]){target->oracle_fmts.in[0], target->fmts.in[0], target->fmts.out[0]}, 3,
                                  shapes[shape].columns);
    setun_check_dims(c->in_dim[0], shapes[shape].rows, columns);
    setun_check_dims(c->out_dim[0], shapes[shape].rows, columns);
    if (strncmp(target->oracle_fmts.in[0], "tern2.hf", 8) == 0) /* four rows share a byte */
        c->in_dim[0][0] = c->out_dim[0][0] = (shapes[shape].rows + 3) / 4 * 4;
    c->rows = c->in_dim[0][0];
    c->has_batch = c->rows_vary = is_activation(target);
    (void)snprintf(c->text, sizeof(c->text), "rows=%lld columns=%lld values=%s", (long long)c->in_dim[0][0], (long long)c->in_dim[0][1],
                   setun_check_fill_name(c->fill[0]));
    return true;
}

const setun_check_op setun_check_pack = {
    .name = "pack", .n_in = 1, .n_out = 1, .in_rows = {-1}, .out_rows = {-1}, .in_file = 1, .describe = describe};
const setun_check_op setun_check_ternarise = {
    .name = "ternarise", .n_in = 1, .n_out = 1, .in_rows = {-1}, .out_rows = {-1}, .in_file = 1, .describe = describe};
const setun_check_op setun_check_quantise = {
    .name = "quantise", .n_in = 1, .n_out = 1, .in_rows = {-1}, .out_rows = {-1}, .in_file = 1, .describe = describe};
