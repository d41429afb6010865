/* kernels.c - setun_kernels_bench: for every case the kernels that take it, timed in turns. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench_internal.h"

enum { DEFAULT_ROUNDS = 7, MAX_ROUNDS = 1000, CHECK_SECONDS = 600, MAX_DEPTH = 1 << 20 };
#define DEFAULT_SECONDS 0.02
#define MAX_ELEMENTS (INT64_C(1) << 36) /* of an operand */

static const int64_t model_rows[] = {1, 8, 256};

/* What is the same for every case of a run. */
typedef struct walk {
    const setun_bench_options *options;
    const setun_bench_op      *op;      /* NULL: a pattern of several */
    const char                *op_name;
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

    return strcmp(ref.kernel->pattern, w->op_name) == 0 && (o->kernel == NULL || strcmp(o->kernel, ref.kernel->name) == 0) &&
           (o->against == NULL || strcmp(o->against, ref.kernel->name) == 0 || (o->first != NULL && strcmp(o->first, ref.kernel->name) == 0)) &&
           (o->backend == NULL || strcmp(o->backend, ref.plugin->name) == 0) && (o->fmts == NULL || strstr(ref.kernel->fmts, o->fmts) != NULL);
}

/* ---- reporting ---- */

/* Share of the machine's limit: of its read bandwidth where inputs stream, of int8 arithmetic where int8 is multiplied; the nearer one. */
static double share_of_limit(const walk *w, const setun_bench_case *c, const setun_bench_entry *entry, const setun_bench_result *r)
{
    const bool is_int8 = c->weight >= 0 && strncmp(entry->target.fmts.in[0], "i8.", 3) == 0;
    const double of_memory = w->limits.read_bytes_s > 0 ? entry->read_bytes / r->median_s / w->limits.read_bytes_s : 0;
    const double of_arithmetic = w->limits.int8_ops_s > 0 && is_int8 ? r->ops / r->median_s / w->limits.int8_ops_s : 0;

    return c->from == SETUN_BENCH_MEMORY && of_memory > of_arithmetic ? of_memory : of_arithmetic;
}

static setun_status report(walk *w, const setun_bench_case *c, const setun_bench_entry *entry, const setun_bench_timing *t, setun_error *error)
{
    setun_bench_result r = {.kernel = entry->ref.kernel->name, .backend = entry->ref.plugin->name, .op = c->op, .fmts = entry->ref.kernel->fmts,
                            .weight = "", .shape = c->shape, .rows = c->rows, .threads = setun_team_n_threads(w->team), .from = c->from,
                            .rounds = w->rounds, .limits = &w->limits};

    if (c->weight >= 0)
        r.weight = entry->target.fmts.in[c->weight];
    if (entry->declined[0] != '\0') {
        r.declined = entry->declined;
    } else {
        r.median_s = t->spread.median;
        r.min_s = t->spread.min;
        r.max_s = t->spread.max;
        r.bytes = entry->bytes;
        r.ops = c->ops;
        if (c->weight >= 0)
            r.weight_bits = 8.0 * entry->weight_bytes / (double)c->shape.n / (double)c->shape.k;
        r.limit = share_of_limit(w, c, entry, &r);
        r.ratio = t->ratio.median;
        r.ratio_min = t->ratio.min;
        r.ratio_max = t->ratio.max;
        r.hash = setun_bench_entry_hash(entry);
    }
    w->n_reported++;
    return w->sink(w->context, &r, error);
}

/* ---- cases ---- */

static setun_status make_entry(walk *w, const setun_bench_case *c, setun_bench_streams *streams, setun_kernel_ref ref, setun_bench_entry *entry,
                               setun_error *error)
{
    return setun_bench_entry_make(w->options->plugins, c, &w->machine, w->team, streams, ref, entry, error);
}

/* The kernel that others are measured against comes first: the first one loaded, unless the options name it. */
static setun_status make_entries(walk *w, const setun_bench_case *c, setun_bench_streams *streams, setun_bench_entry *entries, setun_error *error)
{
    const setun_plugins *plugins = w->options->plugins;
    setun_status status = SETUN_OK;
    size_t at = 0;

    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < setun_plugins_n_kernels(plugins) && status == SETUN_OK; i++) {
            const setun_kernel_ref ref = setun_plugins_kernel(plugins, i);
            const bool is_first = w->options->first != NULL && strcmp(ref.kernel->name, w->options->first) == 0;

            if (wanted(w, ref) && is_first == (turn == 0))
                status = make_entry(w, c, streams, ref, &entries[at++], error);
        }
    }
    return status;
}

static setun_status run_case(walk *w, const setun_bench_case *c, setun_error *error)
{
    setun_bench_streams streams = {0};
    setun_bench_entry *entries;
    setun_bench_timing *timings;
    double *seconds;
    setun_status status;
    size_t n = 0;

    for (size_t i = 0; i < setun_plugins_n_kernels(w->options->plugins); i++)
        n += wanted(w, setun_plugins_kernel(w->options->plugins, i));
    if (n == 0)
        return SETUN_OK;
    entries = setun_calloc(n, sizeof(*entries));
    timings = setun_calloc(n, sizeof(*timings));
    seconds = setun_calloc(2 * n * w->rounds, sizeof(*seconds));
    if (entries != NULL && timings != NULL && seconds != NULL) {
        for (size_t i = 0; i < n; i++) {
            timings[i].seconds = seconds + 2 * i * w->rounds;
            timings[i].ratios = timings[i].seconds + w->rounds;
        }
        status = make_entries(w, c, &streams, entries, error);
        if (status == SETUN_OK)
            setun_bench_time_entries(entries, timings, n, w->team, w->rounds, w->seconds);
        for (size_t i = 0; i < n && status == SETUN_OK; i++)
            status = report(w, c, &entries[i], &timings[i], error);
    } else {
        status = setun_fail_nomem(error, "kernels to time", n * sizeof(*entries));
    }
    for (size_t i = 0; entries != NULL && i < n; i++)
        setun_bench_entry_free(&entries[i]);
    setun_bench_streams_free(&streams);
    free(entries);
    free(timings);
    free(seconds);
    return status;
}

/* One op at one size, from where the options say. */
static setun_status run_size(walk *w, const setun_bench_shape *shape, int64_t rows, setun_error *error)
{
    const unsigned from_any = w->options->from != 0 ? w->options->from : SETUN_BENCH_CACHE | SETUN_BENCH_MEMORY;
    setun_bench_case c;
    setun_status status = w->op != NULL ? setun_bench_op_case(w->op, shape, rows, w->options->depth, &c, error)
                                        : setun_bench_pattern_case(w->options->plugins, w->op_name, shape, rows, &c, error);

    for (unsigned from = SETUN_BENCH_CACHE; from <= SETUN_BENCH_MEMORY && status == SETUN_OK; from *= 2) {
        c.from = from;
        c.copies_bytes = setun_bench_uncached_bytes(w->topology);
        if ((from_any & from) != 0)
            status = run_case(w, &c, error);
    }
    setun_bench_case_free(&c);
    return status;
}

/* Every case of one team. */
static setun_status run_team(walk *w, setun_error *error)
{
    const setun_bench_options *o = w->options;
    const unsigned from_any = o->from != 0 ? o->from : SETUN_BENCH_CACHE | SETUN_BENCH_MEMORY;
    const bool is_linear = strcmp(w->op_name, "linear") == 0 || strstr(w->op_name, "linear(") != NULL;
    size_t n_shapes, n_rows = o->n_rows > 0 ? o->n_rows : SETUN_COUNT(model_rows);
    const setun_bench_shape *shapes = w->op != NULL ? setun_bench_op_shapes(w->op, &n_shapes) : setun_bench_pattern_shapes(w->op_name, &n_shapes);
    const int64_t *rows = o->n_rows > 0 ? o->rows : model_rows;
    setun_status status = setun_bench_machine(o->plugins, w->topology, w->team, (from_any & SETUN_BENCH_MEMORY) != 0, is_linear, &w->limits, error);

    if (o->n_shapes > 0) {
        shapes = o->shapes;
        n_shapes = o->n_shapes;
    }
    setun_topology_describe(w->topology, setun_team_n_threads(w->team), &w->machine);
    for (size_t s = 0; s < n_shapes && status == SETUN_OK; s++)
        for (size_t r = 0; r < n_rows && status == SETUN_OK; r++)
            status = run_size(w, &shapes[s], rows[r], error);
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
        const int64_t weight[] = {n, k}, activation[] = {most_rows + o->depth, wide}; /* heads: n * k columns, fewer than a matrix has */
        int64_t product;

        if (n < 1 || k < 1)
            return setun_fail(error, SETUN_ERR_INVALID, "shape %lldx%lld: both must be at least 1", (long long)n, (long long)k);
        if (!setun_mul_dims(weight, 2, &product) || product > MAX_ELEMENTS || !setun_mul_dims(activation, 2, &product) || product > MAX_ELEMENTS)
            return setun_fail(error, SETUN_ERR_INVALID, "%lld rows of %lldx%lld do not fit into memory", (long long)most_rows, (long long)n,
                              (long long)k);
    }
    if (o->depth < 0 || o->depth > MAX_DEPTH)
        return setun_fail(error, SETUN_ERR_INVALID, "a depth of %lld positions: 0 to %d are expected", (long long)o->depth, MAX_DEPTH);
    if (o->against != NULL && o->first == NULL)
        return setun_fail(error, SETUN_ERR_INVALID, "kernel %s: against which one?", o->against);
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
    walk w = {.options = options, .op = setun_bench_op_find(op), .op_name = op, .sink = sink, .context = context,
              .rounds = options->rounds > 0 ? options->rounds : DEFAULT_ROUNDS,
              .seconds = options->seconds > 0 ? options->seconds : DEFAULT_SECONDS};
    setun_status status = check_options(options, error);

    if (status != SETUN_OK)
        return status;
    if (w.op == NULL && strchr(op, '=') == NULL)
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
