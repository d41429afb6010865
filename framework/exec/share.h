/* share.h - the units of a step, cut among the workers of a team; the last ones are for whoever is done first. Internal. */
#ifndef SETUN_EXEC_SHARE_H
#define SETUN_EXEC_SHARE_H
#include <stdalign.h>
#include <stdatomic.h>

#include "exec/team.h"

/* One worker's, on cache lines of its own. */
struct setun_share {
    alignas(128) atomic_uint_least64_t left; /* the step and what is left of the worker's units: others may take of it */
    int node;                                /* where the worker is, and its memory */
};

/* Worker w of n gets units [w * units / n, (w + 1) * units / n): the same cut for equal counts, so memory stays with its worker. */
int64_t setun_share_cut(int64_t units, uint32_t worker, uint32_t n_workers);

/* Does some units. */
typedef void setun_share_work(void *context, int64_t begin, int64_t end);

/* All of the worker's cut of a step's units, but those that others of its node take of it, and what it can take of theirs when its own are
 * done: `work` is called several times. Every unit is done once. `step` is another one than that of the steps before and after it; by the
 * next barrier all units are done. */
void setun_share_run(const setun_worker *worker, size_t step, int64_t units, setun_share_work *work, void *context);
#endif
