/* test_usage.c - help, version, and what a slip of the keyboard gives: exit 2, one line, the nearest word. */
#include <criterion/criterion.h>
#include <string.h>

#include "process.h"

static void check_help(const char *first, const char *second, const char *third)
{
    process_result result;

    setun_command(&result, first, second, third, NULL);
    cr_assert_eq(result.exit_code, 0, "%s: exit %d", first, result.exit_code);
    cr_assert(strncmp(result.out, "usage: setun ", 13) == 0, "%s", result.out);
    cr_assert_eq(result.n_err, 0, "%s", result.err);
    process_result_free(&result);
}

Test(usage, help)
{
    check_help("--help", NULL, NULL);
    check_help("-h", NULL, NULL);
    check_help("help", NULL, NULL);
    check_help("help", "run", NULL);
    check_help("run", "--help", NULL);
    check_help("run", "-h", NULL);
    check_help("score", "--help", NULL);
    check_help("tokenize", "--help", NULL);
    check_help("chat", "--help", NULL);
    check_help("plugins", "--help", NULL);
    check_help("plugins", "list", "--help");
    check_help("plugins", "check", "--help");
    check_help("kernels", "--help", NULL);
    check_help("kernels", "list", "--help");
    check_help("kernels", "check", "--help");
    check_help("kernels", "bench", "--help");
    check_help("kernels", "tune", "--help");
    check_help("plan", "--help", NULL);
    check_help("topo", "--help", NULL);
    check_help("model", "--help", NULL);
    check_help("model", "show", "--help");
    check_help("model", "check", "--help");
    check_help("model", "plot", "--help");
    check_help("model", "pull", "--help");
    check_help("model", "convert", "--help");
    check_help("model", "synth", "--help");
    check_help("help", "plugins", NULL);
    check_help("help", "plugins", "check");
}

/* Every option that a command has stands in its help, the common ones too, and there are examples. */
Test(usage, help_is_complete)
{
    static const char *const words[] = {"--model", "--prompt", "--file", "--tokens", "--temp", "--top-k", "--top-p", "--min-p",
                                        "--repeat-penalty", "--seed", "--threads", "--backend", "--kv f16|f32", "--chunk", "--context",
                                        "--graph", "--config FILE", "--output text|json", "--verbose", "--help", "(default 0.8)", "examples:\n  setun run"};
    process_result result;

    setun_command(&result, "run", "--help", NULL);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        cr_assert(strstr(result.out, words[i]) != NULL, "'%s' is missing in:\n%s", words[i], result.out);
    for (const char *line = result.out; *line != '\0'; line += strcspn(line, "\n") + 1)
        cr_assert(strcspn(line, "\n") <= 120, "too long for a terminal: %.*s", (int)strcspn(line, "\n"), line);
    process_result_free(&result);
}

/* The overview names what the environment decides, and begins with examples that people can type. */
Test(usage, overview)
{
    static const char *const words[] = {"SETUN_MODEL_PATH", "SETUN_HUB", "SETUN_PLUGIN_PATH", "SETUN_CPU", "XDG_DATA_HOME", "XDG_CACHE_HOME",
                                        "NO_COLOR", "exit status:", "examples:\n  setun run -p "};
    process_result result;

    setun_command(&result, "--help", NULL);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        cr_expect(strstr(result.out, words[i]) != NULL, "'%s' is missing in:\n%s", words[i], result.out);
    process_result_free(&result);
}

Test(usage, version)
{
    process_result result;

    setun_command(&result, "--version", NULL);
    cr_assert_eq(result.exit_code, 0);
    cr_assert(strncmp(result.out, "setun ", 6) == 0 && strstr(result.out, "\nnumerics ") != NULL &&
                  strstr(result.out, "\nplugin contract 1.") != NULL,
              "%s", result.out);
    process_result_free(&result);
}

Test(usage, alone)
{
    process_result result;

    setun_command(&result, NULL);
    cr_assert_eq(result.exit_code, 2);
    cr_assert_eq(result.n_out, 0);
    cr_assert(strstr(result.err, "usage: setun COMMAND") != NULL);
    process_result_free(&result);
}

/* One mistake each: exit 2, nothing on stdout, one line on stderr that says `expected`. */
static const struct {
    const char *argv[10], *expected;
} mistakes[] = {
    {{"rnu"}, "setun: unknown command 'rnu'; did you mean 'run'?"},
    {{"tokenise"}, "did you mean 'tokenize'?"},
    {{"frobnicate"}, "unknown command 'frobnicate'; see 'setun --help'"},
    {{"--frobnicate"}, "unknown option '--frobnicate'"},
    {{"--verson"}, "unknown option '--verson'; did you mean '--version'?"},
    {{"help", "rnu"}, "did you mean 'run'?"},
    {{"run", "--tmep", "1", "-p", "x"}, "setun run: unknown option '--tmep'; did you mean '--temp'?"},
    {{"run", "--frobnicate=3"}, "unknown option '--frobnicate'; see 'setun run --help'"},
    {{"run", "--t", "1"}, "option '--t' may be '--t"},
    {{"run", "-Z"}, "unknown option '-Z'"},
    {{"run", "-p", "x", "-n"}, "-n needs a value: N"},
    {{"run", "--seed"}, "--seed needs a value: S"},
    {{"run", "--no-bos=1", "-p", "x"}, "--no-bos takes no value"},
    {{"run"}, "needs a prompt: -p TEXT or -f FILE"},
    {{"run", "-p", "x", "-f", "y"}, "not both"},
    {{"run", "-p", "x", "y"}, "unexpected 'y'"},
    {{"run", "-p", "x", "-n", "12x"}, "--tokens takes a whole number from -1 to 2147483647, not '12x'"},
    {{"run", "-p", "x", "-n", ""}, "--tokens takes a whole number"},
    {{"run", "-p", "x", "-n", " 1"}, "--tokens takes a whole number"},
    {{"run", "-p", "x", "-n", "+1"}, "--tokens takes a whole number"},
    {{"run", "-p", "x", "-n", "0x10"}, "--tokens takes a whole number"},
    {{"run", "-p", "x", "-n", "1e3"}, "--tokens takes a whole number"},
    {{"run", "-p", "x", "-n", "-2"}, "from -1 to"},
    {{"run", "-p", "x", "-n", "99999999999999999999999"}, "--tokens takes a whole number"},
    {{"run", "-p", "x", "-t", "0"}, "--threads takes a whole number from 1 to 1024, not '0'"},
    {{"run", "-p", "x", "--chunk", "0"}, "--chunk takes a whole number from 1"},
    {{"run", "-p", "x", "--context", "0"}, "--context takes a whole number from 1"},
    {{"run", "-p", "x", "--temp", "warm"}, "--temp takes a number from 0 to 100, not 'warm'"},
    {{"run", "-p", "x", "--temp", "-1"}, "--temp takes a number from 0"},
    {{"run", "-p", "x", "--temp", "nan"}, "--temp takes a number from 0"},
    {{"run", "-p", "x", "--temp", "inf"}, "--temp takes a number from 0"},
    {{"run", "-p", "x", "--temp", "1e999"}, "--temp takes a number from 0"},
    {{"run", "-p", "x", "--top-p", "1.5"}, "--top-p takes a number from 0 to 1, not '1.5'"},
    {{"run", "-p", "x", "--repeat-penalty", "0"}, "--repeat-penalty takes a number from 0.01"},
    {{"run", "-p", "x", "--seed", "-1"}, "--seed takes a whole number from 0"},
    {{"run", "-p", "x", "--kv", "f64"}, "--kv takes one of f16|f32, not 'f64'"},
    {{"run", "-p", "x", "--kv", "f1"}, "--kv takes one of f16|f32, not 'f1'"},
    {{"run", "-p", "x", "-o", "yaml"}, "--output takes one of text|json, not 'yaml'"},
    {{"score"}, "setun score: needs a text: -f FILE"},
    {{"score", "-f", "x", "--batch", "0"}, "--batch takes a whole number from 1 to 1024"},
    {{"tokenize"}, "setun tokenize: needs TEXT or -f FILE"},
    {{"tokenize", "a", "b"}, "unexpected 'b': put a text of several words in quotes"},
    {{"tokenize", "a", "-f", "b"}, "give TEXT or -f FILE, not both"},
    {{"tokenize", "--decode"}, "needs ids or -f FILE"},
    {{"tokenize", "--decode", "--user", "1"}, "--decode takes neither --ids nor --user"},
    {{"plugins"}, "setun plugins: needs a command: list or check"},
    {{"run", "-p", "x", "--kv", "f61"}, "not 'f61'; did you mean 'f16'?"},
    {{"run", "-p", "x", "-o", "jsn"}, "not 'jsn'; did you mean 'json'?"},
    {{"plugins", "lsit"}, "did you mean 'plugins list'?"},
    {{"plugins", "frobnicate"}, "unknown command 'plugins frobnicate'; see 'setun plugins --help'"},
    {{"kernels", "chekc"}, "did you mean 'kernels check'?"},
    {{"model", "shw"}, "did you mean 'model show'?"},
    {{"help", "plugins", "lsit"}, "did you mean 'plugins list'?"},
    {{"plugins", "list", "x"}, "setun plugins list: unexpected 'x'"},
    {{"plugins", "check"}, "needs a file"},
};

Test(usage, mistakes)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        const char *argv[12] = {SETUN_COMMAND};
        const process_options options = {0};
        process_result result;

        for (size_t k = 0; mistakes[i].argv[k] != NULL; k++)
            argv[k + 1] = mistakes[i].argv[k];
        process_run(argv, &options, &result);
        cr_expect_eq(result.exit_code, 2, "mistake %zu (%s): exit %d", i, mistakes[i].expected, result.exit_code);
        cr_expect_eq(result.n_out, 0, "mistake %zu: stdout: %s", i, result.out);
        cr_expect(strstr(result.err, mistakes[i].expected) != NULL, "expected '%s', got '%s'", mistakes[i].expected, result.err);
        cr_expect(strncmp(result.err, "setun", 5) == 0 && strchr(result.err, '\n') == result.err + result.n_err - 1,
                  "not one line: %s", result.err);
        process_result_free(&result);
    }
}

/* Words that only running can judge: one line with the nearest word, exit 1. The words of model files have tests/graph. */
static const struct {
    const char *environment, *argv[8], *expected;
} slips[] = {
    {NULL, {"run", "-p", "x", "-m", "fabel"}, "model 'fabel': neither a folder nor a name found in "},
    {NULL, {"run", "-p", "x", "-m", "fabel"}, "; did you mean 'fable'?"},
    {NULL, {"tokenize", "-m", "Fable", "x"}, "; did you mean 'fable'?"},
    {NULL, {"tokenize", "--pre", "lama-bpe", "x"}, "; did you mean 'llama-bpe'?"},
    {NULL, {"run", "-p", "x", "--pre", "quite-other"}, "pre-tokeniser: expected llama-bpe, llama3, llama-v3, falcon3, falcon_e, gpt-2, default, found"},
    {NULL, {"run", "-p", "x", "--backend", "scalr"}, "backend 'scalr' is not loaded; did you mean 'scalar'?"},
    {"SETUN_CPU=avx21", {"plugins", "list"}, "did you mean 'avx2'"},
    {NULL, {"kernels", "list", "--op", "linaer"}, "no loaded plugin has a kernel of the op 'linaer'; did you mean 'linear'?"},
    {NULL, {"kernels", "check", "--backend", "sclar"}, "no loaded plugin has a kernel of the backend 'sclar'; did you mean 'scalar'?"},
    {NULL, {"kernels", "check", "--kernel", "mul_f32_f32_f32__scalr"}, "of the name 'mul_f32_f32_f32__scalr'; did you mean 'mul_f32_f32_f32__scalar'?"},
    {NULL, {"kernels", "list", "--op", "frobnicate"}, "no loaded plugin has a kernel of the op 'frobnicate'\n"},
    {NULL, {"run", "-p", "x", "--config", SETUN_SOURCE_DIR "/configs/README.md"}, "setun run: " SETUN_SOURCE_DIR "/configs/README.md:"},
    {NULL, {"model", "show", "fabel"}, "; did you mean 'fable'?"},
    {NULL, {"model", "synth", "bitnet-b1.58-2b-4", "/dev/null/x.gguf"}, "; did you mean 'bitnet-b1.58-2b-4t'?"},
};

Test(usage, nearest_words)
{
    process_result result;

    for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++) {
        const char *argv[10] = {SETUN_COMMAND};
        const char *const environment[] = {slips[i].environment, NULL};
        const process_options options = {.environment = environment};

        for (size_t k = 0; slips[i].argv[k] != NULL; k++)
            argv[k + 1] = slips[i].argv[k];
        process_run(argv, &options, &result);
        cr_expect_eq(result.exit_code, 1, "slip %zu: exit %d", i, result.exit_code);
        cr_expect_eq(result.n_out, 0, "slip %zu: stdout: %s", i, result.out);
        cr_expect(strstr(result.err, slips[i].expected) != NULL, "expected '%s', got '%s'", slips[i].expected, result.err);
        cr_expect(strchr(result.err, '\n') == result.err + result.n_err - 1, "not one line: %s", result.err);
        process_result_free(&result);
    }
    setun_command(&result, "run", "-p", "x", "-m", "no-such-model", NULL); /* nothing is near */
    cr_assert_eq(result.exit_code, 1);
    cr_assert(strstr(result.err, "neither a folder") != NULL && strstr(result.err, "did you mean") == NULL, "%s", result.err);
    process_result_free(&result);
}
