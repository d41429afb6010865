/* tune.c - setun_kernels_tune: every kernel that could run a node of a model, timed at that node's shape. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench_internal.h"
#include "plan/store.h"
#include "session/model_internal.h"
#include "setun/topology.h"
#include "setun_numerics.h"
#include "tune/tune_internal.h"

enum { DEFAULT_ROUNDS = 5, MAX_ROUNDS = 1000, DEFAULT_DEPTH = 512, MAX_DEPTH = 1 << 20, CHECK_SECONDS = 600 };
#define DEFAULT_SECONDS 0.003
/* A kernel that by its own estimate is so many times slower than the best one is timed once, and not at all if even that takes long: other
 * kernels of the case are measured, and what was measured goes first. */
#define HOPELESS_TIMES   8.0
#define HOPELESS_SECONDS 0.05
/* One that takes so many times as long as the best one in its first run is not run again. Wide enough for a machine that is disturbed. */
#define SLOW_TIMES 4.0

static const int64_t default_rows[] = {1, 2, 4, 8, 16, 256};

static bool is_text(const char *name)
{
    size_t n = 0;

    for (; name[n] != '\0'; n++)
        if ((unsigned char)name[n] <= 0x20 || (unsigned char)name[n] > 0x7E || name[n] == '"' || name[n] == '\\')
            return false;
    return n <= 400;
}

/* Whether the kernel reads caches of another type than the session would have. */
static bool has_other_cache(const setun_tune_walk *w, const char *fmts)
{
    return strstr(fmts, w->options->kv == SETUN_KV_F32 ? "f16.kv" : "f32.kv") != NULL;
}

/* Whether the planner might choose the kernel for the subject. */
static bool could_run(const setun_tune_walk *w, const setun_tune_subject *s, setun_kernel_ref ref)
{
    const bool fits = s->use != NULL ? setun_tune_subject_fits(w, s, ref.kernel) : strcmp(ref.kernel->pattern, s->op) == 0;
    setun_check_fmts fmts;
    char why[256];

    if (!fits || !(ref.kernel->flags & SETUN_KERNEL_EXACT) || !is_text(ref.kernel->name) ||
        has_other_cache(w, ref.kernel->fmts) || setun_check_fmts_parse(ref.kernel->fmts, &fmts, NULL) != SETUN_OK)
        return false;
    if (s->node == NULL) /* of an activation: a matrix of weights is packed once, and nobody chooses how by speed */
        return strcmp(ref.kernel->fmts, s->fmts) == 0;
    if (fmts.n_in != s->node->n_in || fmts.n_out != s->node->n_out)
        return false;
    for (uint32_t i = 0; i < fmts.n_in; i++)
        if (s->node->in[i].kind == SETUN_OPERAND_WEIGHT && !setun_store_offers_weight(w->store, s->node->in[i].index, fmts.in[i], why, sizeof(why)))
            return false;
    return true;
}

/* ---- one case ---- */

typedef struct contest {
    setun_bench_entry  *entries;
    setun_bench_timing *timings;
    double             *seconds;
    setun_tuning_time  *times;
    size_t              n, n_times;
} contest;

static void contest_free(contest *c)
{
    for (size_t i = 0; c->entries != NULL && i < c->n; i++)
        setun_bench_entry_free(&c->entries[i]);
    free(c->entries);
    free(c->timings);
    free(c->seconds);
    free(c->times);
}

static setun_status contest_make(setun_tune_walk *w, const setun_tune_subject *s, const setun_bench_case *c, setun_bench_streams *streams,
                                 contest *out_contest, setun_error *error)
{
    const setun_plugins *plugins = w->plugins;
    setun_status status = SETUN_OK;
    size_t n = 0, at = 0;

    for (size_t i = 0; i < setun_plugins_n_kernels(plugins); i++)
        n += could_run(w, s, setun_plugins_kernel(plugins, i));
    out_contest->entries = setun_calloc(n, sizeof(*out_contest->entries));
    out_contest->timings = setun_calloc(n, sizeof(*out_contest->timings));
    out_contest->seconds = setun_calloc(n * w->rounds, sizeof(*out_contest->seconds));
    out_contest->times = setun_calloc(n, sizeof(*out_contest->times));
    if (out_contest->entries == NULL || out_contest->timings == NULL || out_contest->seconds == NULL || out_contest->times == NULL)
        return setun_fail_nomem(error, "kernels to time", n * sizeof(*out_contest->entries));
    out_contest->n = n;
    for (size_t i = 0; i < setun_plugins_n_kernels(plugins) && status == SETUN_OK; i++) {
        const setun_kernel_ref ref = setun_plugins_kernel(plugins, i);

        if (!could_run(w, s, ref))
            continue;
        out_contest->timings[at].seconds = out_contest->seconds + at * w->rounds;
        status = setun_bench_entry_make(plugins, c, &w->machine, w->team, streams, ref, &out_contest->entries[at], error);
        at++;
    }
    return status;
}

static void note_time(contest *c, size_t i, double seconds)
{
    const double ns = ceil(seconds * 1e9);

    c->times[c->n_times++] = (setun_tuning_time){.kernel = c->entries[i].ref.kernel->name,
                                                 .ns = ns < 1 ? 1 : ns > (double)SETUN_TUNING_MAX_NS ? SETUN_TUNING_MAX_NS : (int64_t)ns};
}

/* A first run of each, which warms up, too. Those that take much longer than the best one are done with that. */
static void leave_out_slow(setun_tune_walk *w, contest *c)
{
    double best = INFINITY;

    for (size_t i = 0; i < c->n; i++) {
        setun_bench_entry *e = &c->entries[i];

        if (e->declined[0] != '\0')
            continue;
        c->timings[i].seconds[0] = setun_bench_time(e, w->team, 1) / e->n_calls;
        best = c->timings[i].seconds[0] < best ? c->timings[i].seconds[0] : best;
    }
    for (size_t i = 0; i < c->n; i++) {
        setun_bench_entry *e = &c->entries[i];

        if (e->declined[0] != '\0' || c->timings[i].seconds[0] <= SLOW_TIMES * best)
            continue;
        note_time(c, i, c->timings[i].seconds[0]);
        (void)snprintf(e->declined, sizeof(e->declined), "it is slow");
    }
}

static void contest_run(setun_tune_walk *w, contest *c)
{
    double best_ns = INFINITY;

    for (size_t i = 0; i < c->n; i++)
        if (c->entries[i].declined[0] == '\0' && c->entries[i].cost_ns < best_ns)
            best_ns = c->entries[i].cost_ns;
    for (size_t i = 0; i < c->n; i++) {
        setun_bench_entry *e = &c->entries[i];

        if (e->declined[0] != '\0' || e->cost_ns <= HOPELESS_TIMES * best_ns)
            continue;
        if (e->cost_ns * 1e-9 / w->machine.n_workers <= HOPELESS_SECONDS)
            note_time(c, i, setun_bench_time(e, w->team, 1) / e->n_calls);
        (void)snprintf(e->declined, sizeof(e->declined), "it is slow");
    }
    leave_out_slow(w, c);
    setun_bench_time_entries(c->entries, c->timings, c->n, w->team, w->rounds, w->seconds);
    for (size_t i = 0; i < c->n; i++)
        if (c->entries[i].declined[0] == '\0')
            note_time(c, i, c->timings[i].spread.min); /* what else the machine does only adds to it */
}

/* The fastest kernel, and the one that estimates would have chosen. */
static setun_status report(setun_tune_walk *w, const setun_tune_subject *s, int64_t rows, const contest *c, setun_error *error)
{
    setun_tune_result r = {.op = s->op, .shape = s->shape, .rows = rows, .threads = w->machine.n_workers, .n_kernels = (uint32_t)c->n_times};
    double best_ns = INFINITY;
    int64_t fastest = INT64_MAX;

    if (w->options->sink == NULL)
        return SETUN_OK;
    for (size_t i = 0; i < c->n; i++) {
        r.n_disturbed += c->timings[i].spread.max > 2 * c->timings[i].spread.min; /* 0 of those that were not timed in rounds */
        if (c->entries[i].plan == NULL || c->entries[i].cost_ns >= best_ns)
            continue;
        best_ns = c->entries[i].cost_ns;
        r.estimated = c->entries[i].ref.kernel->name;
    }
    for (size_t i = 0; i < c->n_times; i++) {
        if (r.estimated != NULL && strcmp(r.estimated, c->times[i].kernel) == 0)
            r.estimated_s = (double)c->times[i].ns * 1e-9;
        if (c->times[i].ns >= fastest)
            continue;
        fastest = c->times[i].ns;
        r.fastest = c->times[i].kernel;
        r.fastest_s = (double)fastest * 1e-9;
    }
    return w->options->sink(w->options->sink_context, &r, error);
}

static setun_status run_case(setun_tune_walk *w, const setun_tune_subject *s, int64_t rows, setun_bench_streams *streams, setun_error *error)
{
    setun_bench_case c;
    contest timed = {.entries = NULL};
    setun_status status = setun_tune_subject_case(w, s, rows, &c, error);

    if (status == SETUN_OK)
        status = contest_make(w, s, &c, streams, &timed, error);
    if (status == SETUN_OK) {
        contest_run(w, &timed);
        status = report(w, s, rows, &timed, error);
    }
    if (status == SETUN_OK && timed.n_times > 0) {
        const setun_tuning_case found = {.op = s->op, .shape = s->shape, .rows = rows, .threads = w->machine.n_workers,
                                         .node = SETUN_TUNING_ALL_NODES, .times = timed.times, .n_times = timed.n_times};

        status = setun_tuning_add(w->tuning, &found, true, error);
    }
    contest_free(&timed);
    setun_bench_streams_forget(streams, c.weight);
    setun_bench_case_free(&c);
    return status;
}

/* ---- all cases ---- */

static bool is_wanted(const setun_tune_walk *w, const setun_tune_subject *s, int64_t rows)
{
    return (w->options->op == NULL || strcmp(w->options->op, s->op) == 0) && (!s->out_rows || rows <= SETUN_BENCH_SMALL_ROWS);
}

static uint64_t count_cases(const setun_tune_walk *w)
{
    uint64_t n = 0;

    for (size_t s = 0; s < w->n_subjects; s++)
        for (size_t r = 0; r < w->n_rows; r++)
            n += is_wanted(w, &w->subjects[s], w->rows[r]);
    return n * (w->options->n_threads > 0 ? w->options->n_threads : 1);
}

/* Weights are filled once for all rows. */
static setun_status run_subject(setun_tune_walk *w, const setun_tune_subject *s, setun_error *error)
{
    setun_bench_streams streams = {0};
    setun_status status = SETUN_OK;

    for (size_t r = 0; r < w->n_rows && status == SETUN_OK; r++) {
        if (!is_wanted(w, s, w->rows[r]))
            continue;
        if (w->options->progress != NULL)
            w->options->progress(w->options->progress_context, "tuning", w->n_done, w->n_cases);
        status = run_case(w, s, w->rows[r], &streams, error);
        w->n_done++;
    }
    setun_bench_streams_free(&streams);
    return status;
}

static setun_status run_team(setun_tune_walk *w, uint32_t n_threads, setun_error *error)
{
    setun_status status = setun_team_create(w->topology, n_threads, &w->team, error);

    if (status != SETUN_OK)
        return status;
    setun_topology_describe(w->topology, setun_team_n_threads(w->team), &w->machine);
    status = setun_store_create(w->graph, w->plugins, &w->machine, &w->store, error);
    for (size_t s = 0; s < w->n_subjects && status == SETUN_OK; s++)
        status = run_subject(w, &w->subjects[s], error);
    setun_store_destroy(w->store);
    w->store = NULL;
    setun_team_destroy(w->team);
    w->team = NULL;
    return status;
}

static setun_status check_options(const setun_tune_options *o, setun_error *error)
{
    for (size_t i = 0; i < o->n_rows; i++)
        if (o->rows[i] < 1 || o->rows[i] > SETUN_TUNING_MAX_ROWS)
            return setun_fail(error, SETUN_ERR_INVALID, "%lld rows: 1 to %d are expected", (long long)o->rows[i], SETUN_TUNING_MAX_ROWS);
    if (o->depth < 0 || o->depth > MAX_DEPTH)
        return setun_fail(error, SETUN_ERR_INVALID, "a depth of %lld positions: 0 to %d are expected", (long long)o->depth, MAX_DEPTH);
    if (o->rounds > MAX_ROUNDS)
        return setun_fail(error, SETUN_ERR_INVALID, "%u rounds: at most %d are possible", o->rounds, MAX_ROUNDS);
    if (!(o->seconds >= 0 && o->seconds <= 60))
        return setun_fail(error, SETUN_ERR_INVALID, "%g seconds for one timing: 0 to 60 are expected", o->seconds);
    if (o->kv != SETUN_KV_F16 && o->kv != SETUN_KV_F32)
        return setun_fail(error, SETUN_ERR_INVALID, "kv: expected SETUN_KV_F16 or SETUN_KV_F32, found %d", o->kv);
    return SETUN_OK;
}

static setun_status run(setun_tune_walk *w, setun_error *error)
{
    static const uint32_t default_threads[] = {0};
    const uint32_t *threads = w->options->n_threads > 0 ? w->options->threads : default_threads;
    const size_t n_threads = w->options->n_threads > 0 ? w->options->n_threads : 1;
    setun_status status = setun_tune_subjects_list(w, error);

    if (status != SETUN_OK)
        return status;
    w->n_cases = count_cases(w);
    if (w->n_cases == 0)
        return setun_fail(error, SETUN_ERR_NOT_FOUND, "no node of %s is left by the options", w->graph->path);
    for (size_t t = 0; t < n_threads && status == SETUN_OK; t++)
        status = run_team(w, threads[t], error);
    return status;
}

/* What is still worth something: of this CPU, these features in effect, these numerics and this version. */
static setun_status keep_known(setun_tuning *tuning, const setun_tuning *known, uint64_t features, setun_error *error)
{
    setun_status status = SETUN_OK;

    if (known == NULL || !setun_tuning_is_for(known, features) || strcmp(known->version, tuning->version) != 0)
        return SETUN_OK;
    for (size_t i = 0; i < known->n_cases && status == SETUN_OK; i++)
        status = setun_tuning_add(tuning, &known->cases[i], true, error);
    return status;
}

setun_status setun_kernels_tune(setun_model *model, const setun_tune_options *options, const setun_tuning *known, setun_tuning **out_tuning,
                                setun_error *error)
{
    static const setun_tune_options defaults = {0};
    const setun_tune_options *o = options != NULL ? options : &defaults;
    setun_tune_walk w = {.options = o, .graph = model->graph, .plugins = model->plugins, .topology = model->topology,
                         .rounds = o->rounds > 0 ? o->rounds : DEFAULT_ROUNDS, .seconds = o->seconds > 0 ? o->seconds : DEFAULT_SECONDS,
                         .depth = o->depth > 0 ? o->depth : DEFAULT_DEPTH, .rows = o->n_rows > 0 ? o->rows : default_rows,
                         .n_rows = o->n_rows > 0 ? o->n_rows : SETUN_COUNT(default_rows)};
    const uint64_t features = setun_plugins_cpu(model->plugins);
    setun_status status = check_options(o, error);

    if (status != SETUN_OK)
        return status;
    status = setun_tuning_create(features, &w.tuning, error);
    if (status == SETUN_OK)
        status = keep_known(w.tuning, known, features, error);
    if (status == SETUN_OK)
        status = setun_check_protect_begin(CHECK_SECONDS, error); /* operands are packed by the check's own means */
    if (status == SETUN_OK) {
        status = run(&w, error);
        setun_check_protect_end();
    }
    setun_tune_subjects_free(&w);
    if (status != SETUN_OK) {
        setun_tuning_close(w.tuning);
        return status;
    }
    *out_tuning = w.tuning;
    return SETUN_OK;
}
