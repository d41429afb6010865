/* test_packings.c - a second packing of the weights: what `setun plan` says of it, and that memory decides. Two kernels of linear get times
 * that one may check by hand: scalar, which is the faster one for one row, and another one, 10 % faster in longer passes. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "process.h"

#define SCALAR "linear_i8row_tern2row_f32__scalar"
enum { LAYERS = 5, MIB = 1 << 20 }; /* of fable */

static char folder[64], times[128], other[128], other_packing[64];

/* The steps of ffn_down's linear in a phase. options: one more, and its value, or NULL. */
static json_t *plan_of(const char *phase, const char *name, const char *value)
{
    const char *const argv[] = {SETUN_COMMAND, "plan", "--phase", phase, "-t", "2", "--no-fuse", "--tuning", times, "-o", "json", name, value, NULL};
    process_result result;
    json_t *root;

    process_run(argv, &(process_options){0}, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    root = json_loads(result.out, 0, NULL);
    cr_assert_not_null(root, "%s", result.out);
    process_result_free(&result);
    return root;
}

/* The i-th row of the plan that is of ffn_down; NULL: there are not so many. */
static const json_t *row_of(const json_t *plan, size_t i)
{
    const json_t *row;
    size_t j;

    json_array_foreach(json_object_get(plan, "steps"), j, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "weight")), "ffn_down") == 0 && i-- == 0)
            return row;
    }
    return NULL;
}

static const char *text_of(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static json_int_t number_of(const json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

/* Times of this CPU for both kernels: its name and features are copied from a file that the command makes. */
static void write_times(void)
{
    process_result result;
    char *text, *cases, all[3000];
    size_t n_bytes;

    setun_command(&result, "kernels", "tune", "--op", "add", "--rows", "1", "-t", "1", "-r", "1", "--seconds", "0.0001", "--out", times, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
    text = file_read(times, &n_bytes);
    cases = strstr(text, "\ncases:");
    cr_assert_not_null(cases, "%s", text);
    *cases = '\0';
    (void)snprintf(all, sizeof(all), "%s\ncases:\n  - {op: linear, shape: 256x768, rows: 1, threads: 2, ns: {%s: 1000, %s: 2000}}\n"
                   "  - {op: linear, shape: 256x768, rows: 256, threads: 2, ns: {%s: 1000000, %s: 900000}}\n", text, SCALAR, other, SCALAR, other);
    file_write(times, all, strlen(all));
    free(text);
}

static void setup(void)
{
    json_t *plan;

    folder_make(folder);
    (void)snprintf(times, sizeof(times), "none");
    plan = plan_of("prefill", NULL, NULL);
    (void)snprintf(other, sizeof(other), "%s", text_of(row_of(plan, 0), "kernel"));
    (void)snprintf(other_packing, sizeof(other_packing), "%s", text_of(row_of(plan, 0), "packing"));
    json_decref(plan);
    if (strcmp(other_packing, "tern2.row+f32") == 0)
        cr_skip_test("no backend for this CPU reads another packing than scalar's");
    (void)snprintf(times, sizeof(times), "%s/times.yaml", folder);
    write_times();
}

static void teardown(void)
{
    folder_remove(folder);
}

TestSuite(packings, .init = setup, .fini = teardown);

Test(packings, ten_percent_are_not_worth_it_by_default)
{
    json_t *decode = plan_of("decode", NULL, NULL), *prefill = plan_of("prefill", NULL, NULL);
    const json_t *row = row_of(prefill, 0);

    cr_expect_str_eq(text_of(row_of(decode, 0), "kernel"), SCALAR);
    cr_expect_str_eq(text_of(row_of(decode, 0), "second"), "none", "it is the first");
    cr_expect_str_eq(text_of(row, "kernel"), SCALAR);
    cr_expect_str_eq(text_of(row, "second"), "not_worth");
    cr_expect_str_eq(text_of(row, "second_packing"), other_packing);
    cr_expect_eq(number_of(row, "steps"), LAYERS);
    cr_expect_geq(number_of(row, "second_bytes"), LAYERS * 256 * 768 * 8 / 5 / 8, "1.6 bits a weight are the least that three values take");
    cr_expect_leq(number_of(row, "second_bytes"), LAYERS * 256 * 768);
    cr_expect_float_eq(json_real_value(json_object_get(row, "first_s")), LAYERS * 1e-3, 0.2 * LAYERS * 1e-3, "and packing of activations");
    cr_expect_float_eq(json_real_value(json_object_get(row, "first_s")) - json_real_value(json_object_get(row, "second_s")), LAYERS * 1e-4, 1e-4);
    json_decref(decode);
    json_decref(prefill);
}

/* All layers' second packing fits a gigabyte. A batch of 2 to 16 rows is planned first; prefill finds both packings. */
Test(packings, memory_that_is_given_is_used)
{
    json_t *one = plan_of("batch", NULL, NULL), *batch = plan_of("batch", "--weight-memory", "1024"), *prefill = plan_of("prefill", "--weight-memory", "1024");
    const char *const argv[] = {SETUN_COMMAND, "plan", "-t", "2", "--no-fuse", "--tuning", times, "--weight-memory", "1024", NULL};
    process_result result, other_result;

    cr_expect_str_eq(text_of(row_of(batch, 0), "kernel"), other);
    cr_expect_str_eq(text_of(row_of(batch, 0), "second"), "taken");
    cr_expect_eq(number_of(row_of(batch, 0), "steps"), LAYERS);
    cr_expect_geq(number_of(batch, "weight_bytes"), number_of(one, "weight_bytes") + number_of(row_of(batch, 0), "second_bytes"));
    cr_expect_str_eq(text_of(row_of(prefill, 0), "kernel"), other);
    cr_expect_str_eq(text_of(row_of(prefill, 0), "second"), "none", "both packings are there");
    json_decref(one);
    json_decref(batch);
    json_decref(prefill);
    process_run(argv, &(process_options){0}, &result);
    cr_expect_not_null(strstr(result.out, " weights, taken: "), "%s", result.out);
    process_result_free(&result);

    setun_command(&result, "run", "-p", "Once upon a time there was a king who", "-n", "12", "--temp", "0", "-t", "2", NULL);
    setun_command(&other_result, "run", "-p", "Once upon a time there was a king who", "-n", "12", "--temp", "0", "-t", "2", "--no-fuse", "--tuning", times,
                  "--weight-memory", "1024", NULL);
    cr_assert_eq(other_result.exit_code, 0, "%s", other_result.err);
    cr_expect_str_eq(result.out, other_result.out);
    process_result_free(&result);
    process_result_free(&other_result);
}

/* As many layers get one as there is memory for, and no more. */
Test(packings, memory_that_is_not_given_is_not_used)
{
    json_t *one = plan_of("batch", NULL, NULL), *some;
    const json_int_t used = number_of(one, "weight_bytes"), each = number_of(row_of(one, 0), "second_bytes") / LAYERS, most = (used + MIB - 1) / MIB;
    const json_int_t fitting = (most * MIB - used) / each;
    const json_t *row;
    json_int_t n_taken = 0, n_refused = 0;
    char text[24];
    process_result result;

    cr_assert_gt(each, 0);
    (void)snprintf(text, sizeof(text), "%lld", (long long)most);
    some = plan_of("batch", "--weight-memory", text);
    for (size_t i = 0; (row = row_of(some, i)) != NULL; i++) {
        const bool is_taken = strcmp(text_of(row, "second"), "taken") == 0;

        cr_expect_str_eq(text_of(row, "kernel"), is_taken ? other : SCALAR);
        cr_expect(is_taken || strcmp(text_of(row, "second"), "too_large") == 0, "%s", text_of(row, "second"));
        *(is_taken ? &n_taken : &n_refused) += number_of(row, "steps");
    }
    cr_expect_eq(n_taken, fitting < LAYERS ? fitting : LAYERS, "%lld of %lld MiB used, %lld bytes a layer: %lld taken", (long long)used, (long long)most,
                 (long long)each, (long long)n_taken);
    cr_expect_eq(n_taken + n_refused, LAYERS);
    cr_expect_leq(number_of(some, "weight_bytes"), most * MIB);
    json_decref(one);
    json_decref(some);

    setun_command(&result, "run", "-p", "x", "-n", "1", "--weight-memory", "1", NULL);
    cr_expect_eq(result.exit_code, 1);
    cr_expect_not_null(strstr(result.err, "as kernels read them, and may take 1.0 MiB"), "%s", result.err);
    process_result_free(&result);
    setun_command(&result, "run", "-p", "x", "--weight-memory", "0", NULL);
    cr_expect_eq(result.exit_code, 2, "%s", result.err);
    process_result_free(&result);
}
