/* bench_limits.h - what the machine can do, for `setun bench`: once at the beginning, and with --limits each beside every repetition. */
#ifndef SETUN_TOOLS_BENCH_LIMITS_H
#define SETUN_TOOLS_BENCH_LIMITS_H
#include "bench_case.h"

/* Of a team of so many threads, from the cache or measured now, into b->limits and *team; what is odd about it is said. */
setun_status bench_limits_get(bench_session *b, uint32_t n_threads, bench_team *team, setun_error *error);

/* Takes the memory to measure with, b->probe, and notes how much the process had needed before. Behind everything that the model needs. */
setun_status bench_limits_open(bench_session *b, setun_error *error);

/* A look at the limits before the first repetition, and after each; *repeat gets the better of the two around it. Without a probe: b->limits. */
void bench_limits_before(bench_session *b);
void bench_limits_after(bench_session *b, bench_repeat *repeat);

/* Resident memory of the process, without the probe's. */
void bench_limits_memory(const bench_session *b, memory_use *out_use);
#endif
