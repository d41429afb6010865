/* test_perplexity.c - perplexity of text that the model never saw, by Hugging Face's protocol: within 0.1 % of its figure. */
#include <criterion/criterion.h>
#include <math.h>

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
