/* bench_run.h - measuring a model: a session for each team of threads, the cases one after the other. */
#ifndef SETUN_TOOLS_BENCH_RUN_H
#define SETUN_TOOLS_BENCH_RUN_H
#include "bench_report.h"
#include "lists.h"
#include "options.h"

typedef struct bench_options {
    common_options common;
    number_list    threads, heads, batches, depths; /* heads: of setun_head */
    int64_t        prompt, tokens, repeats;
    bool           profile;
    int            limits; /* one of bench_limits_choice */
} bench_options;

/* In the order of --limits: where the machine's limits come from. */
enum bench_limits_choice { LIMITS_KEPT, LIMITS_NEW, LIMITS_EACH };

/* Called when a team is ready, with result NULL, and then after each of its cases. */
typedef setun_status bench_sink(void *context, const bench_report *report, const bench_team *team, const bench_result *result, setun_error *error);

/* Everything with one team and one of setun_head, appended to the report. */
setun_status bench_run_team(const bench_options *options, uint32_t n_threads, int head, bench_report *report, bench_sink *sink, void *context,
                            setun_error *error);
#endif
