/* bench_json.c - what `setun bench ... -o json` found. */
#include "bench_json.h"

#include <criterion/criterion.h>
#include <string.h>

#include "process.h"

json_t *bench_json(const char *const *argv, const char *const *environment)
{
    const process_options options = {.environment = environment, .seconds = 700};
    process_result result;
    json_t *root;

    process_run(argv, &options, &result);
    cr_assert(result.exit_code == 0 || (result.exit_code == 1 && strstr(result.err, "more than the machine was measured to do") != NULL), "exit %d: %s",
              result.exit_code, result.err);
    root = json_loads(result.out, 0, NULL);
    cr_assert_not_null(root, "%s", result.out);
    process_result_free(&result);
    return root;
}
