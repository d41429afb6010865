/* machine.c - what the machine can do at best: bytes read from memory and int8 arithmetic in registers, by the team that kernels run on. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench_internal.h"

/* ---- reading ---- */

enum { LINE_BYTES = 64, PREFETCH_BYTES = 4096, READ_ROUNDS = 5 };
#define LEAST_BYTES   (UINT64_C(128) << 20)
#define LARGEST_BYTES (UINT64_C(4) << 30) /* machines with more than 512 MiB of cache: still several times that */

typedef uint64_t wide __attribute__((vector_size(32))); /* two or more registers on every machine: loads, not additions, are the limit */

typedef struct read_job {
    unsigned char *data;
    size_t         n_bytes;
    bool           prefetch;
    uint64_t      *sums; /* [workers * 8] where the compiler cannot leave the loads out */
} read_job;

static void share(const read_job *r, const setun_worker *worker, size_t *out_begin, size_t *out_end)
{
    const size_t n_lines = r->n_bytes / LINE_BYTES;

    *out_begin = n_lines * worker->index / worker->n_workers * LINE_BYTES;
    *out_end = n_lines * (worker->index + 1) / worker->n_workers * LINE_BYTES;
}

/* Pages belong to the worker that reads them, and are real: pages that nobody wrote are one and the same. */
static void touch(const setun_worker *worker, void *context)
{
    const read_job *r = context;
    size_t begin, end;

    share(r, worker, &begin, &end);
    memset(r->data + begin, 0x5A, end - begin);
}

static void read_lines(const setun_worker *worker, void *context)
{
    const read_job *r = context;
    size_t begin, end;
    wide a = {0}, b = {0};

    share(r, worker, &begin, &end);
    for (size_t at = begin; at < end; at += LINE_BYTES) {
        const wide *line = (const wide *)(const void *)(r->data + at);

        if (r->prefetch)
            __builtin_prefetch(r->data + at + PREFETCH_BYTES);
        a ^= line[0];
        b ^= line[1];
    }
    a ^= b;
    memcpy(r->sums + (size_t)worker->index * 8, &a, sizeof(a));
}

static double time_reading(setun_team *team, read_job *r)
{
    double best = INFINITY;

    setun_team_run(team, touch, r);
    for (int i = 0; i < 2 * READ_ROUNDS; i++) {
        double start = setun_clock_s(), seconds;

        r->prefetch = i % 2 != 0;
        setun_team_run(team, read_lines, r);
        seconds = setun_clock_s() - start;
        best = seconds < best ? seconds : best;
    }
    return (double)r->n_bytes / best;
}

size_t setun_bench_uncached_bytes(const setun_topology *topology)
{
    const uint64_t n = 8 * setun_topology_cache_bytes(topology);

    return (size_t)(n < LEAST_BYTES ? LEAST_BYTES : n > LARGEST_BYTES ? LARGEST_BYTES : n);
}

/* The best of: huge pages where they are granted and pages as they come, with and without prefetch. */
static setun_status measure_reading(const setun_topology *topology, setun_team *team, double *out_bytes_s, setun_error *error)
{
    read_job r = {.n_bytes = setun_bench_uncached_bytes(topology)};
    double plain = 0;
    void *memory = NULL;

    r.sums = setun_calloc((size_t)setun_team_n_threads(team) * 8, sizeof(*r.sums));
    if (r.sums == NULL)
        return setun_fail_nomem(error, "sums", (size_t)setun_team_n_threads(team) * 64);
    r.data = setun_pages_alloc(r.n_bytes);
    if (r.data == NULL) {
        free(r.sums);
        return setun_fail_nomem(error, "a buffer to read", r.n_bytes);
    }
    *out_bytes_s = time_reading(team, &r);
    setun_pages_free(r.data, r.n_bytes);
    if (posix_memalign(&memory, 4096, r.n_bytes) == 0) {
        r.data = memory;
        plain = time_reading(team, &r);
        free(memory);
    }
    free(r.sums);
    *out_bytes_s = plain > *out_bytes_s ? plain : *out_bytes_s;
    return SETUN_OK;
}

/* ---- int8 arithmetic ---- */

/* Each worker's rows: a few milliseconds of the fastest, and an end to the slowest. */
enum { PROBE_ROWS = 2048, PROBE_ROUNDS = 40 };
#define PROBE_SECONDS 0.1

/* Operations a second of one probe kernel; 0: it declined. */
static setun_status measure_probe(const setun_plugins *plugins, const setun_machine *machine, setun_team *team, setun_kernel_ref ref,
                                  double *out_ops_s, setun_error *error)
{
    const int64_t rows = (int64_t)setun_team_n_threads(team) * PROBE_ROWS;
    static const setun_bench_shape shape = {1, 16};
    setun_bench_case c;
    setun_bench_streams streams = {0};
    setun_bench_entry entry = {0};
    setun_status status = setun_bench_op_case(setun_bench_op_find("probe_int8"), &shape, rows, 0, &c, error);
    double best = INFINITY, sum = 0;

    c.from = SETUN_BENCH_CACHE;
    if (status == SETUN_OK)
        status = setun_bench_entry_make(plugins, &c, machine, team, &streams, ref, &entry, error);
    *out_ops_s = 0;
    for (int i = 0; i < PROBE_ROUNDS && sum < PROBE_SECONDS && status == SETUN_OK && entry.declined[0] == '\0'; i++) {
        const double start = setun_clock_s();
        double seconds;

        setun_plan_run(entry.plan, team, NULL);
        seconds = setun_clock_s() - start;
        best = seconds < best ? seconds : best;
        sum += seconds;
    }
    if (status == SETUN_OK && entry.declined[0] == '\0')
        *out_ops_s = (double)rows * (double)SETUN_PROBE_OPS / best;
    setun_bench_entry_free(&entry);
    setun_bench_streams_free(&streams);
    setun_bench_case_free(&c);
    return status;
}

setun_status setun_bench_machine(const setun_plugins *plugins, const setun_topology *topology, setun_team *team, bool reading, bool arithmetic,
                                 setun_machine_limits *out_limits, setun_error *error)
{
    setun_machine machine;
    setun_status status = SETUN_OK;

    setun_topology_describe(topology, setun_team_n_threads(team), &machine);
    memset(out_limits, 0, sizeof(*out_limits));
    out_limits->threads = setun_team_n_threads(team);
    if (reading)
        status = measure_reading(topology, team, &out_limits->read_bytes_s, error);
    for (size_t i = 0; i < setun_plugins_n_kernels(plugins) && status == SETUN_OK && arithmetic; i++) {
        const setun_kernel_ref ref = setun_plugins_kernel(plugins, i);
        double ops_s;

        if (strcmp(ref.kernel->pattern, "probe_int8") != 0)
            continue;
        status = measure_probe(plugins, &machine, team, ref, &ops_s, error);
        if (status == SETUN_OK && ops_s > out_limits->int8_ops_s) {
            out_limits->int8_ops_s = ops_s;
            (void)snprintf(out_limits->int8_kernel, sizeof(out_limits->int8_kernel), "%s", ref.kernel->name);
        }
    }
    return status;
}

setun_status setun_machine_measure(const setun_plugins *plugins, uint32_t n_threads, setun_machine_limits *out_limits, setun_error *error)
{
    setun_topology *topology;
    setun_team *team = NULL;
    setun_status status = setun_topology_open(NULL, &topology, error);

    if (status != SETUN_OK)
        return status;
    status = setun_team_create(topology, n_threads, &team, error);
    if (status == SETUN_OK)
        status = setun_bench_machine(plugins, topology, team, true, true, out_limits, error);
    setun_team_destroy(team);
    setun_topology_close(topology);
    return status;
}
