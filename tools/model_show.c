/* model_show.c - `setun model show`: parameters, tensors and what is in them, totals, memory, text settings. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "model_tools.h"
#include "options.h"
#include "progress.h"
#include "whole_file.h"
#include "words.h"

#define DENSE_MAX_BYTES (UINT64_C(64) << 20) /* larger dense tensors are read with --all only */

/* A tensor and, if it was read, what is in it. */
typedef struct shown_tensor {
    setun_tensor_info       info;
    setun_tensor_statistics statistics; /* neither dense nor ternary: not read */
} shown_tensor;

/* What a session takes, for each type of cache. */
typedef struct shown_memory {
    bool        known;
    setun_error why;                 /* not known */
    uint64_t    packed_bytes, activation_bytes;
    uint64_t    pread_bytes;         /* that stay in the file */
    int64_t     context;             /* positions of the session */
    uint64_t    cache_bytes[2];      /* SETUN_KV_*: of them, in whole blocks */
    uint64_t    cache_bytes_1000[2]; /* of 1,000 positions */
} shown_memory;

typedef struct shown_model {
    setun_model             *model;
    setun_inspection        *inspection;
    setun_inspection_summary summary;
    shown_tensor            *tensors;   /* [summary.n_tensors] */
    histogram_row           *rows;      /* [n_rows] ternary ones */
    size_t                   n_rows;
    uint64_t                 n_values, n_ternary, n_zero, n_bytes;
    shown_memory             memory;
} shown_model;

/* Bytes of 1,000 positions: caches are made of blocks of 256 positions, and a plan tells the bytes of whole blocks. */
static uint64_t bytes_of_1000(const setun_session_info *session)
{
    const uint64_t n_blocks = ((uint64_t)session->context + 255) / 256;

    return (uint64_t)((double)session->cache_bytes / ((double)n_blocks * 256.0) * 1000.0 + 0.5);
}

static void find_memory(setun_model *model, setun_session_options options, shown_memory *memory)
{
    for (int kv = SETUN_KV_F16; kv <= SETUN_KV_F32; kv++) {
        setun_session_info session;

        options.kv = kv;
        if (setun_session_preview(model, &options, &session, &memory->why) != SETUN_OK)
            return;
        memory->cache_bytes[kv] = session.cache_bytes;
        memory->cache_bytes_1000[kv] = bytes_of_1000(&session);
        memory->context = session.context;
        memory->pread_bytes = session.pread_bytes;
        memory->packed_bytes = session.weight_bytes;
        memory->activation_bytes = session.activation_bytes;
    }
    memory->known = true;
}

/* Numbers in names count as numbers: layer 2 comes before layer 10. */
static int compare_names(const char *a, const char *b)
{
    static const char digits[] = "0123456789";

    while (*a != '\0' && *b != '\0') {
        const size_t n_a = strspn(a, digits), n_b = strspn(b, digits);

        if (n_a != n_b && n_a > 0 && n_b > 0) /* written without zeros in front */
            return n_a < n_b ? -1 : 1;
        if (*a != *b)
            break;
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

static int compare_tensors(const void *left, const void *right)
{
    return compare_names(((const shown_tensor *)left)->info.name, ((const shown_tensor *)right)->info.name);
}

static void list_rows(shown_model *shown)
{
    for (size_t i = 0; i < shown->summary.n_tensors; i++) {
        const setun_tensor_statistics *s = &shown->tensors[i].statistics;

        if (s->n_minus + s->n_zero + s->n_plus > 0)
            shown->rows[shown->n_rows++] = (histogram_row){.name = shown->tensors[i].info.name, .n_minus = s->n_minus, .n_zero = s->n_zero,
                                                           .n_plus = s->n_plus, .scale = s->scale};
    }
}

/* Reads the tensors. One whose contents cannot be made sense of is shown without them. */
static setun_status look(shown_model *shown, bool all, const setun_session_options *options, setun_error *error)
{
    const size_t n = shown->summary.n_tensors;

    shown->tensors = calloc(n + 1, sizeof(*shown->tensors));
    shown->rows = calloc(n + 1, sizeof(*shown->rows));
    if (shown->tensors == NULL || shown->rows == NULL)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: %zu tensors", n);
    for (size_t i = 0; i < n; i++) {
        shown_tensor *tensor = &shown->tensors[i];
        setun_tensor_statistics *statistics = &tensor->statistics;
        setun_error ignored;

        setun_inspection_tensor(shown->inspection, i, &tensor->info);
        shown->n_values += tensor->info.n_values;
        shown->n_bytes += tensor->info.n_bytes;
        if (tensor->info.ternary || tensor->info.master)
            shown->n_ternary += tensor->info.n_values;
        if (!all && !tensor->info.ternary && tensor->info.n_bytes >= DENSE_MAX_BYTES)
            continue;
        progress_show("reading tensors", i, n);
        if (setun_inspection_read(shown->inspection, i, statistics, &ignored) != SETUN_OK) {
            *statistics = (setun_tensor_statistics){.scale = 1};
            continue;
        }
        shown->n_zero += statistics->n_zero;
    }
    qsort(shown->tensors, n, sizeof(*shown->tensors), compare_tensors);
    list_rows(shown);
    find_memory(shown->model, *options, &shown->memory);
    progress_clear();
    return SETUN_OK;
}

/* ---- text ---- */

/* "4096", "1e-05", "'relu2'", "true". */
static const char *value_text(const setun_parameter_info *parameter, char *out, size_t n_bytes)
{
    char string[128];

    switch (parameter->type) {
    case SETUN_PARAMETER_FLOAT:
        (void)snprintf(out, n_bytes, "%.9g", parameter->f);
        break;
    case SETUN_PARAMETER_STRING:
        (void)snprintf(out, n_bytes, "'%s'", printable(parameter->s, string, sizeof(string)));
        break;
    case SETUN_PARAMETER_BOOL:
        (void)snprintf(out, n_bytes, "%s", parameter->i != 0 ? "true" : "false");
        break;
    default:
        (void)snprintf(out, n_bytes, "%" PRId64, parameter->i);
        break;
    }
    return out;
}

static void print_parameters(const shown_model *shown)
{
    int width = 4, value_width = 5;
    char value[160], key[256];

    for (size_t i = 0; i < shown->summary.n_parameters; i++) {
        setun_parameter_info parameter;

        setun_inspection_parameter(shown->inspection, i, &parameter);
        width = (int)strlen(parameter.name) > width ? (int)strlen(parameter.name) : width;
        value_width = (int)strlen(value_text(&parameter, value, sizeof(value))) > value_width ? (int)strlen(value) : value_width;
    }
    printf("\n  %-*s  %-*s  FROM\n", width, "PARAMETER", value_width, "VALUE");
    for (size_t i = 0; i < shown->summary.n_parameters; i++) {
        setun_parameter_info parameter;

        setun_inspection_parameter(shown->inspection, i, &parameter);
        printf("  %-*s  %-*s  %s%s\n", width < 9 ? 9 : width, parameter.name, value_width, value_text(&parameter, value, sizeof(value)),
               parameter.key != NULL ? "key " : parameter.defaulted ? "default" : "the graph itself",
               parameter.key != NULL ? printable(parameter.key, key, sizeof(key)) : "");
    }
}

static void print_contents(const shown_tensor *tensor)
{
    const setun_tensor_statistics *s = &tensor->statistics;
    const double n = (double)tensor->info.n_values;
    const char *separator = "";

    if (s->ternary) {
        printf("-1 %4.1f%%  0 %4.1f%%  +1 %4.1f%%", 100 * (double)s->n_minus / n, 100 * (double)s->n_zero / n, 100 * (double)s->n_plus / n);
        separator = tensor->info.master ? " once ternarised; " : "; ";
    }
    if (s->dense)
        printf("%s%.4g to %.4g, rms %.4g", separator, s->min, s->max, s->rms);
    else if (!s->ternary)
        printf("not read");
    if (s->n_bad > 0)
        printf("%s%" PRIu64 " bad", "; ", s->n_bad);
    printf("%s\n", tensor->info.entry == NULL ? "; not used by the graph" : "");
}

static void print_tensors(const shown_model *shown)
{
    int width = 6, shape_width = 5, fmt_width = 6;
    char shape[96], size[SIZE_TEXT_BYTES], name[512];

    for (size_t i = 0; i < shown->summary.n_tensors; i++) {
        const setun_tensor_info *info = &shown->tensors[i].info;

        width = (int)strlen(info->name) > width ? (int)strlen(info->name) : width;
        fmt_width = (int)strlen(info->fmt) > fmt_width ? (int)strlen(info->fmt) : fmt_width;
        shape_width = (int)strlen(shape_text(info->n_dims, info->dim, shape)) > shape_width ? (int)strlen(shape) : shape_width;
    }
    printf("\n  %-*s  %-*s  %-*s  %10s  %-9s  CONTENTS\n", width, "TENSOR", fmt_width, "FORMAT", shape_width, "SHAPE", "BYTES", "SCALE");
    for (size_t i = 0; i < shown->summary.n_tensors; i++) {
        const shown_tensor *tensor = &shown->tensors[i];
        char scale[32] = "-";

        if (tensor->info.has_scale || (tensor->info.master && tensor->statistics.ternary))
            (void)snprintf(scale, sizeof(scale), "%.4g", (double)tensor->statistics.scale);
        printf("  %-*s  %-*s  %-*s  %10s  %-9s  ", width, printable(tensor->info.name, name, sizeof(name)), fmt_width, tensor->info.fmt,
               shape_width, shape_text(tensor->info.n_dims, tensor->info.dim, shape), size_text(tensor->info.n_bytes, size), scale);
        print_contents(tensor);
    }
}

static void print_totals(const shown_model *shown)
{
    const shown_memory *memory = &shown->memory;
    char a[SIZE_TEXT_BYTES], b[SIZE_TEXT_BYTES], n[SIZE_TEXT_BYTES];

    printf("\n  weights   %s values in %zu tensors, %s of them ternary", count_text(shown->n_values, a), shown->summary.n_tensors,
           count_text(shown->n_ternary, b));
    if (shown->n_ternary > 0)
        printf(", of which %.1f%% are zero", 100 * (double)shown->n_zero / (double)shown->n_ternary);
    printf("\n  on disk   %s in %zu file%s\n", size_text(shown->summary.file_bytes, a), shown->summary.n_files, shown->summary.n_files == 1 ? "" : "s");
    if (!memory->known) {
        printf("  memory    no session can be planned: %s\n", memory->why.text);
        return;
    }
    printf("  memory    weights %s", size_text(memory->packed_bytes, a));
    if (memory->pread_bytes > 0)
        printf("; rows of %s more are read from the file as they are needed", size_text(memory->pread_bytes, a));
    printf("\n            activations %s\n", size_text(memory->activation_bytes, a));
    printf("            KV cache for %s positions %s as f16, %s as f32\n", count_text((uint64_t)memory->context, n),
           size_text(memory->cache_bytes[SETUN_KV_F16], a), size_text(memory->cache_bytes[SETUN_KV_F32], b));
}

static void print_text_settings(const shown_model *shown)
{
    const setun_tokenizer *tokenizer = setun_model_tokenizer(shown->model);
    const int32_t bos = setun_model_bos(shown->model), *stops;
    const size_t n_stops = setun_model_stops(shown->model, &stops);
    char token[80];

    printf("  text      context of %" PRId64 " positions; vocabulary of %" PRId64 ", tokenizer of %d ids\n", shown->summary.context,
           shown->summary.vocab, (int)setun_tokenizer_size(tokenizer));
    if (bos >= 0)
        printf("            begins with %d %s\n", (int)bos, token_text(tokenizer, bos, token));
    else
        printf("            has no token to begin with\n");
    for (size_t i = 0; i < n_stops; i++)
        printf("            ends at %d %s\n", (int)stops[i], token_text(tokenizer, stops[i], token));
}

static void print_model(const shown_model *shown, bool brief)
{
    printf("%s: family %s, %s architecture %s\n", setun_model_path(shown->model), shown->summary.family, shown->summary.source,
           shown->summary.architecture);
    printf("graph %s\n", shown->summary.graph);
    print_parameters(shown);
    if (!brief)
        print_tensors(shown);
    print_totals(shown);
    print_text_settings(shown);
    if (!brief && shown->n_rows > 0) {
        printf("\n");
        histogram_print(shown->rows, shown->n_rows);
    }
}

/* ---- JSON ---- */

static json_t *json_parameter(const setun_parameter_info *parameter)
{
    json_t *value = parameter->type == SETUN_PARAMETER_FLOAT    ? json_real(parameter->f)
                    : parameter->type == SETUN_PARAMETER_STRING ? json_string(parameter->s)
                    : parameter->type == SETUN_PARAMETER_BOOL   ? json_boolean(parameter->i != 0)
                                                                : json_integer(parameter->i);

    return json_pack("{s:s, s:o, s:s, s:s?}", "name", parameter->name, "value", value, "from",
                     parameter->key != NULL ? "key" : parameter->defaulted ? "default" : "graph", "key", parameter->key);
}

static json_t *json_tensor(const shown_tensor *tensor)
{
    const setun_tensor_info *info = &tensor->info;
    const setun_tensor_statistics *s = &tensor->statistics;
    json_t *shape = json_array(), *ternary = json_null(), *dense = json_null();

    for (uint32_t i = 0; i < info->n_dims; i++)
        (void)json_array_append_new(shape, json_integer(info->dim[i]));
    if (s->ternary)
        ternary = json_pack("{s:I, s:I, s:I}", "minus", (json_int_t)s->n_minus, "zero", (json_int_t)s->n_zero, "plus", (json_int_t)s->n_plus);
    if (s->dense)
        dense = json_pack("{s:f, s:f, s:f}", "min", s->min, "max", s->max, "rms", s->rms);
    return json_pack("{s:s, s:s?, s:s, s:o, s:I, s:I, s:b, s:o, s:o, s:o, s:I}", "name", info->name, "entry", info->entry, "format", info->fmt,
                     "shape", shape, "values", (json_int_t)info->n_values, "bytes", (json_int_t)info->n_bytes, "master", (int)info->master,
                     "scale", info->has_scale || (info->master && s->ternary) ? json_real((double)s->scale) : json_null(), "ternary", ternary,
                     "dense", dense, "bad", (json_int_t)s->n_bad);
}

static json_t *json_memory(const shown_memory *memory)
{
    if (!memory->known)
        return json_pack("{s:s}", "error", memory->why.text);
    return json_pack("{s:I, s:I, s:I, s:I, s:{s:I, s:I}, s:{s:I, s:I}}", "packed_weights", (json_int_t)memory->packed_bytes, "read_as_needed",
                     (json_int_t)memory->pread_bytes, "activations", (json_int_t)memory->activation_bytes, "positions",
                     (json_int_t)memory->context, "cache", "f16", (json_int_t)memory->cache_bytes[SETUN_KV_F16], "f32",
                     (json_int_t)memory->cache_bytes[SETUN_KV_F32], "cache_of_1000_positions", "f16",
                     (json_int_t)memory->cache_bytes_1000[SETUN_KV_F16], "f32", (json_int_t)memory->cache_bytes_1000[SETUN_KV_F32]);
}

static int print_model_json(const shown_model *shown, bool brief)
{
    const setun_inspection_summary *summary = &shown->summary;
    const setun_tokenizer *tokenizer = setun_model_tokenizer(shown->model);
    const int32_t bos = setun_model_bos(shown->model), *ids;
    const size_t n_stops = setun_model_stops(shown->model, &ids);
    json_t *parameters = json_array(), *tensors = json_array(), *stops = json_array();
    json_t *value;

    for (size_t i = 0; i < summary->n_parameters; i++) {
        setun_parameter_info parameter;

        setun_inspection_parameter(shown->inspection, i, &parameter);
        (void)json_array_append_new(parameters, json_parameter(&parameter));
    }
    for (size_t i = 0; !brief && i < summary->n_tensors; i++)
        (void)json_array_append_new(tensors, json_tensor(&shown->tensors[i]));
    for (size_t i = 0; i < n_stops; i++)
        (void)json_array_append_new(stops, json_token(tokenizer, ids[i]));
    value = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "model", setun_model_path(shown->model), "family", summary->family, "graph",
                      summary->graph, "source", summary->source, "architecture", summary->architecture, "parameters", parameters, "tensors",
                      tensors);
    if (value != NULL &&
        (json_object_set_new(value, "totals",
                             json_pack("{s:I, s:I, s:I, s:i, s:I, s:i, s:I}", "values", (json_int_t)shown->n_values, "ternary",
                                       (json_int_t)shown->n_ternary, "zero", (json_int_t)shown->n_zero, "tensors", (int)summary->n_tensors,
                                       "tensor_bytes", (json_int_t)shown->n_bytes, "files", (int)summary->n_files, "file_bytes",
                                       (json_int_t)summary->file_bytes)) != 0 ||
         json_object_set_new(value, "memory", json_memory(&shown->memory)) != 0 ||
         json_object_set_new(value, "text",
                             json_pack("{s:I, s:I, s:i, s:o, s:o}", "context", (json_int_t)summary->context, "vocabulary",
                                       (json_int_t)summary->vocab, "tokenizer_ids", (int)setun_tokenizer_size(tokenizer), "begin",
                                       bos >= 0 ? json_token(tokenizer, bos) : json_null(), "end", stops)) != 0)) {
        json_decref(value);
        value = NULL;
    }
    return print_json(value);
}

/* ---- the command ---- */

static setun_status save_picture(const shown_model *shown, const char *path, setun_error *error)
{
    char title[300];
    buffer svg = {.data = NULL};
    setun_status status;

    if (shown->n_rows == 0)
        return set_error(error, SETUN_ERR_INVALID, "%s: no ternary tensors to draw", setun_model_path(shown->model));
    (void)snprintf(title, sizeof(title), "%.200s: shares of \u22121, 0 and +1, and scales", base_name(setun_model_path(shown->model)));
    histogram_svg(shown->rows, shown->n_rows, title, &svg);
    status = svg.failed ? set_error(error, SETUN_ERR_NOMEM, "out of memory: %s", path) : whole_file_or_stdout(path, svg.data, svg.n, error);
    buffer_free(&svg);
    return status;
}

int model_show(int argc, char **argv)
{
    const char *graph = NULL, *svg = NULL;
    bool all = false, brief = false;
    const option_spec options[] = {
        {.name = "graph", .kind = OPTION_TEXT, .argument = "FILE", .value = &graph,
         .help = "model graph to use (default: the one in the models folder that matches)"},
        {.name = "svg", .kind = OPTION_TEXT, .argument = "FILE", .value = &svg, .help = "write the histogram as an SVG picture; '-' is the standard output,\nwhich then gets nothing else"},
        {.name = "all", .kind = OPTION_FLAG, .value = &all, .help = "read dense tensors of 64 MiB and more, too"},
        {.name = "brief", .kind = OPTION_FLAG, .value = &brief, .help = "leave out the tensors and the histogram"},
    };
    common_options common = {0};
    const command_line line = {
        .name = "model show",
        .usage = "setun model show [MODEL] [--svg FILE] [--brief] [--all] [--graph FILE] [-o text|json]",
        .text = "Shows what a model (default fable) holds: the parameters of its graph and where each came from, its tensors with the\n"
                "shares of -1, 0 and +1 or the range of what is in them, memory, and how texts begin and end; then a histogram of the\n"
                "ternary tensors and their scales. Masters, dense tensors that are ternarised when they are loaded, are shown as they\n"
                "will be.",
        .examples = "setun model show fable\n"
                    "setun model show fable --svg fable.svg\n"
                    "setun model show ./my-model --brief -o json",
        .options = options,
        .n_options = sizeof(options) / sizeof(options[0]),
        .common = COMMON_WEIGHTS | COMMON_CONFIG | COMMON_OUTPUT,
        .max_operands = 1,
    };
    shown_model shown = {.model = NULL};
    setun_status status;
    setun_error error;
    int first, code = options_parse(&line, argc, argv, &common, &first);

    if (code >= 0)
        return code;
    status = setun_model_open(first < argc ? argv[first] : common.model,
                              &(setun_model_options){.graph = graph, .i2s_layout = common_i2s_layout(&common), .plugin_path = common.plugin_path},
                              &shown.model, &error);
    if (status == SETUN_OK)
        status = setun_inspection_create(shown.model, &shown.inspection, &error);
    if (status == SETUN_OK) {
        setun_inspection_describe(shown.inspection, &shown.summary);
        status = look(&shown, all, &common.session, &error);
    }
    if (status == SETUN_OK && svg != NULL)
        status = save_picture(&shown, svg, &error);
    code = EXIT_DONE;
    if (status != SETUN_OK)
        code = fail("%s", error.text);
    else if (svg != NULL && strcmp(svg, "-") == 0)
        code = EXIT_DONE; /* the picture is the output */
    else if (common.output == OUTPUT_JSON)
        code = print_model_json(&shown, brief);
    else
        print_model(&shown, brief);
    free(shown.tensors);
    free(shown.rows);
    setun_inspection_destroy(shown.inspection);
    setun_model_close(shown.model);
    return code;
}
