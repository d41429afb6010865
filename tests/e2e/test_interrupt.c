/* test_interrupt.c - Ctrl-C and kill end a running command cleanly: whole characters, statistics, its exit status, no half-written file. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "process.h"

static void assert_clean_text(const process_result *result, const char *prompt)
{
    json_t *text = json_stringn(result->out, result->n_out); /* NULL unless it is valid UTF-8 */

    cr_assert(text != NULL, "broken UTF-8: %s", result->out);
    json_decref(text);
    cr_assert(strncmp(result->out, prompt, strlen(prompt)) == 0);
    cr_assert(result->n_out > strlen(prompt) && result->out[result->n_out - 1] == '\n', "the line is not finished");
    cr_assert(strstr(result->err, "ended by an interrupt") != NULL, "%s", result->err);
    cr_assert(strstr(result->err, "tokens/s") != NULL, "%s", result->err);
}

static void check_run(int number)
{
    const char *const argv[] = {SETUN_COMMAND, "run", "-p", "A long time ago", "-n", "-1", "--temp", "0", NULL};
    const process_options options = {0};
    process *running = process_start(argv, &options);
    process_result result;

    process_wait_output(running, 30); /* the prompt, 15 bytes, and some of the story */
    process_signal(running, number);
    process_finish(running, &result);
    cr_assert_eq(result.signal, 0, "ended by signal %d", result.signal);
    cr_assert_eq(result.exit_code, 128 + number, "exit %d: %s", result.exit_code, result.err);
    assert_clean_text(&result, "A long time ago");
    process_result_free(&result);
}

Test(interrupt, ctrl_c)
{
    check_run(SIGINT);
}

Test(interrupt, terminate)
{
    check_run(SIGTERM);
}

/* JSON is whole as well, and holds what was generated until then. */
Test(interrupt, json)
{
    const char *const argv[] = {SETUN_COMMAND, "run", "-p", "A long time ago", "-n", "-1", "--temp", "0", "-o", "json", "-v", NULL};
    const process_options options = {0};
    process *running = process_start(argv, &options);
    process_result result;
    json_error_t error;
    json_t *got;

    (void)usleep(700 * 1000); /* nothing tells when it generates; before that the signal's default ends it, and that is right too */
    process_signal(running, SIGINT);
    process_finish(running, &result);
    if (result.signal != SIGINT) {
        cr_assert(result.exit_code == 130 || result.exit_code == 0, "exit %d: %s", result.exit_code, result.err);
        got = json_loadb(result.out, result.n_out, 0, &error);
        cr_assert(got != NULL, "%s: %s", error.text, result.out);
        cr_assert_eq((json_int_t)json_array_size(json_object_get(got, "ids")), json_integer_value(json_object_get(got, "n_tokens")));
        cr_assert(result.exit_code == 0 || strcmp(json_string_value(json_object_get(got, "end")), "interrupt") == 0);
        json_decref(got);
    }
    process_result_free(&result);
}

/* A score that keeps logits is interrupted while its temporary file is there: nothing of it stays. */
Test(interrupt, no_half_written_file)
{
    char folder[64], npy[128];
    const char *const argv[] = {SETUN_COMMAND, "score", "-f", GOLDEN "/heldout.txt", "--logits", npy, NULL};
    const process_options options = {0};
    process *running;
    process_result result;

    folder_make(folder);
    (void)snprintf(npy, sizeof(npy), "%s/out.npy", folder);
    running = process_start(argv, &options);
    for (int i = 0; i < 6000 && folder_count(folder) == 0; i++)
        (void)usleep(10 * 1000);
    cr_assert_eq(folder_count(folder), 1);
    cr_assert_neq(access(npy, F_OK), 0, "the file has its name before it is complete");
    (void)usleep(100 * 1000); /* the handler is set right after the file is there */
    process_signal(running, SIGINT);
    process_finish(running, &result);
    cr_assert_eq(result.exit_code, 130, "exit %d, signal %d: %s", result.exit_code, result.signal, result.err);
    cr_assert_eq(folder_count(folder), 0, "something was left behind");
    cr_assert_str_eq(result.err, "setun score: interrupted\n");
    cr_assert_eq(result.n_out, 0);
    process_result_free(&result);
    folder_remove(folder);
}

/* A model that is being written is interrupted, by several signals even: nothing of it stays. */
Test(interrupt, no_half_written_model, .timeout = 120)
{
    char folder[64], out[128];
    const char *const argv[] = {SETUN_COMMAND, "model", "synth", "bitnet-b1.58-2b-4t", out, "--to", "hf-packed", "-t", "1", NULL};
    const process_options options = {0};
    process *running;
    process_result result;

    folder_make(folder);
    (void)snprintf(out, sizeof(out), "%s/model", folder);
    running = process_start(argv, &options);
    for (int i = 0; folder_count(folder) == 0 && i < 6000; i++) /* 1.2 GB take seconds once it is there */
        (void)usleep(10 * 1000);
    cr_assert_eq(folder_count(folder), 1u, "it never began");
    process_signal(running, SIGTERM);
    process_signal(running, SIGTERM);
    process_finish(running, &result);
    cr_expect_eq(result.exit_code, 128 + SIGTERM, "exit %d, signal %d: %s", result.exit_code, result.signal, result.err);
    cr_expect(strstr(result.err, "setun model synth: interrupted, nothing written") != NULL, "%s", result.err);
    cr_expect_eq(folder_count(folder), 0u, "something was left");
    process_result_free(&result);
    folder_remove(folder);
}

/* One conversion is interrupted as soon as its temporary file or folder is there. Whether that was in time: if not, it is whole. */
static bool interrupted_conversion(const char *from, const char *kind, int number)
{
    char folder[64], out[128];
    const char *const argv[] = {SETUN_COMMAND, "model", "convert", from, out, "--to", kind, "-t", "1", NULL};
    const process_options options = {0};
    process *running;
    process_result result;

    folder_make(folder);
    (void)snprintf(out, sizeof(out), "%s/out", folder);
    running = process_start(argv, &options);
    for (int i = 0; folder_count(folder) == 0 && i < 60000; i++)
        (void)usleep(1000);
    cr_assert_eq(folder_count(folder), 1u, "%s: it never began", kind);
    process_signal(running, number);
    process_finish(running, &result);
    if (result.exit_code == 0) {
        cr_expect_eq(access(out, F_OK), 0, "%s: neither interrupted nor there", kind);
        if (strcmp(kind, "hf-packed") == 0)
            folder_remove(out);
        else
            cr_assert_eq(unlink(out), 0);
        process_result_free(&result);
        folder_remove(folder);
        return false;
    }
    cr_expect_eq(result.exit_code, 128 + number, "%s: exit %d, signal %d: %s", kind, result.exit_code, result.signal, result.err);
    cr_expect_str_eq(result.err, "setun model convert: interrupted, nothing written\n");
    cr_expect_eq(folder_count(folder), 0u, "%s: something was left", kind);
    process_result_free(&result);
    folder_remove(folder);
    return true;
}

Test(interrupt, no_half_converted_model, .timeout = 300)
{
    static const char *const kinds[] = {"i2_s", "hf-packed", "tq2_0", "tq1_0", "prepacked"};
    static const int numbers[] = {SIGINT, SIGTERM};
    char folder[64], from[128];
    process_result result;

    folder_make(folder);
    (void)snprintf(from, sizeof(from), "%s/from.gguf", folder);
    setun_command(&result, "model", "synth", "bitnet-b1.58-2b-4t", from, "--layers", "1", "--vocab-size", "32000", NULL); /* 180 MB */
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (size_t j = 0; j < 2; j++) {
            bool in_time = false;

            for (int attempt = 0; attempt < 20 && !in_time; attempt++)
                in_time = interrupted_conversion(from, kinds[i], numbers[j]);
            cr_expect(in_time, "%s: every conversion was finished before the signal came", kinds[i]);
        }
    folder_remove(folder);
}
