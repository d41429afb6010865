/* fuzz_prepacked.c - Setun's own file: header and sections, contents, the graph of its family, its tokenizer. Where the input's own sizes and hash
 * of the JSON are wrong they are set right first, so that the JSON behind them is reached. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "fuzz.h"
#include "graph.h"
#include "setun/tokenizer.h"
#include "weights/prepacked.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static void put_little(uint8_t *to, uint64_t value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static void check_weights(const setun_weights *weights, size_t n_bytes)
{
    setun_error error = {""};
    setun_graph *graph;

    for (size_t i = 0; i < setun_weights_count(weights); i++) {
        const setun_weight *weight = setun_weights_at(weights, i);
        setun_status status;

        FUZZ_EXPECT(weight->n_bytes > 0 && weight->n_bytes <= n_bytes && weight->file_byte <= n_bytes - weight->n_bytes);
        FUZZ_EXPECT(weight->n_dims <= 4 && weight->scale > 0 && strlen(weight->name) > 0 && strlen(weight->fmt) > 0);
        for (size_t j = 0; weight->screen != NULL && j < SETUN_WEIGHT_SCREEN_PARTS; j++)
            FUZZ_EXPECT(weight->screen[j].n_bytes > 0 && weight->screen[j].n_bytes <= n_bytes &&
                        weight->screen[j].file_byte <= n_bytes - weight->screen[j].n_bytes);
        status = setun_weight_check_whole(weights, weight, &error);
        if (status != SETUN_OK)
            fuzz_expect_refusal(status, &error);
    }
    if (setun_graph_open(SETUN_SOURCE_DIR "/models/bitnet.yaml", weights, &graph, &error) == SETUN_OK)
        setun_graph_close(graph);
    else
        FUZZ_EXPECT(error.text[0] != '\0');
}

static void open_file(const uint8_t *data, size_t n_bytes)
{
    char path[64];
    setun_error error = {""};
    setun_weights *weights;
    setun_tokenizer *tokenizer;
    setun_status status;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fuzz_memory_file(data, n_bytes));
    status = setun_weights_open(path, &weights, &error);

    if (status != SETUN_OK) {
        fuzz_expect_refusal(status, &error);
    } else {
        check_weights(weights, n_bytes);
        setun_weights_close(weights);
    }
    status = setun_tokenizer_open(path, NULL, &tokenizer, &error);
    if (status == SETUN_OK)
        setun_tokenizer_close(tokenizer);
    else
        fuzz_expect_refusal(status, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    uint8_t *copy = malloc(n_bytes + 1);
    uint64_t n_json = 0;

    FUZZ_EXPECT(copy != NULL);
    if (n_bytes > 0)
        memcpy(copy, data, n_bytes);
    open_file(copy, n_bytes);
    if (n_bytes > SETUN_PREPACKED_FIXED_BYTES) {
        for (int i = 7; i >= 0; i--)
            n_json = n_json << 8 | copy[SETUN_PREPACKED_AT_JSON_BYTES + i];
        if (n_json == 0 || n_json > n_bytes - SETUN_PREPACKED_FIXED_BYTES)
            n_json = n_json % (n_bytes - SETUN_PREPACKED_FIXED_BYTES) + 1;
        memcpy(copy, SETUN_PREPACKED_MAGIC, sizeof(SETUN_PREPACKED_MAGIC) - 1);
        memset(copy + SETUN_PREPACKED_AT_VERSION, 0, SETUN_PREPACKED_FIXED_BYTES - SETUN_PREPACKED_AT_VERSION);
        put_little(copy + SETUN_PREPACKED_AT_VERSION, SETUN_PREPACKED_VERSION, 4);
        put_little(copy + SETUN_PREPACKED_AT_JSON_BYTES, n_json, 8);
        put_little(copy + SETUN_PREPACKED_AT_FILE_BYTES, n_bytes, 8);
        put_little(copy + SETUN_PREPACKED_AT_JSON_HASH, XXH3_64bits(copy + SETUN_PREPACKED_FIXED_BYTES, (size_t)n_json), 8);
        open_file(copy, n_bytes);
    }
    free(copy);
    return 0;
}
