/* team.h - the threads of a session: an OpenMP team, each worker bound to its core, meeting at a barrier that
 * spins first and then sleeps. Internal. */
#ifndef SETUN_TEAM_H
#define SETUN_TEAM_H
#include <stdatomic.h>
#include <stdalign.h>

#include "base/base.h"
#include "cpu/topology.h"

typedef struct setun_team setun_team;

/* What a worker needs to know inside a parallel region. */
typedef struct setun_worker {
    setun_team *team;
    uint32_t    index, n_workers; /* n_workers may be less than the team's threads if OpenMP grants fewer */
} setun_worker;

/* n_threads 0: one for each physical core. topology is borrowed. */
setun_status setun_team_create(const setun_topology *topology, uint32_t n_threads, setun_team **out_team, setun_error *error);
void         setun_team_destroy(setun_team *team); /* accepts NULL */
uint32_t     setun_team_n_threads(const setun_team *team);

/* One parallel region: runs work(worker, context) in every worker, the caller being worker 0, and returns when all have.
 * The caller's own binding is what it was when the call returns. */
void setun_team_run(setun_team *team, void (*work)(const setun_worker *worker, void *context), void *context);

/* All workers of the region meet here. What one wrote before, all read after. */
void setun_team_barrier(const setun_worker *worker);
#endif
