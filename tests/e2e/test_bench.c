/* test_bench.c - `setun bench`: what it counts, hashes that do not depend on how it computes, what it refuses. Times are never looked at. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#include "fixture.h"
#include "process.h"

/* Runs `setun bench ARGUMENTS... -o json`. A share above 1, which fable in the caches has, is exit status 1 behind the result. */
static json_t *bench(const char *const *arguments)
{
    const char *argv[32] = {SETUN_COMMAND, "bench", "-r", "2", "-o", "json"};
    size_t n = 6;
    process_result result;
    json_t *root;

    for (size_t i = 0; arguments[i] != NULL; i++)
        argv[n++] = arguments[i];
    argv[n] = NULL;
    process_run(argv, &(process_options){0}, &result);
    cr_assert(result.exit_code == 0 || (result.exit_code == 1 && strstr(result.err, "faster than the read bandwidth") != NULL), "exit %d: %s",
              result.exit_code, result.err);
    root = json_loads(result.out, 0, NULL);
    cr_assert_not_null(root, "%s", result.out);
    process_result_free(&result);
    return root;
}

static const char *hash_of(const json_t *root, size_t i)
{
    return json_string_value(json_object_get(json_array_get(json_object_get(root, "results"), i), "hash"));
}

static double number_of(const json_t *root, size_t i, const char *key)
{
    return json_number_value(json_object_get(json_array_get(json_object_get(root, "results"), i), key));
}

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(bench, hashes_do_not_depend_on_how_it_computes)
{
    json_t *one = bench(ARGUMENTS("-p", "40", "-n", "6", "-b", "1,3", "-d", "0,30", "-t", "1"));
    json_t *other = bench(ARGUMENTS("-p", "40", "-n", "6", "-b", "1,3", "-d", "0,30", "-t", "2", "--backend", "scalar", "--chunk", "7"));

    cr_assert_eq(json_array_size(json_object_get(one, "results")), 8, "depths x batches x {prefill, decode}");
    for (size_t i = 0; i < 8; i++) {
        cr_expect_str_eq(hash_of(one, i), hash_of(other, i), "result %zu", i);
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(hash_of(one, i), hash_of(one, j), "results %zu and %zu", i, j);
    }
    json_decref(one);
    json_decref(other);
}

/* fable: 3 layers' sizes are in its config.json; the ternary weights have 2 bits, the head 16. */
Test(bench, bytes_are_those_of_the_weights_and_the_cache)
{
    json_t *root = bench(ARGUMENTS("-p", "0", "-n", "4", "-d", "0,256", "-t", "1", "--backend", "scalar"));
    json_t *config = json_load_file(FABLE "/config.json", 0, NULL);
    const json_t *team = json_array_get(json_object_get(root, "teams"), 0);
    const double hidden = json_number_value(json_object_get(config, "hidden_size")), ffn = json_number_value(json_object_get(config, "intermediate_size"));
    const double layers = json_number_value(json_object_get(config, "num_hidden_layers")), vocab = json_number_value(json_object_get(config, "vocab_size"));
    const double heads = json_number_value(json_object_get(config, "num_attention_heads")), kv = json_number_value(json_object_get(config, "num_key_value_heads"));
    const double kv_size = hidden / heads * kv, rows = 2 * hidden + 2 * kv_size + 2 * ffn + hidden, bytes = json_number_value(json_object_get(team, "token_bytes"));
    const double ternary = layers * (2 * hidden * hidden + 2 * kv_size * hidden + 3 * ffn * hidden) / 4, scales = layers * rows * 4;
    const double norms = 4 * (layers * (3 * hidden + ffn) + hidden), head = 2 * vocab * hidden;

    cr_assert_not_null(config);
    cr_expect_geq(bytes, ternary + head + norms);
    cr_expect_leq(bytes, 1.01 * (ternary + head + norms + scales), "%.0f bytes", bytes);
    cr_expect_geq(number_of(root, 0, "bytes_per_pass"), bytes);
    /* 256 positions more are 256 times K and V of every layer in f16. */
    cr_expect_float_eq(number_of(root, 1, "bytes_per_pass") - number_of(root, 0, "bytes_per_pass"), 256 * layers * 2 * kv_size * 2,
                       0.6 * 256 * layers * 2 * kv_size * 2);
    cr_expect_gt(number_of(root, 0, "tokens_s_median"), 0);
    cr_expect_gt(json_number_value(json_object_get(team, "read_bytes_s")), 0);
    json_decref(config);
    json_decref(root);
}

Test(bench, mistakes_are_said)
{
    static const struct {
        const char *argv[12], *text;
        int code;
    } cases[] = {
        {{SETUN_COMMAND, "bench", "-p", "0", "-n", "0"}, "nothing to measure", 2},
        {{SETUN_COMMAND, "bench", "-t", "0"}, "--threads 0: expected whole numbers from 1 to 1024", 2},
        {{SETUN_COMMAND, "bench", "-b", "1,,2"}, "--batch 1,,2: expected whole numbers", 2},
        {{SETUN_COMMAND, "bench", "-d", "-1"}, "--depth", 2},
        {{SETUN_COMMAND, "bench", "-o", "text"}, "table|json|csv", 2},
        {{SETUN_COMMAND, "bench", "-p", "100", "-n", "1", "--context", "50"}, "a context of 50 is too short for 100 positions", 1},
        {{SETUN_COMMAND, "bench", "-m", "no-such-model"}, "no-such-model", 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        process_result result;

        process_run(cases[i].argv, &(process_options){0}, &result);
        cr_expect_eq(result.exit_code, cases[i].code, "case %zu: exit %d: %s", i, result.exit_code, result.err);
        cr_expect_not_null(strstr(result.err, cases[i].text), "case %zu: %s", i, result.err);
        process_result_free(&result);
    }
}
