/* test_config.c - files of settings: the sample, every key, and every mistake as one line that says where it is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

static setun_config *parse(const char *text)
{
    setun_config *config = NULL;
    setun_error error = {""};

    cr_assert_eq(setun_config_parse("t.yaml", text, strlen(text), &config, &error), SETUN_OK, "%s: %s", text, error.text);
    return config;
}

static const char sample[] = SETUN_SOURCE_DIR "/configs/runtime.yaml";

/* The sample as it stands says what holds anyway. */
Test(config, sample_as_it_stands)
{
    setun_session_options options = {.max_seqs = 7};
    setun_config *config;
    setun_error error = {""};

    cr_assert_eq(setun_config_open(sample, &config, &error), SETUN_OK, "%s", error.text);
    setun_config_apply(config, &options);
    cr_expect_str_eq(setun_config_model(config), "fable");
    cr_expect(options.n_threads == 0 && options.chunk == 0 && options.context == 0 && options.kv == SETUN_KV_F16 &&
              options.head == SETUN_HEAD_AUTO && options.backends == NULL && options.n_rules == 0 && options.avoid == NULL &&
              !options.no_scalar && !options.no_fuse && !options.no_replicate && options.weight_bytes == 0 && options.max_seqs == 7);
    cr_expect_null(setun_config_plugin_path(config));
    setun_config_close(config);
}

/* The sample with its examples, whose keys stand right behind a '#'; the caller frees it. */
static char *sample_with_examples(void)
{
    FILE *file = fopen(sample, "r");
    char *text = calloc(1, 65536), line[1000];
    size_t n = 0;

    cr_assert(file != NULL && text != NULL);
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *from = line[0] == '#' && (line[1] == ' ' ? strncmp(line, "#  - ", 5) == 0 : line[1] != '\n') ? line + 1 : line;

        cr_assert_lt(n + strlen(from), 65535u);
        memcpy(text + n, from, strlen(from));
        n += strlen(from);
    }
    (void)fclose(file);
    return text;
}

/* The sample explains every key, so with its examples it has every key. */
Test(config, sample)
{
    setun_session_options options = {.max_seqs = 7};
    char *text = sample_with_examples();
    setun_config *config;
    setun_error error = {""};

    cr_assert_eq(setun_config_parse("runtime.yaml", text, strlen(text), &config, &error), SETUN_OK, "%s", error.text);
    free(text);
    setun_config_apply(config, &options);
    cr_assert_eq(unsetenv("SETUN_PLUGIN_PATH"), 0);
    cr_assert_str_eq(setun_config_plugin_path(config), "/opt/kernels");
    cr_assert_eq(setenv("SETUN_PLUGIN_PATH", SETUN_PLUGIN_OUTPUT_DIR, 1), 0);
    cr_assert_str_eq(setun_config_model(config), "fable");
    cr_assert_eq(options.n_threads, 2);
    cr_assert_eq(options.chunk, 128);
    cr_assert_eq(options.context, 512);
    cr_assert_eq(options.kv, SETUN_KV_F16);
    cr_assert_str_eq(options.backends, "avx512,avx2,scalar");
    cr_assert_not(options.no_scalar);
    cr_assert_str_eq(options.avoid, "linear_*_1x16");
    cr_assert_not(options.no_fuse);
    cr_assert_not(options.no_replicate);
    cr_assert_eq(options.max_seqs, 7, "what the file does not say stays");
    cr_assert_eq(options.n_rules, 2);
    cr_assert_str_eq(options.rules[0].op, "linear");
    cr_assert_str_eq(options.rules[0].weight, "attn_[qkv]");
    cr_assert_eq(options.rules[0].phase, SETUN_PHASE_PREFILL);
    cr_assert_str_eq(options.rules[0].backend, "scalar");
    cr_assert_null(options.rules[0].kernel);
    cr_assert_str_eq(options.rules[1].format, "bf16");
    cr_assert_str_eq(options.rules[1].kernel, "linear_f32_bf16_f32__scalar");
    cr_assert_eq(options.rules[1].phase, SETUN_PHASE_ANY);
    cr_assert_not_null(strstr(options.rules[1].where, "runtime.yaml:"), "%s", options.rules[1].where);

    /* But for the backends, which other machines do not have. */
    {
        setun_model *model;
        setun_session *session;

        options.backends = NULL;
        cr_assert_eq(setun_model_open(setun_config_model(config), NULL, &model, &error), SETUN_OK, "%s", error.text);
        cr_assert_eq(setun_session_create(model, &options, &session, &error), SETUN_OK, "%s", error.text);
        setun_session_destroy(session);
        setun_model_close(model);
    }
    setun_config_close(config);
    setun_config_close(NULL);
}

Test(config, what_is_said_replaces_what_is_not_stays)
{
    setun_session_options options = {.n_threads = 3, .chunk = 9, .context = 77, .kv = SETUN_KV_F32, .backends = "x", .no_scalar = true};
    setun_config *config = parse("kv: f16\n");

    setun_config_apply(config, &options);
    cr_assert_eq(options.kv, SETUN_KV_F16, "f16 is said, though it is the default");
    cr_assert_eq(options.n_threads, 3);
    cr_assert_eq(options.chunk, 9);
    cr_assert_eq(options.context, 77);
    cr_assert_str_eq(options.backends, "x");
    cr_assert(options.no_scalar);
    cr_assert_null(setun_config_model(config));
    setun_config_close(config);

    config = parse("{threads: 1024, chunk: 65536, context: 2147483647, allow_scalar: false, backends: [one], avoid: [a*, b], fuse: false, "
                   "weight_memory: 2000}");
    setun_config_apply(config, &options);
    cr_assert_eq(options.kv, SETUN_KV_F32 - 1);
    cr_assert_eq(options.n_threads, 1024);
    cr_assert_eq(options.chunk, 65536);
    cr_assert_eq(options.weight_bytes, UINT64_C(2000) << 20);
    cr_assert_eq(options.context, 2147483647);
    cr_assert_str_eq(options.backends, "one");
    cr_assert(options.no_scalar);
    cr_assert_str_eq(options.avoid, "a*,b");
    cr_assert(options.no_fuse);
    cr_assert_not(options.no_replicate);
    setun_config_close(config);

    config = parse("replicate: false");
    setun_config_apply(config, &options);
    cr_assert(options.no_replicate);
    cr_assert(options.no_fuse, "what was said before stays");
    setun_config_close(config);
}

/* The environment wins over the file, as the command line does. */
Test(config, plugin_path)
{
    setun_config *config = parse("plugins: [/a, b/c]\n");

    cr_assert_eq(setenv("SETUN_PLUGIN_PATH", "", 1), 0);
    cr_assert_str_eq(setun_config_plugin_path(config), "/a:b/c");
    cr_assert_eq(unsetenv("SETUN_PLUGIN_PATH"), 0);
    cr_assert_str_eq(setun_config_plugin_path(config), "/a:b/c");
    cr_assert_eq(setenv("SETUN_PLUGIN_PATH", "/d", 1), 0);
    cr_assert_null(setun_config_plugin_path(config));
    setun_config_close(config);
}

static const struct {
    const char *text, *expected;
} mistakes[] = {
    {"", "t.yaml:1:1: expected a YAML mapping, found an empty file"},
    {"3", "t.yaml:1:1: settings: expected a mapping, found '3'"},
    {"- threads: 3", "t.yaml:1:1: settings: expected a mapping, found a list"},
    {"kv: f16\nthread: 3\n", "t.yaml:2:1: settings: unknown key 'thread', did you mean 'threads'?"},
    {"wibble: 3", "t.yaml:1:1: settings: unknown key 'wibble', expected one of: model, plugins, threads"},
    {"numa: auto", "t.yaml:1:1: settings: unknown key 'numa'"},
    {"threads: 1\nthreads: 2\n", "t.yaml:2:1: key 'threads' stands twice"},
    {"threads: 0", "t.yaml:1:10: threads: expected a whole number from 1 to 1024, found '0'"},
    {"threads: 1025", "threads: expected a whole number from 1 to 1024"},
    {"threads: -1", "threads: expected a whole number"},
    {"threads: 99999999999999999999999999999999999999", "threads: expected a whole number"},
    {"threads: 0x10", "threads: expected a whole number"},
    {"threads: 2.0", "threads: expected a whole number"},
    {"threads: \"2\"", "threads: expected a whole number"},
    {"threads:", "t.yaml:1:9: threads: expected a whole number from 1 to 1024, found nothing"},
    {"threads: [2]", "found a list"},
    {"chunk: 65537", "chunk: expected a whole number from 1 to 65536"},
    {"weight_memory: 0", "weight_memory: expected a whole number from 1 to 1073741824"},
    {"context: 2147483648", "context: expected a whole number from 1 to 2147483647"},
    {"kv: f61", "t.yaml:1:5: kv: expected one of f16, f32, found 'f61', did you mean 'f16'?"},
    {"kv: {a: 1}", "kv: expected one of f16, f32, found a mapping"},
    {"allow_scalar: no", "allow_scalar: expected one of false, true, found 'no'"},
    {"fuse: never", "fuse: expected one of false, true"},
    {"replicate: 1", "replicate: expected one of false, true"},
    {"avoid: x", "avoid: expected a list"},
    {"avoid: ['a,b']", "avoid: a name in this list cannot have a ','"},
    {"allow_scalar: 0", "allow_scalar: expected one of false, true"},
    {"model: ''", "model: expected a text, found ''"},
    {"model: \"a\\nb\"", "model: expected a text of one line, found the character 0x0a"},
    {"model: [a]", "model: expected a text, found a list"},
    {"backends: avx2", "t.yaml:1:11: backends: expected a list, found 'avx2'"},
    {"backends: []", "backends: expected a list, found an empty one"},
    {"backends: [a, [b]]", "t.yaml:1:15: backends: expected a text, found a list"},
    {"backends: ['a,b']", "backends: a name in this list cannot have a ','"},
    {"plugins: /a", "plugins: expected a list"},
    {"plugins: ['a:b']", "plugins: a name in this list cannot have a ':'"},
    {"kernels: {op: add, backend: scalar}", "t.yaml:1:10: kernels: expected a list of rules, found a mapping"},
    {"kernels: []", "kernels: expected a list of rules, found an empty one"},
    {"kernels:\n  - add\n", "t.yaml:2:5: kernels: expected a mapping, found 'add'"},
    {"kernels:\n  - {op: add}\n", "t.yaml:2:5: kernels: expected either 'kernel' or 'backend', found neither"},
    {"kernels:\n  - {kernel: a, backend: b}\n", "kernels: expected either 'kernel' or 'backend', found both"},
    {"kernels:\n  - {op: linaer, backend: b}\n", "t.yaml:2:10: op: expected one of add, attention"},
    {"kernels:\n  - {op: linaer, backend: b}\n", "did you mean 'linear'?"},
    {"kernels:\n  - {op: pack, backend: b}\n", "op: expected one of"},
    {"kernels:\n  - {phase: prefil, backend: b}\n", "t.yaml:2:13: phase: expected one of any, decode, batch, prefill, found 'prefil', did you mean"},
    {"kernels:\n  - {bakend: b}\n", "t.yaml:2:6: kernels: unknown key 'bakend', did you mean 'backend'?"},
    {"kernels:\n  - {backend: b, weight: []}\n", "weight: expected a text, found a list"},
    {"kernels: &a [*a]", "anchors (&name) are not allowed here"},
    {"threads: 1\n---\nthreads: 2\n", "found a second document"},
};

Test(config, mistakes)
{
    for (size_t i = 0; i < SETUN_COUNT(mistakes); i++) {
        setun_config *config = NULL;
        setun_error error = {""};

        cr_expect_eq(setun_config_parse("t.yaml", mistakes[i].text, strlen(mistakes[i].text), &config, &error), SETUN_ERR_FORMAT, "%s",
                     mistakes[i].text);
        cr_expect_null(config);
        cr_expect_not_null(strstr(error.text, mistakes[i].expected), "%s\nexpected %s\nfound    %s", mistakes[i].text, mistakes[i].expected,
                           error.text);
        cr_expect_eq(strncmp(error.text, "t.yaml:", 7), 0, "%s", error.text);
    }
}

Test(config, files_that_are_none)
{
    setun_config *config = NULL;
    setun_error error = {""};

    cr_assert_eq(setun_config_open(SETUN_SOURCE_DIR "/configs/missing.yaml", &config, &error), SETUN_ERR_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "missing.yaml"));
    cr_assert_eq(setun_config_open(SETUN_SOURCE_DIR "/configs", &config, &error), SETUN_ERR_IO);
    cr_assert_null(config);
}
