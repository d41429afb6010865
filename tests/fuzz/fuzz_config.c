/* fuzz_config.c - config.json, tokenizer_config.json and generation_config.json of a folder, U+001E between them. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "weights/reader.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static const char *const names[] = {"config.json", "tokenizer_config.json", "generation_config.json"};
    setun_weights weights = {.reader = &setun_reader_huggingface};
    setun_hf_config config;
    setun_error error = {""};
    setun_status status;

    weights.path = fuzz_folder(names, SETUN_COUNT(names), data, n_bytes);
    status = setun_hf_read_config(&weights, &config, &error);
    if (status != SETUN_OK) {
        fuzz_expect_refusal(status, &error);
    } else {
        FUZZ_EXPECT(weights.architecture != NULL);
        FUZZ_EXPECT(weights.text.n_stops <= SETUN_COUNT(weights.text.stops));
        for (size_t i = 0; i < weights.n_metas; i++)
            FUZZ_EXPECT(weights.metas[i].key != NULL && strlen(weights.metas[i].key) <= n_bytes);
    }
    free(weights.metas);
    free(weights.items);
    setun_pool_free(&weights.pool);
    return 0;
}
