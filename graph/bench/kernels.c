/* kernels.c - setun_kernels_bench: for every case the kernels that take it, timed in turns. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench_internal.h"

enum { DEFAULT_ROUNDS = 7, MAX_ROUNDS = 1000, CHECK_SECONDS = 600 };
#define DEFAULT_SECONDS 0.02
#define MAX_ELEMENTS (INT64_C(1) << 36) /* of an operand */

static const setun_bench_shape model_shapes[] = {{2560, 2560}, {640, 2560}, {6912, 2560}, {2560, 6912}}; /* 2B4T: q and o; k and v; gate and up; down */
static const int64_t model_rows[] = {1, 8, 256};

/* What is the same for every case of a run. */
typedef struct walk {
    const setun_bench_options *options;
    const setun_bench_op      *op;
    setun_bench_sink          *sink;
    void                      *context;
    setun_topology            *topology;
    setun_team                *team;
    setun_machine              machine;
    setun_machine_limits       limits;
    uint32_t                   rounds;
    double                     seconds;
    size_t                     n_reported;
} walk;

static bool wanted(const walk *w, setun_kernel_ref ref)
{
    const setun_bench_options *o = w->options;

    return strcmp(ref.kernel->pattern, w->op->name) == 0 && (o->kernel == NULL || strcmp(o->kernel, ref.kernel->name) == 0) &&
           (o->backend == NULL || strcmp(o->backend, ref.plugin->name) == 0) && (o->fmts == NULL || strstr(ref.kernel->fmts, o->fmts) != NULL);
}

/* ---- timing ---- */

typedef struct timing {
    double  *seconds; /* [rounds] of one call; ascending once they are done */
    setun_spread spread; /* of them */
    uint32_t passes;  /* runs of the plan in one timing */
} timing;

static double time_passes(setun_bench_entry *entry, setun_team *team, uint32_t n)
{
    const double start = setun_clock_s();

    for (uint32_t i = 0; i < n; i++)
        setun_plan_run(entry->plan, team, NULL);
    return setun_clock_s() - start;
}

/* How many passes last long enough; the first one warms up. */
static uint32_t count_passes(const walk *w, setun_bench_entry *entry)
{
    double seconds;
    uint32_t n = 1;

    (void)time_passes(entry, w->team, 1);
    seconds = time_passes(entry, w->team, 1);
    while (seconds < w->seconds && n < 1u << 20) {
        const double more = seconds > 1e-9 ? w->seconds / seconds * 1.1 : 16;

        n = (uint32_t)(more > 16 ? n * 16.0 : n * more + 1);
        seconds = time_passes(entry, w->team, n);
    }
    return n;
}

/* Kernels in turns: 1, 2, 3, 1, 2, 3 ... */
static void time_entries(const walk *w, setun_bench_entry *entries, timing *timings, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (entries[i].declined[0] == '\0')
            timings[i].passes = count_passes(w, &entries[i]);
    for (uint32_t round = 0; round < w->rounds; round++)
        for (size_t i = 0; i < n; i++)
            if (entries[i].declined[0] == '\0')
                timings[i].seconds[round] = time_passes(&entries[i], w->team, timings[i].passes) / timings[i].passes / entries[i].n_calls;
    for (size_t i = 0; i < n; i++)
        if (entries[i].declined[0] == '\0')
            setun_spread_make(timings[i].seconds, w->rounds, &timings[i].spread);
}

/* ---- reporting ---- */

/* Share of the machine's limit: of memory where the weights stream, of int8 arithmetic where int8 is multiplied in the caches. */
static double share_of_limit(const walk *w, const setun_bench_case *c, const setun_bench_entry *entry, const setun_bench_result *r)
{
    const bool is_int8 = entry->target.fmts.n_in == 2 && strncmp(entry->target.fmts.in[0], "i8.", 3) == 0;
    const double of_memory = w->limits.read_bytes_s > 0 ? r->bytes / r->median_s / w->limits.read_bytes_s : 0;
    const double of_arithmetic = w->limits.int8_ops_s > 0 && is_int8 ? r->ops / r->median_s / w->limits.int8_ops_s : 0;

    if (c->op->weight < 0)
        return 0;
    return c->from == SETUN_BENCH_MEMORY && of_memory > of_arithmetic ? of_memory : of_arithmetic;
}

static setun_status report(walk *w, const setun_bench_case *c, const setun_bench_weights *weights, const setun_bench_entry *entry,
                           const timing *t, double first_s, setun_error *error)
{
    setun_bench_result r = {.kernel = entry->ref.kernel->name, .backend = entry->ref.plugin->name, .op = c->op->name, .weight = "",
                            .shape = c->shape, .rows = c->rows, .threads = setun_team_n_threads(w->team), .from = c->from, .rounds = w->rounds,
                            .limits = &w->limits};

    if (c->op->weight >= 0)
        r.weight = entry->target.fmts.in[c->op->weight];
    if (entry->declined[0] != '\0') {
        r.declined = entry->declined;
    } else {
        r.median_s = t->spread.median;
        r.min_s = t->spread.min;
        r.max_s = t->spread.max;
        r.bytes = entry->bytes;
        if (c->op->weight >= 0) {
            r.ops = 2.0 * (double)c->rows * (double)c->shape.n * (double)c->shape.k;
            r.weight_bits = 8.0 * (double)weights->items[entry->weight].n_bytes / (double)c->shape.n / (double)c->shape.k;
        }
        r.limit = share_of_limit(w, c, entry, &r);
        r.ratio = first_s > 0 ? first_s / r.median_s : 1;
        r.hash = setun_bench_entry_hash(entry);
    }
    w->n_reported++;
    return w->sink(w->context, &r, error);
}

/* ---- cases ---- */

static setun_status run_entries(walk *w, const setun_bench_case *c, setun_bench_weights *weights, setun_bench_entry *entries,
                                timing *timings, size_t n, setun_error *error)
{
    setun_status status = SETUN_OK;
    double first_s = 0;
    size_t at = 0;

    for (size_t i = 0; i < setun_plugins_n_kernels(w->options->plugins) && status == SETUN_OK; i++) {
        const setun_kernel_ref ref = setun_plugins_kernel(w->options->plugins, i);

        if (wanted(w, ref))
            status = setun_bench_entry_make(w->options->plugins, c, &w->machine, w->team, weights, ref, &entries[at++], error);
    }
    if (status == SETUN_OK)
        time_entries(w, entries, timings, n);
    for (size_t i = 0; i < n && status == SETUN_OK; i++) {
        if (first_s == 0 && entries[i].declined[0] == '\0')
            first_s = timings[i].spread.median;
        status = report(w, c, weights, &entries[i], &timings[i], first_s, error);
    }
    return status;
}

static setun_status run_case(walk *w, const setun_bench_case *c, setun_error *error)
{
    setun_bench_weights weights = {0};
    setun_bench_entry *entries;
    timing *timings;
    double *seconds;
    setun_status status;
    size_t n = 0;

    for (size_t i = 0; i < setun_plugins_n_kernels(w->options->plugins); i++)
        n += wanted(w, setun_plugins_kernel(w->options->plugins, i));
    if (n == 0)
        return SETUN_OK;
    entries = setun_calloc(n, sizeof(*entries));
    timings = setun_calloc(n, sizeof(*timings));
    seconds = setun_calloc(n * w->rounds, sizeof(*seconds));
    if (entries != NULL && timings != NULL && seconds != NULL) {
        for (size_t i = 0; i < n; i++)
            timings[i].seconds = seconds + i * w->rounds;
        status = run_entries(w, c, &weights, entries, timings, n, error);
    } else {
        status = setun_fail_nomem(error, "kernels to time", n * sizeof(*entries));
    }
    for (size_t i = 0; entries != NULL && i < n; i++)
        setun_bench_entry_free(&entries[i]);
    setun_bench_weights_free(&weights);
    free(entries);
    free(timings);
    free(seconds);
    return status;
}

/* Every case of one team. */
static setun_status run_team(walk *w, setun_error *error)
{
    const setun_bench_options *o = w->options;
    const setun_bench_shape *shapes = o->n_shapes > 0 ? o->shapes : model_shapes;
    const int64_t *rows = o->n_rows > 0 ? o->rows : model_rows;
    const size_t n_shapes = o->n_shapes > 0 ? o->n_shapes : SETUN_COUNT(model_shapes), n_rows = o->n_rows > 0 ? o->n_rows : SETUN_COUNT(model_rows);
    const unsigned from_any = o->from != 0 ? o->from : SETUN_BENCH_CACHE | SETUN_BENCH_MEMORY;
    const bool has_weight = w->op->weight >= 0;
    setun_status status = setun_bench_machine(o->plugins, w->topology, w->team, has_weight && (from_any & SETUN_BENCH_MEMORY) != 0, has_weight,
                                              &w->limits, error);

    setun_topology_describe(w->topology, setun_team_n_threads(w->team), &w->machine);
    for (size_t s = 0; s < n_shapes && status == SETUN_OK; s++) {
        for (size_t r = 0; r < n_rows && status == SETUN_OK; r++) {
            for (unsigned from = SETUN_BENCH_CACHE; from <= SETUN_BENCH_MEMORY && status == SETUN_OK; from *= 2) {
                const setun_bench_case c = {.op = w->op, .shape = shapes[s], .rows = rows[r], .from = from,
                                            .copies_bytes = setun_bench_uncached_bytes(w->topology)};

                if ((from_any & from) != 0 && (has_weight || from == SETUN_BENCH_CACHE))
                    status = run_case(w, &c, error);
            }
        }
    }
    return status;
}

static setun_status check_options(const setun_bench_options *o, setun_error *error)
{
    int64_t most_rows = model_rows[SETUN_COUNT(model_rows) - 1];

    for (size_t r = 0; r < o->n_rows; r++) {
        if (o->rows[r] < 1)
            return setun_fail(error, SETUN_ERR_INVALID, "%lld rows: at least 1 is expected", (long long)o->rows[r]);
        most_rows = r == 0 || o->rows[r] > most_rows ? o->rows[r] : most_rows;
    }
    for (size_t s = 0; s < o->n_shapes; s++) {
        const int64_t n = o->shapes[s].n, k = o->shapes[s].k, wide = n > k ? n : k;
        const int64_t weight[] = {n, k}, activation[] = {most_rows, wide};
        int64_t product;

        if (n < 1 || k < 1)
            return setun_fail(error, SETUN_ERR_INVALID, "shape %lldx%lld: both must be at least 1", (long long)n, (long long)k);
        if (!setun_mul_dims(weight, 2, &product) || product > MAX_ELEMENTS || !setun_mul_dims(activation, 2, &product) || product > MAX_ELEMENTS)
            return setun_fail(error, SETUN_ERR_INVALID, "%lld rows of %lldx%lld do not fit into memory", (long long)most_rows, (long long)n,
                              (long long)k);
    }
    if (o->rounds > MAX_ROUNDS)
        return setun_fail(error, SETUN_ERR_INVALID, "%u rounds: at most %d are possible", o->rounds, MAX_ROUNDS);
    if (o->seconds < 0 || o->seconds > 60 || isnan(o->seconds))
        return setun_fail(error, SETUN_ERR_INVALID, "%g seconds for one timing: 0 to 60 are expected", o->seconds);
    return SETUN_OK;
}

/* One team after the other. */
static setun_status run_teams(walk *w, setun_error *error)
{
    static const uint32_t both[] = {1, 0};
    const uint32_t *threads = w->options->n_threads > 0 ? w->options->threads : both;
    size_t n = w->options->n_threads > 0 ? w->options->n_threads : SETUN_COUNT(both);
    setun_status status = SETUN_OK;

    if (w->options->n_threads == 0 && setun_topology_n_cores(w->topology) == 1)
        n = 1; /* the two are one */
    for (size_t t = 0; t < n && status == SETUN_OK; t++) {
        status = setun_team_create(w->topology, threads[t], &w->team, error);
        if (status == SETUN_OK)
            status = run_team(w, error);
        setun_team_destroy(w->team);
        w->team = NULL;
    }
    return status;
}

setun_status setun_kernels_bench(const setun_bench_options *options, setun_bench_sink *sink, void *context, setun_error *error)
{
    const char *op = options->op != NULL ? options->op : "linear";
    walk w = {.options = options, .op = setun_bench_op_find(op), .sink = sink, .context = context,
              .rounds = options->rounds > 0 ? options->rounds : DEFAULT_ROUNDS,
              .seconds = options->seconds > 0 ? options->seconds : DEFAULT_SECONDS};
    setun_status status = check_options(options, error);

    if (status != SETUN_OK)
        return status;
    if (w.op == NULL)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "op '%s' cannot be timed; these can: %s", op, setun_bench_op_names());
    status = setun_check_protect_begin(CHECK_SECONDS, error); /* operands are packed by the check's own means */
    if (status != SETUN_OK)
        return status;
    status = setun_topology_open(NULL, &w.topology, error);
    if (status == SETUN_OK)
        status = run_teams(&w, error);
    setun_check_protect_end();
    setun_topology_close(w.topology);
    if (status == SETUN_OK && w.n_reported == 0)
        return setun_fail(error, SETUN_ERR_NOT_FOUND, "no usable kernel of the op '%s' is left by the options", op);
    return status;
}
