/* test_bench_limits.c - the machine's limits in `setun bench`: kept from before, measured anew, or beside every repeat. How fast a machine is is
 * never looked at, only what becomes of it. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench_json.h"
#include "fixture.h"
#include "process.h"

/* ---- shares of the machine's limits ---- */

static char cache_home[64], cache_path[128], cache_setting[96];
static const char *const cache_environment[] = {cache_setting, NULL};

static void begin(void)
{
    folder_make(cache_home);
    (void)snprintf(cache_setting, sizeof(cache_setting), "XDG_CACHE_HOME=%s", cache_home);
    (void)snprintf(cache_path, sizeof(cache_path), "%s/setun/machine.json", cache_home);
}

static void end(void)
{
    char folder[96];

    (void)snprintf(folder, sizeof(folder), "%s/setun", cache_home);
    if (access(folder, F_OK) == 0)
        folder_remove(folder);
    folder_remove(cache_home);
}

/* A quick run that needs the limits; extra: one argument more, or NULL. */
static void run_cached(process_result *result, const char *extra)
{
    const char *argv[] = {SETUN_COMMAND, "bench", "-p", "8", "-n", "2", "-r", "1", "-t", "1", extra, NULL};

    process_run(argv, &(process_options){.environment = cache_environment}, result);
}

/* Sets a number of every entry of the cache, or of each instruction set in it. */
static void doctor(const char *key, double value)
{
    json_t *root = json_load_file(cache_path, 0, NULL), *entry, *set;
    size_t i, j;

    cr_assert_not_null(root, "%s", cache_path);
    json_array_foreach(json_object_get(root, "entries"), i, entry)
    {
        if (strcmp(key, "ops_s") != 0)
            (void)json_object_set_new(entry, key, strcmp(key, "cache_bytes") == 0 ? json_integer((json_int_t)value) : json_real(value));
        else
            json_array_foreach(json_object_get(entry, "int8"), j, set)
                (void)json_object_set_new(set, key, json_real(value));
    }
    cr_assert_eq(json_dump_file(root, cache_path, 0), 0);
    json_decref(root);
}

/* fable lies in the caches of most machines, and then has no share of the bandwidth: the doctored file says that there are none. */
Test(bench_limits, a_share_above_100_percent_fails, .init = begin, .fini = end)
{
    process_result result;

    run_cached(&result, NULL);
    cr_assert(result.exit_code == 0 || strstr(result.err, "more than the machine") != NULL, "%s", result.err);
    process_result_free(&result);
    doctor("cache_bytes", 0);
    doctor("read_bytes_s", 1000.0);
    run_cached(&result, NULL);
    cr_expect_eq(result.exit_code, 1);
    cr_expect_not_null(strstr(result.err, "of the read bandwidth: more than the machine was measured to do"), "%s", result.err);
    cr_expect_not_null(strstr(result.err, "--limits new measures again"), "%s", result.err);
    cr_expect_not_null(strstr(result.out, "tg2"), "the results are there all the same: %s", result.out);
    cr_expect_not_null(strstr(result.out, "as measured on 20"), "and where the limits are from: %s", result.out);
    process_result_free(&result);
    doctor("read_bytes_s", 1e15);
    doctor("ops_s", 1000.0);
    run_cached(&result, NULL);
    cr_expect_eq(result.exit_code, 1);
    cr_expect_not_null(strstr(result.err, "of the int8 arithmetic: more than the machine was measured to do"), "%s", result.err);
    process_result_free(&result);
    doctor("ops_s", 1e15);
    run_cached(&result, NULL);
    cr_expect_eq(result.exit_code, 0, "what is in the file counts: %s", result.err);
    process_result_free(&result);
    run_cached(&result, "--limits=new");
    cr_expect_null(strstr(result.out, "as measured on"), "%s", result.out);
    cr_expect_null(strstr(result.out, "1000000"), "measured anew: %s", result.out);
    process_result_free(&result);
}

Test(bench_limits, a_damaged_cache_is_measured_anew_and_said, .init = begin, .fini = end)
{
    static const char damaged[] = "{\"setun_machine\":1,\"entries\":[{\"machine\":\"x\",\"threads\":-1}]}";
    char folder[96];
    process_result result;
    json_t *root;

    (void)snprintf(folder, sizeof(folder), "%s/setun", cache_home);
    cr_assert_eq(mkdir(folder, 0700), 0);
    file_write(cache_path, damaged, sizeof(damaged) - 1);
    run_cached(&result, NULL);
    cr_expect_not_null(strstr(result.err, "machine.json: entry 0 cannot be a measurement: the machine is measured anew"), "%s", result.err);
    cr_expect_not_null(strstr(result.out, "tg2"), "%s", result.out);
    process_result_free(&result);
    root = json_load_file(cache_path, 0, NULL);
    cr_expect_eq(json_array_size(json_object_get(root, "entries")), 1, "and replaced");
    json_decref(root);
    run_cached(&result, NULL);
    cr_expect_null(strstr(result.err, "anew"), "%s", result.err);
    cr_expect_not_null(strstr(result.out, "as measured on"), "%s", result.out);
    process_result_free(&result);
}

Test(bench_limits, limits_that_cannot_be_kept_are_said)
{
    const char *const environment[] = {"XDG_CACHE_HOME=/dev/null/x", NULL};
    const char *const argv[] = {SETUN_COMMAND, "bench", "-p", "8", "-n", "0", "-r", "1", "-t", "1", NULL};
    process_result result;

    process_run(argv, &(process_options){.environment = environment}, &result);
    cr_expect_not_null(strstr(result.err, "/dev/null"), "%s", result.err);
    cr_expect_not_null(strstr(result.out, "pp8"), "%s", result.out);
    process_result_free(&result);
}

/* ---- beside every repeat ---- */

/* Two repeats of a prompt and of a few tokens. */
static json_t *run_json(const char *limits)
{
    const char *const argv[] = {SETUN_COMMAND, "bench", "-p", "8", "-n", "2", "-r", "2", "-t", "1", "--limits", limits, "-o", "json", NULL};

    return bench_json(argv, cache_environment);
}

static double number_of(const json_t *object, const char *key)
{
    cr_assert(json_is_number(json_object_get(object, key)), "%s", key);
    return json_number_value(json_object_get(object, key));
}

static const json_t *team_of(const json_t *root)
{
    return json_array_get(json_object_get(root, "teams"), 0);
}

/* Median, least and greatest of NAME are in order. */
static void expect_ordered(const json_t *result, const char *least, const char *median, const char *most)
{
    cr_expect(number_of(result, least) <= number_of(result, median) && number_of(result, median) <= number_of(result, most), "%s: %g %g %g", median,
              number_of(result, least), number_of(result, median), number_of(result, most));
}

/* The limits that were kept are absurd, so that shares of them would be, too. */
Test(bench_limits, each_repeat_is_measured_by_its_own_limits, .init = begin, .fini = end)
{
    json_t *kept = run_json("kept"), *each, *file, *file_after, *result;
    size_t i;

    doctor("cache_bytes", 0);
    doctor("read_bytes_s", 1000.0);
    doctor("ops_s", 1e17);
    file = json_load_file(cache_path, 0, NULL);
    each = run_json("each");
    file_after = json_load_file(cache_path, 0, NULL);
    cr_expect(json_equal(file, file_after), "what is kept stays");
    cr_expect_str_eq(json_string_value(json_object_get(team_of(kept), "limits")), "kept");
    cr_expect_str_eq(json_string_value(json_object_get(team_of(each), "limits")), "each");
    json_array_foreach(json_object_get(each, "results"), i, result)
    {
        const json_t *other = json_array_get(json_object_get(kept, "results"), i);
        const double rate = number_of(result, "int8_ops_s"), median = number_of(result, "tokens_s_median");
        const double slowest = rate * number_of(result, "tokens_s_min") / median, fastest = rate * number_of(result, "tokens_s_max") / median;

        expect_ordered(result, "read_limit_bytes_s_min", "read_limit_bytes_s_median", "read_limit_bytes_s_max");
        expect_ordered(result, "int8_limit_ops_s_min", "int8_limit_ops_s_median", "int8_limit_ops_s_max");
        expect_ordered(result, "share_of_bandwidth_min", "share_of_bandwidth", "share_of_bandwidth_max");
        expect_ordered(result, "share_of_int8_min", "share_of_int8", "share_of_int8_max");
        cr_expect_gt(number_of(result, "read_limit_bytes_s_min"), 1e6, "no machine reads so slowly: not the kept one");
        cr_expect_lt(number_of(result, "int8_limit_ops_s_max"), 1e17, "nor the kept one of arithmetic");
        /* Two repeats: the share of either lies between these. */
        cr_expect_geq(number_of(result, "share_of_int8_min"), (1 - 1e-9) * slowest / number_of(result, "int8_limit_ops_s_max"));
        cr_expect_leq(number_of(result, "share_of_int8_max"), (1 + 1e-9) * fastest / number_of(result, "int8_limit_ops_s_min"));
        cr_expect_str_eq(json_string_value(json_object_get(result, "hash")), json_string_value(json_object_get(other, "hash")));
#if defined __linux__ && !COMMAND_HAS_TSAN /* what is read is not the model's memory; the sanitizer's shadow of it is four times as much */
        cr_expect_lt(fabs(number_of(result, "anon_bytes") - number_of(other, "anon_bytes")), 0.5 * number_of(team_of(each), "read_buffer_bytes"));
        cr_expect_lt(fabs(number_of(result, "peak_bytes") - number_of(other, "peak_bytes")), 0.5 * number_of(team_of(each), "read_buffer_bytes"));
#endif
    }
    cr_expect_eq(i, 2);
    json_decref(file);
    json_decref(file_after);
    json_decref(kept);
    json_decref(each);
}

/* Limits that are one for all repeats: the shares' range is that of the rates. */
Test(bench_limits, kept_limits_are_the_same_for_all_repeats, .init = begin, .fini = end)
{
    json_t *root = run_json("new"), *result;
    size_t i;

    cr_expect_str_eq(json_string_value(json_object_get(team_of(root), "limits")), "new");
    json_array_foreach(json_object_get(root, "results"), i, result)
    {
        const double limit = number_of(team_of(root), "int8_ops_s"), rate = number_of(result, "int8_ops_s") / number_of(result, "tokens_s_median");

        cr_expect_eq(number_of(result, "int8_limit_ops_s_min"), limit);
        cr_expect_eq(number_of(result, "int8_limit_ops_s_max"), limit);
        cr_expect_eq(number_of(result, "read_limit_bytes_s_median"), number_of(team_of(root), "read_bytes_s"));
        cr_expect_float_eq(number_of(result, "share_of_int8_min"), rate * number_of(result, "tokens_s_min") / limit, 1e-9);
        cr_expect_float_eq(number_of(result, "share_of_int8_max"), rate * number_of(result, "tokens_s_max") / limit, 1e-9);
    }
    json_decref(root);
}

/* A report with round figures: what every form makes of it. */
#define TEAM(limits) "{\"threads\":1,\"chunk\":1,\"head\":\"\",\"start_s\":0,\"open_s\":0,\"load_s\":0,\"first_token_s\":0,\"weight_bytes\":0," \
    "\"activation_bytes\":0,\"token_bytes\":0,\"huge_bytes\":0,\"page_cache_bytes\":null,\"read_bytes_s\":50e9,\"read_buffer_bytes\":0," \
    "\"last_cache_bytes\":0,\"read_how\":\"\",\"int8_ops_s\":900e9,\"int8_kernel\":\"x__set\",\"limits_cached\":true,\"limits_measured\":0," \
    "\"int8\":[]" limits "}"
#define RESULT(shares) "{\"test\":\"decode\",\"n\":4,\"depth\":0,\"batch\":1,\"threads\":1,\"repeats\":5,\"tokens_s_median\":30," \
    "\"tokens_s_min\":20,\"tokens_s_max\":40,\"ms_token\":33,\"bytes_per_pass\":1e9,\"bytes_per_token\":1e9,\"bytes_s\":30e9,\"ops_s\":100e9," \
    "\"int8_ops_s\":90e9,\"share_of_int8_linear\":null,\"candidates_token\":0,\"resident_bytes\":null,\"anon_bytes\":null,\"file_bytes\":null," \
    "\"peak_bytes\":null,\"pass_ms\":null,\"hash\":\"\",\"hash_all\":\"\",\"profile\":[]," shares "}"
#define REPORT(team, result) "{\"setun_bench\":1,\"model\":\"m\",\"cpu\":\"\",\"numerics_version\":1,\"teams\":[" team "],\"results\":[" result "]}"

static const char measured_beside[] = REPORT(
    TEAM(",\"limits\":\"each\""),
    RESULT("\"share_of_bandwidth\":0.9,\"share_of_bandwidth_min\":0.85,\"share_of_bandwidth_max\":0.95,\"share_of_int8\":0.2,\"share_of_int8_min\":0.1,"
           "\"share_of_int8_max\":0.3,\"read_limit_bytes_s_median\":33.3e9,\"read_limit_bytes_s_min\":31.25e9,\"read_limit_bytes_s_max\":35.5e9,"
           "\"int8_limit_ops_s_median\":450e9,\"int8_limit_ops_s_min\":440e9,\"int8_limit_ops_s_max\":460e9"));
static const char over_limit[] = REPORT(TEAM(",\"limits\":\"each\""), RESULT("\"share_of_bandwidth\":1.25,\"share_of_int8\":null"));
static const char of_before[] = REPORT(TEAM(""), RESULT("\"share_of_bandwidth\":0.6,\"share_of_int8\":0.1"));

static void show(const char *report, const char *form, process_result *result)
{
    const char *const argv[] = {SETUN_COMMAND, "bench", "--from", "-", "-o", form, NULL};
    const process_options options = {.input = report, .input_bytes = strlen(report)};

    process_run(argv, &options, result);
}

Test(bench_limits, every_form_has_them)
{
    static const struct {
        const char *report, *form, *text; /* text starting with '!': is not there */
        int code;
    } cases[] = {
        {measured_beside, "table", "memory 33.30 (31.25 .. 35.50) GB/s, share 90.0% (85.0% .. 95.0%); int8 450 (440 .. 460) Gop/s, share 20.0% (10.0% .. 30.0%)", 0},
        {measured_beside, "svg", ">memory: 33.3 (31.25 .. 35.5) GB/s, 1 thread<", 0},
        {measured_beside, "svg", ">int8 set: 450 (440 .. 460) Gop/s, 1 thread<", 0},
        {measured_beside, "csv", ",share_of_bandwidth_min,share_of_bandwidth_max,", 0},
        {measured_beside, "csv", ",0.85,0.95,0.1,0.3,33300000000,31250000000,35500000000,", 0},
        {measured_beside, "json", "\"limits\": \"each\"", 0},
        {over_limit, "table", "memory - (- .. -) GB/s, share 125.0% (- .. -)", 1},
        {over_limit, "svg", ">memory: 50 GB/s, 1 thread<", 1},
        {of_before, "table", "!beside its repeats", 0},
        {of_before, "table", " 60% ", 0},
        {of_before, "svg", ">memory: 50 GB/s, 1 thread<", 0},
        {of_before, "json", "\"share_of_bandwidth_min\": null", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const bool wanted = cases[i].text[0] != '!';
        process_result result;

        show(cases[i].report, cases[i].form, &result);
        cr_expect_eq(result.exit_code, cases[i].code, "case %zu: exit %d: %s", i, result.exit_code, result.err);
        cr_expect_eq(strstr(result.out, cases[i].text + !wanted) != NULL, wanted, "case %zu: %s", i, result.out);
        if (cases[i].code == 1)
            cr_expect_not_null(strstr(result.err, "125.0% of the read bandwidth: more than the machine was measured to do right before and after"), "%s",
                               result.err);
        process_result_free(&result);
    }
}

Test(bench_limits, another_choice_is_refused)
{
    const char *const argv[] = {SETUN_COMMAND, "bench", "--limits", "often", NULL};
    process_result result;

    process_run(argv, &(process_options){0}, &result);
    cr_expect_eq(result.exit_code, 2);
    cr_expect_not_null(strstr(result.err, "kept|new|each"), "%s", result.err);
    process_result_free(&result);
}
