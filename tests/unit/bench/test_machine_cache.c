/* test_machine_cache.c - the file of measured limits: what is stored comes back, for its machine and threads only; whatever cannot be a
 * measurement is refused with a reason, and replaced. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/bench_internal.h"
#include "fixture.h"

static char folder[64], path[200];

static void begin(void)
{
    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/machine.json", folder);
}

static void end(void)
{
    folder_remove(folder);
}

static setun_machine_limits example(uint32_t threads)
{
    setun_machine_limits limits = {.threads = threads, .read_bytes_s = 14.5e9 * threads, .read_how = "2 MB pages, prefetch",
                                   .read_buffer_bytes = 1 << 28, .cache_bytes = 1 << 25, .measured = 1795000000};

    setun_bench_limits_add(&limits, "probe_int8__a", 2e11);
    setun_bench_limits_add(&limits, "probe_int8__b", 5e11);
    setun_bench_limits_add(&limits, "probe_int8__c", 3e11);
    return limits;
}

static void store(const char *machine, uint32_t threads)
{
    const setun_machine_limits limits = example(threads);
    setun_error error = {""};

    cr_assert_eq(setun_machine_cache_store(path, machine, &limits, &error), SETUN_OK, "%s", error.text);
}

static bool load(const char *machine, uint32_t threads, setun_machine_limits *limits, char note[1200])
{
    return setun_machine_cache_load(path, machine, threads, limits, note, 1200);
}

Test(machine_cache, what_is_stored_comes_back, .init = begin, .fini = end)
{
    setun_machine_limits limits;
    char note[1200];

    cr_expect(!load("m", 1, &limits, note) && note[0] == '\0', "no file is no fault: %s", note);
    store("m", 1);
    store("m", 2);
    store("other", 1);
    cr_assert(load("m", 2, &limits, note), "%s", note);
    cr_expect_eq(limits.threads, 2);
    cr_expect_eq(limits.read_bytes_s, 29e9);
    cr_expect_str_eq(limits.read_how, "2 MB pages, prefetch");
    cr_expect_eq(limits.read_buffer_bytes, 1 << 28);
    cr_expect_eq(limits.cache_bytes, 1 << 25);
    cr_expect_eq(limits.measured, 1795000000);
    cr_expect_eq(limits.n_int8, 3);
    cr_expect_str_eq(limits.int8[2].kernel, "probe_int8__c");
    cr_expect_eq(limits.int8[2].ops_s, 3e11);
    cr_expect_eq(limits.int8_ops_s, 5e11, "the best of them");
    cr_expect_str_eq(limits.int8_kernel, "probe_int8__b");
    cr_expect(load("m", 1, &limits, note) && load("other", 1, &limits, note));
    cr_expect(!load("m", 3, &limits, note) && note[0] == '\0');
    cr_expect(!load("M", 1, &limits, note) && note[0] == '\0');
    cr_expect_eq(folder_count(folder), 1, "nothing else is left");
}

/* Storing again replaces: the file does not grow. Past its room the oldest goes. */
Test(machine_cache, stays_small, .init = begin, .fini = end)
{
    setun_machine_limits limits;
    char note[1200], machine[32];
    json_t *root;

    for (int i = 0; i < 3; i++)
        store("m", 1);
    root = json_load_file(path, 0, NULL);
    cr_expect_eq(json_array_size(json_object_get(root, "entries")), 1);
    json_decref(root);
    for (int i = 0; i < 300; i++) {
        (void)snprintf(machine, sizeof(machine), "machine %d", i);
        store(machine, 1);
    }
    root = json_load_file(path, 0, NULL);
    cr_expect_eq(json_array_size(json_object_get(root, "entries")), 256);
    json_decref(root);
    cr_expect(load("machine 299", 1, &limits, note) && load("machine 44", 1, &limits, note));
    cr_expect(!load("machine 43", 1, &limits, note) && !load("m", 1, &limits, note));
}

#define ENTRY(what) "{\"setun_machine\":1,\"entries\":[{\"machine\":\"m\"," what "}]}"
#define READ "\"read_bytes_s\":1e10,\"read_how\":\"x\",\"read_buffer_bytes\":1,\"cache_bytes\":1,\"measured\":1"

Test(machine_cache, what_cannot_be_a_measurement_is_refused_and_replaced, .init = begin, .fini = end)
{
    static const char *const files[] = {
        "", "{", "null", "[]", "{}", "\x00\x01", "{\"setun_machine\":1}", "{\"setun_machine\":2,\"entries\":[]}",
        "{\"setun_machine\":1,\"entries\":{}}", "{\"setun_machine\":1,\"entries\":[1]}", "{\"setun_machine\":1,\"entries\":[{}]}",
        "{\"setun_machine\":1,\"setun_machine\":1,\"entries\":[]}",
        ENTRY("\"threads\":0," READ ",\"int8\":[]"), ENTRY("\"threads\":1025," READ ",\"int8\":[]"), ENTRY("\"threads\":-1," READ ",\"int8\":[]"),
        ENTRY("\"threads\":1.0," READ ",\"int8\":[]"), ENTRY("\"threads\":99999999999999999999," READ ",\"int8\":[]"),
        ENTRY("\"threads\":1," READ), ENTRY("\"threads\":1," READ ",\"int8\":{}"), ENTRY("\"threads\":1," READ ",\"int8\":[{}]"),
        ENTRY("\"threads\":1," READ ",\"int8\":[{\"kernel\":\"a\",\"ops_s\":0}]"), ENTRY("\"threads\":1," READ ",\"int8\":[{\"kernel\":\"a\",\"ops_s\":-1}]"),
        ENTRY("\"threads\":1," READ ",\"int8\":[{\"kernel\":\"a\",\"ops_s\":1e300}]"), ENTRY("\"threads\":1," READ ",\"int8\":[{\"kernel\":1,\"ops_s\":1}]"),
        ENTRY("\"threads\":1," READ ",\"int8\":[{\"kernel\":\"0123456789012345678901234567890123456789012345678901234567890123456789"
              "0123456789012345678901234567890123456789\",\"ops_s\":1}]"),
        ENTRY("\"threads\":1," READ ",\"int8\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]"),
        ENTRY("\"threads\":1,\"read_bytes_s\":0,\"read_how\":\"x\",\"read_buffer_bytes\":1,\"cache_bytes\":1,\"measured\":1,\"int8\":[]"),
        ENTRY("\"threads\":1,\"read_bytes_s\":\"1e10\",\"read_how\":\"x\",\"read_buffer_bytes\":1,\"cache_bytes\":1,\"measured\":1,\"int8\":[]"),
        ENTRY("\"threads\":1,\"read_bytes_s\":1e10,\"read_how\":\"x\",\"read_buffer_bytes\":1,\"cache_bytes\":-1,\"measured\":1,\"int8\":[]"),
        ENTRY("\"threads\":1,\"read_bytes_s\":1e10,\"read_how\":\"01234567890123456789012345678901234567890\",\"read_buffer_bytes\":1,"
              "\"cache_bytes\":1,\"measured\":1,\"int8\":[]"),
    };
    setun_machine_limits limits;
    char note[1200];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        file_write(path, files[i], strlen(files[i]));
        cr_expect(!load("m", 1, &limits, note), "file %zu: %s", i, files[i]);
        cr_expect_not_null(strstr(note, path), "file %zu: it is named: %s", i, note);
        cr_expect_not_null(strstr(note, "the machine is measured anew"), "file %zu: %s", i, note);
        store("m", 1);
        cr_expect(load("m", 1, &limits, note), "file %zu: replaced: %s", i, note);
    }
    file_write(path, ENTRY("\"threads\":1," READ ",\"int8\":[]"), strlen(ENTRY("\"threads\":1," READ ",\"int8\":[]")));
    cr_expect(load("m", 1, &limits, note), "what the others were made from is in order: %s", note);
}

/* Something else than a file under its name, and a folder that cannot be. */
Test(machine_cache, places_where_no_file_can_be, .init = begin, .fini = end)
{
    const setun_machine_limits limits = example(1);
    setun_machine_limits found;
    setun_error error = {""};
    char note[1200], under[300];

    cr_assert_eq(mkdir(path, 0700), 0);
    cr_expect(!load("m", 1, &found, note) && strstr(note, path) != NULL, "%s", note);
    cr_expect_eq(setun_machine_cache_store(path, "m", &limits, &error), SETUN_ERR_INVALID);
    cr_expect_not_null(strstr(error.text, path), "%s", error.text);
    cr_expect_eq(folder_count(folder), 1, "nothing unfinished is left");
    cr_assert_eq(rmdir(path), 0);
    file_write(path, "x", 1);
    (void)snprintf(under, sizeof(under), "%s/below/machine.json", path);
    cr_expect_eq(setun_machine_cache_store(under, "m", &limits, &error), SETUN_ERR_IO);
}

Test(machine_cache, place_is_that_of_the_specification)
{
    char place[200];

    (void)setenv("HOME", "/h", 1);
    (void)setenv("XDG_CACHE_HOME", "/x", 1);
    setun_machine_cache_path(place, sizeof(place));
    cr_expect_str_eq(place, "/x/setun/machine.json");
    (void)setenv("XDG_CACHE_HOME", "relative", 1);
    setun_machine_cache_path(place, sizeof(place));
    cr_expect_str_eq(place, "/h/.cache/setun/machine.json");
    (void)unsetenv("XDG_CACHE_HOME");
    (void)unsetenv("HOME");
    setun_machine_cache_path(place, sizeof(place));
    cr_expect_str_eq(place, "");
    (void)setenv("HOME", "/h", 1);
    setun_machine_cache_path(place, 10);
    cr_expect_str_eq(place, "", "not cut off");
}

/* Another cap of the instruction set is another machine. */
Test(machine_cache, machine_depends_on_the_features_in_use)
{
    char all[1500], capped[1500];
    setun_error error = {""};

    (void)unsetenv("SETUN_CPU");
    cr_assert_eq(setun_machine_describe(all, sizeof(all), &error), SETUN_OK, "%s", error.text);
#if defined(__x86_64__)
    (void)setenv("SETUN_CPU", "sse", 1);
    cr_assert_eq(setun_machine_describe(capped, sizeof(capped), &error), SETUN_OK, "%s", error.text);
    cr_expect_str_neq(all, capped);
#endif
    cr_expect_neq(setun_machine_describe(capped, 8, &error), SETUN_OK, "not cut off");
}
