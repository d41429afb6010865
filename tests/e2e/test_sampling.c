/* test_sampling.c - the same seed gives the same text, another seed another; a text ends where it should, and says why. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "process.h"

static char *story(const char *seed, const char *threads, const char *chunk)
{
    process_result result;
    char *text;

    setun_command(&result, "run", "-p", "Once upon a time", "-n", "60", "--seed", seed, "-t", threads, "--chunk", chunk, NULL);
    cr_assert_eq(result.exit_code, 0, "exit %d: %s", result.exit_code, result.err);
    text = strdup(result.out);
    process_result_free(&result);
    return text;
}

Test(sampling, seed_reproduces)
{
    char *a = story("7", "1", "256"), *same = story("7", "2", "3"), *other = story("8", "1", "256");

    cr_assert_str_eq(a, same);
    cr_assert_str_neq(a, other);
    cr_assert(strncmp(a, "Once upon a time", 16) == 0);
    free(a);
    free(same);
    free(other);
}

/* Without --seed the seed is random, and the one that is printed gives the text again. */
Test(sampling, printed_seed)
{
    process_result first;
    const char *printed;
    char seed[32], *again;

    setun_command(&first, "run", "-p", "Once upon a time", "-n", "60", NULL);
    cr_assert_eq(first.exit_code, 0, "%s", first.err);
    printed = strstr(first.err, "seed ");
    cr_assert(printed != NULL, "%s", first.err);
    (void)snprintf(seed, sizeof(seed), "%.*s", (int)strspn(printed + 5, "0123456789"), printed + 5);
    again = story(seed, "1", "256");
    cr_assert_str_eq(first.out, again);
    free(again);
    process_result_free(&first);
}

static json_t *run_json(const char *const *further)
{
    const char *argv[24] = {SETUN_COMMAND, "run", "-o", "json"};
    const process_options options = {0};
    process_result result;
    json_error_t error;
    json_t *got;
    size_t n = 4;

    while (*further != NULL)
        argv[n++] = *further++;
    process_run(argv, &options, &result);
    cr_assert_eq(result.exit_code, 0, "exit %d: %s", result.exit_code, result.err);
    got = json_loadb(result.out, result.n_out, 0, &error);
    cr_assert(got != NULL, "%s", error.text);
    process_result_free(&result);
    return got;
}

static long long integer(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* -n -1 goes on until a token that ends the text, or to the last position of the context. */
Test(sampling, ends_with_the_context)
{
    json_t *got = run_json((const char *const[]){"-p", "Once", "-n", "-1", "--temp", "0", "--context", "40", NULL});

    cr_assert_str_eq(json_string_value(json_object_get(got, "end")), "context");
    cr_assert_eq(integer(got, "n_prompt"), 2);
    cr_assert(integer(got, "n_tokens") >= 38 && integer(got, "n_tokens") <= 39, "%lld tokens", integer(got, "n_tokens"));
    cr_assert_eq((long long)json_array_size(json_object_get(got, "ids")), integer(got, "n_tokens"));
    json_decref(got);
}

Test(sampling, no_tokens)
{
    json_t *got = run_json((const char *const[]){"-p", "Once", "-n", "0", NULL});

    cr_assert_eq(integer(got, "n_tokens"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(got, "text")), "");
    cr_assert_str_eq(json_string_value(json_object_get(got, "end")), "length");
    json_decref(got);
}

/* Penalties and cuts change what greedy choosing gives, or leave it alone, as they must. */
Test(sampling, settings_take_part)
{
    json_t *greedy = run_json((const char *const[]){"-p", "The princess", "-n", "40", "--temp", "0", NULL});
    json_t *top_1 = run_json((const char *const[]){"-p", "The princess", "-n", "40", "--top-k", "1", NULL});
    json_t *min_p = run_json((const char *const[]){"-p", "The princess", "-n", "40", "--min-p", "1", NULL});
    json_t *penalty = run_json((const char *const[]){"-p", "The princess", "-n", "40", "--temp", "0", "--repeat-penalty", "1.5", NULL});

    cr_assert(json_equal(json_object_get(greedy, "ids"), json_object_get(top_1, "ids")), "the likeliest token only is greedy");
    cr_assert(json_equal(json_object_get(greedy, "ids"), json_object_get(min_p, "ids")), "as likely as the likeliest only is greedy");
    cr_assert(!json_equal(json_object_get(greedy, "ids"), json_object_get(penalty, "ids")), "a penalty changes a text that repeats");
    json_decref(greedy);
    json_decref(top_1);
    json_decref(min_p);
    json_decref(penalty);
}

/* Special tokens in a prompt are text unless --special is given. */
Test(sampling, special_tokens_of_a_prompt)
{
    json_t *plain = run_json((const char *const[]){"-p", "a<|eot_id|>", "-n", "1", NULL});
    json_t *special = run_json((const char *const[]){"-p", "a<|eot_id|>", "-n", "1", "--special", "--no-bos", NULL});

    cr_assert(integer(plain, "n_prompt") > 5);
    cr_assert_eq(integer(special, "n_prompt"), 2);
    json_decref(plain);
    json_decref(special);
}

/* A prompt file's last newline is not part of the prompt; stdin works as well. */
Test(sampling, prompt_from_stdin)
{
    const char *const argv[] = {SETUN_COMMAND, "run", "-f", "-", "-n", "4", "--temp", "0", NULL};
    const process_options options = {.input = "Once upon a time\n", .input_bytes = 17};
    process_result piped, plain;

    process_run(argv, &options, &piped);
    setun_command(&plain, "run", "-p", "Once upon a time", "-n", "4", "--temp", "0", NULL);
    cr_assert_eq(piped.exit_code, 0, "%s", piped.err);
    cr_assert_str_eq(piped.out, plain.out);
    process_result_free(&piped);
    process_result_free(&plain);
}
