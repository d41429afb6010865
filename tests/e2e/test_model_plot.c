/* test_model_plot.c - `setun model plot` and the histogram of `show`: pictures that are well-formed, errors that leave nothing. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "process.h"

/* Is the program in PATH? */
static bool have(const char *program)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", program);
    return system(command) == 0;
}

/* ---- pictures ---- */

/* A small XML reader: elements nest, attributes are quoted, & begins a known entity, no stray characters. NULL if well-formed, else where. */
static const char *malformed(const char *xml)
{
    const char *open[64];
    size_t n_open = 0, length[64];

    while (*xml != '\0') {
        if (*xml == '&') {
            static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#"};
            bool known = false;

            for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
                known = known || strncmp(xml, entities[i], strlen(entities[i])) == 0;
            if (!known)
                return xml;
        }
        if ((unsigned char)*xml < ' ' && *xml != '\n' && *xml != '\t')
            return xml;
        if (*xml != '<') {
            xml++;
            continue;
        }
        if (strncmp(xml, "<?", 2) == 0 || strncmp(xml, "<!--", 4) == 0 || strncmp(xml, "<!DOCTYPE", 9) == 0) {
            const char *end = xml[1] == '?' ? "?>" : xml[2] == '-' ? "-->" : ">", *found = strstr(xml, end);

            if (found == NULL)
                return xml;
            xml = found + strlen(end);
        } else if (xml[1] == '/') {
            const size_t n = strcspn(xml + 2, ">");

            if (n_open == 0 || length[n_open - 1] != n || memcmp(open[n_open - 1], xml + 2, n) != 0)
                return xml;
            n_open--;
            xml += n + 3;
        } else {
            const size_t n = strcspn(xml + 1, " \n/>");
            const char *at = xml + 1 + n;

            while (*at != '>' && *at != '\0') { /* attributes */
                if (*at == '"' && (at = strchr(at + 1, '"')) == NULL)
                    return xml;
                if (*at == '<')
                    return at;
                at++;
            }
            if (*at == '\0' || n == 0 || n_open == 64)
                return xml;
            if (at[-1] != '/') {
                open[n_open] = xml + 1;
                length[n_open++] = n;
            }
            xml = at + 1;
        }
    }
    return n_open == 0 ? NULL : xml;
}

static char *read_picture(const char *path)
{
    size_t n_bytes;
    char *svg = file_read(path, &n_bytes);
    const char *wrong = malformed(svg);

    cr_assert_null(wrong, "%s: not well-formed at: %.80s", path, wrong);
    cr_assert(strstr(svg, "<svg ") != NULL && strstr(svg, "</svg>") != NULL);
    return svg;
}

static size_t count_of(const char *text, const char *what)
{
    size_t n = 0;

    for (; (text = strstr(text, what)) != NULL; text += strlen(what))
        n++;
    return n;
}

Test(model_plot, the_xml_reader_finds_mistakes)
{
    cr_expect_null(malformed("<?xml version=\"1.0\"?><a x=\"1\"><b/>t &amp; u</a>"));
    cr_expect_not_null(malformed("<a><b></a></b>"));
    cr_expect_not_null(malformed("<a>"));
    cr_expect_not_null(malformed("<a>x & y</a>"));
    cr_expect_not_null(malformed("<a x=\"<b\"/><"));
    cr_expect_not_null(malformed("<a>\x01</a>"));
}

Test(model_plot, histogram_picture)
{
    char folder[64], path[128], command[256];
    process_result result;
    char *svg;

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/h.svg", folder);
    setun_command(&result, "model", "show", FABLE, "--brief", "--svg", path, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
    svg = read_picture(path);
    cr_expect_eq(count_of(svg, "_proj</text>"), 35);
    cr_expect_eq(count_of(svg, "fill=\"#3b6ea8\"><title>"), 35, "one bar of -1 for each ternary tensor");
    free(svg);
    if (have("xmllint")) {
        (void)snprintf(command, sizeof(command), "xmllint --noout '%s'", path);
        cr_expect_eq(system(command), 0);
    }
    cr_expect_eq(folder_count(folder), 1);
    folder_remove(folder);
}

Test(model_plot, picture_that_cannot_be_written)
{
    static const char *const commands[] = {"show", "plot"};
    char folder[64], path[128];
    process_result result;

    folder_make(folder);
    for (size_t i = 0; i < 2; i++) {
        const char *option = i == 0 ? "--svg" : "--dot";

        (void)snprintf(path, sizeof(path), "%s/missing/x.svg", folder);
        setun_command(&result, "model", commands[i], FABLE, option, path, NULL);
        cr_expect_eq(result.exit_code, 1);
        cr_expect_eq(result.n_out, 0, "%s", result.out);
        cr_expect(strstr(result.err, "missing/x.svg: No such file or directory") != NULL, "%s", result.err);
        process_result_free(&result);
        setun_command(&result, "model", commands[i], FABLE, option, folder, NULL);
        cr_expect(result.exit_code == 1 && strstr(result.err, "not a regular file") != NULL, "%s", result.err);
        process_result_free(&result);
        setun_command(&result, "model", commands[i], FABLE, option, "/dev/full", NULL);
        cr_expect(result.exit_code == 1 && strstr(result.err, "not a regular file") != NULL, "%s", result.err);
        process_result_free(&result);
    }
    cr_expect_eq(folder_count(folder), 0, "something was left behind");
    folder_remove(folder);
}

/* ---- plot ---- */

static char *plot_dot(const char *model, const char *option)
{
    process_result result;
    char *dot;

    setun_command(&result, "model", "plot", model, "--dot", "-", option, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_expect_eq(result.n_err, 0, "%s", result.err);
    dot = strdup(result.out);
    process_result_free(&result);
    cr_assert(dot != NULL && strncmp(dot, "digraph ", 8) == 0);
    return dot;
}

Test(model_plot, plot_draws_equal_layers_once)
{
    char *rolled = plot_dot(FABLE, NULL), *unrolled = plot_dot(FABLE, "--unroll");

    cr_expect_eq(count_of(rolled, "subgraph cluster"), 1);
    cr_expect_not_null(strstr(rolled, "<B>x 5 (layers 0 to 4)</B>"));
    cr_expect_eq(count_of(rolled, "<B>linear</B>"), 7 + 1);
    cr_expect_not_null(strstr(rolled, "attn_q<BR/><FONT POINT-SIZE=\"9\" COLOR=\"#555555\">tern2.hf+f32 [256 x 256]"));
    cr_expect_not_null(strstr(rolled, "rows x 768"));
    cr_expect_not_null(strstr(rolled, "-> logits [label=\" out x 4096\"]"));
    cr_expect_eq(count_of(unrolled, "subgraph cluster"), 5);
    cr_expect_eq(count_of(unrolled, "<B>linear</B>"), 5 * 7 + 1);
    cr_expect_eq(count_of(unrolled, "style=dashed"), 0);
    cr_expect_eq(count_of(rolled, "style=dashed"), 2, "x goes on to the next layer's norm and sum");
    free(rolled);
    free(unrolled);
}

/* Layers that differ are drawn apart; a model file without weights is enough. Names are made harmless. */
static const char striped[] =
    "setun: 1\nname: striped\ncontext: 64\n"
    "tensors:\n"
    "  embd: {huggingface: embd, shape: [100, 32]}\n"
    "  norm: {huggingface: \"l.${l}.norm\", shape: [32]}\n"
    "graph:\n"
    "  - {op: embedding, in: tokens, weight: embd, out: x}\n"
    "  - repeat: 6\n"
    "    index: l\n"
    "    nodes:\n"
    "      - {op: rms_norm, in: x, weight: norm, eps: \"${l % 3 == 2 ? 1.0e-3 : 1.0e-5}\", out: x}\n"
    "  - {op: output_rows, in: x, out: x}\n"
    "  - {op: linear, in: x, weight: embd, out: logits}\n";

Test(model_plot, plot_of_a_model_file)
{
    char folder[64], path[128], svg[128];
    process_result result;
    char *dot, *picture;

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/a&b<c>.yaml", folder);
    (void)snprintf(svg, sizeof(svg), "%s/out.svg", folder);
    file_write(path, striped, strlen(striped));
    dot = plot_dot(path, NULL);
    cr_expect_eq(count_of(dot, "subgraph cluster"), 4);
    cr_expect_eq(count_of(dot, "<B>x 2 (layers"), 2);
    cr_expect_not_null(strstr(dot, "a&amp;b&lt;c&gt;.yaml"));
    free(dot);
    if (!have("dot"))
        cr_skip_test("Graphviz is not installed");
    setun_command(&result, "model", "plot", path, "--svg", svg, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
    picture = read_picture(svg);
    cr_expect_eq(count_of(picture, "class=\"cluster\""), 4);
    free(picture);
    folder_remove(folder);
}

Test(model_plot, dot_accepts_the_text)
{
    char folder[64], path[128], command[256], *dot;

    if (!have("dot"))
        cr_skip_test("Graphviz is not installed");
    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/g.dot", folder);
    dot = plot_dot(FABLE, "--unroll");
    file_write(path, dot, strlen(dot));
    free(dot);
    (void)snprintf(command, sizeof(command), "dot -Tcanon '%s' > /dev/null 2> '%s/err'", path, folder);
    cr_expect_eq(system(command), 0);
    (void)snprintf(path, sizeof(path), "%s/err", folder);
    dot = file_read(path, &(size_t){0});
    cr_expect_str_eq(dot, "", "warnings: %s", dot);
    free(dot);
    folder_remove(folder);
}

/* Without Graphviz the text comes out; with a file for the picture it is an error that says what to do. */
Test(model_plot, plot_without_graphviz)
{
    char folder[64], path[128], environment_path[128];
    const char *const environment[] = {environment_path, NULL};
    const char *const to_stdout[] = {SETUN_COMMAND, "model", "plot", FABLE, NULL};
    const char *const to_file[] = {SETUN_COMMAND, "model", "plot", FABLE, "--svg", path, NULL};
    const process_options options = {.environment = environment};
    process_result result;

    folder_make(folder);
    (void)snprintf(environment_path, sizeof(environment_path), "PATH=%s", folder);
    (void)snprintf(path, sizeof(path), "%s/out.svg", folder);
    process_run(to_stdout, &options, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_expect(strncmp(result.out, "digraph ", 8) == 0, "%.40s", result.out);
    cr_expect(strstr(result.err, "Graphviz") != NULL);
    process_result_free(&result);
    process_run(to_file, &options, &result);
    cr_expect_eq(result.exit_code, 1);
    cr_expect(strstr(result.err, "--dot FILE") != NULL, "%s", result.err);
    process_result_free(&result);
    cr_expect_eq(folder_count(folder), 0, "something was left behind");

    /* A `dot` that fails, and one that says nothing. */
    (void)snprintf(path, sizeof(path), "%s/dot", folder);
    file_write(path, "#!/bin/sh\necho 'no fonts' >&2\necho more >&2\nexit 3\n", 51);
    cr_assert_eq(chmod(path, 0755), 0);
    process_run(to_stdout, &options, &result);
    cr_expect(result.exit_code == 1 && result.n_out == 0 && strstr(result.err, "dot failed: no fonts\n") != NULL, "%s", result.err);
    process_result_free(&result);
    file_write(path, "#!/bin/sh\nexit 0\n", 17);
    process_run(to_stdout, &options, &result);
    cr_expect(result.exit_code == 1 && strstr(result.err, "expected an SVG picture") != NULL, "%s", result.err);
    process_result_free(&result);
    folder_remove(folder);
}
