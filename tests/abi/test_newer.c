/* test_newer.c - the host of the next minor (newer.cmake) with plugins that were built for the minor of today: it takes them, takes those of
 * its own minor, refuses what is newer still, and a model runs on the older scalar backend to the golden text. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/handshake.h"
#include "plugin/registry.h"
#include "setun/session.h"
#include "setun_plugin.h"

static setun_plugins *open_case(const char *name)
{
    char path[1024];
    setun_plugins *plugins = NULL;
    setun_error error = {{0}};

    snprintf(path, sizeof(path), "%s/%s/abi_%s.so", SETUN_ABI_CASES, name, name);
    cr_assert_eq(setun_plugins_open_file(path, NULL, &plugins, &error), SETUN_OK, "%s", error.text);
    return plugins;
}

/* What the test rests on: this host's structs are longer than those of the first minor. */
Test(abi_newer, the_host_is_newer)
{
    cr_assert_gt(sizeof(setun_kernel), setun_kernel_bytes_v1_0());
    cr_assert_gt(sizeof(setun_format), setun_format_bytes_v1_0());
    cr_assert_gt(sizeof(setun_plugin), setun_plugin_bytes_v1_0());
    cr_assert_gt(SETUN_ABI_MINOR, 0);
}

Test(abi_newer, an_older_plugin_is_taken)
{
    setun_plugins *plugins = open_case("good");
    const setun_plugin_info *info = setun_plugins_info(plugins, 0);

    cr_assert(info->loaded, "%s", info->reason);
    cr_assert_eq(info->abi_minor + 1, SETUN_ABI_MINOR);
    cr_assert_eq(setun_plugins_n_kernels(plugins), 2);
    cr_assert_lt(setun_plugins_kernel(plugins, 0).kernel->size, sizeof(setun_kernel), "its records are the shorter ones");
    cr_assert_lt(setun_plugins_format(plugins, "good.row")->size, sizeof(setun_format));
    setun_plugins_close(plugins);
}

Test(abi_newer, a_plugin_of_the_same_minor_is_taken)
{
    setun_plugins *plugins = open_case("newer_minor"); /* newer than the host of today */

    cr_assert(setun_plugins_info(plugins, 0)->loaded, "%s", setun_plugins_info(plugins, 0)->reason);
    cr_assert_eq(setun_plugins_info(plugins, 0)->abi_minor, SETUN_ABI_MINOR);
    setun_plugins_close(plugins);
}

Test(abi_newer, what_is_newer_still_is_refused)
{
    setun_plugins *plugins = open_case("newest_minor");
    const setun_plugin_info *info = setun_plugins_info(plugins, 0);
    char says[128];

    snprintf(says, sizeof(says), "built for plugin contract %d.%d, newer than this host's %d.%d", SETUN_ABI_MAJOR, SETUN_ABI_MINOR + 1,
             SETUN_ABI_MAJOR, SETUN_ABI_MINOR);
    cr_assert(!info->loaded && strcmp(info->reason, says) == 0, "%s", info->reason);
    setun_plugins_close(plugins);
    plugins = open_case("other_major");
    cr_assert_not(setun_plugins_info(plugins, 0)->loaded);
    setun_plugins_close(plugins);
}

typedef struct output {
    int32_t ids[64];
    size_t  n_ids;
} output;

static setun_status collect(void *context, int32_t id, const char *text, size_t n_bytes, setun_error *error)
{
    output *out = context;

    (void)text, (void)n_bytes, (void)error;
    if (id >= 0 && out->n_ids < 64)
        out->ids[out->n_ids++] = id;
    return SETUN_OK;
}

Test(abi_newer, a_model_runs_on_the_older_backend, .timeout = 120)
{
    FILE *file = fopen(SETUN_SOURCE_DIR "/tests/golden/fable/greedy.jsonl", "r");
    json_t *golden = file == NULL ? NULL : json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL), *ids;
    const setun_session_options options = {.n_threads = 2};
    setun_model *model = NULL;
    setun_session *session = NULL;
    setun_generation generation;
    setun_error error = {{0}};
    output out = {.n_ids = 0};
    int32_t prompt[64], seq;
    size_t n_prompt;

    cr_assert(golden != NULL, "no golden");
    ids = json_object_get(golden, "prompt_ids");
    n_prompt = json_array_size(ids);
    cr_assert(n_prompt > 0 && n_prompt <= 64);
    for (size_t i = 0; i < n_prompt; i++)
        prompt[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    cr_assert_eq(setun_model_open("fable", NULL, &model, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_session_create(model, &options, &session, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_sequence_open(session, &seq, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_generate(session, seq, prompt, n_prompt, 64, NULL, collect, &out, &generation, &error), SETUN_OK, "%s", error.text);
    ids = json_object_get(golden, "ids");
    cr_assert(out.n_ids > 0 && out.n_ids == json_array_size(ids), "%zu tokens, expected %zu", out.n_ids, json_array_size(ids));
    for (size_t i = 0; i < out.n_ids; i++)
        cr_assert_eq(out.ids[i], json_integer_value(json_array_get(ids, i)), "token %zu", i);
    setun_session_destroy(session);
    setun_model_close(model);
    json_decref(golden);
    fclose(file);
}
