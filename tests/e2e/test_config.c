/* test_config.c - `--config FILE`: the same output whatever the file says of speed, the command line wins over it, errors say where. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "process.h"

static char folder[64], path[128];

static void setup(void)
{
    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/settings.yaml", folder);
}

static void teardown(void)
{
    folder_remove(folder);
}

TestSuite(config, .init = setup, .fini = teardown);

static void settings(const char *text)
{
    file_write(path, text, strlen(text));
}

static void expect_in(const char *haystack, const char *needle)
{
    cr_expect(strstr(haystack, needle) != NULL, "expected '%s' in '%s'", needle, haystack);
}

Test(config, settings_change_the_session_and_not_the_text)
{
    process_result plain, result;

    setun_command(&plain, "run", "-p", "Once upon a time", "-n", "12", "--temp", "0", "--kv", "f32", NULL);
    cr_assert_eq(plain.exit_code, 0, "%s", plain.err);
    settings("model: fable\nthreads: 1\nchunk: 3\ncontext: 40\nkv: f32\nbackends: [scalar]\nkernels:\n"
             "  - {op: linear, weight: \"attn_*\", phase: prefill, backend: scalar}\n");
    setun_command(&result, "run", "-p", "Once upon a time", "-n", "12", "--temp", "0", "--config", path, "-v", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_expect_str_eq(result.out, plain.out);
    expect_in(result.err, "session: 1 threads, passes of 3 tokens, 1 sequences of 40, f32 cache");
    process_result_free(&result);

    /* The command line wins, also with what is the default. */
    setun_command(&result, "run", "-p", "Once upon a time", "-n", "12", "--temp", "0", "--config", path, "-v", "--kv", "f16", "--chunk", "64",
                  "-t", "2", "--context", "50", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    expect_in(result.err, "session: 2 threads, passes of 64 tokens, 1 sequences of 50, f16 cache");
    process_result_free(&result);
    process_result_free(&plain);
}

/* As its first lines invite people to do, where nothing but the library's own folder says where plugins are. */
Test(config, the_sample_runs)
{
    static const char *const environment[] = {"SETUN_PLUGIN_PATH=", NULL};
    const process_options options = {.environment = environment};
    const char *argv[] = {SETUN_COMMAND, "run", "-p", "Once upon a time", "-n", "8", "--temp", "0", "--config",
                          SETUN_SOURCE_DIR "/configs/runtime.yaml", NULL};
    process_result plain, result;

    process_run(argv, &options, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    argv[8] = NULL;
    process_run(argv, &options, &plain);
    cr_assert_eq(plain.exit_code, 0, "%s", plain.err);
    cr_expect_str_eq(result.out, plain.out);
    process_result_free(&plain);
    process_result_free(&result);
}

Test(config, the_command_line_names_backends_and_models)
{
    process_result result;

    settings("model: no-such-model\nbackends: [no-such-backend]\nkernels: [{op: add, backend: no-such-backend}]\n");
    setun_command(&result, "run", "-p", "x", "-n", "1", "--config", path, NULL);
    cr_assert_eq(result.exit_code, 1);
    expect_in(result.err, "model 'no-such-model'");
    process_result_free(&result);
    setun_command(&result, "tokenize", "x", "--config", path, NULL);
    cr_assert_eq(result.exit_code, 1);
    expect_in(result.err, "model 'no-such-model'");
    process_result_free(&result);
    setun_command(&result, "run", "-p", "x", "-n", "1", "--config", path, "-m", "fable", NULL);
    cr_assert_eq(result.exit_code, 1);
    expect_in(result.err, "backend 'no-such-backend' is not loaded");
    process_result_free(&result);
    setun_command(&result, "run", "-p", "x", "-n", "1", "--config", path, "-m", "fable", "--backend", "scalar", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
}

Test(config, model_commands_take_it)
{
    process_result result;

    settings("kernels:\n  - {op: linear, weight: attn_w, backend: scalar}\n");
    setun_command(&result, "model", "check", "fable", "--config", path, NULL); /* whether the settings fit the model */
    cr_assert_eq(result.exit_code, 1);
    expect_in(result.err, "settings.yaml:2:5: no node of ");
    process_result_free(&result);
    settings("context: 100\nthreads: 1\n");
    setun_command(&result, "model", "check", "--config", path, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    expect_in(result.out, "can run on 1 threads");
    expect_in(result.out, "KV cache of 100 positions");
    process_result_free(&result);
    setun_command(&result, "topo", "--config", path, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    expect_in(result.out, "threads     1, as asked");
    process_result_free(&result);
}

/* Where the environment names no folders the file does: an unreadable one is an error of the plugin search. */
Test(config, plugin_folders)
{
    static const char *const environment[] = {"SETUN_PLUGIN_PATH=", NULL};
    const process_options options = {.environment = environment};
    static const char *const commands[][4] = {{"plugins", "list"}, {"kernels", "list"}, {"kernels", "check"}, {"topo"}, {"run", "-p", "x"}, {"score", "-f", "/dev/null"}};
    char text[256];

    (void)snprintf(text, sizeof(text), "plugins: [%s/missing]\n", folder);
    settings(text);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const char *argv[8] = {SETUN_COMMAND};
        process_result result;
        int n = 1;

        for (int k = 0; k < 4 && commands[i][k] != NULL; k++)
            argv[n++] = commands[i][k];
        argv[n++] = "--config";
        argv[n++] = path;
        process_run(argv, &options, &result);
        cr_expect_eq(result.exit_code, 1, "%s: %s", commands[i][0], result.err);
        expect_in(result.err, "/missing");
        process_result_free(&result);
    }
}

Test(config, mistakes)
{
    process_result result;

    settings("kv: f16\nthread: 3\n");
    setun_command(&result, "run", "-p", "x", "--config", path, NULL);
    cr_assert_eq(result.exit_code, 1);
    cr_assert_eq(result.n_out, 0);
    expect_in(result.err, "settings.yaml:2:1: settings: unknown key 'thread', did you mean 'threads'?");
    cr_assert(strchr(result.err, '\n') == result.err + result.n_err - 1, "not one line: %s", result.err);
    process_result_free(&result);
    settings("backends: [scalar]\nallow_scalar: false\n"); /* asked for by name */
    setun_command(&result, "run", "-p", "x", "-n", "1", "--config", path, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
    setun_command(&result, "run", "-p", "x", "--config", "/nowhere/at/all.yaml", NULL);
    cr_assert_eq(result.exit_code, 1);
    expect_in(result.err, "/nowhere/at/all.yaml: No such file");
    process_result_free(&result);
    setun_command(&result, "run", "-p", "x", "--config", folder, NULL);
    cr_assert_eq(result.exit_code, 1);
    expect_in(result.err, "expected a regular file, found a directory");
    process_result_free(&result);
}
