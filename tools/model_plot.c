/* model_plot.c - `setun model plot`: the graph of a model as a picture, drawn by Graphviz where it is there. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dot_graph.h"
#include "model_tools.h"
#include "options.h"
#include "pipe_through.h"
#include "whole_file.h"

/* DOT text to SVG. */
static setun_status draw(const buffer *dot, buffer *out_svg, setun_error *error)
{
    static const char *const argv[] = {"dot", "-Tsvg", NULL};
    setun_status status = pipe_through(argv, dot->data, dot->n, out_svg, error);

    if (status == SETUN_OK && (out_svg->n == 0 || strstr(out_svg->data, "</svg>") == NULL)) {
        buffer_free(out_svg);
        status = set_error(error, SETUN_ERR_IO, "dot: expected an SVG picture, found something else");
    }
    return status;
}

/* Opens a model, or a model file by itself, and writes its graph as DOT text. */
static setun_status describe(const char *name, const char *graph, const char *plugin_path, bool unroll, buffer *dot, setun_error *error)
{
    setun_inspection_summary summary;
    setun_inspection *inspection;
    setun_model *model = NULL;
    struct stat info;
    char title[512], path[300];
    setun_status status;

    if (name != NULL && stat(name, &info) == 0 && S_ISREG(info.st_mode)) {
        if (graph != NULL)
            return set_error(error, SETUN_ERR_INVALID, "%s is a model file: --graph goes with weights", name);
        status = setun_inspection_open(name, &inspection, error);
    } else {
        status = setun_model_open(name, &(setun_model_options){.graph = graph, .plugin_path = plugin_path}, &model, error);
        if (status == SETUN_OK)
            status = setun_inspection_create(model, &inspection, error);
    }
    if (status == SETUN_OK) {
        setun_inspection_describe(inspection, &summary);
        (void)printable(base_name(model != NULL ? setun_model_path(model) : name), path, sizeof(path));
        (void)snprintf(title, sizeof(title), "%s: family %s, vocabulary %lld, context %lld", path, summary.family, (long long)summary.vocab,
                       (long long)summary.context);
        status = dot_graph(inspection, title, unroll, dot, error);
        setun_inspection_destroy(inspection);
    }
    setun_model_close(model);
    return status;
}

int model_plot(int argc, char **argv)
{
    const char *graph = NULL, *svg_path = NULL, *dot_path = NULL;
    bool unroll = false;
    const option_spec options[] = {
        {.name = "svg", .kind = OPTION_TEXT, .argument = "FILE", .value = &svg_path, .help = "write an SVG picture; '-' is the standard output"},
        {.name = "dot", .kind = OPTION_TEXT, .argument = "FILE", .value = &dot_path,
         .help = "write text for Graphviz, which is not needed then; likewise"},
        {.name = "unroll", .kind = OPTION_FLAG, .value = &unroll, .help = "draw every layer (default: layers that are alike once)"},
        {.name = "graph", .kind = OPTION_TEXT, .argument = "FILE", .value = &graph,
         .help = "model graph to use (default: the one in the models folder that matches)"},
    };
    common_options common = {0};
    const command_line line = {
        .name = "model plot",
        .usage = "setun model plot [MODEL | MODEL.yaml] [--svg FILE | --dot FILE] [--unroll] [--graph FILE]",
        .text = "Draws the graph of a model (default fable), or of a model file by itself if that gives all sizes. Boxes are ops with their\n"
                "weights, formats and attributes; 'rows' are those of a pass, 'out' those that want logits; dashed lines lead to the next\n"
                "layer. Without --svg and --dot the picture goes to the standard output, or, where Graphviz' program 'dot' is not in PATH,\n"
                "its text.",
        .examples = "setun model plot fable --svg fable.svg\n"
                    "setun model plot fable --dot - | dot -Tpdf -o fable.pdf",
        .options = options,
        .n_options = sizeof(options) / sizeof(options[0]),
        .common = COMMON_CONFIG,
        .max_operands = 1,
    };
    buffer dot = {.data = NULL}, svg = {.data = NULL};
    setun_status status;
    setun_error error;
    int first, code = options_parse(&line, argc, argv, &common, &first);

    if (code >= 0)
        return code;
    if (svg_path != NULL && dot_path != NULL)
        return fail_usage("--svg and --dot exclude each other");
    status = describe(first < argc ? argv[first] : common.model, graph, common.plugin_path, unroll, &dot, &error);
    if (status == SETUN_OK && dot_path == NULL) {
        status = draw(&dot, &svg, &error);
        if (status == SETUN_ERR_NOT_FOUND && svg_path == NULL) { /* no Graphviz here */
            (void)fprintf(stderr, "Graphviz' program 'dot' is not in PATH: this is its text\n");
            dot_path = "-";
            status = SETUN_OK;
        } else if (status == SETUN_ERR_NOT_FOUND) {
            status = set_error(&error, SETUN_ERR_NOT_FOUND, "--svg needs Graphviz' program 'dot' in PATH; --dot FILE does without");
        }
    }
    if (status == SETUN_OK && dot_path != NULL)
        status = whole_file_or_stdout(dot_path, dot.data, dot.n, &error);
    else if (status == SETUN_OK)
        status = whole_file_or_stdout(svg_path != NULL ? svg_path : "-", svg.data, svg.n, &error);
    buffer_free(&dot);
    buffer_free(&svg);
    return status == SETUN_OK ? EXIT_DONE : fail("%s", error.text);
}
