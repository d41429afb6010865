/* test_team.c - the barrier under load, with fewer and with more threads than cores, and the caller's binding. */
#include <criterion/criterion.h>
#include <sched.h>
#include <unistd.h>

#include "exec/team.h"

enum { ROUNDS = 2000, MAX_WORKERS = 9 };

typedef struct rounds {
    long written[MAX_WORKERS]; /* by its worker only, between barriers */
    long errors[MAX_WORKERS];
    uint32_t n_seen;
    long     n_rounds;
    uint32_t late_us; /* a worker in turn comes this late: long enough for the others to fall asleep */
} rounds;

/* Every worker writes the round's number, meets, and must read it from all others; then meets again before the next write. */
static void play(const setun_worker *worker, void *context)
{
    rounds *r = context;

    if (worker->index == 0)
        r->n_seen = worker->n_workers;
    for (long round = 1; round <= r->n_rounds; round++) {
        if (r->late_us > 0 && (uint32_t)round % worker->n_workers == worker->index)
            (void)usleep(r->late_us);
        r->written[worker->index] = round;
        setun_team_barrier(worker, NULL);
        for (uint32_t i = 0; i < worker->n_workers; i++)
            r->errors[worker->index] += r->written[i] != round;
        setun_team_barrier(worker, NULL);
    }
}

static void check_rounds(const setun_topology *topology, uint32_t n_threads, long n_rounds, uint32_t late_us)
{
    rounds r = {.n_rounds = n_rounds, .late_us = late_us};
    setun_error error = {""};
    setun_team *team;

    cr_assert_eq(setun_team_create(topology, n_threads, &team, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_team_n_threads(team), n_threads);
    for (int again = 0; again < 2; again++)
        setun_team_run(team, play, &r);
    cr_assert_eq(r.n_seen, n_threads, "OpenMP granted %u of %u threads", r.n_seen, n_threads);
    for (uint32_t w = 0; w < n_threads; w++) {
        cr_assert_eq(r.errors[w], 0, "worker %u of %u read a stale value", w, n_threads);
        cr_assert_eq(r.written[w], n_rounds);
    }
    setun_team_destroy(team);
}

Test(team, barrier_separates_rounds)
{
    static const uint32_t sizes[] = {1, 2, 3, 4, MAX_WORKERS};
    setun_topology *topology;
    setun_error error = {""};

    cr_assert_eq(setun_topology_open(NULL, &topology, &error), SETUN_OK, "%s", error.text);
    for (size_t i = 0; i < SETUN_COUNT(sizes); i++) {
        check_rounds(topology, sizes[i], ROUNDS, 0);
        check_rounds(topology, sizes[i], 20, 3000);
    }
    setun_topology_close(topology);
}

static void nothing(const setun_worker *worker, void *context)
{
    (void)worker;
    (void)context;
}

Test(team, the_callers_binding_is_put_back)
{
    setun_topology *topology;
    setun_team *team;
    setun_error error = {""};
    cpu_set_t before, after;

    cr_assert_eq(sched_getaffinity(0, sizeof(before), &before), 0);
    cr_assert_eq(setun_topology_open(NULL, &topology, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_team_create(topology, 0, &team, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_team_n_threads(team), setun_topology_n_cores(topology));
    setun_team_run(team, nothing, NULL);
    cr_assert_eq(sched_getaffinity(0, sizeof(after), &after), 0);
    cr_assert(CPU_EQUAL(&before, &after));
    setun_team_destroy(team);
    cr_assert_eq(setun_team_create(topology, 100000, &team, &error), SETUN_ERR_INVALID);
    setun_topology_close(topology);
}
