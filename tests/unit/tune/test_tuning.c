/* test_tuning.c - files of measured times: read, written, asked; every mistake is one line that says where it is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "setun/cpu.h"
#include "setun_numerics.h"
#include "tune/tuning.h"

#define HEAD "setun_tuning: 1\ncpu: \"Some CPU\"\nfeatures: \"sse41\"\ndate: 2026-11-23\nversion: 0.1\nnumerics: 1\n"

static setun_tuning *parse(const char *text)
{
    setun_tuning *tuning = NULL;
    setun_error error = {""};

    cr_assert_eq(setun_tuning_parse("t.yaml", text, strlen(text), &tuning, &error), SETUN_OK, "%s: %s", text, error.text);
    return tuning;
}

/* Of what is in effect here. */
static uint64_t features_here(void)
{
    uint64_t features;

    cr_assert_eq(setun_cpu_detect(getenv("SETUN_CPU"), &features, NULL), SETUN_OK);
    return features;
}

static setun_tuning *create(void)
{
    setun_tuning *tuning = NULL;
    setun_error error = {""};

    cr_assert_eq(setun_tuning_create(features_here(), &tuning, &error), SETUN_OK, "%s", error.text);
    return tuning;
}

static void add(setun_tuning *tuning, const char *op, const char *shape, int64_t rows, uint32_t threads, const char *kernel, int64_t ns)
{
    setun_tuning_time time = {kernel, ns};
    const setun_tuning_case c = {.op = op, .shape = shape, .rows = rows, .threads = threads, .node = SETUN_TUNING_ALL_NODES, .times = &time,
                                 .n_times = 1};
    setun_error error = {""};

    cr_assert_eq(setun_tuning_add(tuning, &c, true, &error), SETUN_OK, "%s", error.text);
}

static double find(const setun_tuning *tuning, const char *shape, int64_t rows_min, int64_t rows_max, uint32_t threads, const char *kernel)
{
    double ns = -1;

    (void)setun_tuning_find(tuning, "linear", shape, rows_min, rows_max, threads, kernel, &ns);
    return ns;
}

Test(tuning, a_file_says_what_it_is)
{
    setun_tuning *tuning = parse(HEAD "cases:\n  - {op: linear, shape: 4x8, rows: 1, threads: 2, ns: {a: 10, b: 20}}\n"
                                      "  - {op: linear, shape: 4x8, rows: 1, threads: 2, node: 3, ns: {a: 5}}\n");
    setun_tuning_info info;

    setun_tuning_describe(tuning, &info);
    cr_expect_str_eq(info.cpu, "Some CPU");
    cr_expect_str_eq(info.features, "sse41");
    cr_expect_str_eq(info.date, "2026-11-23");
    cr_expect_str_eq(info.version, "0.1");
    cr_expect_eq(info.numerics, 1);
    cr_expect_eq(info.n_cases, 2);
    cr_expect_eq(info.n_times, 3);
    cr_expect_not(info.is_for_this);
    setun_tuning_close(tuning);
    tuning = parse(HEAD "cases: []\n");
    setun_tuning_describe(tuning, &info);
    cr_expect_eq(info.n_cases, 0);
    setun_tuning_close(tuning);
    setun_tuning_close(NULL);
}

Test(tuning, only_what_was_measured_is_found)
{
    setun_tuning *here = create();

    cr_expect_eq(find(NULL, "4x8", 1, 1, 2, "a"), -1);
    cr_expect_eq(find(here, "4x8", 1, 1, 2, "a"), -1);
    add(here, "linear", "4x8", 1, 2, "a", 10);
    cr_expect_eq(find(here, "4x8", 1, 1, 2, "a"), 10);
    setun_tuning_close(here);
}

/* A file of this CPU and these numerics but for what the arguments say; NULL: as here. */
static setun_tuning *file_of(const char *cpu, const char *features, int numerics)
{
    char here[200], names[400], text[1500];

    setun_cpu_model(here, sizeof(here));
    if (setun_cpu_names(features_here(), names, sizeof(names)) == 0)
        (void)snprintf(names, sizeof(names), "none");
    (void)snprintf(text, sizeof(text), "setun_tuning: 1\ncpu: \"%s\"\nfeatures: \"%s\"\ndate: 2026-11-23\nversion: 0.1\nnumerics: %d\ncases: []\n",
                   cpu != NULL ? cpu : here, features != NULL ? features : names, numerics);
    return parse(text);
}

static void expect_differences(setun_tuning *tuning, const char *expected)
{
    setun_tuning_info info;

    setun_tuning_describe(tuning, &info);
    cr_expect(info.is_for_this == (expected[0] == '\0') && setun_tuning_is_for(tuning, features_here()) == info.is_for_this, "%s", info.differences);
    cr_expect(expected[0] == '\0' ? info.differences[0] == '\0' : strstr(info.differences, expected) != NULL, "expected '%s', found '%s'", expected,
              info.differences);
    setun_tuning_close(tuning);
}

Test(tuning, what_differs_is_said)
{
    char names[400], text[600], *last;

    (void)snprintf(text, sizeof(text), "of numerics %d, expected %d", SETUN_NUMERICS_VERSION + 1, SETUN_NUMERICS_VERSION);
    expect_differences(file_of(NULL, NULL, SETUN_NUMERICS_VERSION), "");
    expect_differences(file_of("Another CPU", NULL, SETUN_NUMERICS_VERSION), "of Another CPU, this is ");
    expect_differences(file_of(NULL, NULL, SETUN_NUMERICS_VERSION + 1), text);
    expect_differences(file_of("Another CPU", NULL, SETUN_NUMERICS_VERSION + 1), "; of numerics ");
    expect_differences(file_of(NULL, "a_later_one", SETUN_NUMERICS_VERSION), "with a_later_one, not in effect here");
    if (setun_cpu_names(features_here(), names, sizeof(names)) == 0)
        cr_skip_test("no feature is in effect");
    (void)snprintf(text, sizeof(text), "without %s, in effect here", names);
    expect_differences(file_of(NULL, "none", SETUN_NUMERICS_VERSION), text);
    (void)snprintf(text, sizeof(text), "with a_later_one, not in effect here; without %s, in effect here", names);
    expect_differences(file_of(NULL, "a_later_one", SETUN_NUMERICS_VERSION), text);
    last = strrchr(names, ' ');
    if (last == NULL)
        return;
    (void)snprintf(text, sizeof(text), "without %s, in effect here", last + 1);
    *last = '\0';
    expect_differences(file_of(NULL, names, SETUN_NUMERICS_VERSION), text);
}

/* Under a mask a tuning is of what the mask leaves, and lies elsewhere. */
Test(tuning, a_mask_is_another_cpu)
{
    setun_tuning *full, *few;
    setun_tuning_info info;
    setun_error error = {""};
    uint64_t masked, all;
    char home[300], home_masked[300];

    (void)unsetenv("SETUN_CPU");
    (void)setenv("XDG_CACHE_HOME", "/some/where", 1);
    all = features_here();
    full = create();
    cr_assert_eq(setun_tuning_home(home, sizeof(home), &error), SETUN_OK, "%s", error.text);
    (void)setenv("SETUN_CPU", "sse", 1);
    masked = features_here();
    if (masked == all)
        cr_skip_test("this CPU has no more than the mask leaves");
    few = create();
    cr_assert_eq(setun_tuning_home(home_masked, sizeof(home_masked), &error), SETUN_OK, "%s", error.text);
    cr_expect_str_neq(home, home_masked);
    cr_expect(setun_tuning_is_for(full, all) && !setun_tuning_is_for(full, masked));
    cr_expect(setun_tuning_is_for(few, masked) && !setun_tuning_is_for(few, all));
    setun_tuning_describe(few, &info);
    cr_expect(info.is_for_this);
    setun_tuning_close(few);
    cr_assert_eq(setun_tuning_create(all, &few, &error), SETUN_OK, "%s", error.text);
    setun_tuning_describe(few, &info);
    cr_expect(!info.is_for_this && strncmp(info.differences, "with ", 5) == 0, "%s", info.differences);
    (void)setenv("SETUN_CPU", "nonsense", 1);
    cr_expect_eq(setun_tuning_home(home, sizeof(home), &error), SETUN_ERR_INVALID);
    setun_tuning_close(few);
    setun_tuning_close(full);
}

/* The mean of what a row takes, over the rows in the range; of the least above it if there are none. */
Test(tuning, a_range_of_rows)
{
    setun_tuning *t = create();

    add(t, "linear", "4x8", 1, 2, "a", 100);
    add(t, "linear", "4x8", 4, 2, "a", 80);   /* 20 a row */
    add(t, "linear", "4x8", 16, 2, "a", 160); /* 10 a row */
    add(t, "linear", "4x8", 256, 2, "a", 256);
    add(t, "linear", "4x8", 8, 1, "a", 1);
    add(t, "linear", "4x80", 8, 2, "a", 2);
    add(t, "linear", "4x", 8, 2, "a", 3);
    add(t, "pack", "4x8", 8, 2, "a", 4);
    cr_expect_eq(find(t, "4x8", 1, 1, 2, "a"), 100);
    cr_expect_eq(find(t, "4x8", 2, 16, 2, "a"), 15 * 16);
    cr_expect_eq(find(t, "4x8", 17, 256, 2, "a"), 256);
    cr_expect_eq(find(t, "4x8", 17, 64, 2, "a"), 64, "256 rows are the least above");
    cr_expect_eq(find(t, "4x8", 2, 3, 2, "a"), 60, "4 rows are");
    cr_expect_eq(find(t, "4x8", 300, 512, 2, "a"), -1, "none is above");
    cr_expect_eq(find(t, "4x8", 2, 16, 1, "a"), 2, "of another team");
    cr_expect_eq(find(t, "4x8", 2, 16, 3, "a"), -1);
    cr_expect_eq(find(t, "4x8", 2, 16, 2, "b"), -1);
    cr_expect_eq(find(t, "4x80", 2, 16, 2, "a"), 4);
    cr_expect_eq(find(t, "8x4", 2, 16, 2, "a"), -1);
    add(t, "linear", "4x8", 1, 2, "a", 7);
    cr_expect_eq(find(t, "4x8", 1, 1, 2, "a"), 7, "measured again");
    setun_tuning_close(t);
}

/* What is written is read as it was, and written again is the same text. */
Test(tuning, round_trip)
{
    char path[] = "/tmp/setun-tuning-XXXXXX", file[64];
    setun_tuning *t = create(), *back;
    setun_tuning_info info, info_back;
    setun_error error = {""};
    char *text, *again;
    size_t n, n_again;

    cr_assert_not_null(mkdtemp(path));
    (void)snprintf(file, sizeof(file), "%s/a/b.yaml", path);
    add(t, "rope", "4x64/64 half", 256, 1024, "r", SETUN_TUNING_MAX_NS);
    add(t, "linear", "2560x6912", 65536, 1, "linear_i8row_tern2row_f32__scalar", 1);
    add(t, "pack", "256 i8.row+f32", 2, 2, "p", 12345);
    cr_assert_eq(setun_tuning_save(t, file, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_tuning_save(t, file, &error), SETUN_OK, "replaced: %s", error.text);
    cr_assert_eq(setun_tuning_open(file, &back, &error), SETUN_OK, "%s", error.text);
    setun_tuning_describe(t, &info);
    setun_tuning_describe(back, &info_back);
    cr_expect_str_eq(info.cpu, info_back.cpu);
    cr_expect_str_eq(info.date, info_back.date);
    cr_expect(info_back.is_for_this);
    cr_expect_eq(find(back, "2560x6912", 20000, 65536, 1, "linear_i8row_tern2row_f32__scalar"), 1);
    cr_assert_eq(setun_tuning_print(t, &text, &n, &error), SETUN_OK);
    cr_assert_eq(setun_tuning_print(back, &again, &n_again, &error), SETUN_OK);
    cr_expect(n == n_again && memcmp(text, again, n) == 0);
    free(text);
    free(again);
    setun_tuning_close(t);
    setun_tuning_close(back);
    (void)unlink(file);
    (void)snprintf(file, sizeof(file), "%s/a", path);
    (void)rmdir(file);
    (void)rmdir(path);
}

static const struct {
    const char *text, *expected;
} mistakes[] = {
    {"", "t.yaml:1:1: expected a YAML mapping, found an empty file"},
    {"[]", "t.yaml:1:1: times: expected a mapping, found a list"},
    {"setun_tuning: 2\n", "setun_tuning: expected a whole number from 1 to 1, found '2'"},
    {"setun_tuning: 1\n", "times: expected the key 'cpu'"},
    {"setun_tuning: 1\ncpu: [x]\n", "t.yaml:2:6: cpu: expected a text, found a list"},
    {"setun_tuning: 1\ncpus: x\n", "t.yaml:2:1: times: unknown key 'cpus', did you mean 'cpu'?"},
    {"setun_tuning: 1\ncpu: \"a\\nb\"\n", "cpu: expected printable ASCII"},
    {"setun_tuning: 1\ncpu: 'a\"b'\n", "cpu: expected printable ASCII"},
    {HEAD, "times: expected the key 'cases'"},
    {HEAD "cases: {}\n", "cases: expected a list, found a mapping"},
    {HEAD "cases: [3]\n", "t.yaml:7:9: case: expected a mapping, found '3'"},
    {HEAD "cases: [{}]\n", "case: expected the key 'op'"},
    {HEAD "cases: [{op: a, shape: b}]\n", "case: expected the key 'rows'"},
    {HEAD "cases: [{op: a, shape: '', rows: 1, threads: 1, ns: {k: 1}}]\n", "shape: expected a text, found ''"},
    {HEAD "cases: [{op: a, shape: b, rows: 0, threads: 1, ns: {k: 1}}]\n", "rows: expected a whole number from 1 to 65536, found '0'"},
    {HEAD "cases: [{op: a, shape: b, rows: 65537, threads: 1, ns: {k: 1}}]\n", "rows: expected a whole number from 1 to 65536"},
    {HEAD "cases: [{op: a, shape: b, rows: 1, threads: 1025, ns: {k: 1}}]\n", "threads: expected a whole number from 1 to 1024"},
    {HEAD "cases: [{op: a, shape: b, rows: 1, threads: -1, ns: {k: 1}}]\n", "threads: expected a whole number"},
    {HEAD "cases: [{op: a, shape: b, rows: 1, threads: 1, node: one, ns: {k: 1}}]\n", "node, unless it is 'all': expected a whole number from 0"},
    {HEAD "cases: [{op: a, shape: b, rows: 1, threads: 1, ns: {}}]\n", "ns: expected a mapping from kernels to nanoseconds, found an empty one"},
    {HEAD "cases: [{op: a, shape: b, rows: 1, threads: 1, ns: [1]}]\n", "ns: expected a mapping from kernels to nanoseconds, found a list"},
    {HEAD "cases: [{op: a, shape: b, rows: 1, threads: 1, ns: {k: 0}}]\n", "k: expected a whole number from 1 to 1000000000000000, found '0'"},
    {HEAD "cases: [{op: a, shape: b, rows: 1, threads: 1, ns: {k: 1.5}}]\n", "k: expected a whole number"},
    {HEAD "cases: [{op: a, shape: b, rows: 1, threads: 1, ns: {k: 99999999999999999999999}}]\n", "k: expected a whole number"},
    {HEAD "cases: [{op: a, shape: b, rows: 1, threads: 1, ns: {k: nan}}]\n", "k: expected a whole number"},
    {HEAD "cases: [{op: a, shape: b, rows: 1, threads: 1, ns: {k: 1, k: 2}}]\n", "key 'k' stands twice"},
    {HEAD "cases: [{op: a, shape: b, rows: 1, threads: 1, ns: {k: 1}, more: 1}]\n", "case: unknown key 'more'"},
    {HEAD "cases:\n  - {op: a, shape: b, rows: 1, threads: 1, ns: {k: 1}}\n  - {op: a, shape: b, rows: 1, threads: 1, node: all, ns: {j: 1}}\n",
     "t.yaml: the cases of lines 8 and 9 are the same"},
    {HEAD "cases: &x []\n", "t.yaml:7:8: "},
    {HEAD "cases: [\n", "t.yaml:"},
};

Test(tuning, mistakes_say_where)
{
    for (size_t i = 0; i < SETUN_COUNT(mistakes); i++) {
        setun_tuning *tuning = NULL;
        setun_error error = {""};

        cr_expect_eq(setun_tuning_parse("t.yaml", mistakes[i].text, strlen(mistakes[i].text), &tuning, &error), SETUN_ERR_FORMAT, "%s",
                     mistakes[i].text);
        cr_expect_null(tuning);
        cr_expect_not_null(strstr(error.text, mistakes[i].expected), "%s: expected '%s', found '%s'", mistakes[i].text, mistakes[i].expected,
                           error.text);
    }
}

Test(tuning, where_it_lies)
{
    setun_error error = {""};
    char path[300], again[300];

    cr_assert_eq(setenv("XDG_CACHE_HOME", "/some/where", 1), 0);
    cr_assert_eq(setun_tuning_home(path, sizeof(path), &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(strncmp(path, "/some/where/setun/tuned/", 24), 0, "%s", path);
    cr_expect_str_eq(path + strlen(path) - 5, ".yaml");
    for (const char *c = path + 24; *c != '\0'; c++)
        cr_expect((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-' || *c == '.', "%s", path);
    cr_expect_eq(setun_tuning_home(again, 30, &error), SETUN_ERR_INVALID);
    cr_assert_eq(setenv("XDG_CACHE_HOME", "relative", 1), 0);
    cr_assert_eq(setenv("HOME", "/home/me", 1), 0);
    cr_assert_eq(setun_tuning_home(path, sizeof(path), &error), SETUN_OK);
    cr_expect_eq(strncmp(path, "/home/me/.cache/setun/tuned/", 28), 0, "%s", path);
    cr_assert_eq(unsetenv("XDG_CACHE_HOME"), 0);
    cr_assert_eq(unsetenv("HOME"), 0);
    cr_expect_eq(setun_tuning_home(path, sizeof(path), &error), SETUN_ERR_NOT_FOUND);
}
