/* test_llama.c - models/llama.yaml, and models/bitnet.yaml on GGUF files: which names, pairing and formats a family takes from which kind of file,
 * and what it refuses. The tables of tensors and metadata are made here, so that no reader takes part. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "setun_ops.h"
#include "weights/reader.h"

#define LLAMA  SETUN_SOURCE_DIR "/models/llama.yaml"
#define BITNET SETUN_SOURCE_DIR "/models/bitnet.yaml"

enum { LAYERS = 2, HIDDEN = 24, FFN = 20, HEADS = 3, KV_HEADS = 1, HEAD_DIM = 10, VOCAB = 11 };

/* One entry of the metadata. */
struct entry {
    const char          *key;
    enum setun_meta_type type;
    double               number; /* INT, FLOAT, BOOL */
    const char          *text;   /* STRING */
};
#define INT(key, value)   {key, SETUN_META_INT, value, NULL}
#define FLOAT(key, value) {key, SETUN_META_FLOAT, value, NULL}
#define BOOL(key, value)  {key, SETUN_META_BOOL, value, NULL}
#define TEXT(key, value)  {key, SETUN_META_STRING, 0, value}
#define END               {NULL, SETUN_META_INT, 0, NULL}

static const struct entry gguf[] = {
    INT("llama.vocab_size", VOCAB), INT("llama.embedding_length", HIDDEN), INT("llama.feed_forward_length", FFN), INT("llama.block_count", LAYERS),
    INT("llama.attention.head_count", HEADS), INT("llama.attention.head_count_kv", KV_HEADS), INT("llama.attention.key_length", HEAD_DIM),
    INT("llama.attention.value_length", HEAD_DIM), INT("llama.rope.dimension_count", HEAD_DIM), FLOAT("llama.rope.freq_base", 1000042.0),
    FLOAT("llama.attention.layer_norm_rms_epsilon", 1e-6), INT("llama.context_length", 96), END};
static const struct entry huggingface[] = {
    INT("vocab_size", VOCAB), INT("hidden_size", HIDDEN), INT("intermediate_size", FFN), INT("num_hidden_layers", LAYERS),
    INT("num_attention_heads", HEADS), INT("num_key_value_heads", KV_HEADS), INT("head_dim", HEAD_DIM), FLOAT("rope_theta", 500000.0),
    FLOAT("rms_norm_eps", 1e-5), INT("max_position_embeddings", 96), TEXT("hidden_act", "silu"), BOOL("tie_word_embeddings", 0), END};

/* A file's table while it is made. */
struct table {
    setun_weights *weights;
    bool           is_gguf;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const setun_weight *)a)->name, ((const setun_weight *)b)->name);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const setun_meta_entry *)a)->key, ((const setun_meta_entry *)b)->key);
}

static void add(const struct table *table, const char *name, const char *fmt, int64_t rows, int64_t columns)
{
    const setun_weight weight = {.name = setun_pool_strndup(&table->weights->pool, name, strlen(name)), .fmt = fmt, .n_dims = rows == 0 ? 1 : 2,
                                 .dim = {rows == 0 ? columns : rows, rows == 0 ? 1 : columns, 1, 1}, .has_scale = strncmp(fmt, "tern", 4) == 0,
                                 .scale = 1.0f};

    cr_assert_not_null(weight.name);
    cr_assert_eq(setun_weights_add(table->weights, &weight, NULL), SETUN_OK);
}

static void add_entries(const struct table *table, const struct entry *entries)
{
    for (; entries != NULL && entries->key != NULL; entries++) {
        const setun_meta_entry made = {.key = entries->key, .meta = {.type = entries->type, .i = (int64_t)entries->number, .f = entries->number,
                                                                     .s = entries->text}};
        setun_weights *w = table->weights;
        size_t i = 0;

        while (i < w->n_metas && strcmp(w->metas[i].key, entries->key) != 0)
            i++;
        if (i < w->n_metas)
            w->metas[i] = made; /* later ones replace */
        else
            cr_assert_eq(setun_weights_add_meta(w, &made, NULL), SETUN_OK);
    }
}

/* A whole file of Llama's shape: linear weights in `fmt`; `head`: a head of its own; `more`: entries that replace or add. */
static struct table make(bool is_gguf, const char *architecture, const char *fmt, bool head, const struct entry *more)
{
    static const struct {
        const char *gguf, *huggingface;
        int64_t     rows, columns;
    } layer[] = {
        {"attn_norm", "input_layernorm", 0, HIDDEN},
        {"attn_q", "self_attn.q_proj", HEADS * HEAD_DIM, HIDDEN},
        {"attn_k", "self_attn.k_proj", KV_HEADS * HEAD_DIM, HIDDEN},
        {"attn_v", "self_attn.v_proj", KV_HEADS * HEAD_DIM, HIDDEN},
        {"attn_output", "self_attn.o_proj", HIDDEN, HEADS * HEAD_DIM},
        {"ffn_norm", "post_attention_layernorm", 0, HIDDEN},
        {"ffn_gate", "mlp.gate_proj", FFN, HIDDEN},
        {"ffn_up", "mlp.up_proj", FFN, HIDDEN},
        {"ffn_down", "mlp.down_proj", HIDDEN, FFN},
    };
    static const setun_reader readers[] = {{.source = SETUN_SOURCE_HUGGINGFACE}, {.source = SETUN_SOURCE_GGUF}};
    const struct table table = {setun_calloc(1, sizeof(struct setun_weights)), is_gguf};
    setun_weights *w = table.weights;
    char name[128];

    cr_assert_not_null(w);
    w->reader = &readers[is_gguf];
    w->source = readers[is_gguf].source;
    w->path = is_gguf ? "m.gguf" : "folder";
    w->config_path = is_gguf ? "m.gguf" : "folder/config.json";
    w->architecture = architecture;
    add(&table, is_gguf ? "token_embd" : "model.embed_tokens", "f16", VOCAB, HIDDEN);
    add(&table, is_gguf ? "output_norm" : "model.norm", "f32", 0, HIDDEN);
    if (head)
        add(&table, is_gguf ? "output" : "lm_head", "f16", VOCAB, HIDDEN);
    for (int l = 0; l < LAYERS; l++)
        for (size_t i = 0; i < sizeof(layer) / sizeof(layer[0]); i++) {
            (void)snprintf(name, sizeof(name), is_gguf ? "blk.%d.%s" : "model.layers.%d.%s", l, is_gguf ? layer[i].gguf : layer[i].huggingface);
            add(&table, name, layer[i].rows == 0 ? "f32" : fmt, layer[i].rows, layer[i].columns);
        }
    add_entries(&table, is_gguf ? gguf : huggingface);
    add_entries(&table, more);
    return table;
}

/* The graph of the model file, or NULL and the error. Closes the table. */
static setun_graph *open_graph(const char *model, const struct table *table, setun_error *error)
{
    setun_weights *w = table->weights;
    setun_graph *graph = NULL;

    qsort(w->items, w->n_items, sizeof(*w->items), compare_names);
    qsort(w->metas, w->n_metas, sizeof(*w->metas), compare_keys);
    (void)setun_graph_open(model, w, &graph, error);
    return graph;
}

/* What a file must have become. */
struct expected {
    const char *want, *fmt; /* of the seven projections of each layer */
    uint32_t    pairing;
    bool        head;
    double      theta;
    float       eps;
};

static void expect_graph(const char *what, const struct table *table, const struct expected *e)
{
    static const char *const ops[] = {"rms_norm", "linear", "linear", "linear", "rope", "rope", "kv_write", "attention", "linear",
                                      "add", "rms_norm", "linear", "linear", "silu", "mul", "linear", "add"};
    enum { PER_LAYER = sizeof(ops) / sizeof(ops[0]) };
    setun_error error = {{0}};
    setun_graph *graph = open_graph(LLAMA, table, &error);
    const setun_graph_node *node;

    cr_assert_not_null(graph, "%s: %s", what, error.text);
    cr_assert_eq(graph->n_nodes, PER_LAYER * LAYERS + 4, "%s", what);
    cr_expect_eq(graph->n_weights, (size_t)(9 * LAYERS + 2 + e->head), "%s", what);
    cr_expect(graph->context == 96 && graph->vocab == VOCAB, "%s", what);
    cr_expect(graph->n_tables == 2 && graph->tables[0].theta == e->theta && graph->tables[0].n_dims == HEAD_DIM, "%s", what);
    for (size_t i = 0; i < PER_LAYER * LAYERS; i++) {
        node = &graph->nodes[1 + i];
        cr_expect_str_eq(node->op, ops[i % PER_LAYER], "%s: node %zu", what, i);
        if (strcmp(node->op, "rope") == 0) {
            const setun_attr_rope *attr = node->attr;

            cr_expect(attr->pairing == e->pairing && attr->head_dim == HEAD_DIM && attr->n_dims == HEAD_DIM, "%s", what);
        } else if (strcmp(node->op, "rms_norm") == 0) {
            cr_expect_eq(((const setun_attr_rms_norm *)node->attr)->eps, e->eps, "%s", what);
        } else if (strcmp(node->op, "linear") == 0) {
            const setun_graph_weight *w = &graph->weights[node->in[1].index];

            cr_expect_str_eq(w->fmt, e->fmt, "%s: %s", what, w->name);
            cr_expect(e->want == NULL ? w->want == NULL : w->want != NULL && strcmp(w->want, e->want) == 0, "%s: %s", what, w->name);
        }
    }
    node = &graph->nodes[graph->n_nodes - 1];
    cr_expect_str_eq(graph->weights[node->in[1].index].entry, e->head ? "output" : "token_embd", "%s", what);
    cr_expect_null(graph->weights[node->in[1].index].want, "%s: the head is never ternarised", what);
    setun_graph_close(graph);
    setun_weights_close(table->weights);
}

Test(llama, what_each_kind_of_file_becomes)
{
    static const struct entry bitnet[] = {TEXT("quantization_config.quant_method", "bitnet"), END},
                              tied[] = {BOOL("tie_word_embeddings", 1), END}, f32[] = {FLOAT("rope_scaling.factor", 1.0),
                              TEXT("rope_scaling.rope_type", "default"), END};
    static const struct {
        const char         *what, *fmt;
        bool                is_gguf, head;
        const struct entry *more;
        struct expected     expected;
    } cases[] = {
        {"Falcon3 packed", "tern2.hf", false, true, bitnet, {"ternary", "tern2.hf+f32", SETUN_ROPE_HALF, true, 500000.0, 1e-5f}},
        {"masters", "bf16", false, true, bitnet, {"ternary", "bf16", SETUN_ROPE_HALF, true, 500000.0, 1e-5f}},
        {"dense", "f16", false, true, NULL, {NULL, "f16", SETUN_ROPE_HALF, true, 500000.0, 1e-5f}},
        {"dense, tied", "f32", false, false, tied, {NULL, "f32", SETUN_ROPE_HALF, false, 500000.0, 1e-5f}},
        {"tied, with a head all the same", "f32", false, true, tied, {NULL, "f32", SETUN_ROPE_HALF, true, 500000.0, 1e-5f}},
        {"scaling by 1", "f32", false, true, f32, {NULL, "f32", SETUN_ROPE_HALF, true, 500000.0, 1e-5f}},
        {"GGUF I2_S", "tern2.i2s", true, true, NULL, {"ternary", "tern2.i2s+f32", SETUN_ROPE_INTERLEAVED, true, 1000042.0, 1e-6f}},
        {"GGUF TQ1_0, tied", "tern.tq1", true, false, NULL, {"ternary", "tern.tq1+f32", SETUN_ROPE_INTERLEAVED, false, 1000042.0, 1e-6f}},
        {"GGUF F16", "f16", true, true, NULL, {NULL, "f16", SETUN_ROPE_INTERLEAVED, true, 1000042.0, 1e-6f}},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct table table = make(cases[i].is_gguf, cases[i].is_gguf ? "llama" : "LlamaForCausalLM", cases[i].fmt, cases[i].head, cases[i].more);
        setun_error error = {{0}};
        bool matches = false;

        cr_expect(setun_graph_matches(LLAMA, table.weights, &matches, &error) == SETUN_OK && matches, "%s: %s", cases[i].what, error.text);
        cr_expect(setun_graph_matches(BITNET, table.weights, &matches, &error) == SETUN_OK && !matches, "%s: %s", cases[i].what, error.text);
        expect_graph(cases[i].what, &table, &cases[i].expected);
    }
}

/* Llama 3.1's scaling reaches the tables. */
Test(llama, scaled_positions)
{
    static const struct entry both[][6] = {
        {TEXT("rope_scaling.rope_type", "llama3"), FLOAT("rope_scaling.factor", 8.0), FLOAT("rope_scaling.low_freq_factor", 1.0),
         FLOAT("rope_scaling.high_freq_factor", 4.0), INT("rope_scaling.original_max_position_embeddings", 32), END},
        {TEXT("rope_parameters.rope_type", "llama3"), INT("rope_parameters.factor", 8), INT("rope_parameters.low_freq_factor", 1),
         INT("rope_parameters.high_freq_factor", 4), INT("rope_parameters.original_max_position_embeddings", 32), END},
    };

    for (size_t i = 0; i < 2; i++) {
        const struct table table = make(false, "LlamaForCausalLM", "bf16", true, both[i]);
        setun_error error = {{0}};
        setun_graph *graph = open_graph(LLAMA, &table, &error);

        cr_assert_not_null(graph, "%s", error.text);
        cr_assert_eq(graph->n_tables, 2u);
        for (size_t t = 0; t < 2; t++)
            cr_expect(graph->tables[t].scaling == SETUN_ROPE_SCALING_LLAMA3 && graph->tables[t].factor == 8.0 && graph->tables[t].low == 1.0
                      && graph->tables[t].high == 4.0 && graph->tables[t].trained == 32.0 && graph->tables[t].sine == (t == 1));
        setun_graph_close(graph);
        setun_weights_close(table.weights);
    }
}

/* BitNet's GGUF files name no activation: the vocabulary tells. */
Test(llama, bitnet_from_gguf)
{
    static const char *const architectures[] = {"bitnet-b1.58", "bitnet-25", "bitnet"};

    for (size_t i = 0; i < 6; i++) {
        const char *arch = architectures[i % 3];
        const bool silu = i >= 3;
        struct entry entries[SETUN_COUNT(gguf)];
        char keys[SETUN_COUNT(gguf)][64];
        struct table table;
        setun_error error = {{0}};
        setun_graph *graph;
        bool matches = false, found = false;

        for (size_t k = 0; k < SETUN_COUNT(gguf); k++) {
            entries[k] = gguf[k];
            if (gguf[k].key == NULL)
                break;
            (void)snprintf(keys[k], sizeof(keys[k]), "%s%s", arch, strchr(gguf[k].key, '.'));
            entries[k].key = keys[k];
        }
        if (silu)
            entries[0].number = 32002;
        table = make(true, arch, "tern2.i2s", false, entries);
        for (size_t k = 0; k < table.weights->n_items; k++)
            if (strcmp(table.weights->items[k].name, "token_embd") == 0 && silu)
                table.weights->items[k].dim[0] = 32002;
        cr_expect(setun_graph_matches(BITNET, table.weights, &matches, &error) == SETUN_OK && matches);
        graph = open_graph(BITNET, &table, &error);
        cr_assert_not_null(graph, "%s: %s", arch, error.text);
        for (size_t k = 0; k < graph->n_nodes; k++) {
            found = found || strcmp(graph->nodes[k].op, silu ? "silu" : "relu2") == 0;
            cr_expect_str_neq(graph->nodes[k].op, silu ? "relu2" : "silu");
            if (strcmp(graph->nodes[k].op, "rope") == 0)
                cr_expect_eq(((const setun_attr_rope *)graph->nodes[k].attr)->pairing, (uint32_t)SETUN_ROPE_HALF);
        }
        cr_expect(found);
        setun_graph_close(graph);
        setun_weights_close(table.weights);
    }
}

/* What the graph does not do. */
Test(llama, refuses)
{
    static const struct {
        bool         is_gguf, head;
        struct entry more[3];
        const char  *tensor; /* one more, f32[5] */
        const char  *text;
    } cases[] = {
        {false, true, {BOOL("attention_bias", 1), END}, NULL, "folder/config.json: attention_bias: expected false"},
        {false, true, {BOOL("mlp_bias", 1), END}, NULL, "folder/config.json: mlp_bias: expected false"},
        {false, true, {TEXT("hidden_act", "gelu"), END}, NULL, "folder/config.json: hidden_act: expected 'silu' or 'relu2', found the string 'gelu'"},
        {false, false, {END}, NULL, "there is no tensor 'lm_head' in folder (in folder/config.json: tied is tie_word_embeddings)"},
        {false, true, {TEXT("rope_scaling.rope_type", "yarn"), END}, NULL, "rope_scaling.rope_type: expected 'default' or 'llama3', found the string 'yarn'"},
        {false, true, {TEXT("rope_scaling.type", "dynamic"), END}, NULL, "rope_scaling.type: expected 'default' or 'llama3', found the string 'dynamic'"},
        {false, true, {FLOAT("rope_scaling.factor", 4.0), END}, NULL, "rope_scaling.factor: expected 1, found the float 4.0"},
        {false, true, {TEXT("rope_scaling.rope_type", "llama3"), END}, NULL, "parameter 'factor': expected a number from 1 to 1000000, found the integer 0"},
        {false, true, {TEXT("rope_scaling.rope_type", "llama3"), FLOAT("rope_scaling.factor", 8), END}, NULL, "parameter 'low': expected a number from 1e-06"},
        {false, true, {TEXT("quantization_config.quant_method", "awq"), END}, NULL, "quantization_config.quant_method: expected 'bitnet' or 'none'"},
        {false, true, {BOOL("quantization_config.use_rms_norm", 1), END}, NULL, "quantization_config.use_rms_norm: expected false"},
        {false, true, {FLOAT("rope_parameters.partial_rotary_factor", 0.5), END}, NULL, "partial_rotary_factor: expected 1, found the float 0.5"},
        {false, true, {INT("head_dim", 11), END}, NULL, "expected [33, 24] by the section 'tensors' (in folder/config.json: heads is num_attention_heads"},
        {false, true, {INT("num_hidden_layers", 1), END}, NULL, "found 'model.layers.1.input_layernorm' and others"},
        {false, true, {END}, "model.layers.0.self_attn.q_proj.bias", "found 'model.layers.0.self_attn.q_proj.bias': it would be left out"},
        {false, true, {END}, "model.layers.1.self_attn.q_norm", "found 'model.layers.1.self_attn.q_norm': it would be left out"},
        {true, true, {TEXT("llama.rope.scaling.type", "yarn"), END}, NULL, "m.gguf: llama.rope.scaling.type: expected 'none' or 'linear', found the string 'yarn'"},
        {true, true, {FLOAT("llama.rope.scaling.factor", 4.0), END}, NULL, "m.gguf: llama.rope.scaling.factor: expected 1, found the float 4.0"},
        {true, true, {FLOAT("llama.rope.scale_linear", 2.0), END}, NULL, "m.gguf: llama.rope.scale_linear: expected 1, found the float 2.0"},
        {true, true, {INT("llama.expert_count", 8), END}, NULL, "m.gguf: llama.expert_count: expected 0, found the integer 8"},
        {true, true, {INT("llama.attention.sliding_window", 512), END}, NULL, "m.gguf: llama.attention.sliding_window: expected 0"},
        {true, true, {INT("llama.attention.value_length", 8), END}, NULL, "m.gguf: llama.attention.value_length: expected 10, found the integer 8"},
        {true, true, {INT("llama.rope.dimension_count", 12), END}, NULL, "m.gguf: llama.rope.dimension_count: expected an integer from 2 to 10"},
        {true, true, {END}, "rope_freqs", "found 'rope_freqs': it would be left out"},
        {true, true, {END}, "blk.0.attn_q.bias", "found 'blk.0.attn_q.bias': it would be left out"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct table table = make(cases[i].is_gguf, cases[i].is_gguf ? "llama" : "LlamaForCausalLM", cases[i].is_gguf ? "tern2.i2s" : "bf16",
                                        cases[i].head, cases[i].more);
        setun_error error = {{0}};

        if (cases[i].tensor != NULL)
            add(&table, cases[i].tensor, "f32", 0, 5);
        cr_expect_null(open_graph(LLAMA, &table, &error), "case %zu: %s", i, cases[i].text);
        cr_expect(strstr(error.text, cases[i].text) != NULL, "case %zu: expected '%s': %s", i, cases[i].text, error.text);
        setun_weights_close(table.weights);
    }
}

/* Old checkpoints carry what rope computes by itself. */
Test(llama, frequencies_may_lie_about)
{
    const struct table table = make(false, "LlamaForCausalLM", "f16", true, NULL);
    setun_error error = {{0}};
    setun_graph *graph;

    add(&table, "model.layers.0.self_attn.rotary_emb.inv_freq", "f32", 0, HEAD_DIM / 2);
    graph = open_graph(LLAMA, &table, &error);
    cr_expect_not_null(graph, "%s", error.text);
    setun_graph_close(graph);
    setun_weights_close(table.weights);
}
