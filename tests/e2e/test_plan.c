/* test_plan.c - `setun plan` and `setun kernels tune`: what was measured decides, and a plan is what a file expects or the first difference. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "process.h"

static char folder[64], times[128], plan_file[128];

static void setup(void)
{
    folder_make(folder);
    (void)snprintf(times, sizeof(times), "%s/times.yaml", folder);
    (void)snprintf(plan_file, sizeof(plan_file), "%s/plan.json", folder);
}

static void teardown(void)
{
    folder_remove(folder);
}

TestSuite(plan, .init = setup, .fini = teardown);

static void expect_in(const char *haystack, const char *needle)
{
    cr_expect(strstr(haystack, needle) != NULL, "expected '%s' in '%s'", needle, haystack);
}

/* Times of one kernel of linear at one shape, with two threads, of this CPU: what it is called is copied from a file that the command makes.
 * `cpu`: another one's; NULL: this one. */
static void write_times(const char *cpu, const char *shape, const char *kernel, const char *ns)
{
    process_result result;
    char head[1000], text[2000], *rest, *cpu_line;
    FILE *file;

    setun_command(&result, "kernels", "tune", "--op", "add", "--rows", "1", "-t", "1", "-r", "1", "--seconds", "0.0001", "--out", times, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
    file = fopen(times, "r");
    cr_assert_not_null(file);
    head[fread(head, 1, sizeof(head) - 1, file)] = '\0';
    (void)fclose(file);
    rest = strstr(head, "\nfeatures:");
    cpu_line = strstr(head, "\ncpu:");
    cr_assert(rest != NULL && cpu_line != NULL && strstr(rest, "\ncases:") != NULL, "%s", head);
    *strstr(rest, "\ncases:") = '\0';
    if (cpu == NULL)
        (void)snprintf(text, sizeof(text), "%s\n", head);
    else
        (void)snprintf(text, sizeof(text), "setun_tuning: 1\ncpu: \"%s\"%s\n", cpu, rest);
    (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "cases:\n  - {op: linear, shape: %s, rows: 1, threads: 2, ns: {%s: %s}}\n", shape,
                   kernel, ns);
    file_write(times, text, strlen(text));
}

/* The step of that weight in a plan printed as JSON. */
static json_t *step_of(const char *text, const char *weight)
{
    json_t *root = json_loads(text, 0, NULL), *list, *step;
    size_t i;

    cr_assert_not_null(root, "%s", text);
    list = json_object_get(root, "steps");
    json_array_foreach(list, i, step)
    {
        if (strcmp(json_string_value(json_object_get(step, "weight")), weight) == 0) {
            json_incref(step);
            json_decref(root);
            return step;
        }
    }
    cr_assert_fail("no step of %s in %s", weight, text);
    return NULL;
}

static void expect_kernel(const char *text, const char *weight, const char *kernel, const char *why)
{
    json_t *step = step_of(text, weight);

    cr_expect_str_eq(json_string_value(json_object_get(step, "kernel")), kernel);
    cr_expect_str_eq(json_string_value(json_object_get(step, "why")), why);
    json_decref(step);
}

#define PLAN "plan", "--phase", "decode", "-t", "2", "-o", "json"

Test(plan, measured_times_decide_and_are_said)
{
    process_result result;

    write_times(NULL, "256x768", "linear_i8row_tern2row_f32__scalar", "1");
    setun_command(&result, PLAN, "--tuning", times, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    expect_kernel(result.out, "ffn_down", "linear_i8row_tern2row_f32__scalar", "measured");
    cr_expect_str_neq(json_string_value(json_object_get(step_of(result.out, "attn_q"), "why")), "measured");
    process_result_free(&result);

    setun_command(&result, "plan", "--phase", "decode", "-t", "2", "--tuning", times, "-v", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    expect_in(result.out, "measured, of ");
    expect_in(result.err, "measured times: 1 of ");
    process_result_free(&result);

    /* The same text from a kernel that the estimates would never choose. */
    {
        process_result plain;

        setun_command(&plain, "run", "-p", "Once upon a time", "-n", "8", "--temp", "0", "-t", "2", NULL);
        setun_command(&result, "run", "-p", "Once upon a time", "-n", "8", "--temp", "0", "-t", "2", "--tuning", times, NULL);
        cr_assert_eq(result.exit_code, 0, "%s", result.err);
        cr_expect_str_eq(result.out, plain.out);
        process_result_free(&result);
        process_result_free(&plain);
    }
}

Test(plan, times_of_another_cpu_are_said_once_and_not_used)
{
    process_result result;

    write_times("Another CPU", "256x768", "linear_i8row_tern2row_f32__scalar", "1");
    setun_command(&result, PLAN, "--tuning", times, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    expect_in(result.err, "are not used: they are of Another CPU, this is ");
    cr_expect_null(strstr(strstr(result.err, "are not used") + 1, "are not used"), "once: %s", result.err);
    cr_expect_str_neq(json_string_value(json_object_get(step_of(result.out, "ffn_down"), "why")), "measured");
    process_result_free(&result);
}

/* The kernels that are hidden from a measurement are those that a session without the mask wants. */
Test(plan, times_measured_under_a_mask)
{
    char variable[160], home[160];
    const char *const masked[] = {"SETUN_CPU=avx2,-vnni", variable, NULL}, *const open[] = {variable, NULL};
    const char *const tune[] = {SETUN_COMMAND, "kernels", "tune", "--op", "linear", "--rows", "1", "-t", "2", "-r", "1", "--seconds", "0.0001", NULL};
    const char *const tune_file[] = {SETUN_COMMAND, "kernels", "tune", "--op", "linear", "--rows", "1", "-t", "2", "-r", "1", "--seconds", "0.0001", "--out", times, NULL};
    const char *const plan_home[] = {SETUN_COMMAND, PLAN, NULL}, *const plan_times[] = {SETUN_COMMAND, PLAN, "--tuning", times, NULL};
    const struct {
        const char *const *argv, *const *environment;
        bool is_measured, is_said;
    } runs[] = {{plan_home, masked, true, false}, {plan_home, open, false, false}, {plan_times, masked, true, false}, {plan_times, open, false, true}};
    const char *const plugins[] = {SETUN_COMMAND, "plugins", "list", NULL};
    process_result result, all;

    (void)snprintf(variable, sizeof(variable), "XDG_CACHE_HOME=%s/cache", folder);
    (void)snprintf(home, sizeof(home), "%s/cache/setun/tuned/", folder);
    process_run(plugins, &(process_options){.environment = masked}, &result);
    process_run(plugins, &(process_options){.environment = open}, &all);
    if (strcmp(result.out, all.out) == 0 || strstr(result.out, "avx2") == NULL)
        cr_skip_test("a mask leaves nothing to choose, or this CPU has no more than it leaves");
    process_result_free(&result);
    process_result_free(&all);
    process_run(tune, &(process_options){.environment = masked}, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    expect_in(result.out, home);
    process_result_free(&result);
    process_run(tune_file, &(process_options){.environment = masked}, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        json_t *step;

        process_run(runs[i].argv, &(process_options){.environment = runs[i].environment}, &result);
        cr_assert_eq(result.exit_code, 0, "%s", result.err);
        step = step_of(result.out, "ffn_down");
        cr_expect_eq(strcmp(json_string_value(json_object_get(step, "why")), "measured") == 0, runs[i].is_measured, "run %zu", i);
        json_decref(step);
        if (runs[i].is_said) {
            expect_in(result.err, "are not used: they are without ");
            expect_in(result.err, ", in effect here");
        } else {
            cr_expect_str_eq(result.err, "");
        }
        process_result_free(&result);
    }
}

Test(plan, a_rule_goes_first)
{
    process_result result;
    char settings[128], text[300];

    (void)snprintf(settings, sizeof(settings), "%s/settings.yaml", folder);
    (void)snprintf(text, sizeof(text), "tuning: %s\nkernels:\n  - {op: linear, weight: ffn_down, kernel: linear_i8row_tern2row_f32__scalar}\n", times);
    write_times(NULL, "256x768", "linear_i8row_tern2row_f32__scalar", "1000000000");
    file_write(settings, text, strlen(text));
    setun_command(&result, PLAN, "--config", settings, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    expect_kernel(result.out, "ffn_down", "linear_i8row_tern2row_f32__scalar", "rule");
    expect_in(result.out, "settings.yaml:3:5");
    process_result_free(&result);
}

/* A file in the cache of the user's is found by itself; a broken one is said, and nothing stops. */
Test(plan, the_users_own_file)
{
    char variable[160];
    const char *const environment[] = {variable, NULL};
    const process_options options = {.environment = environment};
    const char *const tune[] = {SETUN_COMMAND, "kernels", "tune", "--op", "linear", "--rows", "1", "-t", "2", "-r", "1", "--seconds", "0.0001", "-o", "json", NULL};
    const char *const plan[] = {SETUN_COMMAND, PLAN, NULL};
    process_result result;
    json_t *root;

    (void)snprintf(variable, sizeof(variable), "XDG_CACHE_HOME=%s/cache", folder);
    process_run(tune, &options, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    root = json_loads(result.out, 0, NULL);
    cr_assert_not_null(root, "%s", result.out);
    (void)snprintf(times, sizeof(times), "%s", json_string_value(json_object_get(root, "file")));
    cr_expect_eq(strncmp(times, folder, strlen(folder)), 0, "%s", times);
    json_decref(root);
    process_result_free(&result);
    process_run(plan, &options, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_expect_str_eq(json_string_value(json_object_get(step_of(result.out, "ffn_down"), "why")), "measured");
    process_result_free(&result);

    file_write(times, "rubbish: [", 10);
    process_run(plan, &options, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    expect_in(result.err, "measured times are not used");
    process_result_free(&result);
    setun_command(&result, PLAN, "--tuning", times, NULL);
    cr_expect_eq(result.exit_code, 1, "what was asked for must be right");
    process_result_free(&result);
    (void)strcat(times, "x");
    setun_command(&result, PLAN, "--tuning", times, NULL);
    cr_expect_eq(result.exit_code, 1, "and there");
    process_result_free(&result);
}

Test(plan, expected)
{
    process_result result;
    char *first;

    setun_command(&result, "plan", "-t", "2", "-o", "json", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    file_write(plan_file, result.out, result.n_out);
    process_result_free(&result);
    setun_command(&result, "plan", "-t", "2", "--expect", plan_file, NULL);
    cr_expect_eq(result.exit_code, 0, "%s", result.err);
    cr_expect_str_eq(result.out, "");
    process_result_free(&result);

    /* Other kernels, another packing. */
    setun_command(&result, "plan", "-t", "2", "--backend", "scalar", "-o", "json", NULL);
    first = strdup(result.out);
    file_write(plan_file, result.out, result.n_out);
    process_result_free(&result);
    setun_command(&result, "plan", "-t", "2", "--backend", "scalar", "--expect", plan_file, NULL);
    cr_expect_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
    write_times(NULL, "256x768", "linear_i8row_tern2r16k16_f32__avx2_1x16", "1");
    {
        char *at = strstr(first, "linear_i8row_tern2row_f32__scalar");

        cr_assert_not_null(at);
        at[0] = 'L';
        file_write(plan_file, first, strlen(first));
        setun_command(&result, "plan", "-t", "2", "--backend", "scalar", "--expect", plan_file, NULL);
        cr_expect_eq(result.exit_code, 1);
        expect_in(result.err, "expected 'decode linear attn_q 5 Linear_i8row_tern2row_f32__scalar tern2.row+f32', found 'decode linear attn_q 5 "
                              "linear_i8row_tern2row_f32__scalar tern2.row+f32'");
        process_result_free(&result);
    }
    free(first);

    /* A phase fewer. */
    setun_command(&result, "plan", "-t", "2", "--backend", "scalar", "--phase", "decode", "-o", "json", NULL);
    file_write(plan_file, result.out, result.n_out);
    process_result_free(&result);
    setun_command(&result, "plan", "-t", "2", "--backend", "scalar", "--expect", plan_file, NULL);
    cr_expect_eq(result.exit_code, 1);
    expect_in(result.err, " steps, found ");
    process_result_free(&result);
}

/* A bar for each row of the table, with its kernel's name. */
Test(plan, picture)
{
    process_result result, table;
    size_t n_bars = 0, n_rows = 0;

    setun_command(&result, "plan", "--phase", "decode", "--backend", "scalar", "-o", "svg", NULL);
    setun_command(&table, "plan", "--phase", "decode", "--backend", "scalar", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    expect_in(result.out, "<svg");
    expect_in(result.out, "</svg>");
    expect_in(result.out, "linear_i8row_tern2row_f32__scalar, tern2.row+f32");
    for (const char *at = result.out; (at = strstr(at, "<title>")) != NULL; at++)
        n_bars++;
    for (const char *at = table.out; (at = strstr(at, "__scalar")) != NULL; at++)
        n_rows++;
    cr_expect_gt(n_rows, 15);
    cr_expect_eq(n_bars, n_rows + 1, "%zu, and the picture's own title; %zu rows", n_bars, n_rows);
    process_result_free(&table);
    process_result_free(&result);
}

/* fable's widest op multiplies gate and up: three rows of its feed-forward size in f32. */
Test(plan, passes_are_as_long_as_the_caches_allow)
{
    static const struct {
        const char *machine, *chunk;
        int64_t     cache_bytes; /* 0: not known, or not asked */
    } cases[] = {{"HWLOC_SYNTHETIC=l3:1(size=1500000) core:2 pu:1", NULL, 1500000}, {"HWLOC_SYNTHETIC=l3:1(size=100000) core:2 pu:1", NULL, 100000},
                 {"HWLOC_SYNTHETIC=l2:2(size=700000) core:1 pu:1", NULL, 1400000},  {"HWLOC_SYNTHETIC=core:2 pu:1", NULL, 0},
                 {"HWLOC_SYNTHETIC=l3:1(size=1500000) core:2 pu:1", "300", 0}};
    json_t *config = json_load_file(FABLE "/config.json", 0, NULL);
    const int64_t row_bytes = 3 * 4 * json_integer_value(json_object_get(config, "intermediate_size"));

    cr_assert_gt(row_bytes, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *const environment[] = {cases[i].machine, NULL};
        const char *argv[] = {SETUN_COMMAND, "plan", "--phase", "prefill", "-t", "2", "-o", "json", cases[i].chunk != NULL ? "--chunk" : NULL, cases[i].chunk, NULL};
        const int64_t fitting = cases[i].cache_bytes / row_bytes / 16 * 16;
        const int64_t expected = cases[i].chunk != NULL ? 300 : cases[i].cache_bytes == 0 || fitting > 256 ? 256 : fitting < 64 ? 64 : fitting;
        process_result result;
        json_t *root;

        process_run(argv, &(process_options){.environment = environment}, &result);
        cr_assert_eq(result.exit_code, 0, "%s", result.err);
        root = json_loads(result.out, 0, NULL);
        cr_expect_eq(json_integer_value(json_object_get(root, "chunk")), expected, "case %zu: %s", i, result.out);
        cr_expect_eq(json_integer_value(json_object_get(root, "chunk_cache_bytes")), cases[i].cache_bytes, "case %zu", i);
        cr_expect_eq(json_integer_value(json_object_get(root, "chunk_row_bytes")), cases[i].chunk != NULL ? 0 : row_bytes, "case %zu", i);
        cr_expect_eq(json_integer_value(json_object_get(json_array_get(json_object_get(root, "steps"), 0), "rows_max")), expected);
        json_decref(root);
        process_result_free(&result);
    }
    json_decref(config);
}

Test(plan, files_that_are_no_plans)
{
    static const struct {
        const char *text, *expected;
    } wrong[] = {{"", "plan.json:"}, {"[1", "plan.json:1:"}, {"[]", "found no list 'steps'"}, {"{\"steps\": 3}", "found no list 'steps'"},
                 {"{\"steps\": [3]}", "step 1: expected '? ? - 0 ? -'"}, {"{\"steps\": []}", "expected 0 steps"}};
    process_result result;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        file_write(plan_file, wrong[i].text, strlen(wrong[i].text));
        setun_command(&result, "plan", "--expect", plan_file, NULL);
        cr_expect_eq(result.exit_code, 1, "%s", wrong[i].text);
        expect_in(result.err, wrong[i].expected);
        process_result_free(&result);
    }
    setun_command(&result, "plan", "--chunk", "1", "--phase", "prefill", NULL);
    cr_expect_eq(result.exit_code, 1);
    expect_in(result.err, "no such phase");
    process_result_free(&result);
}
