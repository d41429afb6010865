/* test_tokenize.c - `setun tokenize` against Hugging Face's tokenizers, on every golden line, and back. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "process.h"

/* Runs tokenize on `text` through stdin and checks that it prints exactly `expected`. */
static void check(const char *text, size_t n_bytes, const char *const *flags, const char *expected, size_t n_expected)
{
    const char *argv[12] = {SETUN_COMMAND, "tokenize", "-f", "-"};
    const process_options options = {.input = text, .input_bytes = n_bytes};
    process_result result;

    for (size_t i = 0; flags[i] != NULL; i++)
        argv[4 + i] = flags[i];
    process_run(argv, &options, &result);
    cr_assert_eq(result.exit_code, 0, "'%s': exit %d: %s", text, result.exit_code, result.err);
    cr_assert(result.n_out == n_expected && memcmp(result.out, expected, n_expected) == 0, "'%s' %s: got '%s', expected '%s'", text,
              flags[0], result.out, expected);
    process_result_free(&result);
}

/* "1 2 3\n"; malloc-ed. */
static char *join_ids(const json_t *ids)
{
    char *text = malloc(12 * json_array_size(ids) + 2), *to = text;

    cr_assert(text != NULL);
    for (size_t i = 0; i < json_array_size(ids); i++)
        to += sprintf(to, "%s%lld", i > 0 ? " " : "", (long long)json_integer_value(json_array_get(ids, i)));
    (void)strcpy(to, "\n");
    return text;
}

Test(tokenize, golden)
{
    static const char *const trusted[] = {"--ids", "--no-bos", NULL}, *const user[] = {"--ids", "--no-bos", "--user", NULL},
                      *const decode[] = {"--decode", "--no-bos", NULL};
    json_t *lines = jsonl_read(GOLDEN "/tokenizer.jsonl");

    cr_assert(json_array_size(lines) > 40);
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const json_t *line = json_array_get(lines, i), *text = json_object_get(line, "text");
        const char *bytes = json_string_value(text);
        const size_t n_bytes = json_string_length(text);
        char *plain = join_ids(json_object_get(line, "ids_plain")), *untrusted = join_ids(json_object_get(line, "ids_user"));

        check(bytes, n_bytes, trusted, plain, strlen(plain));
        check(bytes, n_bytes, user, untrusted, strlen(untrusted));
        check(plain, strlen(plain), decode, bytes, n_bytes);
        check(untrusted, strlen(untrusted), decode, bytes, n_bytes);
        free(plain);
        free(untrusted);
    }
    json_decref(lines);
}

/* With BOS both ways: --decode leaves out what encoding added. */
Test(tokenize, bos)
{
    static const char *const ids[] = {"--ids", NULL}, *const decode[] = {"--decode", NULL}, *const all[] = {"--decode", "--no-bos", NULL};

    check("Once upon a time", 16, ids, "4093 2289 697 258 515\n", 22);
    check("4093 2289 697 258 515\n", 22, decode, "Once upon a time", 16);
    check("4093 2289\t697\r\n 258 515", 23, all, "<|begin_of_text|>Once upon a time", 33);
    check("<|begin_of_text|>", 17, ids, "4093 4093\n", 10);
    check("4093 4093", 9, decode, "<|begin_of_text|>", 17);
}

/* bitnet.cpp's fallback cuts quotation marks and 'll off by themselves; from the same vocabulary come other ids. */
Test(tokenize, other_cuts)
{
    static const char *const fallback[] = {"--ids", "--pre", "default", "--no-bos", NULL};
    static const char *const own[] = {"--ids", "--pre", "llama-bpe", "--no-bos", NULL};
    process_result result;

    check("\"Oh, \"no", 8, own, "1989 11 364 77 78\n", 18);
    check("\"Oh, \"no", 8, fallback, "1 871 11 220 1 77 78\n", 21);
    check("she'll 1234", 11, own, "3531 1080 220 16 17 18 19\n", 26);
    check("she'll 1234", 11, fallback, "3531 6 281 220 16 17 18 19\n", 27);
    setun_command(&result, "tokenize", "-v", "--pre", "default", "--no-bos", "1 + 1", NULL);
    cr_assert(strstr(result.err, "text cut by default: as --pre says") != NULL, "%s", result.err);
    process_result_free(&result);
}

Test(tokenize, table)
{
    process_result result;

    setun_command(&result, "tokenize", "--no-bos", "a king\n\x01\xc3\xa9 <|eot_id|>", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_assert(strstr(result.out, "    64  \"a\"\n") == result.out, "%s", result.out);
    cr_assert(strstr(result.out, "\"\\n\"\n") != NULL, "%s", result.out);
    cr_assert(strstr(result.out, "\"\\x01\"\n") != NULL, "%s", result.out);
    cr_assert(strstr(result.out, "  4095  \"<|eot_id|>\"\n") != NULL, "%s", result.out);
    process_result_free(&result);
}

Test(tokenize, json)
{
    json_error_t error;
    process_result result;
    json_t *got;

    setun_command(&result, "tokenize", "-o", "json", "Once upon a time", NULL);
    got = json_loadb(result.out, result.n_out, 0, &error);
    cr_assert(got != NULL, "%s: %s", error.text, result.out);
    cr_assert_eq(json_array_size(json_object_get(got, "ids")), 5);
    cr_assert_eq(json_integer_value(json_array_get(json_object_get(got, "ids"), 1)), 2289);
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(got, "pieces"), 1)), "Once");
    json_decref(got);
    process_result_free(&result);

    /* 159 is the first byte of a character of three: text that JSON can hold shows it as U+FFFD, plain text has the byte. */
    setun_command(&result, "tokenize", "-o", "json", "--decode", "64", "159", NULL);
    got = json_loadb(result.out, result.n_out, 0, &error);
    cr_assert(got != NULL, "%s: %s", error.text, result.out);
    cr_assert_str_eq(json_string_value(json_object_get(got, "text")), "a\xef\xbf\xbd");
    json_decref(got);
    process_result_free(&result);
    setun_command(&result, "tokenize", "--decode", "64", "159", NULL);
    cr_assert_str_eq(result.out, "a\xe3");
    process_result_free(&result);
}
