/* test_chat.c - `setun chat` as scripts and people use it: lines from a pipe, keys at a terminal, Ctrl-C, a context that fills up. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "process.h"

static const char *const terminal_environment[] = {"TERM=xterm", "NO_COLOR=1", "HOME=/nonexistent", "EDITRC=/nonexistent", "LC_ALL=C.UTF-8", NULL};

/* Runs chat on lines from a pipe; options end with NULL. */
static void run_chat(process_result *result, const char *input, const char *const *options)
{
    const char *argv[24] = {SETUN_COMMAND, "chat", "--temp", "0"};
    const process_options how = {.input = input, .input_bytes = strlen(input)};
    size_t n = 4;

    while (*options != NULL && n < 23)
        argv[n++] = *options++;
    process_run(argv, &how, result);
    cr_assert(!result->timed_out);
}

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Each line is answered, the second knowing of the first: JSON and text say the same. */
Test(chat, script)
{
    static const char input[] = "Once upon a time\n\nThe next day she\n";
    process_result json_result, result;
    json_t *first, *second;
    char *second_line, *expected;
    json_error_t error;
    int n;

    run_chat(&json_result, input, OPTIONS("-n", "12", "-o", "json"));
    cr_assert_eq(json_result.exit_code, 0, "%s", json_result.err);
    second_line = strchr(json_result.out, '\n') + 1;
    first = json_loadb(json_result.out, (size_t)(second_line - json_result.out), 0, &error);
    second = json_loads(second_line, 0, &error);
    cr_assert(first != NULL && second != NULL, "%s", json_result.out);
    cr_assert_str_eq(json_string_value(json_object_get(first, "role")), "assistant");
    cr_assert_str_eq(json_string_value(json_object_get(first, "end")), "length");
    cr_assert_eq(json_array_size(json_object_get(first, "ids")), 12);
    cr_assert_eq(json_integer_value(json_object_get(first, "n_prompt")), 5, "BOS and 4 tokens");
    cr_assert_lt(json_integer_value(json_object_get(second, "n_prompt")), 10, "only new tokens are computed");

    run_chat(&result, input, OPTIONS("-n", "12"));
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    n = asprintf(&expected, "%s\n%s\n", json_string_value(json_object_get(first, "content")), json_string_value(json_object_get(second, "content")));
    cr_assert(n > 0);
    cr_expect_str_eq(result.out, expected);
    cr_expect_not_null(strstr(result.err, "chat template plain: the model is not known to chat"), "%s", result.err);
    free(expected);
    json_decref(first);
    json_decref(second);
    process_result_free(&result);
    process_result_free(&json_result);
}

/* One token has no rate, as the first of an answer is the prompt's time; every token counts. */
Test(chat, statistics)
{
    static const struct {
        const char *n, *input, *expected;
    } cases[] = {{"1", "A king\n/stats\n", "\ngenerated     1 token\n"}, {"3", "A king\nA queen\n/stats\n", "\ngenerated     6 tokens, "},
                 {"3", "/stats\n", "conversation  0 messages, 1 token of 512\nread          0 tokens\ngenerated     0 tokens\n"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        process_result result;

        run_chat(&result, cases[i].input, OPTIONS("-n", cases[i].n, "--commands"));
        cr_expect_eq(result.exit_code, 0, "%s", result.err);
        cr_expect_not_null(strstr(result.err, cases[i].expected), "%s", result.err);
        process_result_free(&result);
    }
}

/* From a pipe lines are messages, whatever they look like, unless commands are asked for; then // writes a /. */
Test(chat, commands_from_a_pipe)
{
    char folder[64], path[128], input[512];
    process_result result;
    size_t n;
    char *saved;

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/talk.json", folder);
    (void)snprintf(input, sizeof(input), "A king\n/save %s\n", path);
    run_chat(&result, input, OPTIONS("-n", "4"));
    cr_expect_eq(result.exit_code, 0);
    cr_expect_neq(access(path, F_OK), 0, "a line from a pipe wrote a file");
    process_result_free(&result);

    (void)snprintf(input, sizeof(input), "A king\n/stats\n/save %s\n/reset\n/load %s\n//x\n/help\n/exit\nnever\n", path, path);
    run_chat(&result, input, OPTIONS("-n", "4", "--commands", "--system", "Tales."));
    cr_expect_eq(result.exit_code, 0, "%s", result.err);
    cr_expect_not_null(strstr(result.err, "3 messages saved\na new conversation\n3 messages loaded, "), "%s", result.err);
    cr_expect_not_null(strstr(result.err, "conversation  3 messages, "), "%s", result.err);
    cr_expect_not_null(strstr(result.err, "/load FILE"), "%s", result.err);
    n = 0;
    for (const char *c = result.out; *c != '\0'; c++)
        n += *c == '\n';
    cr_expect_geq(n, 2, "two answers: %s", result.out);
    saved = file_read(path, &n);
    {
        json_error_t error;
        json_t *root = json_loads(saved, 0, &error), *messages = json_object_get(root, "messages");

        cr_assert_eq(json_array_size(messages), 3, "%s", saved);
        cr_expect_str_eq(json_string_value(json_object_get(json_array_get(messages, 0), "role")), "system");
        cr_expect_str_eq(json_string_value(json_object_get(json_array_get(messages, 1), "content")), "A king");
        cr_expect_str_eq(json_string_value(json_object_get(root, "template")), "plain");
        json_decref(root);
    }
    free(saved);
    process_result_free(&result);
    folder_remove(folder);
}

/* The first thing that goes wrong in a script ends it. */
Test(chat, mistakes)
{
    static const struct {
        const char *input, *expected;
    } rows[] = {
        {"/rest\nx\n", "no command '/rest'; did you mean '/reset'?"},
        {"/frobnicate\nx\n", "no command '/frobnicate'; see /help"},
        {"/save\nx\n", "/save needs a FILE"},
        {"/reset now\nx\n", "/reset takes nothing behind it"},
        {"/load /nonexistent/file\nx\n", "/nonexistent/file: No such file"},
        {"/load /dev/null\nx\n", "/dev/null:1:0: not valid JSON"},
        {"/save /nonexistent/file\nx\n", "/nonexistent/file"},
        {"ab\xff\nx\n", "expected UTF-8, found byte 0xFF at offset 2"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        process_result result;

        run_chat(&result, rows[i].input, OPTIONS("--commands", "-n", "2"));
        cr_expect_eq(result.exit_code, 1, "row %zu: exit %d", i, result.exit_code);
        cr_expect_not_null(strstr(result.err, rows[i].expected), "row %zu: %s", i, result.err);
        cr_expect_eq(result.n_out, 0, "row %zu: %s", i, result.out);
        process_result_free(&result);
    }
}

/* A full context is said, with the way out; what does not fit is an error, and the answer before it is whole. */
Test(chat, full_context)
{
    process_result result;

    run_chat(&result, "Once upon a time there was a king\nAnd then\n", OPTIONS("--context", "24", "-n", "-1"));
    cr_expect_eq(result.exit_code, 1);
    cr_expect_not_null(strstr(result.err, "[the context of 24 tokens is full and the answer ends here; /reset begins a new conversation]"), "%s",
                       result.err);
    cr_expect_not_null(strstr(result.err, "do not fit: the context of 24 positions has 0 left; /reset begins a new conversation"), "%s", result.err);
    cr_expect(result.n_out > 20 && result.out[result.n_out - 1] == '\n', "%s", result.out);
    process_result_free(&result);
    run_chat(&result, "Once upon a time there was a king\n/reset\nAnd then\n", OPTIONS("--context", "24", "-n", "-1", "--commands"));
    cr_expect_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
}

/* Ctrl-C of a script stops the answer and ends it with the signal's status. */
Test(chat, interrupted_script)
{
    const char *const argv[] = {SETUN_COMMAND, "chat", "--temp", "0", "-n", "-1", NULL};
    const process_options options = {.input = "A long time ago\nx\n", .input_bytes = 18};
    process *running = process_start(argv, &options);
    process_result result;

    process_wait_output(running, 20);
    process_signal(running, SIGINT);
    process_finish(running, &result);
    cr_expect_eq(result.exit_code, 130, "exit %d, signal %d: %s", result.exit_code, result.signal, result.err);
    cr_expect_not_null(strstr(result.err, "[stopped]"), "%s", result.err);
    cr_expect(result.n_out > 0 && result.out[result.n_out - 1] == '\n');
    process_result_free(&result);
}

static process *start_typed(const char *n_tokens)
{
    static const char *argv[] = {SETUN_COMMAND, "chat", "--temp", "0", "-n", NULL, NULL};
    const process_options options = {.terminal = true, .typed = true, .environment = terminal_environment};
    process *running;

    argv[5] = n_tokens;
    running = process_start(argv, &options);
    cr_assert(process_wait_error(running, "/help lists the commands", 60), "no prompt");
    cr_assert(process_wait_error(running, "> ", 60), "no prompt");
    return running;
}

/* Keys at a terminal: a slip is taken back, a line goes on behind a backslash, a command is done, Ctrl-D leaves. */
Test(chat, typed)
{
    process *running = start_typed("6");
    process_result result, expected;

    process_type(running, "Once upom\b\bon a time\r");
    process_wait_output(running, 12);
    process_type(running, "/stats\r");
    cr_expect(process_wait_error(running, "conversation  2 messages", 30));
    process_type(running, "/nonsense\r");
    cr_expect(process_wait_error(running, "no command '/nonsense'", 30));
    process_type(running, "two\\\r");
    process_type(running, "lines\r");
    process_type(running, "/save /nonexistent/x\r");
    cr_expect(process_wait_error(running, "/nonexistent/x", 30), "a mistake ends nothing");
    process_type_to_end(running, "\004");
    process_finish(running, &result);
    cr_expect_eq(result.exit_code, 0, "exit %d: %s", result.exit_code, result.err);
    run_chat(&expected, "Once upon a time\n", OPTIONS("-n", "6"));
    cr_expect(strncmp(result.out, expected.out, expected.n_out) == 0, "found \"%s\", expected \"%s\"", result.out, expected.out);
    cr_expect_gt(result.n_out, expected.n_out, "the message of two lines has an answer");
    process_result_free(&expected);
    process_result_free(&result);
}

/* Ctrl-D leaves also if it is typed while an answer comes, when the terminal is not in the editor's mode. */
Test(chat, ctrl_d_during_an_answer)
{
    process *running = start_typed("30");
    process_result result;

    process_type(running, "A long time ago\r");
    process_wait_output(running, 5);
    process_type(running, "\004");
    process_finish(running, &result);
    cr_expect_eq(result.exit_code, 0, "exit %d: %s", result.exit_code, result.err);
    cr_expect(!result.timed_out);
    process_result_free(&result);
}

/* Ctrl-C stops the answer, and the next message is answered; at the prompt the second one leaves. */
Test(chat, ctrl_c)
{
    process *running = start_typed("-1");
    process_result result;

    process_type(running, "A long time ago\r");
    process_wait_output(running, 20);
    process_signal(running, SIGINT);
    cr_expect(process_wait_error(running, "[stopped]", 60), "the answer went on");
    process_type(running, "/stats\r");
    cr_expect(process_wait_error(running, "conversation  2 messages", 60), "the program has ended");
    (void)usleep(200000); /* until it waits for keys again */
    process_type(running, "half a line");
    cr_expect(process_wait_error(running, "half a line", 30));
    process_type(running, "\003");
    (void)usleep(300000);
    process_type(running, "/stats\r");
    (void)usleep(300000);
    process_type(running, "\003");
    cr_expect(process_wait_error(running, "Ctrl-C again, Ctrl-D or /exit leaves", 30));
    process_type_to_end(running, "\003");
    process_finish(running, &result);
    cr_expect_eq(result.exit_code, 130, "exit %d, signal %d: %s", result.exit_code, result.signal, result.err);
    cr_expect_null(strstr(result.err, "half a line/stats"), "the line was not cleared: %s", result.err);
    process_result_free(&result);
}

Test(chat, usage)
{
    static const struct {
        const char *argv[6];
        int exit_code;
        const char *text;
    } rows[] = {
        {{"chat", "--template", "lama3"}, 1, "chat template: expected bitnet, llama3, falcon3 or plain, found \"lama3\"; did you mean 'llama3'?"},
        {{"chat", "--template", "llama3"}, 1, "expected the special token <|start_header_id|> in the vocabulary, found none"},
        {{"chat", "words"}, 2, "unexpected 'words'"},
        {{"chat", "--temp", "-1"}, 2, "--temp takes a number"},
        {{"tokenize", "--template", "bitnett", "x"}, 1, "did you mean 'bitnet'?"},
        {{"tokenize", "--decode", "--template", "bitnet", "1"}, 2, "--decode takes neither"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *argv[8] = {SETUN_COMMAND};
        const process_options options = {.input = "x\n", .input_bytes = 2};
        process_result result;

        memcpy(argv + 1, rows[i].argv, sizeof(rows[i].argv));
        process_run(argv, &options, &result);
        cr_expect_eq(result.exit_code, rows[i].exit_code, "row %zu: exit %d", i, result.exit_code);
        cr_expect_not_null(strstr(result.err, rows[i].text), "row %zu: %s", i, result.err);
        process_result_free(&result);
    }
}

/* A message in fable's own chat template: ids written down by hand from its vocabulary's special tokens. */
Test(chat, template_ids)
{
    process_result template, plain;
    char expected[512];

    setun_command(&plain, "tokenize", "--ids", "--no-bos", "User: Hello<|eot_id|>Assistant: ", NULL);
    setun_command(&template, "tokenize", "--ids", "--template", "bitnet", " Hello ", NULL);
    (void)snprintf(expected, sizeof(expected), "4093 %s", plain.out);
    cr_expect_str_eq(template.out, expected);
    process_result_free(&plain);
    process_result_free(&template);
}
