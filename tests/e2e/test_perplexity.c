/* test_perplexity.c - perplexity of text that the model never saw, by Hugging Face's protocol: within 0.1 % of its figure. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fixture.h"
#include "process.h"

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    cr_assert(json_is_number(value), "no number '%s'", key);
    return json_number_value(value);
}

Test(perplexity, heldout)
{
    json_error_t error;
    json_t *golden = json_load_file(GOLDEN "/heldout.json", 0, &error), *got;
    const char *const argv[] = {SETUN_COMMAND, "score", "-f", GOLDEN "/heldout.txt", "--kv", "f32", "--batch", "2", "-o", "json", NULL};
    const process_options options = {.seconds = 1700};
    process_result result;
    double expected, found;

    cr_assert(golden != NULL, "%s", error.text);
    process_run(argv, &options, &result);
    cr_assert_eq(result.exit_code, 0, "exit %d: %s", result.exit_code, result.err);
    got = json_loadb(result.out, result.n_out, 0, &error);
    cr_assert(got != NULL, "%s", error.text);
    cr_assert_eq(number(got, "tokens"), number(golden, "scored_tokens"));
    expected = number(golden, "perplexity_packed");
    found = number(got, "perplexity");
    cr_log_info("perplexity %.6f, golden %.6f", found, expected);
    cr_assert(fabs(found - expected) <= 0.001 * expected, "perplexity %.6f, golden %.6f", found, expected);
    cr_assert(fabs(exp(number(got, "mean_nll")) - found) <= 1e-9 * found);
    json_decref(got);
    json_decref(golden);
    process_result_free(&result);
}

/* The README's table of heads: `| q8_0 | bytes | perplexity |`. */
Test(perplexity, heads_as_the_readme_says)
{
    static const char *const heads[] = {"keep", "f16", "q8_0", "q6_k"};
    const process_options options = {.seconds = 1700};
    size_t n_bytes;
    char *readme = file_read(SETUN_SOURCE_DIR "/README.md", &n_bytes), folder[64], path[128];

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/m.gguf", folder);
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        const char *const convert[] = {SETUN_COMMAND, "model", "convert", FABLE, path, "--force", "--head", heads[i], NULL};
        const char *const score[] = {SETUN_COMMAND, "score", "-m", path, "-f", GOLDEN "/heldout.txt", "-o", "json", NULL};
        char row[32];
        const char *at;
        long long bytes = 0;
        double expected = 0;
        json_error_t error;
        json_t *got;
        struct stat info;
        process_result result;

        (void)snprintf(row, sizeof(row), "\n| %s ", heads[i]);
        at = strstr(readme, row);
        cr_assert(at != NULL && sscanf(strchr(at + 3, '|'), "| %lld | %lf |", &bytes, &expected) == 2, "no row for %s", heads[i]);
        process_run(convert, &options, &result);
        cr_assert_eq(result.exit_code, 0, "%s", result.err);
        process_result_free(&result);
        cr_assert_eq(stat(path, &info), 0);
        cr_expect_eq((long long)info.st_size, bytes, "%s: %lld bytes", heads[i], (long long)info.st_size);
        process_run(score, &options, &result);
        cr_assert_eq(result.exit_code, 0, "%s", result.err);
        got = json_loadb(result.out, result.n_out, 0, &error);
        cr_assert(got != NULL, "%s: %s", error.text, result.out);
        cr_expect(fabs(number(got, "perplexity") - expected) < 0.00006, "%s: %.6f", heads[i], number(got, "perplexity"));
        json_decref(got);
        process_result_free(&result);
    }
    free(readme);
    folder_remove(folder);
}
