/* fuzz_folder.c - a whole Hugging Face folder, U+001E between its files: opened, checked, and made into a graph by its family's file. */
#include "fuzz.h"
#include "graph.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static void look_around(const setun_weights *weights)
{
    setun_error error = {""};
    setun_graph *graph;
    setun_status status;

    for (size_t i = 0; i < setun_weights_count(weights); i++) {
        const setun_weight *weight = setun_weights_at(weights, i);

        FUZZ_EXPECT(setun_weights_find(weights, weight->name) == weight);
        status = setun_weight_check(weights, weight, &error);
        if (status != SETUN_OK)
            fuzz_expect_refusal(status, &error);
    }
    status = setun_graph_open(SETUN_SOURCE_DIR "/models/bitnet.yaml", weights, &graph, &error);
    if (status == SETUN_OK)
        setun_graph_close(graph);
    else
        fuzz_expect_refusal(status, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static const char *const names[] = {"config.json", "model.safetensors.index.json", "model-2.safetensors", "model.safetensors"};
    setun_error error = {""};
    setun_weights *weights;
    const setun_status status = setun_weights_open(fuzz_folder(names, SETUN_COUNT(names), data, n_bytes), &weights, &error);

    if (status != SETUN_OK) {
        fuzz_expect_refusal(status, &error);
        return 0;
    }
    look_around(weights);
    setun_weights_close(weights);
    return 0;
}
