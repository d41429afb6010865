/* test_output.c - output that cannot be written is an error with one clear line, never lost silently, and never half a file. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "process.h"

static const char *const printing[][12] = {
    {SETUN_COMMAND, "run", "-p", "Once", "-n", "2", NULL},
    {SETUN_COMMAND, "run", "-p", "Once", "-n", "2", "-o", "json", NULL},
    {SETUN_COMMAND, "score", "--ids", "-f", GOLDEN "/logits/short-0.ids", NULL},
    {SETUN_COMMAND, "score", "--ids", "-f", GOLDEN "/logits/short-0.ids", "-o", "json", NULL},
    {SETUN_COMMAND, "tokenize", "Once", NULL},
    {SETUN_COMMAND, "tokenize", "-o", "json", "Once", NULL},
    {SETUN_COMMAND, "tokenize", "--decode", "64", NULL},
    {SETUN_COMMAND, "plugins", "list", NULL},
    {SETUN_COMMAND, "plugins", "list", "-o", "json", NULL},
    {SETUN_COMMAND, "run", "--help", NULL},
    {SETUN_COMMAND, "--version", NULL},
};

/* The last line of stderr, which score's timing may precede, is the error. */
static void assert_error(const process_result *result, const char *const *argv, const char *expected)
{
    const char *line = strstr(result->err, "setun");

    cr_assert_eq(result->exit_code, 1, "%s %s: exit %d, signal %d: %s", argv[1], argv[2], result->exit_code, result->signal, result->err);
    cr_assert(line != NULL && strstr(line, expected) != NULL, "%s %s: %s", argv[1], argv[2], result->err);
    cr_assert_eq(strchr(line, '\n'), result->err + result->n_err - 1, "%s %s: more than one line: %s", argv[1], argv[2], result->err);
}

Test(output, full_disk)
{
    const process_options options = {.stdout_path = "/dev/full"};

    for (size_t i = 0; i < sizeof(printing) / sizeof(printing[0]); i++) {
        process_result result;

        process_run(printing[i], &options, &result);
        assert_error(&result, printing[i], "standard output: No space left on device");
        process_result_free(&result);
    }
}

Test(output, closed_stdout)
{
    const process_options options = {.close_stdout = true, .close_stdin = true};

    for (size_t i = 0; i < sizeof(printing) / sizeof(printing[0]); i++) {
        process_result result;

        process_run(printing[i], &options, &result);
        assert_error(&result, printing[i], "standard output: Bad file descriptor");
        process_result_free(&result);
    }
}

/* As in `setun run ... | head -c 20`. */
Test(output, reader_goes_away)
{
    const char *const argv[] = {SETUN_COMMAND, "run", "-p", "A long time ago", "-n", "-1", "--temp", "0", NULL};
    const process_options options = {0};
    process *running = process_start(argv, &options);
    process_result result;

    process_wait_output(running, 20);
    process_close_output(running);
    process_finish(running, &result);
    assert_error(&result, argv, "standard output: Broken pipe");
    process_result_free(&result);
}

static void check_logits(const char *npy, const char *expected)
{
    process_result result;

    setun_command(&result, "score", "--ids", "-f", GOLDEN "/logits/short-0.ids", "--logits", npy, NULL);
    cr_assert_eq(result.exit_code, 1, "%s: exit %d: %s", npy, result.exit_code, result.err);
    cr_assert(strstr(result.err, expected) != NULL, "%s: %s", npy, result.err);
    cr_assert_eq(strchr(result.err, '\n'), result.err + result.n_err - 1, "more than one line: %s", result.err);
    cr_assert_eq(result.n_out, 0, "%s", result.out);
    process_result_free(&result);
}

Test(output, logits_that_cannot_be_written)
{
    char folder[64], path[128];
    struct stat device;

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/missing/out.npy", folder);
    check_logits(path, "No such file or directory");
    check_logits(folder, "not a regular file");
    check_logits("/dev/full", "not a regular file");
    cr_assert(stat("/dev/full", &device) == 0 && S_ISCHR(device.st_mode), "the device was replaced");
    check_logits("/proc/self/out.npy", "/proc/self/out.npy: ");
    cr_assert_eq(folder_count(folder), 0);
    folder_remove(folder);
}

/* The file system fills up while logits are written: a limit on the size of files gives the same error path. */
Test(output, logits_outgrow_the_disk)
{
    char folder[64], command[1024];
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    const process_options options = {0};
    process_result result;

    if (COMMAND_HAS_TSAN)
        cr_skip_test("the sanitizer itself writes a file as it starts, which the limit forbids");
    folder_make(folder);
    (void)snprintf(command, sizeof(command), "trap '' XFSZ; ulimit -f 64; exec '%s' score --ids -f '%s/logits/short-0.ids' --logits '%s/out.npy'",
                   SETUN_COMMAND, GOLDEN, folder);
    process_run(argv, &options, &result);
    cr_assert_eq(result.exit_code, 1, "exit %d, signal %d: %s", result.exit_code, result.signal, result.err);
    cr_assert(strstr(result.err, "out.npy: File too large") != NULL, "%s", result.err);
    cr_assert_eq(folder_count(folder), 0, "something was left behind");
    process_result_free(&result);
    folder_remove(folder);
}

/* A failed score leaves the file of an earlier one as it was; a good one replaces it. */
Test(output, earlier_file_stays_until_replaced)
{
    char folder[64], npy[128], ids[128], *text;
    process_result result;
    size_t n_bytes;
    matrix got;

    folder_make(folder);
    (void)snprintf(npy, sizeof(npy), "%s/out.npy", folder);
    (void)snprintf(ids, sizeof(ids), "%s/bad.ids", folder);
    file_write(npy, "earlier", 7);
    file_write(ids, "4093 817 99999", 14);
    setun_command(&result, "score", "--ids", "-f", ids, "--logits", npy, NULL);
    cr_assert_eq(result.exit_code, 1, "%s", result.err);
    process_result_free(&result);
    text = file_read(npy, &n_bytes);
    cr_assert_str_eq(text, "earlier");
    free(text);
    cr_assert_eq(folder_count(folder), 2);

    setun_command(&result, "score", "--ids", "-f", GOLDEN "/logits/short-0.ids", "--logits", npy, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
    got = matrix_read(npy);
    cr_assert_eq(got.n_rows, 8);
    matrix_free(&got);
    folder_remove(folder);
}

/* Reals have the fewest digits that give them back; what looks like one in a string stays. */
Test(output, short_reals)
{
    process_result result;
    json_error_t error;
    json_t *got;

    setun_command(&result, "run", "-p", "x 0.80000000000000004 \"1.50\"", "-n", "1", "--temp", "0.7", "--top-p", "0.1", "--seed", "1", "-o", "json", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_expect(strstr(result.out, "\"temperature\": 0.7,") != NULL, "%s", result.out);
    cr_expect(strstr(result.out, "\"top_p\": 0.1,") != NULL, "%s", result.out);
    cr_expect(strstr(result.out, "\"repeat_penalty\": 1.0,") != NULL, "%s", result.out);
    cr_expect(strstr(result.out, "\"prompt\": \"x 0.80000000000000004 \\\"1.50\\\"\"") != NULL, "%s", result.out);
    got = json_loadb(result.out, result.n_out, 0, &error);
    cr_assert(got != NULL, "%s", error.text);
    cr_expect_eq(json_real_value(json_object_get(json_object_get(got, "sampling"), "temperature")), 0.7);
    json_decref(got);
    process_result_free(&result);
}

Test(output, one_token)
{
    process_result result;

    setun_command(&result, "run", "-p", "Once upon a time", "-n", "1", "--temp", "0", NULL);
    cr_assert_eq(result.exit_code, 0);
    cr_expect(strstr(result.err, "\ngenerated      1 token\nended by ") != NULL, "%s", result.err);
    process_result_free(&result);
}
