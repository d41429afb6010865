/* model_check.c - `setun model check`: graph, weights, tokenizer and backends, one against the other, without running anything. */
#include <stdio.h>
#include <stdlib.h>

#include "model_tools.h"
#include "options.h"
#include "progress.h"
#include "buffer.h"
#include "words.h"

/* What was checked. */
typedef struct findings {
    setun_inspection_summary summary;
    setun_session_info       session;
    size_t                   n_read;   /* tensors whose contents were read */
    uint64_t                 n_bytes;  /* in them */
    json_t                  *unused, *unread; /* names of tensors */
    json_t                  *notes;    /* what is odd, but no reason to fail */
} findings;

/* Contents of every tensor; *out lists those that the graph does not use and those that were too large to read. */
static setun_status check_tensors(const setun_inspection *inspection, bool all, findings *found, setun_error *error)
{
    for (size_t i = 0; i < found->summary.n_tensors; i++) {
        setun_tensor_info info;
        bool read;
        setun_status status = setun_inspection_verify(inspection, i, all, &read, error);

        if (status != SETUN_OK)
            return status;
        progress_show("reading tensors", i, found->summary.n_tensors);
        setun_inspection_tensor(inspection, i, &info);
        if (info.entry == NULL)
            (void)json_array_append_new(found->unused, json_string(info.name));
        if (read) {
            found->n_read++;
            found->n_bytes += info.n_bytes;
        } else {
            (void)json_array_append_new(found->unread, json_string(info.name));
        }
    }
    return SETUN_OK;
}

/* Ids that mean something must have a token: BOS is an error, since every prompt would begin with it. */
static setun_status check_text(const setun_model *model, findings *found, setun_error *error)
{
    const setun_tokenizer *tokenizer = setun_model_tokenizer(model);
    const int32_t bos = setun_model_bos(model), *stops;
    const size_t n_stops = setun_model_stops(model, &stops);
    size_t n_bytes;

    if (bos >= 0 && setun_tokenizer_token(tokenizer, bos, &n_bytes, NULL) == NULL)
        return set_error(error, SETUN_ERR_FORMAT, "%s: the tokenizer has no token for the BOS id %d", setun_model_path(model), (int)bos);
    for (size_t i = 0; i < n_stops; i++)
        if (setun_tokenizer_token(tokenizer, stops[i], &n_bytes, NULL) == NULL)
            (void)json_array_append_new(found->notes, json_sprintf("the tokenizer has no token for the id %d, which ends a text", (int)stops[i]));
    if (n_stops == 0)
        (void)json_array_append_new(found->notes, json_string("no token ends a text: generation stops at the length asked for"));
    if (setun_tokenizer_size(tokenizer) < setun_model_vocab(model))
        (void)json_array_append_new(found->notes, json_sprintf("ids from %d to %lld have logits but no token", (int)setun_tokenizer_size(tokenizer),
                                                               (long long)setun_model_vocab(model) - 1));
    return SETUN_OK;
}

static setun_status check_all(setun_model *model, bool all, const setun_session_options *options, findings *found, setun_error *error)
{
    setun_inspection *inspection;
    setun_status status = setun_inspection_create(model, &inspection, error);

    if (status != SETUN_OK)
        return status;
    setun_inspection_describe(inspection, &found->summary);
    status = check_tensors(inspection, all, found, error);
    if (status == SETUN_OK)
        status = check_text(model, found, error);
    if (status == SETUN_OK)
        status = setun_session_preview(model, options, &found->session, error);
    progress_clear();
    if (status == SETUN_OK && (found->unused == NULL || found->unread == NULL || found->notes == NULL))
        status = set_error(error, SETUN_ERR_NOMEM, "out of memory: list of tensors");
    setun_inspection_destroy(inspection);
    return status;
}

static json_t *loaded_backends(const setun_model *model)
{
    const setun_plugins *plugins = setun_model_plugins(model);
    json_t *names = json_array();

    for (size_t i = 0; i < setun_plugins_count(plugins); i++)
        if (setun_plugins_info(plugins, i)->loaded)
            (void)json_array_append_new(names, json_string(setun_plugins_info(plugins, i)->name));
    return names;
}

static void print_names(const char *title, const json_t *names)
{
    char name[256];

    for (size_t i = 0; i < json_array_size(names); i++)
        printf("             %s %s\n", title, printable(json_string_value(json_array_get(names, i)), name, sizeof(name)));
}

static void print_findings(const setun_model *model, const findings *found)
{
    const setun_session_info *session = &found->session;
    char a[SIZE_TEXT_BYTES], b[SIZE_TEXT_BYTES], c[SIZE_TEXT_BYTES];
    json_t *backends = loaded_backends(model);

    printf("%s: OK\n", setun_model_path(model));
    printf("  graph      %s: family %s, %zu parameters, %zu nodes\n", found->summary.graph, found->summary.family, found->summary.n_parameters,
           found->summary.n_nodes);
    printf("  tensors    %zu of %zu read, %s: every code and value is one that kernels may meet\n", found->n_read, found->summary.n_tensors,
           size_text(found->n_bytes, a));
    print_names("not read (--all does):", found->unread);
    print_names("not used by the graph:", found->unused);
    printf("  tokenizer  %d ids for a vocabulary of %lld\n", (int)setun_tokenizer_size(setun_model_tokenizer(model)),
           (long long)setun_model_vocab(model));
    for (size_t i = 0; i < json_array_size(found->notes); i++)
        printf("             %s\n", json_string_value(json_array_get(found->notes, i)));
    printf("  plan       can run on %u threads, on backends among ", session->n_threads);
    for (size_t i = 0; i < json_array_size(backends); i++)
        printf("%s%s", i == 0 ? "" : ", ", json_string_value(json_array_get(backends, i)));
    printf("\n             memory: weights %s, activations %s, KV cache of %lld positions %s\n", size_text(session->weight_bytes, a),
           size_text(session->activation_bytes, b), (long long)session->context, size_text(session->cache_bytes, c));
    json_decref(backends);
}

static int print_findings_json(const setun_model *model, const findings *found)
{
    return print_json(json_pack(
        "{s:s, s:b, s:s, s:s, s:i, s:i, s:i, s:i, s:I, s:O, s:O, s:O, s:o, s:i, s:I, s:I, s:I}", "model", setun_model_path(model), "ok", 1, "graph",
        found->summary.graph, "family", found->summary.family, "parameters", (int)found->summary.n_parameters, "nodes",
        (int)found->summary.n_nodes, "tensors", (int)found->summary.n_tensors, "tensors_read", (int)found->n_read, "bytes_read",
        (json_int_t)found->n_bytes, "unused", found->unused, "unread", found->unread, "notes", found->notes, "backends",
        loaded_backends(model), "threads", (int)found->session.n_threads, "packed_bytes", (json_int_t)found->session.weight_bytes,
        "activation_bytes", (json_int_t)found->session.activation_bytes, "cache_bytes", (json_int_t)found->session.cache_bytes));
}

int model_check(int argc, char **argv)
{
    const char *graph = NULL, *name;
    bool all = false;
    const option_spec options[] = {
        {.name = "graph", .kind = OPTION_TEXT, .argument = "FILE", .value = &graph,
         .help = "model graph to check against (default: the one in the models folder that matches)"},
        {.name = "all", .kind = OPTION_FLAG, .value = &all, .help = "read dense matrices of 64 MiB and more, too"},
    };
    common_options common = {0};
    const command_line line = {
        .name = "model check",
        .usage = "setun model check [MODEL] [--graph FILE] [--all] [-o text|json]",
        .text = "Checks everything about a model (default fable) that can be checked without running it: binds the graph's parameters,\n"
                "finds its weights, reads what is in every tensor, compares the tokenizer with the vocabulary, and plans a session on\n"
                "the backends that are loaded. It prints OK and what was checked, or the first thing that is wrong (exit status 1).",
        .examples = "setun model check fable\n"
                    "setun model check ./my-model --graph my-family.yaml",
        .options = options,
        .n_options = sizeof(options) / sizeof(options[0]),
        .common = COMMON_WEIGHTS | COMMON_CONFIG | COMMON_OUTPUT,
        .max_operands = 1,
    };
    findings found = {.n_read = 0};
    setun_model *model = NULL;
    setun_status status;
    setun_error error;
    int first, code = options_parse(&line, argc, argv, &common, &first);

    if (code >= 0)
        return code;
    name = first < argc ? argv[first] : common.model;
    found.unused = json_array();
    found.unread = json_array();
    found.notes = json_array();
    status = setun_model_open(name, &(setun_model_options){.graph = graph, .i2s_layout = common_i2s_layout(&common), .plugin_path = common.plugin_path},
                              &model, &error);
    if (status == SETUN_OK)
        status = check_all(model, all, &common.session, &found, &error);
    if (status == SETUN_OK && common.output == OUTPUT_JSON) {
        code = print_findings_json(model, &found);
    } else if (status == SETUN_OK) {
        print_findings(model, &found);
        code = EXIT_DONE;
    } else if (common.output == OUTPUT_JSON) {
        (void)print_json(json_pack("{s:s, s:b, s:s}", "model", name != NULL ? name : "fable", "ok", 0, "error", error.text));
        code = EXIT_FAILED;
    } else {
        code = fail("%s", error.text);
    }
    json_decref(found.unused);
    json_decref(found.unread);
    json_decref(found.notes);
    setun_model_close(model);
    return code;
}
