/* team.h - the threads of a session: an OpenMP team, each worker bound to its core, meeting at a barrier that
 * spins first and then sleeps. Internal. */
#ifndef SETUN_TEAM_H
#define SETUN_TEAM_H
#include "base/base.h"
#include "cpu/topology.h"

typedef struct setun_team setun_team;
typedef struct setun_share setun_share; /* share.h */

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

/* What a worker reads into its second cache while it waits; it moves on. */
typedef struct setun_ahead {
    const unsigned char *begin, *end;
} setun_ahead;

/* All workers of the region meet here. What one wrote before, all read after. ahead: NULL, or the worker's own. */
void setun_team_barrier(const setun_worker *worker, setun_ahead *ahead);

/* [n_threads] for share.c. */
setun_share *setun_team_shares(const setun_team *team);
#endif
