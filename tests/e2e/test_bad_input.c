/* test_bad_input.c - the table of bad inputs, run through the command: each ends with its exit code and exactly one error line that
 * contains the expected words; nothing crashes, nothing is printed to stdout, nothing is left in the folder. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bad_input.h"
#include "fixture.h"
#include "process.h"

/* What every error must look like. Not cr_assert: one run shows all the cases that fail. */
static void check_error(const char *name, const process_result *result, int exit_code, const char *expected)
{
    const char *end = strchr(result->err, '\n');

    cr_expect(result->exit_code == exit_code, "%s: exit %d, signal %d, expected exit %d: %s", name, result->exit_code, result->signal,
              exit_code, result->err);
    cr_expect(result->n_out == 0, "%s: stdout is not empty: %s", name, result->out);
    cr_expect(strncmp(result->err, "setun ", 6) == 0 && end == result->err + result->n_err - 1, "%s: not one error line: %s", name,
              result->err);
    cr_expect(strstr(result->err, expected) != NULL, "%s: expected '%s', found: %s", name, expected, result->err);
    if (getenv("SETUN_TEST_SHOW") != NULL)
        (void)fprintf(stderr, "%-40s %s", name, result->err);
}

Test(bad_input, table_is_large_enough)
{
    cr_assert(n_bad_models + n_bad_graphs + n_bad_requests >= 60);
}

/* The same command on the undamaged folder works: it is the damage that is refused. */
Test(bad_input, undamaged_model_works)
{
    const bad_model none = {.name = "none", .file = "", .damage = DAMAGE_NONE};
    char folder[64];
    process_result result;

    folder_make(folder);
    bad_model_make(folder, &none);
    setun_command(&result, "run", "-m", folder, "--graph", SETUN_SOURCE_DIR "/models/bitnet.yaml", "-p", "x", "-n", "1", "-t", "1", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
    bad_model_clear(folder);
    folder_remove(folder);
}

Test(bad_input, model_files)
{
    char folder[64];

    folder_make(folder);
    for (size_t i = 0; i < n_bad_models; i++) {
        process_result result;

        bad_model_make(folder, &bad_models[i]);
        setun_command(&result, "run", "-m", folder, "-p", "x", "-n", "1", "-t", "1", NULL);
        check_error(bad_models[i].name, &result, 1, bad_models[i].expected);
        process_result_free(&result);
        bad_model_clear(folder);
        cr_expect_eq(folder_count(folder), 0, "%s: something was left behind", bad_models[i].name);
    }
    folder_remove(folder);
}

/* A graph file like models/bitnet.yaml with one thing changed. */
static void write_graph(const char *path, const bad_graph *bad)
{
    size_t n_bytes;
    char *text, *found, *changed;
    int n;

    if (bad->from == NULL) {
        file_write(path, bad->to, strlen(bad->to));
        return;
    }
    text = file_read(SETUN_SOURCE_DIR "/models/bitnet.yaml", &n_bytes);
    found = strstr(text, bad->from);
    cr_assert(found != NULL, "%s: models/bitnet.yaml has no '%s'", bad->name, bad->from);
    n = asprintf(&changed, "%.*s%s%s", (int)(found - text), text, bad->to, found + strlen(bad->from));
    cr_assert(n >= 0);
    file_write(path, changed, (size_t)n);
    free(changed);
    free(text);
}

Test(bad_input, graphs)
{
    char folder[64], path[128];

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/graph.yaml", folder);
    for (size_t i = 0; i < n_bad_graphs; i++) {
        process_result result;

        write_graph(path, &bad_graphs[i]);
        setun_command(&result, "run", "--graph", path, "-p", "x", "-n", "1", "-t", "1", NULL);
        check_error(bad_graphs[i].name, &result, 1, bad_graphs[i].expected != NULL ? bad_graphs[i].expected : "graph.yaml:");
        cr_expect(strstr(result.err, "graph.yaml:") != NULL, "%s: no position: %s", bad_graphs[i].name, result.err);
        process_result_free(&result);
    }
    folder_remove(folder);
}

/* `argument` with the folder in place of a leading "@"; malloc-ed. */
static char *place_folder(const char *argument, const char *folder)
{
    char *text;

    if (argument[0] != '@')
        return strdup(argument);
    cr_assert(asprintf(&text, "%s%s", folder, argument + 1) >= 0);
    return text;
}

Test(bad_input, requests)
{
    char folder[64];

    folder_make(folder);
    for (size_t i = 0; i < n_bad_requests; i++) {
        const bad_request *bad = &bad_requests[i];
        const process_options options = {.input = bad->input, .input_bytes = bad->n_input};
        char *argv[16] = {strdup(SETUN_COMMAND)};
        process_result result;

        for (size_t k = 0; bad->argv[k] != NULL; k++)
            argv[k + 1] = place_folder(bad->argv[k], folder);
        process_run((const char *const *)argv, &options, &result);
        check_error(bad->name, &result, bad->exit_code, bad->expected);
        cr_expect_eq(folder_count(folder), 0, "%s: something was left behind", bad->name);
        process_result_free(&result);
        for (size_t k = 0; argv[k] != NULL; k++)
            free(argv[k]);
    }
    folder_remove(folder);
}

/* Runs the model with one bit flipped; whether it was refused. An error is one line that names the folder; an answer is an answer. */
static bool run_flipped(const char *folder, const char *weights, size_t at, unsigned bit)
{
    char byte[2] = "";
    const bad_model flip = {.name = "flip", .file = "model.safetensors", .damage = DAMAGE_BYTES, .to = byte, .n_to = 1, .at = at};
    process_result result;
    bool refused;

    byte[0] = (char)(weights[at] ^ (1 << bit));
    bad_model_make(folder, &flip);
    setun_command(&result, "run", "-m", folder, "-p", "x", "-n", "1", "-t", "1", NULL);
    refused = result.exit_code == 1;
    cr_expect(result.exit_code == 0 || refused, "byte %zu = %02x: exit %d, signal %d: %s", at, (unsigned char)byte[0], result.exit_code,
              result.signal, result.err);
    if (refused)
        check_error("flipped bit", &result, 1, folder);
    process_result_free(&result);
    bad_model_clear(folder);
    return refused;
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U; /* Knuth's linear congruential generator */
    return *state;
}

/* Single bits of the weight file's header, flipped one at a time by a fixed sequence: an error or, where the bit means nothing to Setun,
 * an answer; never a crash. */
Test(bad_input, flipped_bits)
{
    size_t n_bytes;
    char *weights = file_read(FABLE "/model.safetensors", &n_bytes), folder[64];
    uint64_t state = 20240217;
    int n_refused = 0;

    folder_make(folder);
    for (int i = 0; i < 40; i++) {
        next_random(&state);
        n_refused += run_flipped(folder, weights, (size_t)(state >> 33) % 9816 /* the length and the header */, (state >> 20) % 8);
    }
    cr_assert(n_refused > 20, "only %d of 40 flips were noticed", n_refused);
    folder_remove(folder);
    free(weights);
}

/* The same in the data: most bits change a weight a little and nobody can know; a code that stands for nothing, a NaN or a scale that is none
 * is an error, and whatever the bit makes of a number, the answer is finite or refused. Half of the flips are in the top bits of a bf16, half
 * behind the embedding, which comes first and is two thirds of the file. */
Test(bad_input, flipped_bits_of_the_data)
{
    enum { EMBEDDING_BYTES = 2 * 4096 * 256 };
    size_t n_bytes, data;
    char *weights = file_read(FABLE "/model.safetensors", &n_bytes), folder[64];
    uint64_t state = 20261122, n_header = 0;
    int n_refused = 0, n_answered = 0;

    for (int i = 7; i >= 0; i--)
        n_header = n_header << 8 | (unsigned char)weights[i];
    data = 8 + (size_t)n_header;
    cr_assert(data + EMBEDDING_BYTES < n_bytes);
    folder_make(folder);
    for (int i = 0; i < 48; i++) {
        const size_t first = i % 2 == 0 ? data : data + EMBEDDING_BYTES;
        size_t at = first + (size_t)(next_random(&state) >> 33) % (n_bytes - first);
        bool refused;

        if (i % 2 == 0)
            at |= 1; /* the upper byte of a bf16, as the data starts at an even place */
        refused = run_flipped(folder, weights, at, i % 2 == 0 ? 6 : (unsigned)(state >> 20) % 8);
        n_refused += refused;
        n_answered += !refused;
    }
    cr_assert(n_refused > 0 && n_answered > 0, "%d refused, %d answered", n_refused, n_answered);
    folder_remove(folder);
    free(weights);
}
