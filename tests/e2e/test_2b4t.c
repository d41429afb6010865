/* test_2b4t.c - a synthetic BitNet b1.58 2B4T as the published file is: its size, and the memory that running it takes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "fixture.h"
#include "process.h"

/* The published file's data, from the first tensor to the last one's end, and more than any header. */
#define DATA_BYTES 1179449920LL
#define MOST_HEADER_BYTES (16LL << 20)

#define MOST_RESIDENT_BYTES 1300000000LL

/* The largest resident set of any process that has been waited for. */
static long long largest_resident_bytes(void)
{
    struct rusage usage;

    cr_assert_eq(getrusage(RUSAGE_CHILDREN, &usage), 0);
    return 1024LL * usage.ru_maxrss;
}

Test(large, runs_in_1300_megabytes, .timeout = 1500)
{
    const process_options options = {.seconds = 700};
    char folder[64], path[128];
    const char *const synth[] = {SETUN_COMMAND, "model", "synth", "bitnet-b1.58-2b-4t", path, NULL};
    const char *const run[] = {SETUN_COMMAND, "run", "-m", path, "-p", "Once", "-n", "2", "--temp", "0", NULL};
    process_result result;
    struct stat info;

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/2b4t.gguf", folder);
    process_run(synth, &options, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
    cr_assert_eq(stat(path, &info), 0);
    cr_expect(info.st_size > DATA_BYTES && info.st_size < DATA_BYTES + MOST_HEADER_BYTES, "%lld bytes", (long long)info.st_size);
    process_run(run, &options, &result);
    folder_remove(folder);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
    cr_log_info("%lld bytes resident", largest_resident_bytes());
    cr_expect_lt(largest_resident_bytes(), MOST_RESIDENT_BYTES, "%lld bytes resident", largest_resident_bytes());
}
