/* team.c - see team.h. */
#include "check/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "check/protect.h"

enum { MOST_YIELDS = 50 }; /* to start together where there are processors, without burning those of a busy machine */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    uint64_t n_runs;          /* under lock, as all that follows but `awake` */
    uint32_t n, n_left;
    void (*body)(void *context, uint32_t i);
    void *context;
    _Atomic uint32_t awake;   /* threads of this run */
    uint32_t n_started;
    setun_status status;      /* of the thread that was started last */
} team = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

static void *work(void *nothing)
{
    uint64_t n_runs = 0;
    uint32_t i;

    (void)nothing;
    (void)pthread_mutex_lock(&team.lock);
    i = team.n_started;
    team.status = setun_check_protect_thread(NULL);
    team.n_started++;
    (void)pthread_cond_signal(&team.done);
    for (;;) {
        while (team.n_runs == n_runs)
            (void)pthread_cond_wait(&team.wake, &team.lock);
        n_runs = team.n_runs;
        if (i >= team.n)
            continue;
        (void)pthread_mutex_unlock(&team.lock);
        (void)atomic_fetch_add(&team.awake, 1);
        for (int i_yield = 0; atomic_load(&team.awake) < team.n && i_yield < MOST_YIELDS; i_yield++)
            (void)sched_yield();
        team.body(team.context, i);
        (void)pthread_mutex_lock(&team.lock);
        if (--team.n_left == 0)
            (void)pthread_cond_signal(&team.done);
    }
    return NULL;
}

setun_status setun_check_team_begin(setun_error *error)
{
    setun_status status = SETUN_OK;

    (void)pthread_mutex_lock(&team.lock);
    for (uint32_t i = 0; i < SETUN_CHECK_THREADS && status == SETUN_OK; i++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, work, NULL) != 0) {
            status = setun_fail(error, SETUN_ERR_UNSUPPORTED, "no thread to run kernels");
            break;
        }
        (void)pthread_detach(thread);
        while (team.n_started == i)
            (void)pthread_cond_wait(&team.done, &team.lock);
        status = team.status == SETUN_OK ? SETUN_OK : setun_fail(error, team.status, "out of memory: signal stack");
    }
    (void)pthread_mutex_unlock(&team.lock);
    return status;
}

void setun_check_team_run(uint32_t n, void (*body)(void *context, uint32_t i), void *context)
{
    (void)pthread_mutex_lock(&team.lock);
    team.n = team.n_left = n;
    team.body = body;
    team.context = context;
    atomic_store(&team.awake, 0);
    team.n_runs++;
    (void)pthread_cond_broadcast(&team.wake);
    while (team.n_left > 0)
        (void)pthread_cond_wait(&team.done, &team.lock);
    (void)pthread_mutex_unlock(&team.lock);
}
