/* test_ops.c - every op's shape rule and attributes, on graphs without a weight file; and when, repeat and has. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "small_model.h"

/* Around the nodes under test: x is f32[rows, 8] from the start; the last node makes logits of 16 columns from x. */
#define HEAD                                                                                                                          \
    "setun: 1\nname: t\ncontext: 32\n"                                                                                               \
    "tensors: {e: {shape: [16, 8]}, v: {shape: [8]}, v4: {shape: [4]}, m: {shape: [6, 8]}, wide: {shape: [12, 8]}, k: {shape: [4, 8]}, any: {}}\n" \
    "graph:\n  - {op: embedding, in: tokens, weight: e, out: x}\n"
#define TAIL "  - {op: output_rows, in: x, out: x}\n  - {op: linear, in: x, weight: e, out: logits}\n"
enum { FIRST_LINE = 7 }; /* of the nodes under test */

static setun_graph *parse(const char *nodes)
{
    char text[4096];
    setun_error error = {{0}};
    setun_graph *graph = NULL;

    (void)snprintf(text, sizeof(text), HEAD "%s" TAIL, nodes);
    cr_assert_eq(setun_graph_parse("t.yaml", text, strlen(text), NULL, &graph, &error), SETUN_OK, "%s", error.text);
    return graph;
}

#define KV "  - {op: linear, in: x, weight: k, out: k}\n  - {op: kv_write, in: [k, k], kv_heads: 1, layer: 0}\n"

struct broken { const char *nodes; unsigned line; const char *text; };
static const struct broken broken[] = {
    /* embedding */
    {"  - {op: embedding, in: x, weight: e, out: y}\n", 0, "embedding: expected the token ids ('tokens'), found 'x', which is an activation"},
    {"  - {op: embedding, in: tokens, weight: v, out: y}\n", 0, "weight 'v': without a weight file, expected a shape of 2 sizes"},
    {"  - {op: embedding, in: tokens, weight: any, out: y}\n", 0, "weight 'any': without a weight file, expected a shape of 2 sizes in the section 'tensors', found 0"},
    /* output_rows */
    {"  - {op: output_rows, in: x, out: y}\n  - {op: output_rows, in: y, out: x}\n", 1,
     "output_rows: expected x with all the rows of the pass, found f32[output rows, 8] ('y' of line 7)"},
    /* linear */
    {"  - {op: linear, in: x, weight: m, out: y}\n  - {op: linear, in: y, weight: m, out: x}\n", 1,
     "linear: weight 'm' is [6, 8], expected [n, 6], since x is f32[rows, 6] ('y' of line 7)"},
    {"  - {op: linear, in: x, weight: v, out: y}\n", 0, "weight 'v': without a weight file, expected a shape of 2 sizes"},
    /* rms_norm */
    {"  - {op: rms_norm, in: x, weight: v4, eps: 1, out: x}\n", 0, "rms_norm: weight 'v4' is [1, 4], expected [8], since x is f32[rows, 8] ('x' of line 6)"},
    {"  - {op: rms_norm, in: x, weight: m, eps: 1, out: x}\n", 0, "weight 'm': without a weight file, expected a shape of 1 size"},
    {"  - {op: rms_norm, in: x, weight: v, eps: 1, groups: 3, out: x}\n", 0,
     "rms_norm: expected groups to divide the columns of x, found groups = 3 and f32[rows, 8] ('x' of line 6)"},
    {"  - {op: rms_norm, in: x, weight: v, eps: 2, out: x}\n", 0, "rms_norm: expected eps from 1e-30 to 1.0, found the float 2.0"},
    {"  - {op: rms_norm, in: x, weight: v, eps: 1, weight_offset: 1e39, out: x}\n", 0, "rms_norm: expected weight_offset from -3e+38 to 3e+38"},
    /* rope */
    {"  - {op: rope, in: x, theta: 1e4, heads: 3, out: x}\n", 0, "rope: expected heads to divide the columns of x, found heads = 3 and f32[rows, 8]"},
    {"  - {op: rope, in: x, theta: 1e4, heads: 2, n_dims: 6, out: x}\n", 0,
     "rope: expected n_dims to be even and at most head_dim = 4 (8 columns / 2 heads), found 6"},
    {"  - {op: rope, in: x, theta: 1e4, heads: 2, n_dims: 3, out: x}\n", 0, "rope: expected n_dims to be even and at most head_dim = 4"},
    {"  - {op: rope, in: x, theta: 1e4, heads: 8, out: x}\n", 0, "rope: expected n_dims to be even and at most head_dim = 1"},
    {"  - {op: rope, in: x, theta: 0, heads: 2, out: x}\n", 0, "rope: expected theta from 1.0 to 1e+300, found the float 0.0"},
    {"  - {op: output_rows, in: x, out: y}\n  - {op: rope, in: y, theta: 1, heads: 2, out: x}\n", 1,
     "rope: expected x with all the rows of the pass, found f32[output rows, 8] ('y' of line 7)"},
    {"  - repeat: 33\n    index: i\n    nodes:\n      - {op: rope, in: x, theta: \"${i + 1}\", heads: 2, out: x}\n", 3,
     "rope: expected at most 32 different rope tables in one graph"},
    /* kv_write */
    {"  - {op: linear, in: x, weight: k, out: k}\n  - {op: kv_write, in: [k, x], kv_heads: 1, layer: 0}\n", 1,
     "kv_write: expected k and v of one shape, found f32[rows, 4] ('k' of line 7) and f32[rows, 8] ('x' of line 6)"},
    {"  - {op: kv_write, in: [x, x], kv_heads: 3, layer: 0}\n", 0, "kv_write: expected kv_heads to divide the columns of k"},
    {"  - {op: kv_write, in: [x, x], kv_heads: 1, layer: -1}\n", 0, "kv_write: expected layer from 0 to 65535, found the integer -1"},
    {"  - {op: kv_write, in: [x, x], kv_heads: 1, layer: 65536}\n", 0, "kv_write: expected layer from 0 to 65535, found the integer 65536"},
    {KV "  - {op: kv_write, in: [k, k], kv_heads: 1, layer: 0}\n", 2, "kv_write: the caches of layer 0 are written already"},
    {"  - {op: output_rows, in: x, out: y}\n  - {op: kv_write, in: [y, y], kv_heads: 1, layer: 0}\n", 1,
     "kv_write: expected k with all the rows of the pass"},
    /* attention */
    {"  - {op: attention, in: x, heads: 2, kv_heads: 1, layer: 0, out: x}\n", 0,
     "attention: the caches of layer 0 are not written yet: expected a kv_write of this layer before"},
    {KV "  - {op: attention, in: x, heads: 2, kv_heads: 1, layer: 1, out: x}\n", 2, "attention: the caches of layer 1 are not written yet"},
    {KV "  - {op: attention, in: x, heads: 4, kv_heads: 1, layer: 0, out: x}\n", 2,
     "attention: the caches of layer 0 have 1 heads of 4 elements, expected 1 heads of 2"},
    {KV "  - {op: attention, in: x, heads: 2, kv_heads: 2, layer: 0, out: x}\n", 2,
     "attention: the caches of layer 0 have 1 heads of 4 elements, expected 2 heads of 4"},
    {KV "  - {op: attention, in: x, heads: 3, kv_heads: 1, layer: 0, out: x}\n", 2, "attention: expected heads to divide the columns of q"},
    {KV "  - {op: attention, in: x, heads: 4, kv_heads: 3, layer: 0, out: x}\n", 2, "attention: expected kv_heads to divide heads = 4, found 3"},
    {KV "  - {op: attention, in: x, heads: 2, kv_heads: 1, layer: 0, window: -1, out: x}\n", 2, "attention: expected window from 0"},
    {KV "  - {op: attention, in: x, heads: 2, kv_heads: 1, layer: 0, softcap: -1, out: x}\n", 2, "attention: expected softcap from 0.0"},
    {KV "  - {op: attention, in: x, heads: 2, kv_heads: 1, layer: 0, causal: 1, out: x}\n", 2, "attention: expected causal to be true or false"},
    {KV "  - {op: output_rows, in: x, out: y}\n  - {op: attention, in: y, heads: 2, kv_heads: 1, layer: 0, out: x}\n", 3,
     "attention: expected q with all the rows of the pass"},
    /* add, mul */
    {"  - {op: linear, in: x, weight: m, out: y}\n  - {op: add, in: [x, y], out: x}\n", 1,
     "add: expected a and b of one shape, found f32[rows, 8] ('x' of line 6) and f32[rows, 6] ('y' of line 7)"},
    {"  - {op: output_rows, in: x, out: y}\n  - {op: mul, in: [x, y], out: x}\n", 1,
     "mul: expected a and b of one shape, found f32[rows, 8] ('x' of line 6) and f32[output rows, 8] ('y' of line 7)"},
    /* relu2, silu: any shape, but not the token ids */
    {"  - {op: relu2, in: tokens, out: x}\n", 0, "relu2: expected an activation, found 'tokens', which is the token ids"},
    {"  - {op: silu, in: tokens, out: x}\n", 0, "silu: expected an activation, found 'tokens'"},
    {"  - {op: silu, in: x, out: x, eps: 1}\n", 0, "silu: unknown key 'eps'"},
};

Test(ops, shape_rules_are_kept)
{
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        char text[4096], line[32];
        setun_error error = {{0}};
        setun_graph *graph = NULL;

        (void)snprintf(text, sizeof(text), HEAD "%s" TAIL, broken[i].nodes);
        (void)snprintf(line, sizeof(line), "t.yaml:%u:", FIRST_LINE + broken[i].line);
        cr_expect_eq(setun_graph_parse("t.yaml", text, strlen(text), NULL, &graph, &error), SETUN_ERR_FORMAT, "case %zu: %s", i, broken[i].nodes);
        cr_expect(strncmp(error.text, line, strlen(line)) == 0, "case %zu: expected %s, got %s", i, line, error.text);
        cr_expect_not_null(strstr(error.text, broken[i].text), "case %zu: expected '%s', got '%s'", i, broken[i].text, error.text);
    }
}

Test(ops, a_name_written_twice_is_two_values)
{
    setun_graph *graph = parse("  - {op: relu2, in: x, out: x}\n  - {op: add, in: [x, x], out: x}\n");

    /* tokens, x, x, x, x (output_rows), logits */
    cr_assert_eq(graph->n_values, 6u);
    cr_expect_eq(graph->nodes[1].in[0].index, 1u);
    cr_expect_eq(graph->nodes[1].out[0].index, 2u);
    cr_expect(graph->nodes[2].in[0].index == 2 && graph->nodes[2].in[1].index == 2 && graph->nodes[2].out[0].index == 3);
    for (size_t i = 1; i <= 4; i++)
        cr_expect_str_eq(graph->values[i].name, "x");
    cr_expect_eq(graph->values[3].rows, SETUN_ROWS_BATCH);
    cr_expect_eq(graph->values[4].rows, SETUN_ROWS_OUT);
    cr_expect(graph->tokens == 0 && graph->values[0].tokens && graph->logits == 5 && graph->vocab == 16 && graph->context == 32);
    cr_expect(graph->values[2].line == FIRST_LINE && graph->values[2].column == 29);
    cr_expect_str_eq(graph->name, "t");
    cr_expect_str_eq(graph->path, "t.yaml");
    setun_graph_close(graph);
    setun_graph_close(NULL);
}

Test(ops, rope_pairings_and_tables)
{
    setun_graph *graph = parse("  - {op: rope, in: x, theta: 1e4, heads: 2, out: x}\n"
                               "  - {op: rope, in: x, theta: 10000, heads: 1, n_dims: 4, pairing: interleaved, out: x}\n"
                               "  - {op: rope, in: x, theta: 5.0e5, heads: 2, pairing: half, out: x}\n");
    const setun_attr_rope *a = graph->nodes[1].attr, *b = graph->nodes[2].attr, *c = graph->nodes[3].attr;

    cr_expect(a->size == sizeof(*a) && a->pairing == SETUN_ROPE_HALF && a->heads == 2 && a->head_dim == 4 && a->n_dims == 4);
    cr_expect(b->pairing == SETUN_ROPE_INTERLEAVED && b->heads == 1 && b->head_dim == 8 && b->n_dims == 4);
    cr_expect(c->pairing == SETUN_ROPE_HALF && c->n_dims == 4);
    cr_assert_eq(graph->n_tables, 4u); /* the first two nodes share theirs */
    cr_expect(graph->nodes[1].n_in == 3 && graph->nodes[1].in[1].kind == SETUN_OPERAND_TABLE && graph->nodes[1].in[2].kind == SETUN_OPERAND_TABLE);
    cr_expect(graph->nodes[1].in[1].index == 0 && graph->nodes[1].in[2].index == 1);
    cr_expect(graph->nodes[2].in[1].index == 0 && graph->nodes[2].in[2].index == 1);
    cr_expect(graph->nodes[3].in[1].index == 2 && graph->nodes[3].in[2].index == 3);
    cr_expect(!graph->tables[0].sine && graph->tables[1].sine);
    cr_expect(graph->tables[1].theta == 10000.0 && graph->tables[1].n_dims == 4 && graph->tables[1].n_positions == 32);
    cr_expect_eq(graph->tables[3].theta, 500000.0);
    setun_graph_close(graph);
}

Test(ops, attention_attributes_and_caches)
{
    setun_graph *graph = parse(KV "  - {op: attention, in: x, heads: 2, kv_heads: 1, layer: 0, out: x}\n"
                                  "  - {op: attention, in: x, heads: 2, kv_heads: 1, layer: 0, causal: false, window: 7, scale: 0.25, softcap: 50, out: x}\n");
    const setun_graph_node *write = &graph->nodes[2], *read = &graph->nodes[3];
    const setun_attr_kv_write *w = write->attr;
    const setun_attr_attention *a = read->attr, *b = graph->nodes[4].attr;

    cr_expect(w->size == sizeof(*w) && w->kv_heads == 1 && w->head_dim == 4);
    cr_assert(write->n_in == 2 && write->n_out == 2 && read->n_in == 3 && read->n_out == 1);
    cr_expect(write->out[0].kind == SETUN_OPERAND_CACHE && read->in[1].kind == SETUN_OPERAND_CACHE && read->in[2].kind == SETUN_OPERAND_CACHE);
    cr_expect(write->out[0].index == read->in[1].index && write->out[1].index == read->in[2].index);
    cr_assert_eq(graph->n_caches, 2u);
    cr_expect(!graph->caches[0].value && graph->caches[1].value && graph->caches[1].layer == 0 && graph->caches[1].kv_heads == 1
              && graph->caches[1].head_dim == 4);
    cr_expect(a->size == sizeof(*a) && a->causal == 1 && a->heads == 2 && a->kv_heads == 1 && a->head_dim == 4 && a->window == 0);
    cr_expect(a->scale == 0.5f && a->softcap == 0.0f);
    cr_expect(b->causal == 0 && b->window == 7 && b->scale == 0.25f && b->softcap == 50.0f);
    setun_graph_close(graph);
}

Test(ops, rms_norm_attributes)
{
    setun_graph *graph = parse("  - {op: rms_norm, in: x, weight: v, eps: 1e-6, groups: 2, weight_offset: 1, out: x}\n"
                               "  - {op: rms_norm, in: x, weight: v, eps: 0.5, out: x}\n");
    const setun_attr_rms_norm *a = graph->nodes[1].attr, *b = graph->nodes[2].attr;

    cr_expect(a->size == sizeof(*a) && a->eps == 1e-6f && a->groups == 2 && a->weight_offset == 1.0f);
    cr_expect(b->eps == 0.5f && b->groups == 1 && b->weight_offset == 0.0f);
    cr_assert(graph->nodes[1].n_in == 2 && graph->nodes[1].in[1].kind == SETUN_OPERAND_WEIGHT);
    cr_expect_eq(graph->nodes[1].in[1].index, graph->nodes[2].in[1].index);
    setun_graph_close(graph);
}

/* The table e serves the embedding, a ternary layer and the head: as it is stored twice, to be ternarised once. */
Test(ops, weights_are_shared_by_tensor_and_want)
{
    setun_graph *graph = parse("  - {op: linear, in: x, weight: e, ternary: true, out: y}\n"
                               "  - {op: linear, in: x, weight: e, ternary: false, out: z}\n"
                               "  - {op: mul, in: [y, z], out: y}\n"
                               "  - {op: kv_write, in: [y, y], kv_heads: 4, layer: 3}\n"
                               "  - {op: rms_norm, in: x, weight: v, eps: 1, out: x}\n");
    uint32_t embedding = graph->nodes[0].in[1].index, ternary = graph->nodes[1].in[1].index, plain = graph->nodes[2].in[1].index,
             norm = graph->nodes[5].in[1].index;

    cr_assert_eq(graph->n_weights, 3u); /* e, e to be ternary, v */
    cr_expect(embedding == plain && ternary != plain && graph->nodes[7].in[1].index == embedding);
    cr_expect_null(graph->weights[plain].want);
    cr_expect_str_eq(graph->weights[ternary].want, "ternary");
    cr_expect_str_eq(graph->weights[norm].want, "f32");
    cr_expect(graph->weights[plain].dim[0] == 16 && graph->weights[plain].dim[1] == 8);
    cr_expect(graph->weights[norm].dim[0] == 1 && graph->weights[norm].dim[1] == 8);
    cr_expect_null(graph->weights[plain].source);
    cr_expect_null(graph->weights[plain].fmt);
    cr_expect(graph->caches[0].layer == 3 && graph->caches[0].kv_heads == 4);
    setun_graph_close(graph);
}

Test(ops, every_op_adds_its_node)
{
    static const char *const expected[] = {"embedding", "linear", "silu", "relu2", "mul", "add", "output_rows", "linear"};
    setun_graph *graph = parse("  - {op: linear, in: x, weight: wide, out: w}\n  - {op: silu, in: w, out: s}\n  - {op: relu2, in: w, out: r}\n"
                               "  - {op: mul, in: [s, r], out: m}\n  - {op: add, in: [m, m], out: m}\n"
                               "  - {op: kv_write, in: [m, m], kv_heads: 3, layer: 0}\n");

    cr_assert_eq(graph->n_nodes, 9u);
    for (size_t i = 0, k = 0; i < graph->n_nodes; i++)
        if (strcmp(graph->nodes[i].op, "kv_write") != 0)
            cr_expect_str_eq(graph->nodes[i].op, expected[k++]);
    cr_expect_eq(graph->values[graph->nodes[5].out[0].index].n, 12);
    cr_expect_null(graph->nodes[2].attr);
    setun_graph_close(graph);
}

Test(ops, repeats_and_conditions)
{
    setun_graph *graph = parse("  - repeat: 3\n    index: i\n    nodes:\n"
                               "      - {op: silu, in: x, out: x, when: \"${i == 1}\"}\n"
                               "      - repeat: ${i}\n        index: j\n        when: ${i != 1}\n        nodes:\n"
                               "          - {op: relu2, in: x, out: x}\n"
                               "          - {op: add, in: [x, x], out: x, when: \"${i * 10 + j == 21}\"}\n"
                               "  - {op: silu, in: nothing, out: x, when: false}\n  - {repeat: 0, nodes: [{op: silu}]}\n"
                               "  - {repeat: -1, nodes: [], when: false}\n");
    /* i = 0: nothing; i = 1: silu; i = 2: relu2 (j = 0), relu2 and add (j = 1). */
    static const char *const ops[] = {"embedding", "silu", "relu2", "relu2", "add", "output_rows", "linear"};
    static const int64_t layers[] = {-1, 1, 0, 1, 1, -1, -1};

    cr_assert_eq(graph->n_nodes, 7u);
    for (size_t i = 0; i < 7; i++) {
        cr_expect_str_eq(graph->nodes[i].op, ops[i]);
        cr_expect_eq(graph->nodes[i].layer, layers[i]);
    }
    setun_graph_close(graph);
}

/* has() looks in the weight file, at the present index; layer 1 of the small model has the norm, layer 0 does not. */
Test(ops, has_sees_the_present_index)
{
    setun_weights *weights = small_weights();
    setun_error error = {{0}};
    setun_graph *graph = NULL;
    size_t n_extra = 0;

    cr_assert_eq(setun_graph_parse("small", small_model, strlen(small_model), weights, &graph, &error), SETUN_OK, "%s", error.text);
    for (size_t i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].n_in == 2 && graph->nodes[i].in[1].kind == SETUN_OPERAND_WEIGHT
            && strcmp(graph->weights[graph->nodes[i].in[1].index].name, "l.1.extra") == 0) {
            n_extra++;
            cr_expect_eq(graph->nodes[i].layer, 1);
        }
    cr_expect_eq(n_extra, 1u);
    setun_graph_close(graph);
    setun_weights_close(weights);
}

/* `source` and `arch`, keys in turn, defaults that are expressions, and the file's value before the default. */
Test(ops, parameters)
{
    static const char text[] =
        "setun: 1\nname: p\ncontext: ${context}\n"
        "bind:\n"
        "  a: {huggingface: [nothing, hidden_size], default: 99}\n"            /* 8: null is absent */
        "  b: {gguf: x, default: \"${a * 2}\"}\n"                             /* 16 */
        "  c: \"${source == 'huggingface' && arch == 'SmallForCausalLM' ? 1 : 0}\"\n"
        "  context: {huggingface: \"max_${'position'}_embeddings\", default: \"${b + c}\"}\n" /* 17 */
        "  unused: {huggingface: half}\n"
        "tensors: {e: {huggingface: embd}}\n"
        "ignore: [\"*\"]\n"
        "graph: [{op: embedding, in: tokens, weight: e, out: x}, {op: output_rows, in: x, out: x}, {op: linear, in: x, weight: e, out: logits}]\n";
    setun_weights *weights = small_weights();
    setun_error error = {{0}};
    setun_graph *graph = NULL;

    cr_assert_eq(setun_graph_parse("p", text, strlen(text), weights, &graph, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(graph->context, 17);
    cr_expect_eq(graph->n_weights, 1u);
    setun_graph_close(graph);
    setun_weights_close(weights);
}
