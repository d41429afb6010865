/* test_families.c - models/bitnet.yaml on fable and on the shapes of BitNet b1.58 2B4T; the expected numbers are derived by hand. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "setun_ops.h"
#include "small_model.h"
#include "synthetic_2b4t.h"

#define BITNET SETUN_SOURCE_DIR "/models/bitnet.yaml"

/* Sizes of a member of the family. */
struct sizes {
    int64_t layers, hidden, ffn, heads, kv_heads, head_dim, vocab, context;
    double  theta;
    int     sub_norms;  /* both, or none */
    int     untied;
    const char *act, *ternary_fmt, *other_fmt;
};

static setun_graph *open_graph(const setun_weights *weights)
{
    setun_error error = {{0}};
    setun_graph *graph = NULL;

    cr_assert_eq(setun_graph_open(BITNET, weights, &graph, &error), SETUN_OK, "%s", error.text);
    return graph;
}

/* A layer's nodes in order: op, weight in the Hugging Face file (NULL: none), its rows, columns of the result. */
struct expected_node { const char *op, *weight; int64_t rows, columns; };

static void expect_node(const setun_graph *graph, const struct sizes *s, size_t index, int64_t layer, const struct expected_node *e)
{
    const setun_graph_node *node = &graph->nodes[index];

    cr_expect_str_eq(node->op, e->op, "node %zu", index);
    cr_expect_eq(node->layer, layer, "node %zu", index);
    if (e->weight != NULL) {
        const setun_graph_weight *w = &graph->weights[node->in[1].index];
        const setun_graph_value *x = &graph->values[node->in[0].index];
        int ternary = strcmp(e->op, "linear") == 0 && layer >= 0;
        char name[128];

        (void)snprintf(name, sizeof(name), e->weight, (int)layer);
        cr_assert_eq(node->in[1].kind, SETUN_OPERAND_WEIGHT);
        cr_expect_str_eq(w->name, name);
        cr_expect_eq(w->dim[0], e->rows, "%s", name);
        cr_expect_eq(w->dim[1], strcmp(e->op, "embedding") == 0 ? e->columns : x->n, "%s", name);
        cr_expect_str_eq(w->fmt, ternary ? s->ternary_fmt : s->other_fmt, "%s", name);
        if (ternary)
            cr_expect_str_eq(w->want, "ternary");
        else if (strcmp(e->op, "rms_norm") == 0)
            cr_expect_str_eq(w->want, "f32");
        else
            cr_expect_null(w->want);
        cr_expect_not_null(w->source);
    }
    if (strcmp(e->op, "kv_write") != 0)
        cr_expect_eq(graph->values[node->out[0].index].n, e->columns, "node %zu (%s)", index, e->op);
}

static void expect_attention(const setun_graph *graph, const struct sizes *s, int64_t layer, const setun_graph_node *node)
{
    const setun_attr_attention *a = node->attr;
    const setun_graph_cache *k = &graph->caches[node->in[1].index], *v = &graph->caches[node->in[2].index];

    cr_expect(a->heads == s->heads && a->kv_heads == s->kv_heads && a->head_dim == s->head_dim && a->causal == 1 && a->window == 0);
    cr_expect(a->scale == (float)(1.0 / sqrt((double)s->head_dim)) && a->softcap == 0.0f);
    cr_expect(k->layer == layer && v->layer == layer && !k->value && v->value && k->kv_heads == s->kv_heads && k->head_dim == s->head_dim);
}

static void expect_layer(const setun_graph *graph, const struct sizes *s, int64_t layer, size_t *index)
{
    const int64_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
    const struct expected_node nodes[] = {
        {"rms_norm", "model.layers.%d.input_layernorm", 1, s->hidden},
        {"linear", "model.layers.%d.self_attn.q_proj", q, q},
        {"linear", "model.layers.%d.self_attn.k_proj", kv, kv},
        {"linear", "model.layers.%d.self_attn.v_proj", kv, kv},
        {"rope", NULL, 0, q},
        {"rope", NULL, 0, kv},
        {"kv_write", NULL, 0, 0},
        {"attention", NULL, 0, q},
        {"rms_norm", "model.layers.%d.self_attn.attn_sub_norm", 1, q},
        {"linear", "model.layers.%d.self_attn.o_proj", s->hidden, s->hidden},
        {"add", NULL, 0, s->hidden},
        {"rms_norm", "model.layers.%d.post_attention_layernorm", 1, s->hidden},
        {"linear", "model.layers.%d.mlp.gate_proj", s->ffn, s->ffn},
        {"linear", "model.layers.%d.mlp.up_proj", s->ffn, s->ffn},
        {s->act, NULL, 0, s->ffn},
        {"mul", NULL, 0, s->ffn},
        {"rms_norm", "model.layers.%d.mlp.ffn_sub_norm", 1, s->ffn},
        {"linear", "model.layers.%d.mlp.down_proj", s->hidden, s->hidden},
        {"add", NULL, 0, s->hidden},
    };

    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        if (!s->sub_norms && nodes[i].weight != NULL && strstr(nodes[i].weight, "sub_norm") != NULL)
            continue;
        expect_node(graph, s, *index, layer, &nodes[i]);
        if (strcmp(nodes[i].op, "attention") == 0)
            expect_attention(graph, s, layer, &graph->nodes[*index]);
        if (strcmp(nodes[i].op, "rope") == 0) {
            const setun_attr_rope *r = graph->nodes[*index].attr;

            cr_expect(r->pairing == SETUN_ROPE_HALF && r->head_dim == s->head_dim && r->n_dims == s->head_dim);
            cr_expect_eq(r->heads, nodes[i].columns / s->head_dim);
        }
        ++*index;
    }
}

static void expect_family(const setun_graph *graph, const struct sizes *s)
{
    const size_t per_layer = s->sub_norms ? 19 : 17, layers = (size_t)s->layers;
    const struct expected_node first = {"embedding", "model.embed_tokens", s->vocab, s->hidden}, rows = {"output_rows", NULL, 0, s->hidden},
                               norm = {"rms_norm", "model.norm", 1, s->hidden},
                               head = {"linear", s->untied ? "lm_head" : "model.embed_tokens", s->vocab, s->vocab};
    size_t index = 1;

    cr_expect_str_eq(graph->name, "bitnet");
    cr_assert_eq(graph->n_nodes, per_layer * layers + 4); /* embedding; output_rows, norm, head */
    cr_expect_eq(graph->n_values, 1 + graph->n_nodes - layers); /* tokens, and one for each node but kv_write */
    cr_expect_eq(graph->n_weights, (s->sub_norms ? 11 : 9) * layers + 2 + (size_t)s->untied);
    cr_expect_eq(graph->n_caches, 2 * layers);
    cr_assert_eq(graph->n_tables, 2u);
    cr_expect(graph->tables[0].theta == s->theta && graph->tables[0].n_dims == s->head_dim && graph->tables[0].n_positions == s->context);
    cr_expect(graph->context == s->context && graph->vocab == s->vocab);
    expect_node(graph, s, 0, -1, &first);
    for (int64_t layer = 0; layer < s->layers; layer++)
        expect_layer(graph, s, layer, &index);
    expect_node(graph, s, index, -1, &rows);
    expect_node(graph, s, index + 1, -1, &norm);
    expect_node(graph, s, index + 2, -1, &head);
    cr_expect_eq(graph->values[graph->logits].rows, SETUN_ROWS_OUT);
    cr_expect_eq(graph->nodes[index + 2].out[0].index, graph->logits);
    for (size_t i = 1; i < graph->n_nodes; i++)
        if (strcmp(graph->nodes[i].op, "rms_norm") == 0)
            cr_expect_eq(((const setun_attr_rms_norm *)graph->nodes[i].attr)->eps, 1e-5f);
}

Test(families, fable)
{
    static const struct sizes fable = {5, 256, 768, 4, 1, 64, 4096, 512, 500000.0, 1, 0, "relu2", "tern2.hf+f32", "bf16"};
    setun_weights *weights = NULL;
    setun_error error = {{0}};
    setun_graph *graph;
    bool matches = false;

    cr_assert_eq(setun_weights_open(SETUN_SOURCE_DIR "/models/fable", &weights, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(setun_graph_matches(BITNET, weights, &matches, &error), SETUN_OK, "%s", error.text);
    cr_expect(matches);
    graph = open_graph(weights);
    cr_expect_eq(graph->n_nodes, 99u);
    cr_expect_eq(graph->n_weights, 57u);
    expect_family(graph, &fable);
    setun_graph_close(graph);
    setun_weights_close(weights);
}

/* Sizes of model-card and config.json of microsoft/bitnet-b1.58-2B-4T. */
Test(families, bitnet_2b4t)
{
    static const struct sizes big = {30, 2560, 6912, 20, 5, 128, 128256, 4096, 500000.0, 1, 0, "relu2", "tern2.hf+f32", "bf16"};
    setun_weights *weights = NULL;
    setun_error error = {{0}};
    setun_graph *graph;
    char folder[512];
    int64_t ternary = 0, all = 0;

    cr_assert(synthetic_2b4t_create(folder, sizeof(folder)));
    cr_assert_eq(setun_weights_open(folder, &weights, &error), SETUN_OK, "%s", error.text);
    synthetic_2b4t_remove(folder);
    graph = open_graph(weights);
    cr_expect_eq(graph->n_nodes, 574u);
    cr_expect_eq(graph->n_weights, 332u);
    expect_family(graph, &big);
    for (size_t i = 0; i < graph->n_weights; i++) {
        const setun_graph_weight *w = &graph->weights[i];

        all += w->dim[0] * w->dim[1];
        ternary += w->want != NULL && strcmp(w->want, "ternary") == 0 ? w->dim[0] * w->dim[1] : 0;
    }
    cr_expect_eq(ternary, 2084044800); /* the published counts */
    cr_expect_eq(all, 2412820480);
    setun_graph_close(graph);
    setun_weights_close(weights);
}

/* Other members: no sub-norms, SiLU, an untied head, bf16 masters, rope_parameters, kv heads and context by default, head_dim of its own. */
Test(families, another_member)
{
    static const struct sizes other = {1, 8, 16, 2, 2, 8, 12, 2048, 777.5, 0, 1, "silu", "bf16", "bf16"};
    static const char config[] =
        "{\"architectures\": [\"BitNetForCausalLM\"], \"hidden_size\": 8, \"intermediate_size\": 16, \"num_hidden_layers\": 1, \"head_dim\": 8,\n"
        " \"num_attention_heads\": 2, \"vocab_size\": 12, \"hidden_act\": \"silu\", \"rope_parameters\": {\"rope_theta\": 777.5},\n"
        " \"rms_norm_eps\": 1e-5, \"quantization_config\": {\"quant_method\": \"bitnet\", \"linear_class\": \"autobitlinear\"}}";
    static const struct small_tensor tensors[] = {
        {"model.embed_tokens", {12, 8, 0}, 0, 0}, {"lm_head", {12, 8, 0}, 0, 0}, {"model.norm", {8, 0, 0}, 0, 0},
        {"model.layers.0.input_layernorm", {8, 0, 0}, 0, 0}, {"model.layers.0.post_attention_layernorm", {8, 0, 0}, 0, 0},
        {"model.layers.0.self_attn.q_proj", {16, 8, 0}, 0, 0}, {"model.layers.0.self_attn.k_proj", {16, 8, 0}, 0, 0},
        {"model.layers.0.self_attn.v_proj", {16, 8, 0}, 0, 0}, {"model.layers.0.self_attn.o_proj", {8, 16, 0}, 0, 0},
        {"model.layers.0.mlp.gate_proj", {16, 8, 0}, 0, 0}, {"model.layers.0.mlp.up_proj", {16, 8, 0}, 0, 0},
        {"model.layers.0.mlp.down_proj", {8, 16, 0}, 0, 0},
    };
    setun_weights *weights = make_weights(config, tensors, sizeof(tensors) / sizeof(tensors[0]));
    setun_graph *graph = open_graph(weights);

    expect_family(graph, &other);
    setun_graph_close(graph);
    setun_weights_close(weights);
}

/* config.json promises other sizes than the tensors have, or layers that are not there. */
Test(families, contradictions)
{
    static const struct small_tensor embedding = {"model.embed_tokens", {12, 8, 0}, 0, 0};
    static const char config[] =
        "{\"architectures\": [\"BitNetForCausalLM\"], \"hidden_size\": %d, \"intermediate_size\": 16, \"num_hidden_layers\": 1,\n"
        " \"num_attention_heads\": 2, \"vocab_size\": %d}";
    static const struct { int hidden, vocab; setun_status status; const char *text; } cases[] = {
        {8, 13, SETUN_ERR_FORMAT, "has the shape [12, 8], expected [13, 8] by the section 'tensors'"},
        {16, 12, SETUN_ERR_FORMAT, "has the shape [12, 8], expected [12, 16] by the section 'tensors'"},
        {8, 12, SETUN_ERR_NOT_FOUND, "there is no tensor 'model.layers.0.input_layernorm' in "},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1024];
        setun_weights *weights;
        setun_error error = {{0}};
        setun_graph *graph = NULL;

        (void)snprintf(text, sizeof(text), config, cases[i].hidden, cases[i].vocab);
        weights = make_weights(text, &embedding, 1);
        cr_expect_eq(setun_graph_open(BITNET, weights, &graph, &error), cases[i].status);
        cr_expect_not_null(strstr(error.text, cases[i].text), "%s", error.text);
        cr_expect(strncmp(error.text, BITNET ":", strlen(BITNET) + 1) == 0, "%s", error.text);
        setun_weights_close(weights);
    }
}

Test(families, other_architectures_do_not_match)
{
    setun_weights *weights = small_weights();
    setun_error error = {{0}};
    bool matches = true;

    cr_expect_eq(setun_graph_matches(BITNET, weights, &matches, &error), SETUN_OK, "%s", error.text);
    cr_expect_not(matches);
    cr_expect_eq(setun_graph_matches(SETUN_SOURCE_DIR "/models/none.yaml", weights, &matches, &error), SETUN_ERR_NOT_FOUND);
    setun_weights_close(weights);
}
