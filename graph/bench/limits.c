/* limits.c - the machine's limits for those who ask: from the cache if they were measured before, else measured and kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench_internal.h"
#include "setun/cpu.h"

setun_status setun_machine_describe(char *out_text, size_t n_bytes, setun_error *error)
{
    setun_topology_report *report;
    setun_topology_summary s;
    char model[200], features[1000];
    uint64_t bits, caches = 0;
    const setun_cache_info *cache;
    setun_status status = setun_cpu_detect(getenv("SETUN_CPU"), &bits, error);
    int length;

    if (status == SETUN_OK)
        status = setun_topology_report_create(NULL, &report, error);
    if (status != SETUN_OK)
        return status;
    setun_topology_report_describe(report, &s);
    for (size_t i = 0; (cache = setun_topology_report_cache(report, i)) != NULL; i++)
        caches += cache->bytes * cache->n;
    setun_topology_report_destroy(report);
    setun_cpu_model(model, sizeof(model));
    (void)setun_cpu_names(bits, features, sizeof(features));
    /* Memory to the GiB: the kernel keeps some for itself, not always as much. */
    length = snprintf(out_text, n_bytes, "%s; %s; %u packages, %u nodes, %u of %u cores, quota %.6g; caches %llu KiB; memory %llu GiB", model,
                      features, s.n_packages, s.n_numa, s.n_usable_cores, s.n_cores, s.cpu_quota, (unsigned long long)(caches >> 10),
                      (unsigned long long)(s.memory_bytes >> 30));
    if (length < 0 || (size_t)length >= n_bytes)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "the machine's description is longer than %zu bytes", n_bytes);
    return SETUN_OK;
}

void setun_machine_cache_path(char *out_path, size_t n_bytes)
{
    if (setun_user_path("XDG_CACHE_HOME", ".cache", "setun/machine.json", out_path, n_bytes) >= n_bytes)
        out_path[0] = '\0';
}

/* Whether every instruction set that is loaded now was measured, too. */
static bool covers(const setun_machine_limits *limits, const setun_plugins *plugins)
{
    size_t n_loaded = 0;

    for (size_t i = 0; i < setun_plugins_n_kernels(plugins); i++) {
        const setun_kernel_ref ref = setun_plugins_kernel(plugins, i);
        bool found = false;

        if (strcmp(ref.kernel->pattern, "probe_int8") != 0 || ++n_loaded > SETUN_MACHINE_INT8_MAX)
            continue;
        for (size_t j = 0; j < limits->n_int8; j++)
            found = found || strcmp(limits->int8[j].kernel, ref.kernel->name) == 0;
        if (!found)
            return false;
    }
    return true;
}

/* The number of threads that 0 stands for. */
static setun_status count_threads(uint32_t n_threads, uint32_t *out_n_threads, setun_error *error)
{
    setun_topology *topology;
    setun_status status;

    *out_n_threads = n_threads;
    if (n_threads != 0)
        return SETUN_OK;
    status = setun_topology_open(NULL, &topology, error);
    if (status != SETUN_OK)
        return status;
    *out_n_threads = setun_topology_default_threads(topology);
    setun_topology_close(topology);
    return SETUN_OK;
}

setun_status setun_machine_limits_get(const setun_plugins *plugins, uint32_t n_threads, bool anew, setun_machine_limits *out_limits,
                                      setun_machine_source *out_source, setun_error *error)
{
    setun_machine_source unused, *source = out_source != NULL ? out_source : &unused;
    char machine[1500];
    setun_error reason;
    setun_status status = count_threads(n_threads, &n_threads, error);

    memset(source, 0, sizeof(*source));
    setun_machine_cache_path(source->path, sizeof(source->path));
    if (status == SETUN_OK)
        status = setun_machine_describe(machine, sizeof(machine), error);
    if (status != SETUN_OK)
        return status;
    if (source->path[0] != '\0')
        source->cached = setun_machine_cache_load(source->path, machine, n_threads, out_limits, source->note, sizeof(source->note)) && !anew &&
                         covers(out_limits, plugins);
    if (source->cached)
        return SETUN_OK;
    status = setun_machine_measure(plugins, n_threads, out_limits, error);
    if (status == SETUN_OK && source->path[0] != '\0' && setun_machine_cache_store(source->path, machine, out_limits, &reason) != SETUN_OK)
        (void)snprintf(source->note, sizeof(source->note), "the machine's limits could not be kept: %.1000s", reason.text);
    return status;
}
