/* fuzz_model.c - config.json, a model file and a safetensors file, U+001E between them: opened as a model (an empty model file: bitnet.yaml),
 * and if that is one, planned with the scalar backend, packed and run for a few rows of two sequences. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"
#include "setun/session.h"
#include "tiny_model.h"

static setun_plugins *plugins;

static void close_plugins(void)
{
    setun_plugins_close(plugins);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    setun_error error = {""};

    (void)argc;
    (void)argv;
    FUZZ_EXPECT(setenv("HWLOC_SYNTHETIC", "core:2 pu:1", 1) == 0); /* reading the real machine takes longer than all the rest */
    FUZZ_EXPECT(setun_plugins_open(NULL, &plugins, &error) == SETUN_OK && atexit(close_plugins) == 0);
    return 0;
}

static setun_status take(void *context, size_t i, const float *logits, setun_error *error)
{
    (void)i;
    (void)error;
    *(float *)context += logits[0];
    return SETUN_OK;
}

static void run(setun_model *model, int kv)
{
    const setun_session_options options = {.n_threads = 1, .chunk = 3, .max_seqs = 2, .kv = kv, .backends = "scalar",
                                           .context = setun_model_context(model) < 300 ? 0 : 300};
    const setun_row rows[] = {{1, 0, false}, {2, 1, true}, {0, 0, true}, {1, 1, false}, {3, 0, true}};
    setun_error error = {""};
    setun_session *session;
    int32_t seq;
    float sum = 0;
    setun_status status = setun_session_create(model, &options, &session, &error);

    if (status != SETUN_OK) {
        fuzz_expect_refusal(status, &error);
        return;
    }
    FUZZ_EXPECT(setun_sequence_open(session, &seq, &error) == SETUN_OK && setun_sequence_open(session, &seq, &error) == SETUN_OK);
    status = setun_session_eval(session, rows, sizeof(rows) / sizeof(rows[0]), take, &sum, &error);
    if (status != SETUN_OK)
        fuzz_expect_refusal(status, &error);
    setun_session_destroy(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static const char *const names[] = {"config.json", "family.yaml", "model.safetensors"};
    const char *folder = fuzz_folder(names, sizeof(names) / sizeof(names[0]), data, n_bytes);
    setun_model_options options = {.plugins = plugins};
    char graph[512];
    setun_error error = {""};
    setun_model *model;
    setun_status status;

    FUZZ_EXPECT(tiny_model_write_tokenizer(folder));
    (void)snprintf(graph, sizeof(graph), "%s/family.yaml", folder);
    options.graph = access(graph, R_OK) == 0 ? graph : SETUN_SOURCE_DIR "/models/bitnet.yaml";
    status = setun_model_open(folder, &options, &model, &error);
    if (status != SETUN_OK) {
        fuzz_expect_refusal(status, &error);
        return 0;
    }
    /* Tables of the rotation are made for every position that the file claims, a million at most: right, but too slow here. */
    if (setun_model_context(model) <= 4096)
        run(model, n_bytes % 2 == 0 ? SETUN_KV_F16 : SETUN_KV_F32);
    setun_model_close(model);
    return 0;
}
