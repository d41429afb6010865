/* test_command.c - `setun kernels list` and `check` as a person or a script sees them: exit status, the seed, what was skipped. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* Standard output of `setun kernels <arguments>`; both streams if the shell is told so. */
static int run(const char *environment, const char *arguments, char *text, size_t n_bytes)
{
    char line[2000];
    FILE *pipe;
    size_t n;
    int status;

    (void)snprintf(line, sizeof(line), "%s %s kernels %s", environment, SETUN_COMMAND, arguments);
    pipe = popen(line, "r");
    cr_assert_not_null(pipe);
    n = fread(text, 1, n_bytes - 1, pipe);
    text[n] = '\0';
    status = pclose(pipe);
    cr_assert(WIFEXITED(status), "%s", line);
    return WEXITSTATUS(status);
}

static json_t *run_json(const char *environment, const char *arguments, int expected)
{
    static char text[1 << 18];
    const int code = run(environment, arguments, text, sizeof(text));
    json_error_t error;
    json_t *root = json_loads(text, 0, &error);

    cr_assert_eq(code, expected, "%s: exit status %d: %s", arguments, code, text);
    cr_assert_not_null(root, "%s: %s: %s", arguments, error.text, text);
    return root;
}

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *word(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

Test(kernels_command, list_says_what_each_kernel_is)
{
    json_t *root = run_json("", "list --backend scalar --op linear -o json", 0), *list = json_object_get(root, "kernels"), *kernel;
    size_t i, n_ternary = 0;
    char text[4000];

    json_array_foreach(list, i, kernel)
    {
        cr_expect_str_eq(word(kernel, "pattern"), "linear");
        cr_expect_str_eq(word(kernel, "backend"), "scalar");
        cr_expect(json_is_true(json_object_get(kernel, "exact")) && json_is_true(json_object_get(kernel, "usable")));
        if (strcmp(word(kernel, "fmts"), "i8.row+f32,tern2.row+f32>f32") == 0) {
            n_ternary++;
            cr_expect(number(kernel, "acc_bits") == 32 && number(kernel, "k_max") == 16777215);
        }
    }
    cr_expect_eq(n_ternary, 1);
    json_decref(root);
    cr_assert_eq(run("", "list --kernel linear_i8row_tern2row_f32__scalar", text, sizeof(text)), 0);
    cr_expect(strstr(text, "i32") != NULL && strstr(text, "16777215") != NULL && strstr(text, "any CPU") != NULL, "%s", text);
}

Test(kernels_command, check_counts_and_prints_its_seed)
{
    json_t *root = run_json("", "check --backend scalar --op add --seed 12345 -o json", 0);
    char text[4000];

    cr_expect(number(root, "seed") == 12345 && number(root, "passed") == 1 && number(root, "failed") == 0 && number(root, "skipped") == 0);
    cr_expect_gt(number(json_array_get(json_object_get(root, "results"), 0), "cases"), 20);
    json_decref(root);
    cr_assert_eq(run("", "check --backend scalar --op add", text, sizeof(text)), 0);
    cr_expect_eq(strncmp(text, "seed ", 5), 0, "%s", text);
    cr_expect(strstr(text, "1 passed, 0 failed, 0 skipped") != NULL, "%s", text);
}

Test(kernels_command, a_failure_is_exit_status_1)
{
    json_t *root = run_json("", "check --plugin " SETUN_FAULTY_DIR "/SIGN.so --seed 1 -o json", 1), *result;
    char text[4000];

    result = json_array_get(json_object_get(root, "results"), 0);
    cr_expect(number(root, "failed") == 1 && number(root, "passed") == 0);
    cr_expect_str_eq(word(result, "status"), "fail");
    cr_expect_str_eq(word(result, "kind"), "value");
    cr_expect(strstr(word(result, "text"), "seed 1") != NULL, "%s", word(result, "text"));
    json_decref(root);
    cr_assert_eq(run("", "check --plugin " SETUN_FAULTY_DIR "/WRITE_INPUT.so --seed 1", text, sizeof(text)), 1);
    cr_expect(strstr(text, "fail  linear_i8row_tern2row_f32__faulty") != NULL && strstr(text, "crash: ") != NULL, "%s", text);
}

/* A kernel that ends the process, with status 0 even, is a failure like any other. */
Test(kernels_command, no_kernel_ends_the_check)
{
    json_t *root = run_json("", "check --plugin " SETUN_FAULTY_DIR "/EXIT_NOW.so --seed 1 -o json", 1), *result;

    result = json_array_get(json_object_get(root, "results"), 0);
    cr_expect(number(root, "failed") == 1 && number(root, "passed") == 0);
    cr_expect_str_eq(word(result, "kind"), "exit");
    json_decref(root);
}

/* Neither passed nor failed: exit status 0, and the count says so. */
Test(kernels_command, missing_features_are_skipped_by_name)
{
    json_t *root = run_json("", "check --plugin " SETUN_FAULTY_DIR "/NEEDS_CPU.so -o json", 0), *kernel;

    cr_expect(number(root, "skipped") == 1 && number(root, "passed") == 0 && number(root, "failed") == 0);
    json_decref(root);
    root = run_json("", "list --plugin " SETUN_FAULTY_DIR "/NEEDS_CPU.so -o json", 0);
    kernel = json_array_get(json_object_get(root, "kernels"), 0);
    cr_expect(json_is_false(json_object_get(kernel, "usable")) && json_array_size(json_object_get(kernel, "cpu_missing")) >= 1);
    json_decref(root);
}

/* A plugin that the CPU cannot run is skipped by its file's name, whatever else the options choose. */
Test(kernels_command, refused_plugins_are_skipped_under_filters)
{
    static const char *const filters[] = {"--op add", "--backend avx512", "--kernel add_f32_f32_f32__avx512",
                                          "--plugin " SETUN_PLUGIN_OUTPUT_DIR "/avx512.so --op add"};
    char arguments[1000], text[8000];

    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        (void)snprintf(arguments, sizeof(arguments), "check %s 2>&1", filters[i]);
        cr_expect_eq(run("SETUN_CPU=sse", arguments, text, sizeof(text)), 0, "%s: %s", filters[i], text);
        cr_expect(strstr(text, "skip  ") != NULL && strstr(text, "avx512.so") != NULL, "%s: %s", filters[i], text);
        cr_expect(strstr(text, "0 skipped") == NULL, "%s: %s", filters[i], text);
        cr_expect_eq(strstr(text, "(what it may have of op add: ") != NULL, strstr(filters[i], "--op add") != NULL, "%s: %s", filters[i], text);
    }
    cr_expect_eq(run("SETUN_CPU=sse", "check --backend avx51 2>&1", text, sizeof(text)), 1);
    cr_expect(strstr(text, "'avx51'") != NULL, "%s", text);
}

/* An empty list is explained on the standard error; one with kernels is not. */
Test(kernels_command, list_of_a_refused_plugin)
{
    static const char *const choices[] = {"--backend avx512", "--kernel add_f32_f32_f32__avx512", "--plugin " SETUN_PLUGIN_OUTPUT_DIR "/avx512.so"};
    char arguments[1000], text[8000];

    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        (void)snprintf(arguments, sizeof(arguments), "list %s 2>&1 >/dev/null", choices[i]);
        cr_expect_eq(run("SETUN_CPU=sse", arguments, text, sizeof(text)), 0, "%s: %s", choices[i], text);
        cr_expect(strstr(text, "/avx512.so was refused: ") != NULL, "%s: %s", choices[i], text);
    }
    cr_expect_eq(run("SETUN_CPU=sse", "list --backend scalar 2>&1 >/dev/null", text, sizeof(text)), 0);
    cr_expect_str_eq(text, "");
}

#if defined(__x86_64__)
/* Tiles that the machine lacks, or that a cap takes away; the line says which features are wanting. */
Test(kernels_command, amx_is_skipped_by_name)
{
    static const char *const caps[] = {"SETUN_CPU=avx512", "SETUN_CPU=native,-amx", "SETUN_CPU=amx,-amx_tile", "SETUN_CPU=amx,-amx_int8"};
    char text[8000];

    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        cr_expect_eq(run(caps[i], "check --op probe_int8 --backend amx 2>&1", text, sizeof(text)), 0, "%s: %s", caps[i], text);
        cr_expect(strstr(text, "skip  ") != NULL && strstr(text, "/amx.so") != NULL && strstr(text, "amx_int8") != NULL, "%s: %s", caps[i], text);
        cr_expect(strstr(text, "0 passed, 0 failed, 1 skipped") != NULL, "%s: %s", caps[i], text);
    }
    /* AVX-VNNI is a kernel's own wish: its plugin is loaded, and the kernel skipped. */
    cr_expect_eq(run("SETUN_CPU=avx2,-vnni", "check --kernel probe_int8_f32_f32__avxvnni", text, sizeof(text)), 0, "%s", text);
    cr_expect(strstr(text, "avx_vnni") != NULL && strstr(text, "0 passed, 0 failed, 1 skipped") != NULL, "%s", text);
}
#endif

Test(kernels_command, mistakes)
{
    char text[4000];

    cr_expect_eq(run("", "check --plugin /nowhere.so 2>&1", text, sizeof(text)), 1);
    cr_expect(strstr(text, "setun kernels check: /nowhere.so: ") != NULL, "%s", text);
    cr_expect_eq(run("", "check --op linaer 2>&1", text, sizeof(text)), 1);
    cr_expect(strstr(text, "'linaer'") != NULL, "%s", text);
    cr_expect_eq(run("", "check --op add --kernel linear_i8row_tern2row_f32__scalar 2>&1", text, sizeof(text)), 1);
    cr_expect_str_eq(text, "setun kernels check: no loaded plugin has a kernel with name linear_i8row_tern2row_f32__scalar op add\n");
    cr_expect_eq(run("", "check --op add 2>&1 >/dev/full", text, sizeof(text)), 1);
    cr_expect_str_eq(text, "setun kernels check: standard output: No space left on device\n");
    cr_expect_eq(run("", "check --seed x 2>&1", text, sizeof(text)), 2);
    cr_expect_eq(run("", "chekc 2>&1", text, sizeof(text)), 2);
    cr_expect(strstr(text, "did you mean 'kernels check'?") != NULL, "%s", text);
}
