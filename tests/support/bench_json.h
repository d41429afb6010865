/* bench_json.h - what `setun bench ... -o json` found. */
#ifndef SETUN_TEST_BENCH_JSON_H
#define SETUN_TEST_BENCH_JSON_H
#include <jansson.h>

/* Runs argv with -o json, ended by NULL, in the environment (process_options), NULL: this one; a test fails if the command does. Not of a share above
 * 1, which a machine may show that was busy when its limits were measured: that is exit status 1 behind the result. The caller's, for json_decref. */
json_t *bench_json(const char *const *argv, const char *const *environment);
#endif
