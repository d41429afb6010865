/* kernel.c - runs every case of a kernel in every way, and finds out what kind of failure a difference is. */
#include "check/kernel.h"
#include "check/team.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A way of running a case, and how to say it. */
typedef struct attempt {
    setun_check_way way;
    int64_t more_rows; /* that plan() is told to expect, beyond those of the pass */
} attempt;

enum {
    FIXED_ATTEMPTS = 4,
    THREADED_ATTEMPTS = 2, /* the next: with one thread a tile; all of them in a long case, one in one case of so many */
    LONG_BYTES = 1 << 16,  /* of operands: enough work for threads to meet in it */
    SHORT_CASES = 4
};

/* How often case `index` is run on threads. */
static uint32_t times_threaded(const setun_check_trial *trial, uint32_t index)
{
    size_t n_bytes = 0;

    for (uint32_t i = 0; i < trial->call.n_in; i++)
        n_bytes += trial->in[i].n_bytes[0];
    for (uint32_t i = 0; i < trial->call.n_out; i++)
        n_bytes += trial->found[i].n_bytes[0];
    return n_bytes >= LONG_BYTES ? THREADED_ATTEMPTS : index % SHORT_CASES == 0 ? 1 : 0;
}

/* Attempt i of case `index`; false if it does not apply. */
static bool make_attempt(const setun_check_trial *trial, uint32_t index, uint32_t i, setun_check_random *random, attempt *out)
{
    setun_check_way *way = &out->way;

    memset(out, 0, sizeof(*out));
    way->random = *random;
    (void)setun_check_next(random);
    way->random.state ^= (uint64_t)i << 56;
    if (i >= FIXED_ATTEMPTS && i < FIXED_ATTEMPTS + THREADED_ATTEMPTS) {
        way->threads = true;
        way->n_workers = SETUN_CHECK_THREADS;
        return i - FIXED_ATTEMPTS < times_threaded(trial, index);
    }
    switch (i) {
    case 0: /* plainly */
        way->n_workers = 1;
        return true;
    case 1: /* after an inaccessible page, cut, planned for more rows */
        way->side = SETUN_CHECK_AT_START;
        way->n_workers = 2 + (uint32_t)setun_check_below(random, 4);
        out->more_rows = 1 + setun_check_below(random, 20);
        return true;
    case 2:
        way->n_workers = 3 + (uint32_t)setun_check_below(random, SETUN_CHECK_WORKERS - 2);
        way->watched = true;
        return true;
    case 3:
        way->as_in_file = true;
        way->n_workers = 1 + (uint32_t)setun_check_below(random, 3);
        return trial->call.in_file != 0;
    default:
        way->side = setun_check_below(random, 2) == 0 ? SETUN_CHECK_AT_END : SETUN_CHECK_AT_START;
        way->n_workers = 1 + (uint32_t)setun_check_below(random, SETUN_CHECK_WORKERS);
        out->more_rows = setun_check_below(random, 3);
        out->more_rows *= setun_check_below(random, 40);
        return true;
    }
}

static setun_status run_attempt(setun_check_trial *trial, const attempt *a, bool *out_declined, char why[200], setun_check_failure *failure,
                                setun_error *error)
{
    trial->call.rows_max = (trial->c.rows < 1 ? 1 : trial->c.rows) + a->more_rows;
    return setun_check_trial_run(trial, &a->way, out_declined, why, failure, error);
}

/* A value is wrong. Is it because of other threads, of the scratch's contents, or of the cut? Tries again without. */
static setun_status diagnose(setun_check_trial *trial, const attempt *a, setun_check_failure *failure, setun_error *error)
{
    setun_check_failure again = {.kind = NULL};
    attempt tried = *a;
    char why[200];
    bool declined;
    setun_status status;

    if (a->way.threads) {
        tried.way.threads = false;
        status = run_attempt(trial, &tried, &declined, why, &again, error);
        if (status == SETUN_OK && again.kind == NULL)
            failure->kind = "race"; /* right if the same tiles run one after the other */
        return status;
    }
    tried.way.clean_scratch = true;
    status = run_attempt(trial, &tried, &declined, why, &again, error);
    if (status == SETUN_OK && again.kind == NULL) {
        failure->kind = "scratch"; /* right once scratch is zero */
        return SETUN_OK;
    }
    if (a->way.n_workers == 1 || status != SETUN_OK)
        return status;
    tried = *a;
    tried.way.n_workers = 1;
    tried.way.watched = false;
    again.kind = NULL;
    status = run_attempt(trial, &tried, &declined, why, &again, error);
    if (status == SETUN_OK && again.kind == NULL)
        failure->kind = "cut"; /* right if one worker does it all */
    return status;
}

/* The failure gets its parameters. */
static void tell(const setun_check_trial *trial, const attempt *a, uint32_t index, uint64_t seed, setun_check_failure *failure)
{
    const size_t n = strlen(failure->text);

    (void)snprintf(failure->text + n, sizeof(failure->text) - n, "; case %u: %s; %u %s%s, memory %s%s%s, rows_max %lld, seed %llu", index,
                   trial->c.text, a->way.n_workers, a->way.threads ? "thread" : "worker", a->way.n_workers == 1 ? "" : "s",
                   a->way.side == SETUN_CHECK_AT_END ? "ending at a page" : "starting at a page", a->way.as_in_file ? ", weights as in a file" : "",
                   a->way.watched ? ", writes watched" : "", (long long)trial->call.rows_max, (unsigned long long)seed);
}

/* The first run of a kernel without oracle, or of one that is not exact, is what its other runs are compared with. */
static void adopt(setun_check_trial *trial, setun_check_report *report)
{
    bool extreme = false; /* near overflow an error has no measure, and another order of the same sum may be infinite */

    for (uint32_t i = 0; i < trial->call.n_in; i++)
        extreme = extreme || trial->c.fill[i] == SETUN_FILL_HUGE || trial->c.fill[i] == SETUN_FILL_ANY;
    for (uint32_t i = 0; i < trial->call.n_out; i++) {
        setun_check_operand first = trial->expected[i];

        if (trial->has_expected && !extreme)
            setun_check_operand_measure(&trial->expected[i], &trial->found[i], &report->inexact);
        setun_check_operand_free(&first);
        trial->expected[i] = trial->found[i];
        memset(&trial->found[i], 0, sizeof(trial->found[i]));
    }
    trial->has_expected = true;
}

/* New outputs in place of the adopted ones. */
static setun_status renew(setun_check_trial *trial, setun_error *error)
{
    setun_status status = SETUN_OK;

    for (uint32_t i = 0; i < trial->call.n_out && status == SETUN_OK; i++)
        status = setun_check_operand_make(trial->target->plugins, trial->target->fmts.out[i], trial->c.out_dim[i], &trial->found[i], error);
    return status;
}

/* The plain run. Where the oracle does not bind, it says what the others are compared with. */
static setun_status run_first(setun_check_trial *trial, const attempt *a, setun_check_report *report, bool *out_declined, char why[200],
                              setun_error *error)
{
    const bool had = trial->has_expected;
    setun_status status;

    if (trial->target->exact && had)
        return run_attempt(trial, a, out_declined, why, &report->failure, error);
    trial->has_expected = false;
    status = run_attempt(trial, a, out_declined, why, &report->failure, error);
    trial->has_expected = had;
    if (status != SETUN_OK || *out_declined || report->failure.kind != NULL)
        return status;
    adopt(trial, report);
    return renew(trial, error);
}

static void note_declined(setun_check_report *report, const char why[200])
{
    report->n_declined++;
    memcpy(report->why, why, sizeof(report->why));
}

static setun_status run_case(setun_check_trial *trial, uint32_t index, uint64_t seed, uint32_t rounds, setun_check_report *report,
                             setun_error *error)
{
    setun_check_random random = trial->c.random;
    setun_status status = SETUN_OK;
    bool declined = false;
    attempt a;
    char why[200];

    for (uint32_t i = 0; i < FIXED_ATTEMPTS + THREADED_ATTEMPTS + rounds && status == SETUN_OK && report->failure.kind == NULL; i++) {
        if (!make_attempt(trial, index, i, &random, &a))
            continue;
        if (i == 0)
            status = run_first(trial, &a, report, &declined, why, error);
        else
            status = run_attempt(trial, &a, &declined, why, &report->failure, error);
        if (status == SETUN_OK && declined && i == 0) {
            note_declined(report, why);
            return SETUN_OK;
        }
        report->n_runs += !declined;
        if (status == SETUN_OK && report->failure.kind != NULL) {
            if (strcmp(report->failure.kind, "value") == 0)
                status = diagnose(trial, &a, &report->failure, error);
            tell(trial, &a, index, seed, &report->failure);
        }
    }
    report->n_cases++;
    return status;
}

/* What must be declined, is it? */
static setun_status check_declines(setun_check_trial *trial, uint32_t index, uint64_t seed, setun_check_report *report, setun_error *error)
{
    const attempt a = {.way = {.n_workers = 1}};
    setun_status status = setun_check_trial_shape(trial, error);
    bool declined;
    char why[200];

    if (status == SETUN_ERR_UNSUPPORTED) /* the format declines it already */
        return SETUN_OK;
    if (status == SETUN_OK)
        status = setun_check_plan(&trial->call, &declined, why, &report->failure, error);
    if (status != SETUN_OK)
        return status;
    if (declined)
        note_declined(report, why);
    if (report->failure.kind == NULL && !declined)
        setun_check_fail(&report->failure, "plan", "plan() accepts what it must decline");
    if (report->failure.kind != NULL)
        tell(trial, &a, index, seed, &report->failure);
    return SETUN_OK;
}

static setun_status check_case(setun_check_trial *trial, uint32_t index, uint64_t seed, uint32_t rounds, setun_check_report *report,
                               setun_error *error)
{
    const attempt none = {.way = {.n_workers = 1}};
    setun_status status;
    bool applies;
    char why[200] = "";

    for (int i = 0; i < SETUN_CHECK_INS; i++)
        for (int d = 0; d < 4; d++)
            if (d >= 2 && trial->c.in_dim[i][d] == 0)
                trial->c.in_dim[i][d] = 1;
    if (trial->c.declines)
        return check_declines(trial, index, seed, report, error);
    status = setun_check_trial_make(trial, &applies, why, &report->failure, error);
    if (status != SETUN_OK)
        return status;
    if (report->failure.kind != NULL) {
        tell(trial, &none, index, seed, &report->failure);
    } else if (!applies) {
        note_declined(report, why);
    } else {
        return run_case(trial, index, seed, rounds, report, error);
    }
    return SETUN_OK;
}

/* Case `index` into *trial, empty but for that; false past the last. */
static bool describe(const setun_check_target *target, uint64_t seed, uint32_t index, setun_check_trial *trial)
{
    memset(trial, 0, sizeof(*trial));
    trial->target = target;
    trial->c.random = setun_check_stream(seed, target->ref.kernel->name, index);
    return target->op->describe(target, index, &trial->c);
}

setun_status setun_check_kernel(const setun_check_target *target, uint64_t seed, uint32_t rounds, const setun_check_teller *teller,
                                setun_check_report *out_report, setun_error *error)
{
    enum { SMALL_CASES = 6 }; /* at the head of every list: they tell a wrong kernel from one that overflows */
    setun_check_trial *trial = setun_calloc(1, sizeof(*trial));
    setun_status status = SETUN_OK;
    uint32_t n_cases = 0;

    memset(out_report, 0, sizeof(*out_report));
    if (trial == NULL)
        return setun_fail_nomem(error, "check", sizeof(*trial));
    while (describe(target, seed, n_cases, trial))
        n_cases++;
    for (uint32_t i = 0; status == SETUN_OK && out_report->failure.kind == NULL; i++) {
        if (i == SMALL_CASES) {
            teller->tell(teller->context, i, n_cases, "at k_max");
            status = setun_check_k_max(target, seed, out_report, error);
        }
        if (status != SETUN_OK || out_report->failure.kind != NULL || !describe(target, seed, i, trial))
            break;
        teller->tell(teller->context, i, n_cases, trial->c.text);
        status = check_case(trial, i, seed, rounds, out_report, error);
        setun_check_trial_free(trial);
    }
    if (status == SETUN_OK && out_report->failure.kind == NULL && out_report->n_cases > 0 && !out_report->k_max_done)
        status = setun_check_k_max(target, seed, out_report, error);
    free(trial);
    return status;
}
