/* fuzz_graph.c - a model file (YAML), elaborated with fable's weights, as a graph without weights, and asked whether it matches. */
#include <stdlib.h>

#include "fuzz.h"
#include "graph.h"

static setun_weights *weights;

static void close_weights(void)
{
    setun_weights_close(weights);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    setun_error error = {""};

    (void)argc;
    (void)argv;
    FUZZ_EXPECT(setun_weights_open(SETUN_SOURCE_DIR "/models/fable", &weights, &error) == SETUN_OK);
    FUZZ_EXPECT(atexit(close_weights) == 0);
    return 0;
}

static void parse(const uint8_t *data, size_t n_bytes, const setun_weights *with)
{
    setun_error error = {""};
    setun_graph *graph = NULL;
    const setun_status status = setun_graph_parse("fuzz.yaml", (const char *)data, n_bytes, with, &graph, &error);

    if (status != SETUN_OK) {
        FUZZ_EXPECT(graph == NULL);
        fuzz_expect_refusal(status, &error);
        return;
    }
    FUZZ_EXPECT(graph->logits < graph->n_values && graph->tokens < graph->n_values);
    FUZZ_EXPECT(graph->vocab > 0 && graph->context > 0);
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const setun_graph_node *node = &graph->nodes[i];

        for (uint32_t j = 0; j < node->n_in + node->n_out; j++) {
            const setun_graph_operand *operand = j < node->n_in ? &node->in[j] : &node->out[j - node->n_in];
            const size_t n = operand->kind == SETUN_OPERAND_VALUE    ? graph->n_values
                             : operand->kind == SETUN_OPERAND_WEIGHT ? graph->n_weights
                             : operand->kind == SETUN_OPERAND_TABLE  ? graph->n_tables
                                                                     : graph->n_caches;

            FUZZ_EXPECT(operand->index < n);
        }
    }
    setun_graph_close(graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    parse(data, n_bytes, weights);
    parse(data, n_bytes, NULL);
    return 0;
}
