/* timing.c - entries of a case timed in turns. */
#include <stdlib.h>

#include "bench/bench_internal.h"

double setun_bench_time(setun_bench_entry *entry, setun_team *team, uint32_t n)
{
    const double start = setun_clock_s();

    for (uint32_t i = 0; i < n; i++)
        setun_plan_run(entry->plan, team, entry->batch);
    return setun_clock_s() - start;
}

/* How many passes last long enough; the first one warms up. */
static uint32_t count_passes(setun_bench_entry *entry, setun_team *team, double wanted)
{
    double seconds;
    uint32_t n = 1;

    seconds = setun_bench_time(entry, team, 1);
    if (seconds < 4 * wanted)
        seconds = setun_bench_time(entry, team, 1);
    while (seconds < wanted && n < 1u << 20) {
        const double more = seconds > 1e-9 ? wanted / seconds * 1.1 : 16;

        n = (uint32_t)(more > 16 ? n * 16.0 : n * more + 1);
        seconds = setun_bench_time(entry, team, n);
    }
    return n;
}

void setun_bench_time_entries(setun_bench_entry *entries, setun_bench_timing *timings, size_t n, setun_team *team, uint32_t rounds,
                              double seconds)
{
    size_t first = 0;

    while (first < n && entries[first].declined[0] != '\0')
        first++;
    for (size_t i = first; i < n; i++)
        if (entries[i].declined[0] == '\0')
            timings[i].passes = count_passes(&entries[i], team, seconds);
    for (uint32_t round = 0; round < rounds; round++) {
        for (size_t i = first; i < n; i++) {
            setun_bench_timing *t = &timings[i];

            if (entries[i].declined[0] != '\0')
                continue;
            t->seconds[round] = setun_bench_time(&entries[i], team, t->passes) / t->passes / entries[i].n_calls;
            if (t->ratios != NULL)
                t->ratios[round] = t->seconds[round] > 0 ? timings[first].seconds[round] / t->seconds[round] : 0;
        }
    }
    for (size_t i = first; i < n; i++) {
        if (entries[i].declined[0] != '\0')
            continue;
        setun_spread_make(timings[i].seconds, rounds, &timings[i].spread);
        if (timings[i].ratios != NULL)
            setun_spread_make(timings[i].ratios, rounds, &timings[i].ratio);
    }
}
