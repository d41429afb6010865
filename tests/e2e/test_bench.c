/* test_bench.c - `setun bench`: what it counts, hashes that do not depend on how it computes, what it refuses. How long things take is never
 * looked at. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_json.h"
#include "fixture.h"
#include "process.h"

static json_t *bench(const char *const *arguments)
{
    const char *argv[32] = {SETUN_COMMAND, "bench", "-r", "2", "-o", "json"};
    size_t n = 6;

    for (size_t i = 0; arguments[i] != NULL; i++)
        argv[n++] = arguments[i];
    argv[n] = NULL;
    return bench_json(argv, NULL);
}

static const char *text_of(const json_t *root, size_t i, const char *key)
{
    const char *text = json_string_value(json_object_get(json_array_get(json_object_get(root, "results"), i), key));

    cr_assert_not_null(text, "result %zu: %s", i, key);
    return text;
}

static const char *hash_of(const json_t *root, size_t i)
{
    return text_of(root, i, "hash");
}

static double number_of(const json_t *root, size_t i, const char *key)
{
    return json_number_value(json_object_get(json_array_get(json_object_get(root, "results"), i), key));
}

/* Under the thread sanitizer a pass on two threads takes a hundred times as long. */
#define PROMPT (COMMAND_HAS_TSAN ? "12" : "40")
#define TOKENS (COMMAND_HAS_TSAN ? "2" : "6")

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(bench, hashes_do_not_depend_on_how_it_computes)
{
    json_t *one = bench(ARGUMENTS("-p", PROMPT, "-n", TOKENS, "-b", "1,3", "-d", "0,30", "-t", "1"));
    json_t *other = bench(ARGUMENTS("-p", PROMPT, "-n", TOKENS, "-b", "1,3", "-d", "0,30", "-t", "2", "--backend", "scalar", "--chunk", "7"));

    cr_assert_eq(json_array_size(json_object_get(one, "results")), 8, "depths x batches x {prefill, decode}");
    for (size_t i = 0; i < 8; i++) {
        cr_expect_str_eq(hash_of(one, i), hash_of(other, i), "result %zu", i);
        cr_expect_str_eq(text_of(one, i, "hash_all"), text_of(other, i, "hash_all"), "result %zu", i);
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(text_of(one, i, "hash_all"), text_of(one, j, "hash_all"), "results %zu and %zu", i, j);
    }
    for (size_t i = 0; i < 8; i += 4) { /* prefill and decode of one sequence, then of three: neighbours change nothing */
        cr_expect_str_eq(hash_of(one, i), text_of(one, i, "hash_all"));
        cr_expect_str_eq(hash_of(one, i), hash_of(one, i + 2));
        cr_expect_str_eq(hash_of(one, i + 1), hash_of(one, i + 3));
        cr_expect_str_neq(hash_of(one, i), hash_of(one, i + 1));
    }
    json_decref(one);
    json_decref(other);
}

/* Of teams with two results each. What is in huge pages is whole ones, no more than the process has, and none where the system grants none. */
static void expect_huge(const json_t *report, size_t team)
{
    const json_t *huge = json_object_get(json_array_get(json_object_get(report, "teams"), team), "huge_bytes");
    const double n_bytes = json_number_value(huge);
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
    char enabled[64] = "";

    if (file != NULL) {
        (void)!fgets(enabled, sizeof(enabled), file);
        (void)fclose(file);
    }
    if (access("/proc/self/smaps_rollup", R_OK) != 0) {
        cr_expect(json_is_null(huge));
        return;
    }
    cr_expect(json_is_number(huge) && n_bytes >= 0 && n_bytes <= number_of(report, 2 * team, "resident_bytes") + (64 << 20));
    cr_expect_eq((long long)n_bytes % 65536, 0, "%g bytes", n_bytes);
    cr_expect(strstr(enabled, "[never]") == NULL || n_bytes == 0, "%g bytes", n_bytes);
}

static size_t count_of(const char *text, const char *what)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
        n++;
    return n;
}

/* Teams differ in their head alone, and have one roof. */
static void expect_heads_in_picture(const json_t *report)
{
    static const char *const argv[] = {SETUN_COMMAND, "bench", "--from", "-", "-o", "svg", NULL};
    char *text = json_dumps(report, 0);
    process_result result;

    cr_assert_not_null(text);
    process_run(argv, &(process_options){.input = text, .input_bytes = strlen(text)}, &result);
    cr_expect(result.exit_code == 0 || strstr(result.err, "more than the machine was measured to do") != NULL, "%s", result.err);
    cr_expect_not_null(strstr(result.out, "tg12, 1 thread, full head: "));
    cr_expect_not_null(strstr(result.out, "tg12, 1 thread, screened head: "));
    cr_expect_eq(count_of(result.out, ">memory: "), 1);
    process_result_free(&result);
    free(text);
}

/* Neither kind of head that computes the file's logits changes the hash; a screened one counts candidates and says what it reads of the file:
 * fable's head is its embedding, 2 bytes each. */
Test(bench, kinds_of_head)
{
    json_t *both = bench(ARGUMENTS("-p", "9", "-n", "12", "-t", "1", "--head", "full,screened,full"));
    const json_t *of_full = json_array_get(json_object_get(both, "teams"), 0), *of_screened = json_array_get(json_object_get(both, "teams"), 1);
    json_t *config = json_load_file(FABLE "/config.json", 0, NULL);

    cr_assert_not_null(config);
    cr_assert_eq(json_array_size(json_object_get(both, "teams")), 2, "the third is the first again");
    cr_assert_eq(json_array_size(json_object_get(both, "results")), 4);
    for (size_t i = 0; i < 2; i++)
        cr_expect_str_eq(hash_of(both, i), hash_of(both, 2 + i));
    for (size_t i = 0; i < 4; i++)
        cr_expect_str_eq(text_of(both, i, "head"), i < 2 ? "full" : "screened");
    cr_expect_str_eq(json_string_value(json_object_get(of_full, "head")), "full");
    cr_expect_str_eq(json_string_value(json_object_get(of_screened, "head")), "screened");
    cr_expect_eq(json_number_value(json_object_get(of_full, "page_cache_bytes")), 0);
    expect_huge(both, 0);
    expect_huge(both, 1);
    cr_expect_eq(json_number_value(json_object_get(of_screened, "page_cache_bytes")),
                 2 * json_number_value(json_object_get(config, "vocab_size")) * json_number_value(json_object_get(config, "hidden_size")));
    cr_expect(json_is_null(json_object_get(json_array_get(json_object_get(both, "results"), 1), "candidates_token")));
    cr_expect_geq(number_of(both, 3, "candidates_token"), 1);
    cr_expect_lt(json_number_value(json_object_get(of_screened, "token_bytes")), json_number_value(json_object_get(of_full, "token_bytes")));
    expect_heads_in_picture(both);
    json_decref(config);
    json_decref(both);
}

/* fable: 3 layers' sizes are in its config.json; the ternary weights have 2 bits, the head 16. */
Test(bench, bytes_are_those_of_the_weights_and_the_cache)
{
    json_t *root = bench(ARGUMENTS("-p", "0", "-n", "4", "-d", "0,256", "-t", "1", "--backend", "scalar", "--head", "full"));
    json_t *config = json_load_file(FABLE "/config.json", 0, NULL);
    const json_t *team = json_array_get(json_object_get(root, "teams"), 0);
    const double hidden = json_number_value(json_object_get(config, "hidden_size")), ffn = json_number_value(json_object_get(config, "intermediate_size"));
    const double layers = json_number_value(json_object_get(config, "num_hidden_layers")), vocab = json_number_value(json_object_get(config, "vocab_size"));
    const double heads = json_number_value(json_object_get(config, "num_attention_heads")), kv = json_number_value(json_object_get(config, "num_key_value_heads"));
    const double kv_size = hidden / heads * kv, rows = 2 * hidden + 2 * kv_size + 2 * ffn + hidden, bytes = json_number_value(json_object_get(team, "token_bytes"));
    const double ternary = layers * (2 * hidden * hidden + 2 * kv_size * hidden + 3 * ffn * hidden) / 4, scales = layers * rows * 4;
    const double norms = 4 * (layers * (3 * hidden + ffn) + hidden), head = 2 * vocab * hidden;

    cr_assert_not_null(config);
    cr_expect_geq(bytes, ternary + head + norms);
    cr_expect_leq(bytes, 1.01 * (ternary + head + norms + scales), "%.0f bytes", bytes);
    cr_expect_geq(number_of(root, 0, "bytes_per_pass"), bytes);
    /* 256 positions more are 256 times K and V of every layer in f16. */
    cr_expect_float_eq(number_of(root, 1, "bytes_per_pass") - number_of(root, 0, "bytes_per_pass"), 256 * layers * 2 * kv_size * 2, 1);
    cr_expect_float_eq(number_of(root, 0, "bytes_per_pass"), bytes + 2 * layers * 2 * kv_size * 2, 1, "and in the middle of 4 tokens there are 2");
    cr_expect_eq(number_of(root, 0, "bytes_per_token"), number_of(root, 0, "bytes_per_pass"), "one sequence");
    cr_expect_gt(number_of(root, 0, "tokens_s_median"), 0);
    cr_expect_gt(json_number_value(json_object_get(team, "read_bytes_s")), 0);
    json_decref(config);
    json_decref(root);
}

/* ---- forms of the result ---- */

static char report_folder[64], report_path[96];

/* A report of a real run, with a profile. */
static void begin_report(void)
{
    const char *const argv[] = {SETUN_COMMAND, "bench", "-p", "20", "-n", "3", "-r", "3", "-t", "1,2,1", "-b", "1,2", "-d", "0,9", "--profile", "-o", "json", NULL};
    process_result result;

    folder_make(report_folder);
    (void)snprintf(report_path, sizeof(report_path), "%s/run.json", report_folder);
    process_run(argv, &(process_options){0}, &result);
    cr_assert(result.exit_code == 0 || strstr(result.err, "more than the machine") != NULL, "%s", result.err);
    file_write(report_path, result.out, result.n_out);
    process_result_free(&result);
}

static void end_report(void)
{
    folder_remove(report_folder);
}

static char *shown_as(const char *form)
{
    const char *const argv[] = {SETUN_COMMAND, "bench", "--from", report_path, "-o", form, NULL};
    process_result result;

    process_run(argv, &(process_options){0}, &result);
    cr_assert(result.exit_code == 0 || strstr(result.err, "more than the machine") != NULL, "%s: %s", form, result.err);
    free(result.err);
    return result.out;
}

/* Cuts the next cell off a line of CSV (RFC 4180), in place; NULL behind the last. */
static char *next_cell(char **line)
{
    char *from = *line, *to = *line, *cell = *line;
    bool quoted = false;

    if (from == NULL)
        return NULL;
    for (; *from != '\0' && (quoted || *from != ','); from++) {
        if (*from == '"' && quoted && from[1] == '"')
            *to++ = *from++;
        else if (*from == '"')
            quoted = !quoted;
        else
            *to++ = *from;
    }
    *line = *from == ',' ? from + 1 : NULL;
    *to = '\0';
    return cell;
}

/* The cell is the value: the same text, the same number to the last bit, nothing for null. */
static void expect_same(const char *name, const char *cell, const json_t *value)
{
    char *tail;

    if (json_is_string(value))
        cr_expect_str_eq(cell, json_string_value(value), "%s", name);
    else if (json_is_null(value))
        cr_expect_str_eq(cell, "", "%s", name);
    else if (json_is_boolean(value))
        cr_expect_str_eq(cell, json_is_true(value) ? "true" : "false", "%s", name);
    else
        cr_expect(json_is_number(value) && strtod(cell, &tail) == json_number_value(value) && *tail == '\0' && *cell != '\0', "%s: '%s'", name, cell);
}

Test(bench, csv_holds_the_figures_of_json, .init = begin_report, .fini = end_report)
{
    json_t *root = json_load_file(report_path, 0, NULL);
    const json_t *results = json_object_get(root, "results"), *teams = json_object_get(root, "teams");
    char *csv = shown_as("csv"), *names[100], *line = csv, *rest;
    size_t n_names = 0, n_lines = 0;

    cr_assert_eq(json_array_size(teams), 2, "the third is the first again");
    rest = strsep(&line, "\n");
    while (n_names < 100 && (names[n_names] = next_cell(&rest)) != NULL)
        n_names++;
    cr_assert_lt(n_names, 100);
    for (char *row; line != NULL && *line != '\0'; n_lines++) {
        const json_t *result = json_array_get(results, n_lines);
        const json_t *team = json_array_get(teams, json_integer_value(json_object_get(result, "threads")) == 1 ? 0 : 1);
        size_t n_cells = 0;

        row = strsep(&line, "\n");
        for (const char *cell; (cell = next_cell(&row)) != NULL; n_cells++) {
            const char *name = names[n_cells];
            const json_t *value = strncmp(name, "team_", 5) == 0 ? json_object_get(team, name + 5) : json_object_get(result, name);

            cr_assert_lt(n_cells, n_names);
            expect_same(name, cell, value != NULL ? value : json_object_get(root, name));
        }
        cr_expect_eq(n_cells, n_names);
        /* But for the profile, every key of the object has a column. */
        cr_expect_eq(json_object_size(result) - 1 + json_object_size(team) - 2 + 3, n_names, "%zu columns", n_names);
    }
    cr_expect_eq(n_lines, 2 * 2 * 2 * 2, "teams x depths x batches x {prefill, decode}");
    cr_expect_eq(n_lines, json_array_size(results));
    free(csv);
    json_decref(root);
}

/* JSON read back is JSON again, and the table has the tests in it. */
Test(bench, json_read_back_is_the_same, .init = begin_report, .fini = end_report)
{
    char *json = shown_as("json"), *table = shown_as("table"), *file = file_read(report_path, &(size_t){0});

    cr_expect_str_eq(json, file);
    cr_expect_not_null(strstr(table, "pp20 @9 x2"), "%s", table);
    cr_expect_not_null(strstr(table, "tg3 "), "%s", table);
    cr_expect_not_null(strstr(table, "IMBALANCE MS"), "%s", table);
    free(json);
    free(table);
    free(file);
}

/* Independent arithmetic on what is printed. */
Test(bench, figures_fit_one_another, .init = begin_report, .fini = end_report)
{
    json_t *root = json_load_file(report_path, 0, NULL), *result, *part;
    const json_t *team;
    size_t i, j;

    json_array_foreach(json_object_get(root, "results"), i, result)
    {
        const double n = number_of(root, i, "n"), batch = number_of(root, i, "batch"), rate = number_of(root, i, "tokens_s_median");
        const bool is_decode = strcmp(text_of(root, i, "test"), "decode") == 0;
        double run = 0, steps = 0;

        team = json_array_get(json_object_get(root, "teams"), number_of(root, i, "threads") == 1 ? 0 : 1);
        cr_expect(number_of(root, i, "tokens_s_min") <= rate && rate <= number_of(root, i, "tokens_s_max"));
        cr_expect_float_eq(number_of(root, i, "ms_token") * rate, 1000, 1e-6);
        cr_expect_float_eq(number_of(root, i, "bytes_s"), number_of(root, i, "bytes_per_token") * rate, 1e-6 * number_of(root, i, "bytes_s"));
        cr_expect_float_eq(number_of(root, i, "bytes_per_pass"), number_of(root, i, "bytes_per_token") * (is_decode ? 1 : n) * batch, 1,
                           "a prompt of 40 tokens is one pass");
        cr_expect_float_eq(number_of(root, i, "share_of_int8"), number_of(root, i, "int8_ops_s") / json_number_value(json_object_get(team, "int8_ops_s")), 1e-9);
        cr_expect_leq(number_of(root, i, "int8_ops_s"), number_of(root, i, "ops_s"));
        json_array_foreach(json_object_get(result, "profile"), j, part)
        {
            run += json_number_value(json_object_get(part, "run_ms"));
            steps += json_number_value(json_object_get(part, "n_steps"));
        }
        cr_expect(run > 0 && run <= number_of(root, i, "pass_ms"), "kernels' time is part of the pass: %g of %g", run, number_of(root, i, "pass_ms"));
        cr_expect_gt(steps, 50, "fable has five layers");
#ifdef __linux__
        cr_expect_eq(number_of(root, i, "resident_bytes"), number_of(root, i, "anon_bytes") + number_of(root, i, "file_bytes"));
        cr_expect_gt(number_of(root, i, "anon_bytes"), 0);
        cr_expect_geq(number_of(root, i, "peak_bytes"), 0.5 * number_of(root, i, "resident_bytes"));
#endif
    }
    team = json_array_get(json_object_get(root, "teams"), 0);
    cr_expect_float_eq(json_number_value(json_object_get(team, "start_s")),
                       json_number_value(json_object_get(team, "open_s")) + json_number_value(json_object_get(team, "load_s")) +
                           json_number_value(json_object_get(team, "first_token_s")), 1e-9);
    json_decref(root);
}

/* Every element is closed by its own name: enough of XML to do without a parser. */
static void expect_balanced(const char *xml)
{
    char open[32][32];
    size_t depth = 0;

    for (const char *at = xml; (at = strchr(at, '<')) != NULL; at++) {
        const char *close = strchr(at, '>');
        size_t n;

        cr_assert_not_null(close, "%.60s", at);
        if (at[1] == '?')
            continue;
        if (at[1] == '/') {
            cr_assert(depth > 0, "%.60s", at);
            n = strlen(open[--depth]);
            cr_assert(strncmp(at + 2, open[depth], n) == 0 && at + 2 + n == close, "%s closed by %.60s", open[depth], at);
            continue;
        }
        cr_expect_eq(count_of(at, "\"") >= 2, true);
        if (close[-1] == '/')
            continue;
        n = strcspn(at + 1, " >");
        cr_assert(depth < 32 && n < 32);
        (void)snprintf(open[depth++], 32, "%.*s", (int)n, at + 1);
    }
    cr_expect_eq(depth, 0);
}

Test(bench, picture_is_xml_and_has_every_point, .init = begin_report, .fini = end_report)
{
    char *svg = shown_as("svg"), path[128], command[256];

    expect_balanced(svg);
    cr_expect_eq(count_of(svg, "<circle"), 16 + 2, "the points, and two that explain them");
    cr_expect_eq(count_of(svg, ">memory: "), 2, "a roof for each team");
    cr_expect_geq(count_of(svg, ">int8 "), 1);
    cr_expect_not_null(strstr(svg, "pp20 @9 x2, 2 threads: "));
    cr_expect_null(strstr(svg, "nan"));
    cr_expect_null(strstr(svg, "inf"));
    (void)snprintf(path, sizeof(path), "%s/roofline.svg", report_folder);
    file_write(path, svg, strlen(svg));
    if (system("command -v xmllint > /dev/null 2>&1") == 0) {
        (void)snprintf(command, sizeof(command), "xmllint --noout '%s'", path);
        cr_expect_eq(system(command), 0);
    }
    free(svg);
}

/* ---- reports of others ---- */

#define TEAM "{\"threads\":1,\"chunk\":1,\"head\":\"\",\"start_s\":0,\"open_s\":0,\"load_s\":0,\"first_token_s\":0,\"weight_bytes\":0,\"activation_bytes\":0," \
    "\"token_bytes\":0,\"huge_bytes\":0,\"page_cache_bytes\":null,\"read_bytes_s\":0,\"read_buffer_bytes\":0,\"last_cache_bytes\":0,\"read_how\":\"<&\\u001b\"," \
    "\"int8_ops_s\":null,\"int8_kernel\":\"\",\"limits_cached\":true,\"limits_measured\":900000000000000000,\"int8\":[]}"
#define RESULT(test, n, rate) "{\"test\":\"" test "\",\"n\":" n ",\"depth\":0,\"batch\":0,\"threads\":1,\"repeats\":0,\"tokens_s_median\":" rate "," \
    "\"tokens_s_min\":0,\"tokens_s_max\":0,\"ms_token\":0,\"bytes_per_pass\":0,\"bytes_per_token\":0,\"bytes_s\":1,\"ops_s\":" rate "," \
    "\"int8_ops_s\":0,\"share_of_bandwidth\":null,\"share_of_int8\":null,\"share_of_int8_linear\":null,\"candidates_token\":0," \
    "\"resident_bytes\":null,\"anon_bytes\":null,\"file_bytes\":null,\"peak_bytes\":null,\"pass_ms\":0,\"hash\":\"<>,\\\"\",\"hash_all\":\"\",\"profile\":[]}"
#define REPORT(teams, results) "{\"setun_bench\":1,\"model\":\"a,b\\\"<x>&\\n\",\"cpu\":\"\",\"numerics_version\":1,\"teams\":[" teams "],\"results\":[" results "]}"

Test(bench, reports_of_others_are_not_believed)
{
    static const struct {
        const char *text, *error; /* NULL: it is in order, and every form of it can be made */
    } cases[] = {
        {"", "standard input: byte 0"}, {"{", "standard input: byte"}, {"[]", "setun_bench"}, {"{\"setun_bench\":2}", "setun_bench"},
        {"{\"setun_bench\":1}", "'model' is missing"}, {"{\"setun_bench\":1,\"setun_bench\":1}", "duplicate"},
        {REPORT("1", ""), "team 0: 'threads'"}, {REPORT("{}", ""), "team 0: 'threads'"}, {REPORT(TEAM, "{}"), "result 0: 'test'"},
        {REPORT(TEAM, RESULT("other", "1", "1")), "result 0: 'test'"}, {REPORT(TEAM, RESULT("0123456789012345678901234567890", "1", "1")), "'test'"},
        {REPORT(TEAM, RESULT("decode", "-1", "1")), "result 0: 'n'"}, {REPORT(TEAM, RESULT("decode", "1.5", "1")), "result 0: 'n'"},
        {REPORT(TEAM, RESULT("decode", "1", "-1")), "tokens_s_median"}, {REPORT(TEAM, RESULT("decode", "1", "1e19")), "tokens_s_median"},
        {REPORT(TEAM, RESULT("decode", "1", "\"1\"")), "tokens_s_median"},
        {REPORT(TEAM, RESULT("decode", "1,\"share_of_bandwidth_min\":\"1\"", "1")), "share_of_bandwidth_min"},
        {REPORT(TEAM, RESULT("decode", "1,\"read_limit_bytes_s_max\":-1", "1")), "read_limit_bytes_s_max"}, {REPORT("", ""), NULL}, {REPORT(TEAM, ""), NULL},
        {REPORT("", RESULT("decode", "1", "1")), NULL}, {REPORT(TEAM, RESULT("prefill", "900000000000000000", "1e18")), NULL},
        {REPORT(TEAM "," TEAM, RESULT("decode", "1", "0") "," RESULT("decode", "1", "1") "," RESULT("decode", "1", "1e-300") "," RESULT("decode", "0", "null")), NULL},
    };
    static const char *const forms[] = {"table", "json", "csv", "svg"};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t f = 0; f < 4; f++) {
            const char *const argv[] = {SETUN_COMMAND, "bench", "--from", "-", "-o", forms[f], NULL};
            const process_options options = {.input = cases[i].text, .input_bytes = strlen(cases[i].text)};
            process_result result;

            process_run(argv, &options, &result);
            cr_expect_eq(result.exit_code, cases[i].error != NULL, "case %zu as %s: exit %d, signal %d: %s", i, forms[f], result.exit_code, result.signal,
                         result.err);
            if (cases[i].error != NULL)
                cr_expect_not_null(strstr(result.err, cases[i].error), "case %zu: %s", i, result.err);
            cr_expect_null(strchr(result.out, 27), "case %zu: no control character comes through", i);
            if (cases[i].error == NULL && f == 3) {
                expect_balanced(result.out);
                cr_expect_null(strstr(result.out, "nan"), "case %zu: %s", i, result.out);
                cr_expect_null(strstr(result.out, "inf"), "case %zu: %s", i, result.out);
            }
            process_result_free(&result);
        }
    }
}

Test(bench, mistakes_are_said)
{
    static const struct {
        const char *argv[12], *text;
        int code;
    } cases[] = {
        {{SETUN_COMMAND, "bench", "-p", "0", "-n", "0"}, "nothing to measure", 2},
        {{SETUN_COMMAND, "bench", "-t", "0"}, "--threads 0: expected whole numbers from 1 to 1024", 2},
        {{SETUN_COMMAND, "bench", "-b", "1,,2"}, "--batch 1,,2: expected whole numbers", 2},
        {{SETUN_COMMAND, "bench", "-d", "-1"}, "--depth", 2},
        {{SETUN_COMMAND, "bench", "-o", "text"}, "table|json|csv|svg", 2},
        {{SETUN_COMMAND, "bench", "-r", "0"}, "--repeats takes a whole number from 1", 2},
        {{SETUN_COMMAND, "bench", "-b", "1025"}, "--batch 1025: expected whole numbers from 1 to 1024", 2},
        {{SETUN_COMMAND, "bench", "--profile", "-o", "csv"}, "--profile: its times are in the forms table and json only", 2},
        {{SETUN_COMMAND, "bench", "--profile", "-o", "svg"}, "--profile", 2},
        {{SETUN_COMMAND, "bench", "--from", "no-such-file"}, "no-such-file: No such file", 1},
        {{SETUN_COMMAND, "bench", "-p", "100", "-n", "1", "--context", "50"}, "a context of 50 is too short for 100 positions", 1},
        {{SETUN_COMMAND, "bench", "--head", "full,ful"}, "did you mean 'full'?", 2},
        {{SETUN_COMMAND, "bench", "--head", "full,"}, "--head takes one of auto|full|screened|resident|int8, not ''", 2},
        {{SETUN_COMMAND, "bench", "-p", "0", "-n", "1", "--head", "auto,screened"}, "--head: two of them are the same for this model, 'screened'", 1},
        {{SETUN_COMMAND, "bench", "-m", "no-such-model"}, "no-such-model", 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        process_result result;

        process_run(cases[i].argv, &(process_options){0}, &result);
        cr_expect_eq(result.exit_code, cases[i].code, "case %zu: exit %d: %s", i, result.exit_code, result.err);
        cr_expect_not_null(strstr(result.err, cases[i].text), "case %zu: %s", i, result.err);
        process_result_free(&result);
    }
}
