/* team.c - OpenMP keeps the threads; binding and the barrier are ours. */
#include <limits.h>
#include <omp.h>
#include <stdlib.h>
#if SETUN_LINUX
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <sched.h>
#endif

#include "exec/share.h"

/* Pauses before sleeping: 40 us on Zen 4, 100 us on Skylake; longer than the imbalance of a phase and than a wake-up takes, shorter than a
 * time slice. Where other processes take a core, who sleeps is let in again soon, who spins is not. */
enum { SPINS_BEFORE_SLEEP = 2000 };

/* Lines of 64 bytes that are fetched at each pause: 10 GB/s on Zen 4. Of many at once most are dropped, of 64 KB more than half. */
enum { LINE_BYTES = 64, LINES_A_SPIN = 4 };

/* Who is alone never waits: with 256 lines at once a token took 0.25 of 29 ms less, with none or 1024 the same. For two that did not pay. */
enum { LINES_ALONE = 256 };

struct setun_team { /* NOLINT(clang-analyzer-optin.performance.Padding): the padding is the point */
    const setun_topology *topology;
    uint32_t              n_threads;
    uint32_t              n_spins; /* 0 when there are more threads than cores: then waiting must give the core away */
    uint64_t              id;      /* tells this team's threads from those of an earlier team that OpenMP reuses */
    /* Arrivals and generation on cache lines of their own: waiters read one while late arrivals write the other. */
    alignas(128) atomic_uint arrived;
    alignas(128) atomic_uint generation;
    atomic_uint           sleepers; /* workers that sleep, or are about to, until the generation changes */
    setun_share          *shares;   /* [n_threads] */
};

static atomic_uint_least64_t next_team_id = 1;
static _Thread_local uint64_t bound_team_id; /* the team that this OpenMP worker was last bound for */

setun_status setun_team_create(const setun_topology *topology, uint32_t n_threads, setun_team **out_team, setun_error *error)
{
    setun_team *team;
    uint32_t n_cores = setun_topology_n_cores(topology);

    if (n_threads == 0)
        n_threads = setun_topology_default_threads(topology);
    if (n_threads > SETUN_MAX_THREADS)
        return setun_fail(error, SETUN_ERR_INVALID, "threads: expected 1 to %d, found %u", SETUN_MAX_THREADS, n_threads);
    team = aligned_alloc(alignof(setun_team), sizeof(*team));
    if (team == NULL)
        return setun_fail_nomem(error, "threads", sizeof(*team));
    team->topology  = topology;
    team->n_threads = n_threads;
    team->n_spins   = n_threads > n_cores ? 0 : SPINS_BEFORE_SLEEP;
    team->id        = atomic_fetch_add(&next_team_id, 1);
    atomic_init(&team->arrived, 0);
    atomic_init(&team->generation, 0);
    atomic_init(&team->sleepers, 0);
    team->shares = aligned_alloc(alignof(setun_share), n_threads * sizeof(*team->shares));
    if (team->shares == NULL) {
        free(team);
        return setun_fail_nomem(error, "threads", n_threads * sizeof(setun_share));
    }
    for (uint32_t i = 0; i < n_threads; i++) {
        atomic_init(&team->shares[i].left, 0);
        team->shares[i].node = setun_topology_node(topology, n_threads, i);
    }
    *out_team = team;
    return SETUN_OK;
}

void setun_team_destroy(setun_team *team)
{
    if (team != NULL)
        free(team->shares);
    free(team);
}

setun_share *setun_team_shares(const setun_team *team)
{
    return team->shares;
}

uint32_t setun_team_n_threads(const setun_team *team)
{
    return team->n_threads;
}

void setun_team_run(setun_team *team, void (*work)(const setun_worker *worker, void *context), void *context)
{
    setun_affinity saved;
    const bool is_saved = setun_topology_save(team->topology, &saved);

    (void)setun_topology_bind(team->topology, team->n_threads, 0);
    if (team->n_threads == 1) { /* gcc's OpenMP would allocate for a region of one at each entry */
        setun_worker alone = {team, 0, 1};

        work(&alone, context);
    } else {
#pragma omp parallel num_threads((int)team->n_threads)
        {
            setun_worker worker = {team, (uint32_t)omp_get_thread_num(), (uint32_t)omp_get_num_threads()};

            if (worker.index != 0 && bound_team_id != team->id) {
                (void)setun_topology_bind(team->topology, team->n_threads, worker.index);
                bound_team_id = team->id;
            }
            work(&worker, context);
        }
    }
    if (is_saved)
        (void)setun_affinity_set(&saved);
}

static inline void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Sleeps until the generation is no longer the given one, or for no reason. */
static void sleep_on(setun_team *team, unsigned generation)
{
#if SETUN_LINUX
    (void)syscall(SYS_futex, &team->generation, FUTEX_WAIT_PRIVATE, generation, NULL, NULL, 0);
#else
    (void)team;
    (void)generation;
    (void)sched_yield();
#endif
}

static void wake_sleepers(setun_team *team)
{
#if SETUN_LINUX
    (void)syscall(SYS_futex, &team->generation, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
#else
    (void)team;
#endif
}

static void read_ahead(setun_ahead *ahead, int n_lines)
{
    for (int i = 0; i < n_lines && ahead != NULL && ahead->begin < ahead->end; i++, ahead->begin += LINE_BYTES)
        __builtin_prefetch(ahead->begin, 0, 2);
}

static void wait_for_next(setun_team *team, unsigned generation, setun_ahead *ahead)
{
    for (uint32_t spins = 0; spins < team->n_spins; spins++) {
        if (atomic_load_explicit(&team->generation, memory_order_acquire) != generation)
            return;
        read_ahead(ahead, LINES_A_SPIN);
        pause_briefly();
    }
    /* In one order with the store and the load of the last to arrive: either it sees the sleeper, or the sleeper sees the generation. */
    atomic_fetch_add(&team->sleepers, 1);
    while (atomic_load(&team->generation) == generation)
        sleep_on(team, generation);
    atomic_fetch_sub(&team->sleepers, 1);
}

void setun_team_barrier(const setun_worker *worker, setun_ahead *ahead)
{
    setun_team *team = worker->team;
    unsigned generation;

    if (worker->n_workers == 1) { /* who may have no team at all */
        read_ahead(ahead, LINES_ALONE);
        return;
    }
    generation = atomic_load_explicit(&team->generation, memory_order_relaxed);
    /* The last to arrive resets the count before it opens the gate, so the next barrier starts from zero. */
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) + 1 == worker->n_workers) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        atomic_store(&team->generation, generation + 1);
        if (atomic_load(&team->sleepers) != 0)
            wake_sleepers(team);
        return;
    }
    wait_for_next(team, generation, ahead);
}
