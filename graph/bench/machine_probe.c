/* machine_probe.c - the machine's limits again and again, beside other work: what a limit needs is kept, so that one look at it is short. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench_internal.h"

/* Of arithmetic; as much as reading takes is about 0.1 s for two threads. */
#define CHOICE_SECONDS 0.05
#define LOOK_SECONDS   0.02

struct setun_machine_probe {
    setun_topology     *topology;
    setun_team         *team;
    setun_bench_reader *reader;
    setun_bench_int8    int8; /* of the fastest instruction set */
    const char         *kernel; /* NULL: there is none */
};

/* Opens the kernel that is the fastest now. */
static setun_status choose_int8(setun_machine_probe *probe, const setun_plugins *plugins, setun_error *error)
{
    setun_machine machine;
    setun_status status = SETUN_OK;
    double best = 0;

    setun_topology_describe(probe->topology, setun_team_n_threads(probe->team), &machine);
    for (size_t i = 0; i < setun_plugins_n_kernels(plugins) && status == SETUN_OK; i++) {
        const setun_kernel_ref ref = setun_plugins_kernel(plugins, i);
        setun_bench_int8 candidate;
        double ops_s;

        if (strcmp(ref.kernel->pattern, "probe_int8") != 0)
            continue;
        status = setun_bench_int8_open(plugins, &machine, probe->team, ref, &candidate, error);
        if (status != SETUN_OK)
            continue;
        ops_s = setun_bench_int8_time(&candidate, CHOICE_SECONDS);
        setun_bench_int8_close(&candidate);
        if (!(ops_s > best))
            continue;
        best = ops_s;
        setun_bench_int8_close(&probe->int8);
        probe->kernel = NULL;
        status = setun_bench_int8_open(plugins, &machine, probe->team, ref, &probe->int8, error);
        if (status == SETUN_OK)
            probe->kernel = ref.kernel->name;
    }
    return status;
}

setun_status setun_machine_probe_open(const setun_plugins *plugins, uint32_t n_threads, setun_machine_probe **out_probe, setun_error *error)
{
    setun_machine_probe *probe = setun_calloc(1, sizeof(*probe));
    setun_status status;

    if (probe == NULL)
        return setun_fail_nomem(error, "a probe of the machine", sizeof(*probe));
    status = setun_topology_open(NULL, &probe->topology, error);
    if (status == SETUN_OK)
        status = setun_team_create(probe->topology, n_threads, &probe->team, error);
    if (status == SETUN_OK)
        status = setun_bench_reader_open(probe->topology, probe->team, &probe->reader, error);
    if (status == SETUN_OK)
        status = choose_int8(probe, plugins, error);
    if (status == SETUN_OK)
        *out_probe = probe;
    else
        setun_machine_probe_close(probe);
    return status;
}

void setun_machine_probe_close(setun_machine_probe *probe)
{
    if (probe == NULL)
        return;
    setun_bench_int8_close(&probe->int8);
    setun_bench_reader_close(probe->reader);
    setun_team_destroy(probe->team);
    setun_topology_close(probe->topology);
    free(probe);
}

uint64_t setun_machine_probe_bytes(const setun_machine_probe *probe)
{
    return setun_bench_reader_bytes(probe->reader);
}

void setun_machine_probe_look(setun_machine_probe *probe, setun_machine_limits *out_limits)
{
    memset(out_limits, 0, sizeof(*out_limits));
    out_limits->threads = setun_team_n_threads(probe->team);
    out_limits->cache_bytes = setun_topology_cache_bytes(probe->topology);
    out_limits->measured = (int64_t)time(NULL);
    setun_bench_read(probe->reader, 1, out_limits);
    if (probe->kernel != NULL)
        setun_bench_limits_add(out_limits, probe->kernel, setun_bench_int8_time(&probe->int8, LOOK_SECONDS));
}
