/* bench_limits.c - limits of the machine for `setun bench`, kept from before or measured; and memory that measuring them takes. */
#include "bench_limits.h"

#include <stdio.h>
#include <string.h>

#include "io.h"

static void describe(const setun_machine_limits *limits, bool cached, bench_team *team)
{
    team->read_bytes_s = limits->read_bytes_s;
    team->read_buffer_bytes = (double)limits->read_buffer_bytes;
    team->last_cache_bytes = (double)limits->cache_bytes;
    (void)printable(limits->read_how, team->read_how, sizeof(team->read_how));
    team->int8_ops_s = limits->int8_ops_s > 0 ? limits->int8_ops_s : (double)NAN;
    (void)printable(limits->int8_kernel, team->int8_kernel, sizeof(team->int8_kernel));
    team->limits_cached = cached;
    team->limits_measured = limits->measured;
    team->n_int8 = limits->n_int8;
    memcpy(team->int8, limits->int8, sizeof(team->int8));
}

setun_status bench_limits_get(bench_session *b, uint32_t n_threads, bench_team *team, setun_error *error)
{
    static const char *const choices[] = {[LIMITS_KEPT] = "kept", [LIMITS_NEW] = "new", [LIMITS_EACH] = "each"};
    setun_machine_source source;
    setun_status status;

    status = setun_machine_limits_get(setun_model_plugins(b->model), n_threads, b->options->limits == LIMITS_NEW, &b->limits, &source, error);
    if (status != SETUN_OK)
        return status;
    describe(&b->limits, source.cached, team);
    (void)snprintf(team->limits, sizeof(team->limits), "%s", choices[b->options->limits]);
    if (source.note[0] != '\0')
        (void)fprintf(stderr, "%s\n", source.note);
    if (b->limits.read_buffer_bytes <= 8 * b->limits.cache_bytes)
        (void)fprintf(stderr, "the bandwidth was measured with %.0f MiB, less than 8 times the last cache (%.0f MiB): too little memory was free\n",
                      (double)b->limits.read_buffer_bytes / 1048576, (double)b->limits.cache_bytes / 1048576);
    return SETUN_OK;
}

setun_status bench_limits_open(bench_session *b, setun_error *error)
{
    memory_use use;

    memory_read(&use);
    b->peak_before_probe = use.peak_bytes;
    return setun_machine_probe_open(setun_model_plugins(b->model), b->info.n_threads, &b->probe, error);
}

void bench_limits_before(bench_session *b)
{
    if (b->probe != NULL)
        setun_machine_probe_look(b->probe, &b->last_look);
}

void bench_limits_after(bench_session *b, bench_repeat *repeat)
{
    const setun_machine_limits before = b->last_look;

    repeat->read_bytes_s = b->limits.read_bytes_s;
    repeat->int8_ops_s = b->limits.int8_ops_s;
    if (b->probe == NULL)
        return;
    setun_machine_probe_look(b->probe, &b->last_look);
    repeat->read_bytes_s = fmax(before.read_bytes_s, b->last_look.read_bytes_s);
    repeat->int8_ops_s = fmax(before.int8_ops_s, b->last_look.int8_ops_s);
}

/* The probe's memory is as large all the time. A peak of after it was taken has it in it, one of before does not. */
void bench_limits_memory(const bench_session *b, memory_use *out_use)
{
    double probe_bytes;

    memory_read(out_use);
    if (b->probe == NULL)
        return;
    probe_bytes = (double)setun_machine_probe_bytes(b->probe);
    out_use->anon_bytes -= probe_bytes;
    out_use->peak_bytes = fmax(out_use->peak_bytes - probe_bytes, b->peak_before_probe);
}
