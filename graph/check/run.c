/* run.c - plan(), units() and run() of one kernel, called as the host calls them, each call protected. */
#include "check/run.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check/data.h"
#include "check/place.h"
#include "check/registers.h"
#include "check/team.h"
#include "check/watch.h"

enum { MAX_PHASES = 16, WHY_BYTES = 200 }; /* setun_plugin.h */

void setun_check_fail(setun_check_failure *failure, const char *kind, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    failure->kind = kind;
    (void)vsnprintf(failure->text, sizeof(failure->text), format, args);
    va_end(args);
}

/* One run on its way. */
typedef struct run {
    const setun_check_call *call;
    setun_check_way way;
    setun_check_place place;
    setun_check_watch watch;
    setun_check_data data; /* of the plugin */
    setun_kernel_plan plan;
    const void *attr[SETUN_PATTERN_OPS];
    setun_call kernel_call;
    setun_check_failure *failure;
} run;

typedef struct one_call {
    void (*function)(void);
    const void *a;
    uint64_t b, result;
    setun_check_damage damage;
} one_call;

static void call_it(void *context)
{
    one_call *c = context;

    c->result = setun_check_registers_call(c->function, c->a, c->b, &c->damage);
}

/* function(a, b), protected. False: it crashed, hung or disturbed the processor, and failure says so. */
static bool invoke(run *r, const char *what, void (*function)(void), const void *a, uint64_t b, uint64_t *out_result)
{
    one_call c = {.function = function, .a = a, .b = b};
    setun_check_crash crash;

    if (!setun_check_protected(call_it, &c, &crash)) {
        if (crash.address != NULL && setun_check_data_holds(&r->data, crash.address))
            setun_check_fail(r->failure, "state", "%s writes the plugin's own data, at address %p: a plugin keeps no state", what,
                             crash.address);
        else
            setun_check_place_crash(&r->place, &crash, r->failure, what);
        return false;
    }
    if (c.damage.kind != NULL) {
        setun_check_fail(r->failure, c.damage.kind, "after %s %s", what, c.damage.what);
        return false;
    }
    *out_result = c.result;
    return true;
}

/* The tensors as plan() sees them: the largest dims, no data. */
static void planned_tensors(const setun_check_call *call, bool outputs, const setun_tensor *placed, setun_tensor *to)
{
    const uint32_t n = outputs ? call->n_out : call->n_in;
    const int8_t *rows = outputs ? call->out_rows : call->in_rows;

    for (uint32_t i = 0; i < n; i++) {
        const setun_check_operand *operand = outputs ? &call->out[i] : &call->in[i];

        for (uint32_t p = 0; p < operand->n_parts; p++, to++, placed++) {
            const int row_dim = rows == NULL || rows[i] < 0 ? -1 : p == 0 ? rows[i] : 1;
            int64_t stride_bytes[4];

            *to = *placed;
            to->data = NULL;
            if (row_dim >= 0 && to->dim[row_dim] < call->rows_max) {
                to->dim[row_dim] = call->rows_max;
                if (operand->format[p]->layout(to->dim, stride_bytes) > 0)
                    memcpy(to->stride_bytes, stride_bytes, sizeof(stride_bytes));
            }
        }
    }
}

/* Reasons are shown to people: one line, at most WHY_BYTES with its end. */
static bool check_why(run *r, const char why[WHY_BYTES])
{
    const size_t n = strnlen(why, WHY_BYTES);

    if (n == 0 || n == WHY_BYTES)
        setun_check_fail(r->failure, "plan", "plan() declined %s", n == 0 ? "without a reason" : "with a reason that does not end");
    else if (strchr(why, '\n') != NULL)
        setun_check_fail(r->failure, "plan", "plan() declined with a reason of several lines");
    else
        return true;
    return false;
}

static bool check_plan(run *r, const setun_kernel_plan *again, setun_status status, setun_status status_again)
{
    const setun_kernel_plan *p = &r->plan;

    if (status != status_again || (status == SETUN_OK && memcmp(p, again, sizeof(*p)) != 0))
        setun_check_fail(r->failure, "plan", "plan() answers the same question in two ways");
    else if (status != SETUN_OK && status != SETUN_ERR_UNSUPPORTED)
        setun_check_fail(r->failure, "plan", "plan() returned %d, expected SETUN_OK or SETUN_ERR_UNSUPPORTED", status);
    else if (status == SETUN_OK && (p->n_phases < 1 || p->n_phases > MAX_PHASES))
        setun_check_fail(r->failure, "plan", "plan() wants %u phases, expected 1 to %d", p->n_phases, MAX_PHASES);
    else if (status == SETUN_OK && !(p->cost_ns >= 0.0 && isfinite(p->cost_ns)))
        setun_check_fail(r->failure, "plan", "plan() estimates %g ns", p->cost_ns);
    else if (status == SETUN_OK && p->size != sizeof(*p))
        setun_check_fail(r->failure, "plan", "plan() changed the size of its answer");
    else
        return true;
    return false;
}

/* Asks twice: plan() is pure. False: failure says what is wrong. */
static bool ask_plan(run *r, bool *out_declined, char why[WHY_BYTES])
{
    static const setun_machine machine = {.size = sizeof(machine), .n_workers = SETUN_CHECK_WORKERS, .l1d_bytes = 32768, .l2_bytes = 1 << 20,
                                          .l3_bytes = 1 << 22};
    setun_tensor in[SETUN_CHECK_INS * SETUN_CHECK_PARTS], out[SETUN_CHECK_OUTS * SETUN_CHECK_PARTS];
    setun_query query = {.size = sizeof(query), .n_in = r->place.n_in, .n_out = r->place.n_out, .in = in, .out = out, .rows_min = 1,
                         .rows_max = r->call->rows_max < 1 ? 1 : r->call->rows_max, .attr = r->attr, .machine = &machine, .why = why,
                         .why_bytes = WHY_BYTES};
    setun_kernel_plan answer[2];
    uint64_t result[2];

    planned_tensors(r->call, false, r->place.in, in);
    planned_tensors(r->call, true, r->place.out, out);
    for (int i = 0; i < 2; i++) {
        memset(why, 0, WHY_BYTES);
        memset(&answer[i], 0, sizeof(answer[i]));
        answer[i].size = sizeof(answer[i]);
        if (!invoke(r, "plan()", (void (*)(void))r->call->ref.kernel->plan, &query, (uintptr_t)&answer[i], &result[i]))
            return false;
    }
    r->plan = answer[0];
    *out_declined = (setun_status)result[0] != SETUN_OK;
    return check_plan(r, &answer[1], (setun_status)result[0], (setun_status)result[1]) && (!*out_declined || check_why(r, why));
}

/* A caller may leave rubbish above a 32-bit argument. */
static bool ask_units(run *r, uint32_t phase, int64_t *out_units)
{
    uint64_t first, second;

    if (!invoke(r, "units()", (void (*)(void))r->call->ref.kernel->units, &r->kernel_call, UINT64_C(0xBAD0BAD100000000) | phase, &first) ||
        !invoke(r, "units()", (void (*)(void))r->call->ref.kernel->units, &r->kernel_call, phase, &second))
        return false;
    *out_units = (int64_t)first;
    if (first != second || (int64_t)first < 0) {
        setun_check_fail(r->failure, "plan", "units() of phase %u says %lld, then %lld", phase, (long long)first, (long long)second);
        return false;
    }
    return true;
}

/* Where each of n workers begins; cut[n] is the end. Some get nothing. */
static void cut_units(run *r, int64_t n_units, int64_t *out_cut)
{
    const uint32_t n = r->way.n_workers;

    out_cut[0] = 0;
    for (uint32_t i = 1; i < n; i++) {
        const int64_t at = setun_check_below(&r->way.random, n_units + 1);
        uint32_t j = i;

        for (; j > 1 && out_cut[j - 1] > at; j--)
            out_cut[j] = out_cut[j - 1];
        out_cut[j] = at;
    }
    out_cut[n] = n_units;
}

static void name_tile(const setun_tile *tile, char what[80])
{
    (void)snprintf(what, 80, "run() of units [%lld, %lld) in phase %u", (long long)tile->begin, (long long)tile->end, tile->phase);
}

static bool run_tile_alone(run *r, const setun_tile *tile)
{
    char what[80];
    uint64_t ignored;

    name_tile(tile, what);
    return invoke(r, what, (void (*)(void))r->call->ref.kernel->run, &r->kernel_call, (uintptr_t)tile, &ignored);
}

static bool run_tile(run *r, const setun_tile *tile)
{
    char what[80];

    name_tile(tile, what);
    if (r->way.watched)
        setun_check_watch_tile_begin(&r->watch);
    if (!run_tile_alone(r, tile) || setun_check_place_guards(&r->place, r->failure, what))
        return false;
    return !r->way.watched || setun_check_watch_tile_end(&r->watch, &r->place, tile, r->failure);
}

static setun_tile tile_of(const run *r, uint32_t phase, const int64_t *cut, uint32_t worker)
{
    return (setun_tile){.begin = cut[worker], .end = cut[worker + 1], .phase = phase, .worker = worker, .n_workers = r->way.n_workers,
                        .scratch = r->place.scratch[worker]};
}

/* What a worker does of a phase. Where several share a call's only one, the host may give a worker several ranges: sometimes two. */
static bool run_ranges(run *r, const setun_tile *tile)
{
    const int64_t n = tile->end - tile->begin;
    setun_tile range = *tile;

    if (r->plan.n_phases == 1 && r->way.n_workers > 1 && n > 1 && setun_check_below(&r->way.random, 2) == 0)
        range.end = tile->begin + 1 + setun_check_below(&r->way.random, n - 1);
    if (!run_tile(r, &range))
        return false;
    range.begin = range.end;
    range.end = tile->end;
    return range.begin == range.end || run_tile(r, &range);
}

/* The tiles of a phase, one after the other in random order. */
static bool run_in_turn(run *r, uint32_t phase, const int64_t *cut)
{
    const uint32_t n = r->way.n_workers;
    uint32_t order[SETUN_CHECK_WORKERS];

    for (uint32_t i = 0; i < n; i++) { /* shuffle */
        const uint32_t j = (uint32_t)setun_check_below(&r->way.random, i + 1);

        order[i] = i;
        order[i] = order[j];
        order[j] = i;
    }
    if (r->way.watched)
        setun_check_watch_phase_begin(&r->watch);
    for (uint32_t i = 0; i < n; i++) {
        const setun_tile tile = tile_of(r, phase, cut, order[i]);

        if (tile.begin == tile.end && setun_check_below(&r->way.random, 2) == 0)
            continue; /* the host may leave out an empty tile, and may not */
        if (!run_ranges(r, &tile))
            return false;
    }
    if (r->way.watched)
        setun_check_watch_phase_end(&r->watch);
    return true;
}

/* A phase of which each thread does one tile. */
typedef struct at_once {
    const run *whole;
    uint32_t phase;
    const int64_t *cut;
    setun_check_failure failure[SETUN_CHECK_THREADS];
} at_once;

static void run_one(void *context, uint32_t worker)
{
    at_once *a = context;
    const setun_tile tile = tile_of(a->whole, a->phase, a->cut, worker);
    const setun_plugin *plugin = a->whole->call->ref.plugin;
    run r = *a->whole; /* with a failure of its own */
    setun_check_failure later;
    uint64_t ignored;

    r.failure = &a->failure[worker];
    if (plugin->enter != NULL && !invoke(&r, "enter()", plugin->enter, NULL, 0, &ignored))
        return;
    (void)run_tile_alone(&r, &tile);
    if (r.failure->kind != NULL)
        r.failure = &later; /* what comes after it is of no interest */
    if (plugin->leave != NULL)
        (void)invoke(&r, "leave()", plugin->leave, NULL, 0, &ignored);
}

static bool run_at_once(run *r, uint32_t phase, const int64_t *cut)
{
    at_once a = {.whole = r, .phase = phase, .cut = cut};

    setun_check_team_run(r->way.n_workers, run_one, &a);
    for (uint32_t i = 0; i < r->way.n_workers; i++)
        if (a.failure[i].kind != NULL) {
            *r->failure = a.failure[i];
            return false;
        }
    return !setun_check_place_guards(&r->place, r->failure, "run() on threads");
}

static bool run_phase(run *r, uint32_t phase)
{
    int64_t cut[SETUN_CHECK_WORKERS + 1], n_units, n_units_after;

    if (!ask_units(r, phase, &n_units))
        return false;
    cut_units(r, n_units, cut);
    if (!(r->way.threads ? run_at_once(r, phase, cut) : run_in_turn(r, phase, cut)))
        return false;
    if (!ask_units(r, phase, &n_units_after))
        return false;
    if (n_units_after != n_units)
        setun_check_fail(r->failure, "plan", "units() of phase %u says %lld before the phase and %lld after it", phase, (long long)n_units,
                         (long long)n_units_after);
    return n_units_after == n_units;
}

static void run_phases(run *r)
{
    const setun_plugin *plugin = r->call->ref.plugin;
    uint64_t ignored;
    bool ok = plugin->enter == NULL || invoke(r, "enter()", plugin->enter, NULL, 0, &ignored);

    for (uint32_t phase = 0; phase < r->plan.n_phases && ok; phase++)
        ok = run_phase(r, phase);
    if (plugin->leave != NULL && ok)
        (void)invoke(r, "leave()", plugin->leave, NULL, 0, &ignored);
    else if (plugin->leave != NULL) {
        const setun_check_failure first = *r->failure; /* what comes after it is of no interest */

        (void)invoke(r, "leave()", plugin->leave, NULL, 0, &ignored);
        *r->failure = first;
    }
}

static setun_status start(run *r, bool *out_declined, char why[WHY_BYTES], setun_error *error)
{
    setun_status status = setun_check_place_call(&r->place, r->call, &r->way, error);

    r->attr[0] = r->call->attr;
    if (r->call->attrs != NULL)
        memcpy(r->attr, r->call->attrs, sizeof(r->attr));
    r->failure->kind = NULL;
    *out_declined = false;
    setun_check_data_find(r->call->ref.plugin, &r->data);
    setun_check_data_lock(&r->data);
    if (status == SETUN_OK)
        (void)ask_plan(r, out_declined, why);
    return status;
}

setun_status setun_check_run(const setun_check_call *call, const setun_check_way *way, bool *out_declined, char why[WHY_BYTES],
                             setun_check_failure *failure, setun_error *error)
{
    run r = {.call = call, .way = *way, .failure = failure};
    setun_status status = start(&r, out_declined, why, error);

    if (status != SETUN_OK || failure->kind != NULL || *out_declined)
        goto free_run;
    status = setun_check_place_scratch(&r.place, &r.plan, &r.way, error);
    if (status == SETUN_OK && way->watched)
        status = setun_check_watch_make(&r.watch, &r.place, call, error);
    if (status != SETUN_OK)
        goto free_run;
    r.kernel_call = (setun_call){.size = sizeof(r.kernel_call), .n_in = r.place.n_in, .n_out = r.place.n_out, .in = r.place.in,
                                 .out = r.place.out, .attr = r.attr, .batch = call->batch != NULL ? &r.place.batch : NULL,
                                 .shared = r.place.shared, .choice = r.plan.choice};
    run_phases(&r);
    setun_check_place_fetch(&r.place, call);

free_run:
    setun_check_data_unlock(&r.data);
    setun_check_watch_free(&r.watch);
    setun_check_place_free(&r.place);
    return status;
}

setun_status setun_check_plan(const setun_check_call *call, bool *out_declined, char why[WHY_BYTES], setun_check_failure *failure,
                              setun_error *error)
{
    run r = {.call = call, .way = {.n_workers = 1}, .failure = failure};
    setun_status status = start(&r, out_declined, why, error);

    setun_check_data_unlock(&r.data);
    setun_check_place_free(&r.place);
    return status;
}
