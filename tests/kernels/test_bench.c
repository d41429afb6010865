/* test_bench.c - `setun kernels bench`: what it counts, that kernels of one case agree, what it refuses. Times themselves are never looked at. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "setun/bench.h"

static int run(const char *environment, const char *arguments, char *text, size_t n_bytes)
{
    char line[2000];
    FILE *pipe;
    size_t n;
    int status;

    (void)snprintf(line, sizeof(line), "%s %s kernels bench %s 2>&1", environment, SETUN_COMMAND, arguments);
    pipe = popen(line, "r");
    cr_assert_not_null(pipe);
    n = fread(text, 1, n_bytes - 1, pipe);
    text[n] = '\0';
    status = pclose(pipe);
    cr_assert(WIFEXITED(status), "%s", line);
    return WEXITSTATUS(status);
}

/* The results. A share above 1, which a busy machine may show, is exit status 1 with a message behind the JSON text. */
static json_t *results(const char *environment, const char *arguments)
{
    static char text[1 << 18];
    const int code = run(environment, arguments, text, sizeof(text));
    json_error_t error;
    json_t *root = json_loads(text, JSON_DISABLE_EOF_CHECK, &error), *list;

    cr_assert_not_null(root, "%s: %s: %s", arguments, error.text, text);
    cr_assert(code == 0 || (code == 1 && strstr(text, "faster than the limit") != NULL), "%s: exit status %d: %s", arguments, code, text);
    list = json_incref(json_object_get(root, "results"));
    json_decref(root);
    return list;
}

static double real(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static const char *word(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

#define QUICK " -r 2 --seconds 0.0001 -o json"
/* In the caches, where no limit of the memory is measured. */
#define CACHE " --from cache" QUICK

Test(bench, kernels_of_a_case_give_the_same_bits)
{
    json_t *list = results("", "--fmts tern2 --shape 33x130,64x256 --rows 1,7 -t 1,2" CACHE), *r;
    const char *hash = "";
    size_t i, n_cases = 0;
    char last[200] = "";

    json_array_foreach(list, i, r)
    {
        char name[200];

        (void)snprintf(name, sizeof(name), "%g %g %g %g", real(r, "n"), real(r, "k"), real(r, "rows"), real(r, "threads"));
        cr_expect_null(json_object_get(r, "declined"), "%s", word(r, "kernel"));
        if (strcmp(name, last) != 0) {
            n_cases++;
            hash = word(r, "hash");
        }
        (void)snprintf(last, sizeof(last), "%s", name);
        cr_expect_eq(strlen(hash), 16);
        cr_expect_str_eq(word(r, "hash"), hash, "%s %s", word(r, "kernel"), name);
        cr_expect(real(r, "min_s") > 0 && real(r, "min_s") <= real(r, "median_s") && real(r, "median_s") <= real(r, "max_s"));
        cr_expect_eq(real(r, "ops"), 2 * real(r, "n") * real(r, "k") * real(r, "rows"));
        cr_expect_float_eq(real(r, "weight_bits"), 8 * real(r, "bytes") / real(r, "n") / real(r, "k"), 1e-9);
    }
    cr_expect_eq(n_cases, 2 * 2 * 2, "%zu: shapes, rows, teams", n_cases);
    json_decref(list);
}

/* tern2.row: rows of ceil(k / 4) bytes rounded up to 64, and one f32 scale for each of them (formats.md). */
Test(bench, bytes_are_those_of_the_packing)
{
    json_t *list = results("", "--kernel linear_i8row_tern2row_f32__scalar --shape 480x2560 --rows 1 -t 1 --from memory" QUICK), *r;

    cr_assert_eq(json_array_size(list), 1);
    r = json_array_get(list, 0);
    cr_expect_str_eq(word(r, "weight"), "tern2.row+f32");
    cr_expect_str_eq(word(r, "from"), "memory");
    cr_expect_geq(real(r, "bytes"), 480 * (2560 / 4 + 4));
    cr_expect_leq(real(r, "bytes"), 480 * (2560 / 4 + 4) + 256);
    cr_expect_eq(real(r, "ratio"), 1, "it is the first of its case");
    json_decref(list);
}

/* By their pattern, or one by its name: all give the same bits, and what counts is the weight, as of a linear alone. */
Test(bench, kernels_of_several_ops)
{
    static char text[1 << 16];
    json_t *list, *one, *r;
    size_t i;

    if (run("", "--op 'o=linear(h,w); y=add(x,o)' --shape 33x192 --rows 3 -t 1" CACHE, text, sizeof(text)) == 1 && strstr(text, "no loaded plugin") != NULL)
        cr_skip_test("no backend for this CPU has such kernels");
    list = results("", "--op 'o=linear(h,w); y=add(x,o)' --shape 33x192 --rows 3 -t 1" CACHE);
    cr_assert_gt(json_array_size(list), 0);
    json_array_foreach(list, i, r)
    {
        cr_expect_null(json_object_get(r, "declined"), "%s", word(r, "kernel"));
        cr_expect_str_eq(word(r, "hash"), word(json_array_get(list, 0), "hash"), "%s", word(r, "kernel"));
        cr_expect_eq(real(r, "ops"), 2 * 33 * 192 * 3);
        cr_expect_float_eq(real(r, "weight_bits"), 8 * real(r, "bytes") / 33 / 192, 1e-9);
    }
    (void)snprintf(text, sizeof(text), "--kernel %s --shape 33x192 --rows 3 -t 1" CACHE, word(json_array_get(list, 0), "kernel"));
    one = results("", text);
    cr_assert_eq(json_array_size(one), 1);
    cr_expect_str_eq(word(json_array_get(one, 0), "hash"), word(json_array_get(list, 0), "hash"));
    json_decref(list);
    json_decref(one);
}

Test(bench, what_would_not_leave_the_caches_is_declined)
{
    json_t *list = results("", "--kernel linear_i8row_tern2row_f32__scalar --shape 2x16 --rows 1 -t 1 --from memory" QUICK);

    cr_assert_eq(json_array_size(list), 1);
    cr_expect_not_null(strstr(word(json_array_get(list, 0), "declined"), "too small"));
    json_decref(list);
}

/* Result `at` and those after it with the same formats have the same bits. */
static void expect_same_bits(const json_t *list, size_t at)
{
    const json_t *first = json_array_get(list, at);

    for (size_t i = at + 1; i < json_array_size(list); i++) {
        const json_t *r = json_array_get(list, i);

        if (json_object_get(r, "declined") == NULL && strcmp(word(r, "fmts"), word(first, "fmts")) == 0)
            cr_expect_str_eq(word(r, "hash"), word(first, "hash"), "%s and %s", word(first, "kernel"), word(r, "kernel"));
    }
}

static void expect_same_bits_of_rows(const json_t *list, int rows)
{
    const char *hash = NULL;
    const json_t *r;
    size_t i;

    json_array_foreach(list, i, r)
    {
        if (real(r, "rows") != rows || json_object_get(r, "declined") != NULL)
            continue;
        if (hash != NULL)
            cr_expect_str_eq(word(r, "hash"), hash, "%s", word(r, "kernel"));
        hash = word(r, "hash");
    }
    cr_expect_not_null(hash);
}

Test(bench, every_op_can_be_timed)
{
    static const char *const ops[] = {"linear", "screen", "top_k", "attention", "embedding", "rope", "kv_write", "output_rows", "pack", "ternarise", "quantise",
                                       "rms_norm", "add", "mul", "relu2", "silu", "probe_int8"};

    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        char arguments[200];
        json_t *list, *r;
        size_t at, n_timed = 0;

        (void)snprintf(arguments, sizeof(arguments), "--op %s --shape 16x64 --rows 3 -t 1 -d 300" CACHE, ops[i]);
        list = results("", arguments);
        json_array_foreach(list, at, r)
        {
            n_timed += json_object_get(r, "declined") == NULL;
            if (json_object_get(r, "declined") == NULL)
                expect_same_bits(list, at);
        }
        cr_expect_gt(n_timed, 0, "%s", ops[i]);
        json_decref(list);
    }
}

/* K and V of a head that rows can see: 301 positions of 3 sequences, 4 heads of 64, f16; numerics.md says what is read. */
Test(bench, attention_counts_the_cache_that_is_seen)
{
    json_t *list = results("", "--op attention --kernel attention_f32_f16kv256_f32__scalar --shape 16x64 --rows 3 -d 300 -t 1" CACHE), *r;

    cr_assert_eq(json_array_size(list), 1);
    r = json_array_get(list, 0);
    cr_expect_eq(real(r, "bytes"), 3 * 301 * 4 * 64 * 2 * 2);
    cr_expect_eq(real(r, "ops"), 4.0 * 16 * 64 * 3 * 301);
    json_decref(list);
    list = results("", "--op attention --kernel attention_f32_f16kv256_f32__scalar --shape 5x64 --rows 20 -d 2 -t 1" CACHE);
    r = json_array_get(list, 0);
    cr_expect_eq(real(r, "bytes"), 22 * 5 * 64 * 2 * 2, "a prompt of one sequence");
    cr_expect_eq(real(r, "ops"), 4.0 * 5 * 64 * (20 * 21 / 2 + 2 * 20), "row i sees 2 + i + 1 positions");
    json_decref(list);
}

/* More sequences than the check of kernels ever has, and more blocks. */
Test(bench, attention_of_many_sequences)
{
    json_t *list = results("", "--op attention --shape 4x64 --rows 16,1 -d 2500 -t 1 --fmts f16.kv256" CACHE);

    cr_expect_geq(json_array_size(list), 2);
    expect_same_bits_of_rows(list, 16);
    expect_same_bits_of_rows(list, 1);
    json_decref(list);
}

Test(bench, two_against_each_other)
{
    json_t *list = results("", "--ab linear_f32_f32_f32__scalar,linear_f32_bf16_f32__scalar --shape 16x64 --rows 3 -t 1 --from cache -r 3 --seconds "
                               "0.0001 -o json"), *r;

    cr_assert_eq(json_array_size(list), 2);
    r = json_array_get(list, 0);
    cr_expect_str_eq(word(r, "kernel"), "linear_f32_f32_f32__scalar", "the one that is named first");
    cr_expect(real(r, "ratio") == 1 && real(r, "ratio_min") == 1 && real(r, "ratio_max") == 1);
    r = json_array_get(list, 1);
    cr_expect_str_eq(word(r, "kernel"), "linear_f32_bf16_f32__scalar");
    cr_expect(real(r, "ratio_min") > 0 && real(r, "ratio_min") <= real(r, "ratio") && real(r, "ratio") <= real(r, "ratio_max"));
    json_decref(list);
    list = results("", "--ab linear_f32_bf16_f32__scalar,linear_f32_f32_f32__scalar --shape 16x64 --rows 3 -t 1" CACHE);
    cr_expect_str_eq(word(json_array_get(list, 0), "kernel"), "linear_f32_bf16_f32__scalar");
    json_decref(list);
}

Test(bench, mistakes_are_said)
{
    static const struct {
        const char *arguments, *text;
        int code;
    } cases[] = {
        {"--shape 10", "NxK", 2},
        {"--shape 0x5", "NxK", 2},
        {"--shape 4x4,", "NxK", 2},
        {"--rows 0", "--rows 0: expected whole numbers", 2},
        {"-t 1,x", "--threads 1,x: expected whole numbers", 2},
        {"--depth 2000000", "--depth", 2},
        {"--ab one", "names of two kernels", 2},
        {"--ab linear_f32_f32_f32__scalar,", "names of two kernels", 2},
        {"--ab linear_f32_f32_f32__scalar,nothing", "two different kernels that are loaded", 1},
        {"--ab linear_f32_f32_f32__scalar,linear_f32_f32_f32__scalar", "two different kernels", 1},
        {"--ab linear_f32_f32_f32__scalar,add_f32_f32_f32__scalar",
         "expected two kernels of the same op and formats, but for the weight's packing; found 'linear' of f32,f32>f32, and 'add' of f32,f32>f32", 2},
        {"--ab linear_f32_f32_f32__scalar,linear_i8row_tern2row_f32__scalar", "found 'linear' of f32,f32>f32, and 'linear' of i8.row+f32,tern2.row+f32>f32", 2},
        {"--ab attention_f32_f16kv256_f32__scalar,attention_f32_f32kv256_f32__scalar", "expected two kernels of the same op and formats", 2},
        {"--ab linear_f32_f32_f32__scalar,linear_f32_bf16_f32__scalar --fmts bf16", "do not leave linear_f32_f32_f32__scalar", 2},
        {"--ab linear_f32_f32_f32__scalar,linear_f32_bf16_f32__scalar --op add", "do not leave linear_f32_f32_f32__scalar", 2},
        {"--ab linear_f32_f32_f32__scalar,linear_f32_bf16_f32__scalar --kernel linear_f32_bf16_f32__scalar", "do not leave linear_f32_f32_f32__scalar", 2},
        {"--op lineer", "did you mean 'linear'", 1},
        {"--op linear --backend scalar --fmts nothing --from cache", "no usable kernel", 1},
        {"--shape 2147483648x2147483648", "do not fit into memory", 1},
        {"-o yaml", "text|json|csv", 2},
    };
    char text[4000];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const int code = run("", cases[i].arguments, text, sizeof(text));

        cr_expect_eq(code, cases[i].code, "%s: exit status %d", cases[i].arguments, code);
        cr_expect_not_null(strstr(text, cases[i].text), "%s: %s", cases[i].arguments, text);
    }
}

Test(bench, csv_has_a_column_for_each_heading)
{
    static char text[1 << 16];
    char *rest = NULL;
    size_t n_columns = 0, n_lines = 0;

    (void)run("", "--fmts tern2 --shape 16x64 --rows 2 -t 1 -r 1 --from cache --seconds 0.0001 -o csv", text, sizeof(text));
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        size_t n = 1;

        if (strncmp(line, "setun ", 6) == 0)
            continue;
        for (const char *c = line; *c != '\0'; c++)
            n += *c == ',';
        n_columns = n_lines++ == 0 ? n : n_columns;
        cr_expect_eq(n, n_columns, "%s", line);
    }
    cr_expect_geq(n_lines, 3);
}

Test(bench, the_machine_has_limits)
{
    setun_machine_limits limits;
    setun_plugins *plugins;
    setun_error error;

    cr_assert_eq(setun_plugins_open(NULL, &plugins, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_machine_measure(plugins, 1, &limits, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(limits.threads, 1);
    cr_expect_gt(limits.read_bytes_s, 0);
    cr_expect_gt(limits.int8_ops_s, 0);
    cr_expect_neq(limits.int8_kernel[0], '\0');
    cr_expect_eq(setun_machine_measure(plugins, 100000, &limits, &error), SETUN_ERR_INVALID);
    setun_plugins_close(plugins);
}

Test(bench, limits_are_looked_at_again_and_again)
{
    setun_machine_probe *probe = NULL;
    setun_machine_limits limits;
    setun_plugins *plugins;
    setun_error error;

    cr_assert_eq(setun_plugins_open(NULL, &plugins, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(setun_machine_probe_open(plugins, 100000, &probe, &error), SETUN_ERR_INVALID);
    cr_assert_null(probe);
    setun_machine_probe_close(NULL);
    cr_assert_eq(setun_machine_probe_open(plugins, 2, &probe, &error), SETUN_OK, "%s", error.text);
    for (int i = 0; i < 2; i++) {
        memset(&limits, 0x55, sizeof(limits));
        setun_machine_probe_look(probe, &limits);
        cr_expect_eq(limits.threads, 2);
        cr_expect_gt(limits.read_bytes_s, 0);
        cr_expect_neq(limits.read_how[0], '\0');
        cr_expect_eq(limits.n_int8, 1);
        cr_expect_gt(limits.int8_ops_s, 0);
        cr_expect_eq(limits.int8_ops_s, limits.int8[0].ops_s);
        cr_expect_str_eq(limits.int8_kernel, limits.int8[0].kernel);
        cr_expect_eq(setun_machine_probe_bytes(probe) % limits.read_buffer_bytes, 0, "as many buffers as there are kinds of pages");
    }
    setun_machine_probe_close(probe);
    setun_plugins_close(plugins);
}

Test(bench, a_spread_is_the_middle_and_the_ends)
{
    double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2}, one[] = {7};
    setun_spread s;

    setun_spread_make(odd, 3, &s);
    cr_expect(s.n == 3 && s.median == 2 && s.min == 1 && s.max == 3);
    setun_spread_make(even, 4, &s);
    cr_expect(s.median == 2.5 && s.min == 1 && s.max == 4);
    cr_expect(even[0] == 1 && even[3] == 4, "sorted");
    setun_spread_make(one, 1, &s);
    cr_expect(s.median == 7 && s.min == 7 && s.max == 7);
    setun_spread_make(NULL, 0, &s);
    cr_expect(s.n == 0 && s.median == 0 && s.max == 0);
}
