/* machine.c - what the machine can do at best, by the team that kernels run on: reading (machine_read.c), and int8 arithmetic in registers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench_internal.h"

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

void setun_bench_limits_add(setun_machine_limits *limits, const char *kernel, double ops_s)
{
    if (limits->n_int8 < SETUN_MACHINE_INT8_MAX) {
        setun_machine_int8 *entry = &limits->int8[limits->n_int8++];

        entry->ops_s = ops_s;
        (void)snprintf(entry->kernel, sizeof(entry->kernel), "%s", kernel);
    }
    if (ops_s > limits->int8_ops_s) {
        limits->int8_ops_s = ops_s;
        (void)snprintf(limits->int8_kernel, sizeof(limits->int8_kernel), "%s", kernel);
    }
}

setun_status setun_bench_machine(const setun_plugins *plugins, const setun_topology *topology, setun_team *team, bool reading, bool arithmetic,
                                 setun_machine_limits *out_limits, setun_error *error)
{
    setun_machine machine;
    setun_status status = SETUN_OK;

    setun_topology_describe(topology, setun_team_n_threads(team), &machine);
    memset(out_limits, 0, sizeof(*out_limits));
    out_limits->threads = setun_team_n_threads(team);
    out_limits->cache_bytes = setun_topology_cache_bytes(topology);
    out_limits->measured = (int64_t)time(NULL);
    if (reading)
        status = setun_bench_reading(topology, team, out_limits, error);
    for (size_t i = 0; i < setun_plugins_n_kernels(plugins) && status == SETUN_OK && arithmetic; i++) {
        const setun_kernel_ref ref = setun_plugins_kernel(plugins, i);
        double ops_s;

        if (strcmp(ref.kernel->pattern, "probe_int8") != 0)
            continue;
        status = measure_probe(plugins, &machine, team, ref, &ops_s, error);
        if (status == SETUN_OK && ops_s > 0)
            setun_bench_limits_add(out_limits, ref.kernel->name, ops_s);
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
