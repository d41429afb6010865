/* test_greedy.c - greedy text equals that of Hugging Face's implementation, id by id, with either number format of the cache. */
#include <criterion/criterion.h>
#include <string.h>

#include "fixture.h"
#include "process.h"

static void check_line(const json_t *golden, const char *kv)
{
    const json_t *ids = json_object_get(golden, "ids");
    const char *prompt = json_string_value(json_object_get(golden, "prompt"));
    char n_tokens[24];
    process_result result;
    json_error_t error;
    json_t *got;

    (void)snprintf(n_tokens, sizeof(n_tokens), "%zu", json_array_size(ids));
    setun_command(&result, "run", "-o", "json", "--temp", "0", "--kv", kv, "-n", n_tokens, "-p", prompt, NULL);
    cr_assert_eq(result.exit_code, 0, "'%s': exit %d: %s", prompt, result.exit_code, result.err);
    got = json_loadb(result.out, result.n_out, 0, &error);
    cr_assert(got != NULL, "'%s': %s", prompt, error.text);
    cr_assert(json_equal(json_object_get(got, "prompt_ids"), json_object_get(golden, "prompt_ids")), "'%s': prompt ids differ", prompt);
    for (size_t i = 0; i < json_array_size(ids); i++)
        cr_assert(json_equal(json_array_get(json_object_get(got, "ids"), i), json_array_get(ids, i)), "'%s' (%s): id %zu of %zu differs",
                  prompt, kv, i, json_array_size(ids));
    cr_assert_eq(json_array_size(json_object_get(got, "ids")), json_array_size(ids));
    cr_assert_str_eq(json_string_value(json_object_get(got, "text")), json_string_value(json_object_get(golden, "text")));
    cr_assert_str_eq(json_string_value(json_object_get(got, "end")), "length");
    json_decref(got);
    process_result_free(&result);
}

static void check_all(const char *kv)
{
    json_t *lines = jsonl_read(GOLDEN "/greedy.jsonl");

    cr_assert(json_array_size(lines) > 10);
    for (size_t i = 0; i < json_array_size(lines); i++)
        check_line(json_array_get(lines, i), kv);
    json_decref(lines);
}

Test(greedy, cache_f32)
{
    check_all("f32");
}

Test(greedy, cache_f16)
{
    check_all("f16");
}

/* The text of one golden line, as the README shows it: prompt, continuation, newline. */
Test(greedy, text_is_prompt_and_continuation)
{
    json_t *lines = jsonl_read(GOLDEN "/greedy.jsonl");
    const json_t *golden = json_array_get(lines, 0);
    const char *prompt = json_string_value(json_object_get(golden, "prompt"));
    char n_tokens[24], expected[4096];
    process_result result;

    (void)snprintf(n_tokens, sizeof(n_tokens), "%zu", json_array_size(json_object_get(golden, "ids")));
    (void)snprintf(expected, sizeof(expected), "%s%s\n", prompt, json_string_value(json_object_get(golden, "text")));
    setun_command(&result, "run", "--temp", "0", "-n", n_tokens, "-p", prompt, NULL);
    cr_assert_eq(result.exit_code, 0, "exit %d: %s", result.exit_code, result.err);
    cr_assert_str_eq(result.out, expected);
    cr_assert(strstr(result.err, "tokens/s") != NULL, "no statistics: %s", result.err);
    process_result_free(&result);

    setun_command(&result, "run", "--temp", "0", "-n", n_tokens, "--no-echo", "-p", prompt, NULL);
    cr_assert_str_eq(result.out, expected + strlen(prompt));
    process_result_free(&result);
    json_decref(lines);
}
