/* ops.c - the ops that can be timed by name: their cases at a size, and the sizes of BitNet b1.58 2B4T. To add one: a function and a line. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench_internal.h"
#include "check/chain.h"
#include "setun_numerics.h"

struct setun_bench_op {
    const char              *name;
    uint32_t                 n_in, n_out;
    bool                     batch;    /* rows belong to sequences, or name rows of a matrix: */
    bool                     by_id;    /* the latter */
    const setun_bench_shape *shapes;   /* [n_shapes] */
    size_t                   n_shapes;
    void                   (*describe)(setun_bench_case *c);
};

setun_status setun_bench_rows_make(int64_t rows, bool one_sequence, int64_t depth, int64_t vocab, setun_bench_rows *out_rows, setun_error *error)
{
    const int64_t n_seqs = one_sequence ? 1 : rows, len = depth + (one_sequence ? rows : 1), blocks = (len + SETUN_CHUNK - 1) / SETUN_CHUNK;
    const int64_t n_ids[] = {4 * rows + n_seqs * (1 + blocks)};
    setun_bench_rows r = {.n_blocks = n_seqs * blocks};
    int32_t *seq, *pos, *out_row, *lens, *block;

    r.ids = setun_calloc((size_t)n_ids[0], sizeof(*r.ids));
    r.block = setun_calloc((size_t)n_seqs, sizeof(*r.block));
    if (r.ids == NULL || r.block == NULL) {
        free(r.ids);
        free(r.block);
        return setun_fail_nomem(error, "rows of a batch", (size_t)n_ids[0] * sizeof(*r.ids));
    }
    seq = r.ids + rows;
    pos = seq + rows;
    out_row = pos + rows;
    lens = out_row + rows;
    block = lens + n_seqs;
    for (int64_t i = 0; i < rows; i++) {
        r.ids[i] = vocab > 0 ? (int32_t)((uint64_t)(i + 1) * UINT64_C(0x9E3779B97F4A7C15) % (uint64_t)vocab) : 0; /* any, far apart */
        seq[i] = one_sequence ? 0 : (int32_t)i;
        pos[i] = (int32_t)(depth + (one_sequence ? i : 0));
        out_row[i] = (int32_t)i;
    }
    for (int64_t s = 0; s < n_seqs; s++) {
        lens[s] = (int32_t)len;
        r.block[s] = block + s * blocks;
        for (int64_t b = 0; b < blocks; b++)
            block[s * blocks + b] = (int32_t)(s * blocks + b);
    }
    r.batch = (setun_batch){.size = sizeof(r.batch), .n_seqs = (uint32_t)n_seqs, .n_rows = rows, .n_out_rows = rows, .token = r.ids, .seq = seq,
                            .pos = pos, .out_row = out_row, .len = lens, .block = r.block};
    *out_rows = r;
    return SETUN_OK;
}

void setun_bench_case_free(setun_bench_case *c)
{
    free(c->rows_of.ids);
    free(c->rows_of.block);
    memset(&c->rows_of, 0, sizeof(c->rows_of));
}

static void matrix(int64_t dim[4], int64_t rows, int64_t columns)
{
    dim[0] = rows;
    dim[1] = columns;
    dim[2] = dim[3] = 1;
}

/* Inputs [rows, k], all streamed, and an output like them. */
static void elementwise(setun_bench_case *c)
{
    for (uint32_t i = 0; i < c->n_in; i++)
        matrix(c->in_dim[i], c->rows, c->shape.k);
    matrix(c->out_dim[0], c->rows, c->shape.k);
    c->streamed = (1u << c->n_in) - 1;
}

static void linear(setun_bench_case *c)
{
    matrix(c->in_dim[0], c->rows, c->shape.k);
    matrix(c->in_dim[1], c->shape.n, c->shape.k);
    matrix(c->out_dim[0], c->rows, c->shape.n);
    c->weight = 1;
    c->streamed = 1u << 1;
    c->in_part[0] = c->out_part[0] = 0; /* the weight is what counts */
    c->ops = 2.0 * (double)c->rows * (double)c->shape.n * (double)c->shape.k;
}

static void screen(setun_bench_case *c)
{
    linear(c);
    matrix(c->out_dim[1], c->rows, c->shape.n);
    c->out_part[1] = 0;
    c->ops *= 2.0; /* both halves of x */
}

/* As many rows of w as `rows` says, by their ids. */
static void rescreen(setun_bench_case *c)
{
    screen(c);
    matrix(c->in_dim[0], 1, c->shape.k);
    matrix(c->in_dim[2], 1, c->shape.n);
    matrix(c->in_dim[3], 1, c->rows);
    matrix(c->out_dim[0], 1, c->rows);
    matrix(c->out_dim[1], 1, c->rows);
    c->in_part[1] = (double)c->rows / (double)c->shape.n;
    c->in_part[2] = c->in_part[3] = 0;
    c->ops = 4.0 * (double)c->rows * (double)c->shape.k;
    c->vocab = c->shape.n;
}

/* n ids of k elements. */
static void top_k(setun_bench_case *c)
{
    elementwise(c);
    matrix(c->out_dim[0], c->rows, c->shape.n);
}

static void embedding(setun_bench_case *c)
{
    matrix(c->in_dim[0], 1, c->rows);
    matrix(c->in_dim[1], c->shape.n, c->shape.k);
    matrix(c->out_dim[0], c->rows, c->shape.k);
    c->in_part[1] = (double)c->rows / (double)c->shape.n;
    c->vocab = c->shape.n;
    c->streamed = 1u << 1;
}

static void rms_norm(setun_bench_case *c)
{
    elementwise(c);
    matrix(c->in_dim[1], 1, c->shape.k);
    c->streamed = 1u << 0;
    c->attrs.rms_norm = (setun_attr_rms_norm){.size = sizeof(c->attrs.rms_norm), .eps = 1e-5f, .groups = 1};
    c->attr = &c->attrs.rms_norm;
}

/* n heads of k elements. */
static void rope(setun_bench_case *c)
{
    const int64_t heads = c->shape.n, head_dim = c->shape.k, n_positions = c->rows_of.batch.len[0];

    matrix(c->in_dim[0], c->rows, heads * head_dim);
    matrix(c->in_dim[1], n_positions, head_dim / 2);
    matrix(c->in_dim[2], n_positions, head_dim / 2);
    matrix(c->out_dim[0], c->rows, heads * head_dim);
    c->in_part[1] = c->in_part[2] = (double)c->rows / (double)n_positions;
    c->streamed = 1u << 0;
    c->attrs.rope = (setun_attr_rope){.size = sizeof(c->attrs.rope), .heads = heads, .head_dim = head_dim, .n_dims = head_dim};
    c->attr = &c->attrs.rope;
}

static void cache(const setun_bench_case *c, int64_t kv_heads, int64_t dim[4], double *out_part, double positions)
{
    dim[0] = c->rows_of.n_blocks;
    dim[1] = kv_heads;
    dim[2] = SETUN_CHUNK;
    dim[3] = c->shape.k;
    *out_part = positions / ((double)c->rows_of.n_blocks * SETUN_CHUNK);
}

static void kv_write(setun_bench_case *c)
{
    for (int i = 0; i < 2; i++) {
        matrix(c->in_dim[i], c->rows, c->shape.n * c->shape.k);
        cache(c, c->shape.n, c->out_dim[i], &c->out_part[i], (double)c->rows);
    }
    c->streamed = 3;
    c->attrs.kv_write = (setun_attr_kv_write){.size = sizeof(c->attrs.kv_write), .kv_heads = c->shape.n, .head_dim = c->shape.k};
    c->attr = &c->attrs.kv_write;
}

/* n heads of k elements; heads share K and V by four, if they can be divided so. */
static void attention(setun_bench_case *c)
{
    const int64_t kv_heads = c->shape.n % 4 == 0 ? c->shape.n / 4 : c->shape.n;
    const setun_batch *batch = &c->rows_of.batch;
    double positions = 0, seen = 0;

    for (uint32_t s = 0; s < batch->n_seqs; s++)
        positions += batch->len[s];
    for (int64_t r = 0; r < batch->n_rows; r++)
        seen += batch->pos[r] + 1;
    matrix(c->in_dim[0], c->rows, c->shape.n * c->shape.k);
    matrix(c->out_dim[0], c->rows, c->shape.n * c->shape.k);
    cache(c, kv_heads, c->in_dim[1], &c->in_part[1], positions);
    cache(c, kv_heads, c->in_dim[2], &c->in_part[2], positions);
    c->in_part[0] = c->out_part[0] = 0;
    c->streamed = 1u << 1 | 1u << 2;
    c->ops = 4.0 * (double)c->shape.n * (double)c->shape.k * seen;
    c->attrs.attention = (setun_attr_attention){.size = sizeof(c->attrs.attention), .causal = 1, .heads = c->shape.n, .kv_heads = kv_heads,
                                                .head_dim = c->shape.k, .scale = 1.0f / sqrtf((float)c->shape.k)};
    c->attr = &c->attrs.attention;
}

/* BitNet b1.58 2B4T. */
static const setun_bench_shape matrices[] = {{2560, 2560}, {640, 2560}, {6912, 2560}, {2560, 6912}}; /* q and o; k and v; gate and up; down */
static const setun_bench_shape columns[] = {{1, 2560}, {1, 6912}};
static const setun_bench_shape vocabulary[] = {{128256, 2560}};
static const setun_bench_shape tops[] = {{1, 128256}, {40, 128256}}; /* greedy, and the usual top-k */
static const setun_bench_shape heads[] = {{20, 128}}, kv_heads[] = {{5, 128}};

#define SHAPES(list) .shapes = (list), .n_shapes = SETUN_COUNT(list)

static const setun_bench_op ops[] = {
    {.name = "linear", .n_in = 2, .n_out = 1, SHAPES(matrices), .describe = linear},
    {.name = "screen", .n_in = 2, .n_out = 2, SHAPES(vocabulary), .describe = screen},
    {.name = "rescreen", .n_in = 4, .n_out = 2, .batch = true, .by_id = true, SHAPES(vocabulary), .describe = rescreen},
    {.name = "top_k", .n_in = 1, .n_out = 1, SHAPES(tops), .describe = top_k},
    {.name = "attention", .n_in = 3, .n_out = 1, .batch = true, SHAPES(heads), .describe = attention},
    {.name = "embedding", .n_in = 2, .n_out = 1, .batch = true, .by_id = true, SHAPES(vocabulary), .describe = embedding},
    {.name = "rope", .n_in = 3, .n_out = 1, .batch = true, SHAPES(heads), .describe = rope},
    {.name = "kv_write", .n_in = 2, .n_out = 2, .batch = true, SHAPES(kv_heads), .describe = kv_write},
    {.name = "output_rows", .n_in = 1, .n_out = 1, .batch = true, SHAPES(columns), .describe = elementwise},
    {.name = "pack", .n_in = 1, .n_out = 1, SHAPES(columns), .describe = elementwise},
    {.name = "ternarise", .n_in = 1, .n_out = 1, SHAPES(columns), .describe = elementwise},
    {.name = "quantise", .n_in = 1, .n_out = 1, SHAPES(columns), .describe = elementwise},
    {.name = "rms_norm", .n_in = 2, .n_out = 1, SHAPES(columns), .describe = rms_norm},
    {.name = "add", .n_in = 2, .n_out = 1, SHAPES(columns), .describe = elementwise},
    {.name = "mul", .n_in = 2, .n_out = 1, SHAPES(columns), .describe = elementwise},
    {.name = "relu2", .n_in = 1, .n_out = 1, SHAPES(columns), .describe = elementwise},
    {.name = "silu", .n_in = 1, .n_out = 1, SHAPES(columns), .describe = elementwise},
    {.name = "probe_int8", .n_in = 1, .n_out = 1, SHAPES(columns), .describe = elementwise},
};

const setun_bench_op *setun_bench_op_find(const char *name)
{
    for (size_t i = 0; i < SETUN_COUNT(ops); i++)
        if (strcmp(ops[i].name, name) == 0)
            return &ops[i];
    return NULL;
}

const char *setun_bench_op_names(void)
{
    return "linear, screen, rescreen, top_k, attention, embedding, rope, kv_write, output_rows, pack, ternarise, quantise, rms_norm, add, mul, relu2, silu, probe_int8";
}

const setun_bench_shape *setun_bench_op_shapes(const setun_bench_op *op, size_t *out_n)
{
    *out_n = op->n_shapes;
    return op->shapes;
}

/* ---- several ops at once ---- */

/* The first kernel of that pattern which the check can take apart. */
static setun_status find_target(const setun_plugins *plugins, const char *pattern, setun_check_target *out_target, setun_error *error)
{
    setun_status status = setun_fail(error, SETUN_ERR_NOT_FOUND, "no loaded plugin has a kernel of '%.200s'", pattern);

    for (size_t i = 0; i < setun_plugins_n_kernels(plugins) && status != SETUN_OK; i++)
        if (strcmp(setun_plugins_kernel(plugins, i).kernel->pattern, pattern) == 0)
            status = setun_check_target_make(plugins, setun_plugins_kernel(plugins, i), out_target, error);
    return status;
}

const setun_bench_shape *setun_bench_pattern_shapes(const char *pattern, size_t *out_n)
{
    return setun_bench_op_shapes(setun_bench_op_find(strstr(pattern, "linear(") != NULL ? "linear" : "add"), out_n);
}

setun_status setun_bench_pattern_case(const setun_plugins *plugins, const char *pattern, const setun_bench_shape *shape, int64_t rows,
                                      setun_bench_case *out_case, setun_error *error)
{
    setun_bench_case *c = out_case;
    setun_check_target target;
    setun_check_case sizes = {.rows = rows};
    setun_status status;
    bool linear;

    *c = (setun_bench_case){.op = pattern, .weight = -1, .shape = *shape, .rows = rows};
    status = find_target(plugins, pattern, &target, error);
    if (status != SETUN_OK)
        return status;
    linear = setun_check_chain_size(&target, rows, shape->n, shape->k, &sizes);
    c->n_in = target.fmts.n_in;
    c->n_out = target.fmts.n_out;
    c->n_ops = target.chain.n_ops;
    c->attrs.rms_norm = sizes.attrs.rms_norm;
    for (uint32_t j = 0; j < c->n_ops; j++)
        c->chain_attr[j] = sizes.chain_attr[j] != NULL ? &c->attrs.rms_norm : NULL;
    memcpy(c->in_dim, sizes.in_dim, sizeof(c->in_dim));
    memcpy(c->out_dim, sizes.out_dim, sizeof(c->out_dim));
    for (int i = 0; i < target.chain.n_values; i++) {
        const setun_check_value *value = &target.chain.value[i];
        const bool matrix = value->is_weight && value->in >= 0 && c->in_dim[value->in][0] > 1;

        if (value->out >= 0)
            c->out_part[value->out] = linear ? 0 : 1;
        if (value->in < 0)
            continue;
        c->in_part[value->in] = linear && !matrix ? 0 : 1; /* as of a linear alone */
        if (matrix) {
            c->weight = value->in;
            c->ops += 2.0 * (double)rows * (double)c->in_dim[value->in][0] * (double)c->in_dim[value->in][1];
        }
        if (linear ? matrix : !value->is_weight)
            c->streamed |= 1u << value->in;
    }
    return SETUN_OK;
}

setun_status setun_bench_op_case(const setun_bench_op *op, const setun_bench_shape *shape, int64_t rows, int64_t depth,
                                 setun_bench_case *out_case, setun_error *error)
{
    setun_bench_case *c = out_case;

    *c = (setun_bench_case){.op = op->name, .n_in = op->n_in, .n_out = op->n_out, .weight = -1, .shape = *shape, .rows = rows};
    for (uint32_t i = 0; i < SETUN_CHECK_INS; i++)
        c->in_part[i] = 1;
    for (uint32_t i = 0; i < SETUN_CHECK_OUTS; i++)
        c->out_part[i] = 1;
    if (op->batch) {
        const int64_t vocab = op->by_id ? shape->n : 0;
        const setun_status status = setun_bench_rows_make(rows, rows > SETUN_BENCH_SMALL_ROWS, depth, vocab, &c->rows_of, error);

        if (status != SETUN_OK)
            return status;
    }
    op->describe(c);
    return SETUN_OK;
}
