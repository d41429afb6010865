/* test_model.c - `setun model show`, `check` and `plot`: numbers against the raw files, pictures that are well-formed, errors that leave nothing. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "process.h"
#include "tiny_model.h"

static json_t *load(process_result *result)
{
    json_error_t error;
    json_t *got = json_loadb(result->out, result->n_out, 0, &error);

    cr_assert(got != NULL, "%s: %s", error.text, result->out);
    process_result_free(result);
    return got;
}

static json_int_t number(const json_t *object, const char *key)
{
    cr_assert(json_is_integer(json_object_get(object, key)), "%s", key);
    return json_integer_value(json_object_get(object, key));
}

static const json_t *named(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(list, i), "name")), name) == 0)
            return json_array_get(list, i);
    cr_assert_fail("there is no %s", name);
    return NULL;
}

/* Is the program in PATH? */
static bool have(const char *program)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", program);
    return system(command) == 0;
}

/* ---- show ---- */

/* Codes of one tensor of fable, counted in the raw file. */
static void count_codes(const char *tensor, json_int_t out_count[4])
{
    size_t n_bytes;
    char *file = file_read(FABLE "/model.safetensors", &n_bytes), key[128];
    uint64_t n_header;
    const json_t *offsets;
    json_error_t error;
    json_t *header;

    memcpy(&n_header, file, 8);
    header = json_loadb(file + 8, (size_t)n_header, 0, &error);
    (void)snprintf(key, sizeof(key), "%s.weight", tensor);
    offsets = json_object_get(json_object_get(header, key), "data_offsets");
    memset(out_count, 0, 4 * sizeof(*out_count));
    for (json_int_t i = json_integer_value(json_array_get(offsets, 0)); i < json_integer_value(json_array_get(offsets, 1)); i++)
        for (int shift = 0; shift < 8; shift += 2)
            out_count[(unsigned char)file[8 + (json_int_t)n_header + i] >> shift & 3]++;
    json_decref(header);
    free(file);
}

Test(model, show_json)
{
    process_result result;
    const json_t *tensors, *tensor, *ternary, *text, *memory;
    json_int_t count[4], total = 0, zero = 0;
    struct stat info;
    json_t *got;

    setun_command(&result, "model", "show", FABLE, "-o", "json", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    got = load(&result);
    cr_expect_str_eq(json_string_value(json_object_get(got, "family")), "bitnet");
    tensor = named(json_object_get(got, "parameters"), "layers");
    cr_expect_eq(number(tensor, "value"), 5);
    cr_expect_str_eq(json_string_value(json_object_get(tensor, "key")), "num_hidden_layers");
    cr_expect_str_eq(json_string_value(json_object_get(named(json_object_get(got, "parameters"), "head_dim"), "from")), "default");

    tensors = json_object_get(got, "tensors");
    for (size_t i = 0; i < json_array_size(tensors); i++) {
        tensor = json_array_get(tensors, i);
        ternary = json_object_get(tensor, "ternary");
        if (json_is_null(ternary))
            continue;
        count_codes(json_string_value(json_object_get(tensor, "name")), count);
        cr_expect_eq(number(ternary, "minus"), count[0]);
        cr_expect_eq(number(ternary, "zero"), count[1]);
        cr_expect_eq(number(ternary, "plus"), count[2]);
        total += count[0] + count[1] + count[2];
        zero += count[1];
    }
    cr_expect_eq(total, 3768320);
    cr_expect_eq(number(json_object_get(got, "totals"), "ternary"), total);
    cr_expect_eq(number(json_object_get(got, "totals"), "zero"), zero);
    cr_assert_eq(stat(FABLE "/model.safetensors", &info), 0);
    cr_expect_eq(number(json_object_get(got, "totals"), "file_bytes"), info.st_size);

    /* 5 layers, K and V, 1 head of 64: 2 or 4 bytes each, for 1,000 positions. */
    memory = json_object_get(json_object_get(got, "memory"), "cache_of_1000_positions");
    cr_expect_eq(number(memory, "f16"), 5 * 2 * 64 * 2 * 1000);
    cr_expect_eq(number(memory, "f32"), 5 * 2 * 64 * 4 * 1000);
    text = json_object_get(got, "text");
    cr_expect_eq(number(json_object_get(text, "begin"), "id"), 4093);
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(text, "begin"), "text")), "<|begin_of_text|>");
    cr_expect_eq(json_array_size(json_object_get(text, "end")), 2);
    json_decref(got);
}

/* The histogram is made of ASCII unless the locale has UTF-8. */
Test(model, show_text_by_locale)
{
    const char *const argv[] = {SETUN_COMMAND, "model", "show", FABLE, NULL};
    const char *const plain[] = {"LC_ALL=C", NULL}, *const utf8[] = {"LC_ALL=C.UTF-8", NULL};
    process_result result;

    process_run(argv, &(process_options){.environment = plain}, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    for (size_t i = 0; i < result.n_out; i++)
        cr_assert((result.out[i] >= ' ' && result.out[i] <= '~') || result.out[i] == '\n', "byte %zu is %d", i, result.out[i]);
    cr_expect(strstr(result.out, "num_hidden_layers") != NULL && strstr(result.out, "|-----") != NULL && strstr(result.out, "KV cache") != NULL);
    process_result_free(&result);

    process_run(argv, &(process_options){.environment = utf8}, &result);
    cr_expect(strstr(result.out, "\u2588\u2588") != NULL);
    process_result_free(&result);
}

Test(model, show_brief)
{
    process_result result;

    setun_command(&result, "model", "show", FABLE, "--brief", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_expect(strstr(result.out, "self_attn") == NULL && strstr(result.out, "KV cache") != NULL, "%s", result.out);
    process_result_free(&result);
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

Test(model, the_xml_reader_finds_mistakes)
{
    cr_expect_null(malformed("<?xml version=\"1.0\"?><a x=\"1\"><b/>t &amp; u</a>"));
    cr_expect_not_null(malformed("<a><b></a></b>"));
    cr_expect_not_null(malformed("<a>"));
    cr_expect_not_null(malformed("<a>x & y</a>"));
    cr_expect_not_null(malformed("<a x=\"<b\"/><"));
    cr_expect_not_null(malformed("<a>\x01</a>"));
}

Test(model, histogram_picture)
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

Test(model, picture_that_cannot_be_written)
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

Test(model, plot_draws_equal_layers_once)
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

Test(model, plot_of_a_model_file)
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

Test(model, dot_accepts_the_text)
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
Test(model, plot_without_graphviz)
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

/* ---- check ---- */

Test(model, check_fable)
{
    process_result result;
    json_t *got;

    setun_command(&result, "model", "check", FABLE, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_expect(strstr(result.out, "fable: OK\n") != NULL && strstr(result.out, "57 of 57 read") != NULL, "%s", result.out);
    process_result_free(&result);
    setun_command(&result, "model", "check", FABLE, "-o", "json", NULL);
    got = load(&result);
    cr_expect(json_is_true(json_object_get(got, "ok")));
    cr_expect_eq(number(got, "tensors_read"), 57);
    cr_expect_eq(json_array_size(json_object_get(got, "unused")), 0);
    json_decref(got);
}

/* Replaces the first occurrence of a text of equal length in a file. */
static void patch(const char *folder, const char *file, const char *from, const char *to)
{
    char path[128], *bytes, *at;
    size_t n_bytes;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, file);
    bytes = file_read(path, &n_bytes);
    at = memmem(bytes, n_bytes, from, strlen(from));
    cr_assert(at != NULL && strlen(from) == strlen(to), "%s: %s", file, from);
    memcpy(at, to, strlen(to));
    file_write(path, bytes, n_bytes);
    free(bytes);
}

static void expect_failure(const char *folder, const char *expected)
{
    process_result result;
    json_t *got;

    setun_command(&result, "model", "check", folder, NULL);
    cr_expect_eq(result.exit_code, 1, "%s: exit %d: %s", expected, result.exit_code, result.out);
    cr_expect_eq(result.n_out, 0, "%s", result.out);
    cr_expect(strstr(result.err, "setun model check: ") == result.err && strstr(result.err, expected) != NULL, "expected %s: %s", expected,
              result.err);
    cr_expect_eq(strchr(result.err, '\n'), result.err + result.n_err - 1, "more than one line: %s", result.err);
    process_result_free(&result);
    setun_command(&result, "model", "check", folder, "-o", "json", NULL);
    cr_expect_eq(result.exit_code, 1);
    got = load(&result);
    cr_expect(json_is_false(json_object_get(got, "ok")));
    cr_expect(strstr(json_string_value(json_object_get(got, "error")), expected) != NULL);
    json_decref(got);
}

Test(model, check_finds_what_is_wrong)
{
    static const struct {
        const char *file, *from, *to, *expected;
    } cases[] = {
        {"config.json", "\"num_hidden_layers\": 1", "\"num_hidden_layers\": 2", "there is no tensor 'model.layers.1."},
        {"config.json", "\"intermediate_size\": 8", "\"intermediate_size\": 4", "has the shape"},
        {"config.json", "BitNetForCausalLM", "BitNetForCausalLN", "no model family describes"},
        {"config.json", "\"vocab_size\": 260", "\"vocab_size\": 259", "259"},
        {"model.safetensors", "\x12\x64\x81", "\x12\x67\x81", "expected a ternary code of 0, 1 or 2, found 3"},
        {"config.json", "\"hidden_act\": \"relu2\"", "\"hidden_act\": \"relu3\"", "config.json: hidden_act: expected 'relu2' or 'silu', found the string 'relu3'"},
    };
    char folder[64];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        folder_make(folder);
        cr_assert(tiny_model_write(folder));
        patch(folder, cases[i].file, cases[i].from, cases[i].to);
        expect_failure(folder, cases[i].expected);
        folder_remove(folder);
    }
    expect_failure("/nonexistent/model", "/nonexistent/model");
}

/* A tensor that the graph leaves alone is an error, unless the model file says that it may be left. Then it is said. */
Test(model, check_lists_what_is_not_used)
{
    process_result result;
    char folder[64];
    json_t *got;

    folder_make(folder);
    cr_assert(tiny_model_write(folder));
    patch(folder, "model.safetensors", "self_attn.attn_sub_norm.weight\"", "self_attn.attn_old_norm.weight\"");
    expect_failure(folder, "uses (" SETUN_SOURCE_DIR "/models/bitnet.yaml), found 'model.layers.0.self_attn.attn_old_norm': it would be left");
    patch(folder, "model.safetensors", "self_attn.attn_old_norm.weight\"", "self_attn.rotary_emb.inv_freq\" ");
    setun_command(&result, "model", "check", folder, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_expect(strstr(result.out, "not used by the graph: model.layers.0.self_attn.rotary_emb.inv_freq\n") != NULL, "%s", result.out);
    process_result_free(&result);
    setun_command(&result, "model", "check", folder, "-o", "json", NULL);
    got = load(&result);
    cr_expect_eq(json_array_size(json_object_get(got, "unused")), 1);
    json_decref(got);
    setun_command(&result, "model", "show", folder, NULL);
    cr_expect(strstr(result.out, "; not used by the graph") != NULL, "%s", result.out);
    cr_expect(strstr(result.out, "once ternarised") != NULL, "the tiny model has a master");
    process_result_free(&result);
    folder_remove(folder);
}

/* --graph: another graph than the folder's own family. */
Test(model, check_against_a_graph)
{
    process_result result;
    char folder[64], path[128];

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/striped.yaml", folder);
    file_write(path, striped, strlen(striped));
    setun_command(&result, "model", "check", FABLE, "--graph", path, NULL);
    cr_expect(result.exit_code == 1 && strstr(result.err, "striped.yaml:") != NULL && strstr(result.err, "there is no tensor 'embd'") != NULL, "%s",
              result.err);
    process_result_free(&result);
    setun_command(&result, "model", "check", FABLE, "--graph", SETUN_SOURCE_DIR "/models/bitnet.yaml", NULL);
    cr_expect_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
    folder_remove(folder);
}

static void expect_usage(const char *expected, const char *a, const char *b, const char *c, const char *d, const char *e)
{
    process_result result;

    setun_command(&result, "model", a, b, c, d, e, NULL);
    cr_expect_eq(result.exit_code, 2, "%s: exit %d", expected, result.exit_code);
    cr_expect(strstr(result.err, expected) != NULL, "expected %s: %s", expected, result.err);
    process_result_free(&result);
}

Test(model, mistakes)
{
    expect_usage("did you mean 'model show'", "shwo", NULL, NULL, NULL, NULL);
    expect_usage("did you mean '--svg'", "show", "--svgg", "x", NULL, NULL);
    expect_usage("exclude each other", "plot", "--svg", "a", "--dot", "b");
    expect_usage("unexpected 'b'", "show", "a", "b", NULL, NULL);
}
