/* cmd_bench.c - `setun bench`: tokens a second of a model, in prefill and in decode, beside what the machine's memory allows. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <xxhash.h>

#include "io.h"
#include "lists.h"
#include "options.h"
#include "progress.h"
#include "setun/bench.h"
#include "setun/topology.h"
#include "setun_numerics.h"

enum output { TABLE, JSON, CSV };

typedef struct bench_options {
    common_options common;
    const char    *threads, *batches, *depths;
    int64_t        prompt, tokens, repeats;
    int            output;
} bench_options;

/* One line of the result: n tokens a repetition, of `batch` sequences that hold `depth` positions already. */
typedef struct bench_case {
    bool    prefill;
    int64_t n, depth, batch;
} bench_case;

typedef struct bench_result {
    bench_case c;
    uint32_t   threads;
    double    *seconds;   /* [repeats] ascending once measured */
    setun_spread spread;  /* of them */
    double     bytes;     /* read for one pass: weights, and the cache of every sequence at its mean length */
    double     limit;     /* share of the read bandwidth; 0: prefill, which is not bound by it */
    uint64_t   hash;      /* of the logits that were asked for */
} bench_result;

/* A loaded model with one team. */
typedef struct bench_session {
    setun_model         *model;
    setun_session       *session;
    setun_session_info   info;
    setun_machine_limits limits;
    double               start_s; /* creating the session: weights read, checked and packed */
    int64_t              vocab;
    int32_t             *seqs;    /* [n_seqs] open ones */
    size_t               n_seqs;
    setun_row           *rows;    /* [rows_max] */
    int32_t             *next;    /* [n_seqs] most likely token of each sequence's last row */
    XXH3_state_t        *hash;    /* NULL: logits are not hashed */
} bench_session;

/* Most memory that the process had at once. */
static double peak_bytes(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
#ifdef __APPLE__
    return (double)usage.ru_maxrss;
#else
    return 1024.0 * (double)usage.ru_maxrss;
#endif
}

/* What it has now; 0 where the system does not say it. */
static double resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long long size = 0, resident = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &size, &resident) != 2)
        resident = 0;
    (void)fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

/* Takes the most likely token of each row, as greedy decoding does, the lower id where two are equal. */
static setun_status on_logits(void *context, size_t i, const float *logits, setun_error *error)
{
    bench_session *b = context;
    int32_t best = 0;

    (void)error;
    for (int64_t id = 1; id < b->vocab; id++)
        if (logits[id] > logits[best])
            best = (int32_t)id;
    if (b->hash != NULL)
        (void)XXH3_64bits_update(b->hash, logits, (size_t)b->vocab * sizeof(*logits));
    for (size_t s = 0; s < b->n_seqs; s++)
        if (b->seqs[s] == b->rows[i].seq)
            b->next[s] = best;
    return SETUN_OK;
}

/* Text that is the same everywhere: ids from a multiplicative sequence, any of the vocabulary. */
static int32_t token_at(const bench_session *b, int64_t seq, int64_t pos)
{
    const uint64_t x = ((uint64_t)seq * 1000003 + (uint64_t)pos + 1) * UINT64_C(0x9E3779B97F4A7C15);

    return (int32_t)((x >> 33) % (uint64_t)b->vocab);
}

/* Appends n positions to each of the first `batch` sequences; the last row of each wants logits. */
static setun_status append(bench_session *b, int64_t batch, int64_t first, int64_t n, bool want, setun_error *error)
{
    size_t n_rows = 0;

    for (int64_t s = 0; s < batch; s++)
        for (int64_t i = 0; i < n; i++)
            b->rows[n_rows++] = (setun_row){.token = token_at(b, s, first + i), .seq = b->seqs[s], .want_logits = want && i + 1 == n};
    return setun_session_eval(b->session, b->rows, n_rows, on_logits, b, error);
}

static setun_status run_prefill(bench_session *b, const bench_case *c, double *out_seconds, setun_error *error)
{
    const double start = setun_clock_s();
    const setun_status status = append(b, c->batch, c->depth, c->n, true, error);

    *out_seconds = setun_clock_s() - start;
    return status;
}

/* Greedy, every sequence a token in each pass. */
static setun_status run_decode(bench_session *b, const bench_case *c, double *out_seconds, setun_error *error)
{
    setun_status status = SETUN_OK;
    double start;

    for (int64_t s = 0; s < c->batch; s++)
        b->next[s] = token_at(b, s, c->depth);
    start = setun_clock_s();
    for (int64_t i = 0; i < c->n && status == SETUN_OK; i++) {
        for (int64_t s = 0; s < c->batch; s++)
            b->rows[s] = (setun_row){.token = b->next[s], .seq = b->seqs[s], .want_logits = true};
        status = setun_session_eval(b->session, b->rows, (size_t)c->batch, on_logits, b, error);
    }
    *out_seconds = setun_clock_s() - start;
    return status;
}

/* Bytes of the cache that a pass reads for one sequence at the middle of the run. */
static double cache_bytes(const bench_session *b, const bench_case *c)
{
    const double position = (double)b->info.cache_bytes / ((double)b->info.context + 255) / (double)b->info.max_seqs;

    return position * ((double)c->depth + (double)c->n / 2);
}

/* One run that warms up and gives the hash, then the repetitions; every one begins at the same depth. */
static setun_status run_case(bench_session *b, const bench_options *options, bench_result *r, setun_error *error)
{
    const bench_case *c = &r->c;
    setun_status status = SETUN_OK;
    double seconds = 0;

    for (int64_t s = 0; s < (int64_t)b->n_seqs; s++)
        setun_sequence_truncate(b->session, b->seqs[s], 0);
    if (c->depth > 0)
        status = append(b, c->batch, 0, c->depth, false, error);
    for (int64_t i = -1; i < options->repeats && status == SETUN_OK; i++) {
        for (int64_t s = 0; s < c->batch; s++)
            setun_sequence_truncate(b->session, b->seqs[s], c->depth);
        b->hash = i < 0 ? XXH3_createState() : NULL;
        if (i < 0 && b->hash == NULL)
            return set_error(error, SETUN_ERR_NOMEM, "out of memory: hash");
        if (b->hash != NULL)
            (void)XXH3_64bits_reset(b->hash);
        status = c->prefill ? run_prefill(b, c, &seconds, error) : run_decode(b, c, &seconds, error);
        if (i >= 0)
            r->seconds[i] = seconds;
        if (b->hash != NULL) {
            r->hash = XXH3_64bits_digest(b->hash);
            (void)XXH3_freeState(b->hash);
            b->hash = NULL;
        }
    }
    if (status != SETUN_OK)
        return status;
    setun_spread_make(r->seconds, (size_t)options->repeats, &r->spread);
    r->bytes = (double)b->info.token_bytes + (double)c->batch * cache_bytes(b, c);
    if (!c->prefill && b->limits.read_bytes_s > 0)
        r->limit = r->bytes * (double)c->n / r->spread.median / b->limits.read_bytes_s;
    return SETUN_OK;
}

/* ---- printing ---- */

/* "pp512", "tg128 @2048 x8" */
static void case_name(const bench_case *c, char *text, size_t n_bytes)
{
    size_t n = (size_t)snprintf(text, n_bytes, "%s%" PRId64, c->prefill ? "pp" : "tg", c->n);

    if (c->depth > 0)
        n += (size_t)snprintf(text + n, n_bytes - n, " @%" PRId64, c->depth);
    if (c->batch > 1)
        (void)snprintf(text + n, n_bytes - n, " x%" PRId64, c->batch);
}

static double tokens_of(const bench_case *c)
{
    return (double)c->n * (double)c->batch;
}

static void print_result(const bench_options *o, const bench_result *r, bool first)
{
    const double median_s = r->spread.median, tokens = tokens_of(&r->c), passes = (double)r->c.n;
    char name[64], spread[48], rate[16] = "-", limit[16] = "-", size[16] = "-";

    case_name(&r->c, name, sizeof(name));
    if (o->output == CSV) {
        if (first)
            printf("test,n,depth,batch,threads,tokens_s_median,tokens_s_min,tokens_s_max,repeats,bytes_per_pass,share_of_bandwidth,hash\n");
        printf("%s,%" PRId64 ",%" PRId64 ",%" PRId64 ",%u,%.6g,%.6g,%.6g,%" PRId64 ",%.0f,%.6g,%016" PRIx64 "\n", r->c.prefill ? "prefill" : "decode",
               r->c.n, r->c.depth, r->c.batch, r->threads, tokens / median_s, tokens / r->spread.max, tokens / r->spread.min, o->repeats,
               r->bytes, r->limit, r->hash);
        return;
    }
    if (first)
        printf("%-18s %7s %10s %21s %9s %9s %7s %6s  %s\n", "TEST", "THREADS", "TOKENS/S", "MIN .. MAX", "MS/TOKEN", "MB/PASS", "GB/S", "LIMIT", "HASH");
    (void)snprintf(spread, sizeof(spread), "%.2f .. %.2f", tokens / r->spread.max, tokens / r->spread.min);
    if (!r->c.prefill) {
        (void)snprintf(size, sizeof(size), "%.1f", r->bytes * 1e-6);
        (void)snprintf(rate, sizeof(rate), "%.2f", r->bytes * passes / median_s * 1e-9);
        (void)snprintf(limit, sizeof(limit), "%.0f%%", 100 * r->limit);
    }
    printf("%-18s %7u %10.2f %21s %9.3f %9s %7s %6s  %016" PRIx64 "\n", name, r->threads, tokens / median_s, spread, 1e3 * median_s / tokens, size,
           rate, limit, r->hash);
}

static json_t *json_result(const bench_options *o, const bench_result *r)
{
    const double tokens = tokens_of(&r->c);
    char hash[20];

    (void)snprintf(hash, sizeof(hash), "%016" PRIx64, r->hash);
    return json_pack("{s:s, s:I, s:I, s:I, s:i, s:f, s:f, s:f, s:I, s:f, s:f, s:s}", "test", r->c.prefill ? "prefill" : "decode", "n",
                     (json_int_t)r->c.n, "depth", (json_int_t)r->c.depth, "batch", (json_int_t)r->c.batch, "threads", (int)r->threads,
                     "tokens_s_median", tokens / r->spread.median, "tokens_s_min", tokens / r->spread.max, "tokens_s_max",
                     tokens / r->spread.min, "repeats", (json_int_t)o->repeats, "bytes_per_pass", r->bytes, "share_of_bandwidth", r->limit, "hash",
                     hash);
}

static json_t *json_team(const bench_session *b)
{
    return json_pack("{s:i, s:f, s:f, s:f, s:s, s:f, s:f, s:I}", "threads", (int)b->info.n_threads, "start_s", b->start_s, "read_bytes_s",
                     b->limits.read_bytes_s, "int8_ops_s", b->limits.int8_ops_s, "int8_kernel", b->limits.int8_kernel, "resident_bytes",
                     resident_bytes(), "peak_bytes", peak_bytes(), "token_bytes", (json_int_t)b->info.token_bytes);
}

static void print_team(const bench_session *b)
{
    const double mib = 1024.0 * 1024.0;

    (void)fprintf(stderr, "%u thread%s: start %.2f s, memory %.0f MiB (at most %.0f); the machine reads %.1f GB/s, int8 %.0f Gop/s\n",
                  b->info.n_threads, b->info.n_threads == 1 ? "" : "s", b->start_s, resident_bytes() / mib, peak_bytes() / mib,
                  b->limits.read_bytes_s * 1e-9, b->limits.int8_ops_s * 1e-9);
}

/* ---- the whole ---- */

typedef struct bench_run {
    const bench_options *options;
    number_list          threads, batches, depths;
    json_t              *teams, *results; /* NULL: no JSON */
    size_t               n_printed;
    bool                 over_limit;
} bench_run;

static setun_status measure_case(bench_run *run, bench_session *b, bench_case c, setun_error *error)
{
    bench_result r = {.c = c, .threads = b->info.n_threads};
    setun_status status;

    r.seconds = calloc((size_t)run->options->repeats, sizeof(*r.seconds));
    if (r.seconds == NULL)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: results");
    status = run_case(b, run->options, &r, error);
    progress_clear();
    run->over_limit = run->over_limit || r.limit > 1;
    if (status == SETUN_OK && run->results != NULL)
        (void)json_array_append_new(run->results, json_result(run->options, &r));
    else if (status == SETUN_OK)
        print_result(run->options, &r, run->n_printed++ == 0);
    if (status == SETUN_OK && run->results == NULL && fflush(stdout) != 0)
        status = set_error(error, SETUN_ERR_IO, "standard output: cannot be written");
    free(r.seconds);
    return status;
}

static setun_status measure_cases(bench_run *run, bench_session *b, setun_error *error)
{
    const bench_options *o = run->options;
    setun_status status = SETUN_OK;

    for (size_t d = 0; d < run->depths.n && status == SETUN_OK; d++) {
        for (size_t i = 0; i < run->batches.n && status == SETUN_OK; i++) {
            const int64_t depth = run->depths.value[d], batch = run->batches.value[i];

            if (o->prompt > 0)
                status = measure_case(run, b, (bench_case){true, o->prompt, depth, batch}, error);
            if (status == SETUN_OK && o->tokens > 0)
                status = measure_case(run, b, (bench_case){false, o->tokens, depth, batch}, error);
        }
    }
    return status;
}

static int64_t largest(const number_list *list)
{
    int64_t most = 0;

    for (size_t i = 0; i < list->n; i++)
        most = list->value[i] > most ? list->value[i] : most;
    return most;
}

static setun_status open_sequences(bench_session *b, int64_t n_seqs, int64_t n_positions, setun_error *error)
{
    setun_status status = SETUN_OK;

    b->seqs = calloc((size_t)n_seqs, sizeof(*b->seqs));
    b->next = calloc((size_t)n_seqs, sizeof(*b->next));
    b->rows = calloc((size_t)(n_seqs * n_positions), sizeof(*b->rows));
    if (b->seqs == NULL || b->next == NULL || b->rows == NULL)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: %lld rows", (long long)(n_seqs * n_positions));
    for (; b->n_seqs < (size_t)n_seqs && status == SETUN_OK; b->n_seqs++)
        status = setun_sequence_open(b->session, &b->seqs[b->n_seqs], error);
    return status;
}

/* Everything with one team: a session of its own. */
static setun_status measure_team(bench_run *run, setun_model *model, uint32_t n_threads, setun_error *error)
{
    const bench_options *o = run->options;
    const int64_t n_most = o->prompt > o->tokens ? o->prompt : o->tokens, n_positions = largest(&run->depths) + n_most;
    const int64_t n_seqs = largest(&run->batches);
    common_options common = o->common;
    bench_session b = {.model = model, .vocab = setun_model_vocab(model)};
    setun_status status = SETUN_OK;
    double start;

    common.session.n_threads = n_threads;
    if (common.session.context == 0)
        common.session.context = n_positions;
    if (common.session.context < n_positions)
        status = set_error(error, SETUN_ERR_INVALID, "a context of %lld is too short for %lld positions", (long long)common.session.context,
                           (long long)n_positions);
    if (status == SETUN_OK)
        status = setun_machine_measure(setun_model_plugins(model), n_threads, &b.limits, error);
    start = setun_clock_s();
    if (status == SETUN_OK)
        status = common_create_session(&common, model, (uint32_t)n_seqs, &b.session, error);
    b.start_s = setun_clock_s() - start;
    if (status == SETUN_OK) {
        setun_session_describe(b.session, &b.info);
        status = open_sequences(&b, n_seqs, n_positions, error);
    }
    if (status == SETUN_OK) {
        interrupt_session(b.session);
        status = measure_cases(run, &b, error);
        interrupt_session(NULL);
    }
    if (status == SETUN_OK && run->teams != NULL)
        (void)json_array_append_new(run->teams, json_team(&b));
    else if (status == SETUN_OK)
        print_team(&b);
    setun_session_destroy(b.session);
    free(b.seqs);
    free(b.next);
    free(b.rows);
    return status;
}

static int finish(bench_run *run, const setun_model *model)
{
    if (run->results != NULL) {
        const int code = print_json(json_pack("{s:s, s:i, s:o, s:o}", "model", setun_model_path(model), "numerics_version",
                                              SETUN_NUMERICS_VERSION, "teams", run->teams, "results", run->results));

        if (code != EXIT_DONE)
            return code;
    }
    if (run->over_limit)
        return fail("decoding was faster than the read bandwidth that was measured: the weights fit the caches, or the machine was busy");
    return EXIT_DONE;
}

static int bench(const bench_options *options)
{
    bench_run job = {.options = options};
    setun_model *model = NULL;
    setun_error error;
    setun_status status;
    int code = EXIT_FAILED;

    if (!read_numbers("--threads", options->threads, 1, SETUN_MAX_THREADS, &job.threads) ||
        !read_numbers("--batch", options->batches, 1, 1024, &job.batches) || !read_numbers("--depth", options->depths, 0, 1 << 24, &job.depths))
        return EXIT_USAGE;
    if (job.threads.n == 0)
        job.threads = (number_list){.n = 1, .value = {options->common.session.n_threads}};
    status = common_open_model(&options->common, &model, &error);
    if (options->output == JSON) {
        job.teams = json_array();
        job.results = json_array();
    }
    for (size_t t = 0; t < job.threads.n && status == SETUN_OK; t++)
        status = measure_team(&job, model, (uint32_t)job.threads.value[t], &error);
    if (status == SETUN_OK) {
        code = finish(&job, model);
    } else {
        json_decref(job.teams);
        json_decref(job.results);
        (void)fail("%s", status == SETUN_ERR_INTERRUPTED ? "interrupted" : error.text);
        if (status == SETUN_ERR_INTERRUPTED)
            code = EXIT_SIGNAL + interrupt_signal();
    }
    setun_model_close(model);
    return code;
}

static int run(int argc, char **argv)
{
    bench_options o = {.batches = "1", .depths = "0", .prompt = 512, .tokens = 128, .repeats = 5};
    const option_spec specs[] = {
        {.name = "prompt", .letter = 'p', .kind = OPTION_INT, .argument = "N", .value = &o.prompt, .min = 0, .max = 1 << 20,
         .help = "tokens of the prompt that is read, 0: none (default 512)"},
        {.name = "tokens", .letter = 'n', .kind = OPTION_INT, .argument = "N", .value = &o.tokens, .min = 0, .max = 1 << 20,
         .help = "tokens generated one after the other, 0: none (default 128)"},
        {.name = "depth", .letter = 'd', .kind = OPTION_TEXT, .argument = "N", .value = &o.depths,
         .help = "tokens that the sequences hold before, several with ',' (default 0)"},
        {.name = "batch", .letter = 'b', .kind = OPTION_TEXT, .argument = "N", .value = &o.batches,
         .help = "sequences computed together, several with ',' (default 1)"},
        {.name = "threads", .letter = 't', .kind = OPTION_TEXT, .argument = "N", .value = &o.threads,
         .help = "threads, several with ',' (default: one for each physical core)"},
        {.name = "repeats", .letter = 'r', .kind = OPTION_INT, .argument = "N", .value = &o.repeats, .min = 1, .max = 1000,
         .help = "times that each is measured, after one that warms up (default 5)"},
        {.name = "output", .letter = 'o', .kind = OPTION_CHOICE, .argument = "table|json|csv", .value = &o.output,
         .help = "form of the result (default table)"},
    };
    const command_line line = {
        .name = "bench",
        .usage = "setun bench [-m MODEL] [-p N] [-n N] [-d N] [-b N] [-t N] [-r N] [-o table|json|csv] [OPTION...]",
        .text = "Measures how many tokens a second a model reads (pp: a prompt, in passes of --chunk) and generates (tg: greedy, one\n"
                "token of every sequence a pass); medians, with the least and the greatest. MB/PASS are the weights and the cache that\n"
                "a pass of decoding must read, LIMIT their rate's share of the read bandwidth, which is measured first with the same\n"
                "threads. HASH is XXH3 of the logits: the same for every backend and number of threads.",
        .examples = "setun bench\n"
                    "setun bench -m path/to/model.gguf -p 512 -n 64 -t 1,2\n"
                    "setun bench -b 1,2,4,8 -p 0 -o csv > batches.csv\n"
                    "setun bench -d 0,2048 -n 64 --backend avx2",
        .options = specs,
        .n_options = sizeof(specs) / sizeof(specs[0]),
        .common = COMMON_MODEL | COMMON_SESSION,
    };
    int first, code = options_parse(&line, argc, argv, &o.common, &first);

    if (code >= 0)
        return code;
    if (o.prompt == 0 && o.tokens == 0)
        return fail_usage("nothing to measure: -p or -n must be at least 1");
    return bench(&o);
}

const command command_bench = {.name = "bench", .summary = "tokens a second, beside the machine's limits", .run = run};
