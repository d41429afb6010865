/* test_2b4t.c - a synthetic BitNet b1.58 2B4T as the published file is: its size, and the memory that running it takes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "bench_json.h"
#include "fixture.h"
#include "process.h"

/* The published file's data, from the first tensor to the last one's end, and more than any header. */
#define DATA_BYTES 1179449920LL
#define MOST_HEADER_BYTES (16LL << 20)

/* Of loading. */
#define MOST_RESIDENT_BYTES 1300000000LL
/* Of decoding with 256 positions in the cache: weights of 2.0 bits, and denser ones. */
#define MOST_MIB_2_0 920.0
#define MOST_MIB_DENSE 820.0

/* The largest resident set of any process that has been waited for. */
static long long largest_resident_bytes(void)
{
    struct rusage usage;

    cr_assert_eq(getrusage(RUSAGE_CHILDREN, &usage), 0);
    return 1024LL * usage.ru_maxrss;
}

static const char only_2_0[] = "avoid: [\"linear_*tern5*\", \"linear_*tern243*\", \"linear_i16t27_*\", \"linear_i8t14_*\"]\n";

/* Whether the plan has a packing of 2 bits for ternary weights. */
static bool has_2_bits(const char *path)
{
    process_result plan;
    bool found;

    setun_command(&plan, "plan", "-m", path, "-t", "2", "--phase", "decode", "-o", "json", NULL);
    cr_assert_eq(plan.exit_code, 0, "%s", plan.err);
    found = strstr(plan.out, "\"tern2") != NULL;
    process_result_free(&plan);
    return found;
}

/* RssAnon + RssFile behind the last token. */
static double decoding_mib(const char *path, const char *settings)
{
    const char *const bench[] = {SETUN_COMMAND, "bench", "-m", path, "-p", "0", "-d", "240", "-n", "16", "-r", "1", "-t", "2", "--head", "screened", "-o", "json",
                                 settings != NULL ? "--config" : NULL, settings, NULL};
    json_t *root = bench_json(bench, NULL);
    const json_t *first = json_array_get(json_object_get(root, "results"), 0);
    const double bytes = json_number_value(json_object_get(first, "anon_bytes")) + json_number_value(json_object_get(first, "file_bytes"));

    json_decref(root);
    cr_assert_gt(bytes, 0);
    return bytes / 1048576;
}

Test(large, what_it_takes, .timeout = 1500)
{
    const process_options options = {.seconds = 700};
    char folder[64], path[128], settings[128];
    const char *const synth[] = {SETUN_COMMAND, "model", "synth", "bitnet-b1.58-2b-4t", path, NULL};
    const char *const run[] = {SETUN_COMMAND, "run", "-m", path, "-p", "Once", "-n", "2", "--temp", "0", NULL};
    process_result result;
    double mib, mib_2_0;
    struct stat info;
    bool is_2_0;

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/2b4t.gguf", folder);
    process_run(synth, &options, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
    cr_assert_eq(stat(path, &info), 0);
    cr_expect(info.st_size > DATA_BYTES && info.st_size < DATA_BYTES + MOST_HEADER_BYTES, "%lld bytes", (long long)info.st_size);
    process_run(run, &options, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
    cr_log_info("%lld bytes resident", largest_resident_bytes());
    cr_expect_lt(largest_resident_bytes(), MOST_RESIDENT_BYTES, "%lld bytes resident", largest_resident_bytes());

    is_2_0 = has_2_bits(path);
    mib = mib_2_0 = decoding_mib(path, NULL);
    if (!is_2_0) {
        (void)snprintf(settings, sizeof(settings), "%s/settings.yaml", folder);
        file_write(settings, only_2_0, strlen(only_2_0));
        mib_2_0 = decoding_mib(path, settings);
    }
    folder_remove(folder);
    cr_log_info("decoding: %.0f MiB as planned, %.0f MiB at 2.0 bits", mib, mib_2_0);
    cr_expect_leq(mib, is_2_0 ? MOST_MIB_2_0 : MOST_MIB_DENSE, "%.0f MiB while decoding", mib);
    cr_expect_leq(mib_2_0, MOST_MIB_2_0, "%.0f MiB while decoding", mib_2_0);
}
