/* bench_report.h - what `setun bench` found, as data: measured by bench_run.c or read back from JSON, shown as table, JSON, CSV or picture. */
#ifndef SETUN_TOOLS_BENCH_REPORT_H
#define SETUN_TOOLS_BENCH_REPORT_H
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "setun/bench.h"

/* Everywhere below, NAN is a number that nobody knows: null in JSON, nothing in CSV, '-' in the table. */

enum {
    BENCH_WORD_BYTES = 24, BENCH_TEXT_BYTES = 300, BENCH_NAME_BYTES = 96, BENCH_PARTS_MAX = 64,
    BENCH_ITEMS_MAX = 4096 /* teams or results of a report */
};

/* With --profile: the steps of a pass that run the same op with the same kernel. Means for one pass and one thread. */
typedef struct bench_part {
    char    op[BENCH_NAME_BYTES], kernel[SETUN_NAME_BYTES];
    int64_t n_steps;
    double  run_ms;                   /* in the kernel */
    double  imbalance_ms, barrier_ms; /* at the barriers before it: until the last thread came, and from then on */
    double  n_barriers;
} bench_part;

/* One line: n tokens a repetition, of `batch` sequences that hold `depth` positions already. */
typedef struct bench_result {
    char    test[BENCH_WORD_BYTES]; /* "prefill": a prompt is read; "decode": a token of each sequence in every pass */
    int64_t n, depth, batch, threads, repeats;
    char    head[BENCH_WORD_BYTES]; /* its team's; "" in reports from before there was a choice, of one team for each number of threads */
    double  tokens_s_median, tokens_s_min, tokens_s_max, ms_token;
    double  bytes_per_pass;     /* that must be read: weights, and the cache of every sequence at its mean length */
    double  bytes_per_token, bytes_s;
    double  ops_s, int8_ops_s;  /* of the linear layers: all, and those in integers */
    double  share_of_bandwidth; /* NAN: what a pass reads fits the caches, so that memory is not what limits it */
    double  share_of_bandwidth_min, share_of_bandwidth_max; /* of a repetition, each by its own limit; share_of_bandwidth is the median */
    double  share_of_int8, share_of_int8_min, share_of_int8_max;
    double  read_limit_bytes_s_median, read_limit_bytes_s_min, read_limit_bytes_s_max; /* what the shares of the repetitions are of */
    double  int8_limit_ops_s_median, int8_limit_ops_s_min, int8_limit_ops_s_max;
    double  share_of_int8_linear; /* with --profile: in the time of the linear layers alone */
    double  candidates_token;   /* rows of the head that were computed again in full precision; NAN: the whole head is computed */
    double  resident_bytes, anon_bytes, file_bytes, peak_bytes; /* after it; of the process: file_bytes are shared with others */
    char    hash[BENCH_WORD_BYTES];     /* XXH3 of the first sequence's logits that were asked for: no batch may change them */
    char    hash_all[BENCH_WORD_BYTES]; /* of every sequence's, in the order in which they came */
    double  pass_ms; /* with --profile: mean of a pass, from the first thread's first step to the last one's end */
    size_t  n_parts;
    bench_part parts[BENCH_PARTS_MAX]; /* [n_parts] */
} bench_result;

/* A loaded model with one team of threads, and what the machine can do with so many. */
typedef struct bench_team {
    int64_t threads, chunk;
    char    head[BENCH_WORD_BYTES]; /* "full", "screened", "resident", "int8": see --head */
    double  start_s, open_s, load_s, first_token_s; /* start is the sum of the others */
    double  weight_bytes, activation_bytes, token_bytes;
    double  huge_bytes;       /* of the process when it has started: in huge pages */
    double  page_cache_bytes; /* tensors of the weight file whose rows are read while tokens are made: not in resident_bytes */
    double  read_bytes_s, read_buffer_bytes, last_cache_bytes;
    char    read_how[BENCH_TEXT_BYTES];
    double  int8_ops_s; /* the best of int8[] */
    char    int8_kernel[BENCH_TEXT_BYTES];
    char    limits[BENCH_WORD_BYTES]; /* as --limits has them; "" in reports from before there was a choice, which are of "kept" or "new" */
    bool    limits_cached;
    int64_t limits_measured; /* seconds since 1970 */
    size_t  n_int8;
    setun_machine_int8 int8[SETUN_MACHINE_INT8_MAX]; /* [n_int8] */
} bench_team;

typedef struct bench_report {
    char          model[4096], cpu[BENCH_TEXT_BYTES];
    int64_t       numerics_version;
    bench_team   *teams;
    size_t        n_teams;
    bench_result *results;
    size_t        n_results;
} bench_report;

/* Appends; NULL: memory ran out. The pointer is good until the next one. */
bench_team   *bench_report_add_team(bench_report *report);
bench_result *bench_report_add_result(bench_report *report);
void          bench_report_free(bench_report *report);

/* Whether the machine's limits were measured beside every repetition. */
bool bench_team_is_beside(const bench_team *team);

/* The team that a result is of, by threads and head; NULL: none. */
const bench_team *bench_report_team(const bench_report *report, const bench_result *result);

/* Whether there are teams with several kinds of head. */
bool bench_report_has_heads(const bench_report *report);

/* "pp512", "tg128 @2048 x8" */
const char *bench_result_name(const bench_result *result, char name[BENCH_NAME_BYTES]);

/* NULL: memory ran out. */
json_t *bench_report_json(const bench_report *report);
/* Reads what bench_report_json wrote, from a file or "-", into an empty report. Nothing in it is believed without a check. */
setun_status bench_report_load(const char *path, bench_report *report, setun_error *error);

/* The line of column names, and a line for one result of the report. */
void bench_csv_head(buffer *text);
void bench_csv_line(buffer *text, const bench_report *report, const bench_result *result);

/* What a team is and has, and one line for each result, with the head above if it is the team's first. */
void bench_table_team(buffer *text, const bench_team *team);
void bench_table_head(buffer *text);
void bench_table_line(buffer *text, const bench_result *result);
/* Where limits were measured beside every repetition: what they were. */
void bench_table_limits(buffer *text, const bench_result *result);
void bench_table_profile(buffer *text, const bench_result *result);

/* A roofline as SVG. */
void bench_picture(buffer *svg, const bench_report *report);
#endif
