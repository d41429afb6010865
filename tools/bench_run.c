/* bench_run.c - one team of threads: limits of the machine, a session, and every case in it. */
#include "bench_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_case.h"
#include "bench_limits.h"
#include "bench_memory.h"
#include "io.h"
#include "progress.h"
#include "setun/cpu.h"
#include "setun_numerics.h"

static setun_status measure_cases(bench_session *b, bench_report *report, const bench_team *team, bench_sink *sink, void *context,
                                  setun_error *error)
{
    const bench_options *o = b->options;
    setun_status status = SETUN_OK;

    for (size_t d = 0; d < o->depths.n; d++) {
        for (size_t i = 0; i < o->batches.n; i++) {
            for (int which = 0; which < 2 && status == SETUN_OK; which++) {
                const int64_t n = which == 0 ? o->prompt : o->tokens;
                bench_result *r;

                if (n == 0)
                    continue;
                r = bench_report_add_result(report);
                if (r == NULL)
                    return set_error(error, SETUN_ERR_NOMEM, "out of memory: results");
                *r = (bench_result){.n = n, .depth = o->depths.value[d], .batch = o->batches.value[i]};
                (void)snprintf(r->test, sizeof(r->test), "%s", which == 0 ? "prefill" : "decode");
                status = bench_measure(b, r, error);
                progress_clear();
                if (status == SETUN_OK)
                    status = sink(context, report, team, r, error);
            }
        }
    }
    return status;
}

/* ---- a team ---- */

static int64_t largest(const number_list *list)
{
    int64_t most = 0;

    for (size_t i = 0; i < list->n; i++)
        most = list->value[i] > most ? list->value[i] : most;
    return most;
}

/* Zeroed, at least one. */
static void *make(size_t n, size_t n_bytes)
{
    return calloc(n > 0 ? n : 1, n_bytes);
}

static setun_status open_sequences(bench_session *b, int64_t n_seqs, int64_t n_positions, setun_error *error)
{
    const size_t n_tokens = (size_t)n_seqs * (size_t)n_positions;
    setun_status status = SETUN_OK;

    b->seqs = make((size_t)n_seqs, sizeof(*b->seqs));
    b->next = make((size_t)n_seqs, sizeof(*b->next));
    b->rows = make(n_tokens, sizeof(*b->rows));
    b->drawn = make(n_tokens, sizeof(*b->drawn));
    b->repeats = make((size_t)b->options->repeats, sizeof(*b->repeats));
    b->values = make((size_t)b->options->repeats, sizeof(*b->values));
    if (b->seqs == NULL || b->next == NULL || b->rows == NULL || b->drawn == NULL || b->repeats == NULL || b->values == NULL)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: %lld rows", (long long)(n_seqs * n_positions));
    for (; b->n_seqs < (size_t)n_seqs && status == SETUN_OK; b->n_seqs++)
        status = setun_sequence_open(b->session, &b->seqs[b->n_seqs], error);
    return status;
}

static setun_status open_model(bench_session *b, bench_report *report, bench_team *team, setun_error *error)
{
    const double begin = setun_clock_s();
    const setun_status status = common_open_model(&b->options->common, &b->model, error);
    char cpu[BENCH_TEXT_BYTES];

    team->open_s = setun_clock_s() - begin;
    if (status != SETUN_OK)
        return status;
    b->vocab = setun_model_vocab(b->model);
    setun_cpu_model(cpu, sizeof(cpu));
    (void)printable(cpu, report->cpu, sizeof(report->cpu));
    (void)printable(setun_model_path(b->model), report->model, sizeof(report->model));
    report->numerics_version = SETUN_NUMERICS_VERSION;
    return SETUN_OK;
}

/* Loads the model and computes one token: together with opening it, what somebody waits for. */
static setun_status start(bench_session *b, uint32_t n_threads, int head, int64_t n_seqs, int64_t n_positions, bench_team *team, setun_error *error)
{
    common_options common = b->options->common;
    double begin = setun_clock_s();
    setun_status status;

    common.session.n_threads = n_threads;
    common.session.head = head;
    if (common.session.context == 0)
        common.session.context = n_positions;
    status = common_create_session(&common, b->model, (uint32_t)n_seqs, &b->session, error);
    team->load_s = setun_clock_s() - begin;
    if (status != SETUN_OK)
        return status;
    setun_session_describe(b->session, &b->info);
    status = open_sequences(b, n_seqs, n_positions, error);
    begin = setun_clock_s();
    if (status == SETUN_OK)
        status = bench_append(b, 1, 0, 1, true, error);
    team->first_token_s = setun_clock_s() - begin;
    team->start_s = team->open_s + team->load_s + team->first_token_s;
    return status;
}

static void describe_team(const bench_session *b, bench_team *team)
{
    static const char *const heads[] = {[SETUN_HEAD_FULL] = "full", [SETUN_HEAD_SCREENED] = "screened", [SETUN_HEAD_RESIDENT] = "resident",
                                        [SETUN_HEAD_INT8] = "int8"};
    memory_use use;

    team->threads = b->info.n_threads;
    team->chunk = b->info.chunk;
    memory_read(&use);
    team->huge_bytes = use.huge_bytes;
    team->weight_bytes = (double)b->info.weight_bytes;
    team->activation_bytes = (double)b->info.activation_bytes;
    team->token_bytes = (double)b->info.token_bytes;
    team->page_cache_bytes = (double)b->info.pread_bytes;
    (void)snprintf(team->head, sizeof(team->head), "%s", heads[b->info.head]);
}

/* Results are told apart by their team's threads and head. What is asked for may come to the same: "auto" is one of the others. */
static setun_status check_team(const bench_report *report, const bench_team *team, setun_error *error)
{
    for (const bench_team *other = report->teams; other < team; other++)
        if (other->threads == team->threads && strcmp(other->head, team->head) == 0)
            return set_error(error, SETUN_ERR_INVALID, "--head: two of them are the same for this model, '%s'", team->head);
    return SETUN_OK;
}

/* The context that the cases need fits the model's. */
static setun_status check_context(const bench_options *o, int64_t n_positions, setun_error *error)
{
    if (o->common.session.context != 0 && o->common.session.context < n_positions)
        return set_error(error, SETUN_ERR_INVALID, "a context of %lld is too short for %lld positions", (long long)o->common.session.context,
                         (long long)n_positions);
    return SETUN_OK;
}

setun_status bench_run_team(const bench_options *options, uint32_t n_threads, int head, bench_report *report, bench_sink *sink, void *context,
                            setun_error *error)
{
    const int64_t n_most = options->prompt > options->tokens ? options->prompt : options->tokens;
    const int64_t n_positions = largest(&options->depths) + n_most, n_seqs = largest(&options->batches);
    bench_session b = {.options = options};
    bench_team *team = bench_report_add_team(report);
    setun_status status;

    if (team == NULL)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: results");
    status = check_context(options, n_positions, error);
    if (status == SETUN_OK)
        status = open_model(&b, report, team, error);
    if (status == SETUN_OK)
        status = bench_limits_get(&b, n_threads, team, error);
    memory_forget_peak(); /* of the buffer that was read */
    if (status == SETUN_OK)
        status = start(&b, n_threads, head, n_seqs, n_positions, team, error);
    if (status == SETUN_OK) {
        describe_team(&b, team);
        status = check_team(report, team, error);
    }
    if (status == SETUN_OK) {
        (void)snprintf(b.head, sizeof(b.head), "%s", team->head);
        status = sink(context, report, team, NULL, error);
    }
    if (status == SETUN_OK && options->limits == LIMITS_EACH)
        status = bench_limits_open(&b, error);
    if (status == SETUN_OK) {
        interrupt_session(b.session);
        status = measure_cases(&b, report, team, sink, context, error);
        interrupt_session(NULL);
    }
    setun_machine_probe_close(b.probe);
    setun_session_destroy(b.session);
    setun_model_close(b.model);
    free(b.seqs);
    free(b.next);
    free(b.rows);
    free(b.drawn);
    free(b.repeats);
    free(b.values);
    return status;
}
