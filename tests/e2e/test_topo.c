/* test_topo.c - `setun topo`: this machine and imagined ones. */
#include <criterion/criterion.h>
#include <string.h>

#include "fixture.h"
#include "process.h"

static json_t *topo(const char *const *arguments, const char *const *environment)
{
    const char *argv[12] = {SETUN_COMMAND, "topo", "-o", "json"};
    const process_options options = {.environment = environment};
    process_result result;
    json_error_t error;
    json_t *got;
    size_t n = 4;

    for (; *arguments != NULL; arguments++)
        argv[n++] = *arguments;
    process_run(argv, &options, &result);
    cr_assert_eq(result.exit_code, 0, "exit %d: %s", result.exit_code, result.err);
    got = json_loadb(result.out, result.n_out, 0, &error);
    cr_assert(got != NULL, "%s", error.text);
    process_result_free(&result);
    return got;
}

static json_int_t number(const json_t *object, const char *key)
{
    cr_assert(json_is_integer(json_object_get(object, key)), "%s", key);
    return json_integer_value(json_object_get(object, key));
}

Test(topo, imagined)
{
    const char *const arguments[] = {"--synthetic", "pack:2 numa:1 core:4 pu:2", "-t", "6", NULL};
    json_t *got = topo(arguments, NULL);
    const json_t *processors = json_object_get(got, "processors"), *first = json_array_get(processors, 2);

    cr_expect(json_is_true(json_object_get(got, "imagined")));
    cr_expect(number(got, "packages") == 2 && number(got, "nodes") == 2 && number(got, "cores") == 8 && number(got, "threads") == 6);
    cr_expect_eq(json_array_size(processors), 16);
    cr_expect_str_eq(json_string_value(json_object_get(first, "use")), "worker");
    cr_expect_eq(number(first, "worker"), 1);
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(processors, 3), "use")), "sibling");
    cr_expect(json_is_null(json_object_get(json_array_get(processors, 3), "worker")));
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(processors, 6), "use")), "spare");
    cr_expect_eq(number(json_array_get(processors, 8), "worker"), 3);
    cr_expect_eq(number(json_array_get(json_object_get(got, "numa"), 1), "workers"), 3);
    cr_expect_null(json_object_get(got, "cpu"), "an imagined machine has no CPU features");
    json_decref(got);
}

Test(topo, this_machine_under_a_cap)
{
    const char *const none[] = {NULL}, *const environment[] = {"SETUN_CPU=sse", NULL};
    json_t *got = topo(none, environment);
    const json_t *cpu = json_object_get(got, "cpu");

    cr_expect(json_is_false(json_object_get(got, "imagined")));
    cr_expect_gt(json_string_length(json_object_get(cpu, "model")), 0u);
    cr_expect(json_array_size(json_object_get(cpu, "features")) <= 2, "sse41 and popcnt at most");
#if defined(__AVX2__) || defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        cr_expect_gt(json_array_size(json_object_get(cpu, "masked")), 0u);
#endif
    cr_expect_gt(number(got, "threads"), 0);
    cr_expect(json_is_string(json_object_get(json_object_get(got, "huge_pages"), "transparent")));
    cr_expect_gt(json_array_size(json_object_get(got, "backends")), 0u);
    json_decref(got);
}

Test(topo, text)
{
    process_result result;

    setun_command(&result, "topo", "-v", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_expect(strncmp(result.out, "machine ", 8) == 0 && strstr(result.out, "\nthreads ") != NULL && strstr(result.out, "\nbackends ") != NULL &&
                  strstr(result.out, "\nhuge pages ") != NULL && strstr(result.out, "\nPROCESSOR ") != NULL && strstr(result.out, "worker 0") != NULL,
              "%s", result.out);
    cr_expect_eq(result.n_err, 0, "%s", result.err);
    process_result_free(&result);

    setun_command(&result, "topo", "--synthetic", "pack:1 core:8 pu:2", "-t", "4", NULL);
    cr_expect(strstr(result.out, "0-6 by 2") != NULL, "%s", result.out);
    cr_expect(strstr(result.out, "1-15 by 2\n    hardware threads (SMT)") != NULL, "%s", result.out);
    cr_expect(strstr(result.out, "8-14 by 2\n    there are fewer threads") != NULL, "%s", result.out);
    process_result_free(&result);
    setun_command(&result, "topo", "--synthetic", "pack:1 core:4 pu:1", "-t", "11", NULL); /* some cores have three workers, one two */
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_expect(strstr(result.out, "  0-10  ") != NULL, "%s", result.out);
    process_result_free(&result);
}

static void expect_mistake(int code, const char *text, const char *a, const char *b, const char *c, const char *d)
{
    process_result result;

    setun_command(&result, "topo", a, b, c, d, NULL);
    cr_expect_eq(result.exit_code, code, "%s %s: exit %d", a, b, result.exit_code);
    cr_expect_eq(result.n_out, 0, "%s", result.out);
    cr_expect(strstr(result.err, "setun topo: ") == result.err && strstr(result.err, text) != NULL, "%s", result.err);
    cr_expect_eq(strchr(result.err, '\n'), result.err + result.n_err - 1, "more than one line: %s", result.err);
    process_result_free(&result);
}

Test(topo, mistakes)
{
    expect_mistake(1, "'nonsense'", "--synthetic", "nonsense", NULL, NULL);
    expect_mistake(1, "/nonexistent.xml: No such file", "--xml", "/nonexistent.xml", NULL, NULL);
    expect_mistake(1, "config.json: hwloc does not understand", "--xml", FABLE "/config.json", NULL, NULL);
    expect_mistake(2, "exclude each other", "--xml", "a", "--synthetic", "pu:2");
    expect_mistake(2, "from 1 to 1024", "-t", "0", NULL, NULL);
    expect_mistake(2, "unexpected 'word'", "word", NULL, NULL, NULL);
}
