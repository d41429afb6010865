/* bench_case.h - one case of `setun bench`, measured in a session that is open. */
#ifndef SETUN_TOOLS_BENCH_CASE_H
#define SETUN_TOOLS_BENCH_CASE_H
#include <xxhash.h>

#include "bench_memory.h"
#include "bench_run.h"

/* One repetition, and what the machine could do at that time. */
typedef struct bench_repeat {
    double seconds, read_bytes_s, int8_ops_s;
} bench_repeat;

/* A loaded model with one team. */
typedef struct bench_session {
    const bench_options *options;
    setun_model         *model;
    setun_session       *session;
    setun_session_info   info;
    char                 head[BENCH_WORD_BYTES]; /* in words */
    setun_machine_limits limits;
    int64_t              vocab;
    int32_t             *seqs;   /* [n_seqs] open ones */
    size_t               n_seqs;
    setun_row           *rows;   /* [n_seqs * positions] */
    int32_t             *drawn;  /* likewise: tokens after them */
    int32_t             *next;   /* [n_seqs] most likely token of each sequence's last row */
    uint64_t             tokens, first_tokens; /* hash of the tokens of a repetition, and of the first one of the case */
    bench_repeat        *repeats; /* [options->repeats] of the case at hand */
    double              *values;  /* [options->repeats] something of each of them */
    setun_machine_probe *probe;   /* with --limits each; NULL */
    setun_machine_limits last_look; /* of the probe */
    double               peak_before_probe; /* bytes */
    XXH3_state_t        *hash_first, *hash_all; /* of the first sequence's logits, of all; NULL: they are not hashed */
} bench_session;

/* Appends n positions to each of the first `batch` sequences; the last row of each wants logits. */
setun_status bench_append(bench_session *b, int64_t batch, int64_t first, int64_t n, bool want, setun_error *error);

/* Measures the case that result->test, n, depth and batch say; everything else in *result is set. */
setun_status bench_measure(bench_session *b, bench_result *result, setun_error *error);
#endif
