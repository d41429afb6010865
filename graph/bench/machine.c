/* machine.c - what the machine can do at best, by the team that kernels run on: reading (machine_read.c), and int8 arithmetic in registers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench_internal.h"

/* Each worker's rows: a few milliseconds of the fastest, and an end to the slowest. */
enum { PROBE_ROWS = 2048, PROBE_ROUNDS = 40, READ_ROUNDS = 6 };
#define PROBE_SECONDS 0.1

setun_status setun_bench_int8_open(const setun_plugins *plugins, const setun_machine *machine, setun_team *team, setun_kernel_ref ref,
                                   setun_bench_int8 *int8, setun_error *error)
{
    static const setun_bench_shape shape = {1, 16};
    setun_status status;

    memset(int8, 0, sizeof(*int8));
    int8->team = team;
    int8->rows = (int64_t)setun_team_n_threads(team) * PROBE_ROWS;
    status = setun_bench_op_case(setun_bench_op_find("probe_int8"), &shape, int8->rows, 0, &int8->c, error);
    int8->c.from = SETUN_BENCH_CACHE;
    if (status == SETUN_OK)
        status = setun_bench_entry_make(plugins, &int8->c, machine, team, &int8->streams, ref, &int8->entry, error);
    if (status != SETUN_OK)
        setun_bench_int8_close(int8);
    return status;
}

double setun_bench_int8_time(const setun_bench_int8 *int8, double seconds)
{
    double best = INFINITY, sum = 0;

    for (int i = 0; i < PROBE_ROUNDS && sum < seconds && int8->entry.declined[0] == '\0'; i++) {
        const double start = setun_clock_s();
        double taken;

        setun_plan_run(int8->entry.plan, int8->team, NULL);
        taken = setun_clock_s() - start;
        best = taken < best ? taken : best;
        sum += taken;
    }
    return (double)int8->rows * (double)SETUN_PROBE_OPS / best;
}

void setun_bench_int8_close(setun_bench_int8 *int8)
{
    setun_bench_entry_free(&int8->entry);
    setun_bench_streams_free(&int8->streams);
    setun_bench_case_free(&int8->c);
}

/* Operations a second of one probe kernel; 0: it declined. */
static setun_status measure_set(const setun_plugins *plugins, const setun_machine *machine, setun_team *team, setun_kernel_ref ref,
                                double *out_ops_s, setun_error *error)
{
    setun_bench_int8 int8;
    const setun_status status = setun_bench_int8_open(plugins, machine, team, ref, &int8, error);

    *out_ops_s = 0;
    if (status != SETUN_OK)
        return status;
    *out_ops_s = setun_bench_int8_time(&int8, PROBE_SECONDS);
    setun_bench_int8_close(&int8);
    return SETUN_OK;
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

static setun_status measure_reading(const setun_topology *topology, setun_team *team, setun_machine_limits *limits, setun_error *error)
{
    setun_bench_reader *reader;
    const setun_status status = setun_bench_reader_open(topology, team, &reader, error);

    if (status != SETUN_OK)
        return status;
    setun_bench_read(reader, READ_ROUNDS, limits);
    setun_bench_reader_close(reader);
    return SETUN_OK;
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
        status = measure_reading(topology, team, out_limits, error);
    for (size_t i = 0; i < setun_plugins_n_kernels(plugins) && status == SETUN_OK && arithmetic; i++) {
        const setun_kernel_ref ref = setun_plugins_kernel(plugins, i);
        double ops_s;

        if (strcmp(ref.kernel->pattern, "probe_int8") != 0)
            continue;
        status = measure_set(plugins, &machine, team, ref, &ops_s, error);
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
