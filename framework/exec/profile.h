/* profile.h - where the time of a plan's passes goes: in kernels, in waiting for the slowest worker, in the barrier itself. Internal.
 * Off unless it is started, and then two looks at the clock for each phase and worker: some 50 ns. */
#ifndef SETUN_EXEC_PROFILE_H
#define SETUN_EXEC_PROFILE_H
#include "exec/plan.h"

/* One step, summed over passes and workers. */
typedef struct setun_step_times {
    uint64_t run_ns;       /* in the kernel */
    uint64_t imbalance_ns; /* at the barriers before the step and between its phases, until the last worker is there */
    uint64_t barrier_ns;   /* from then on, until each worker goes on */
    uint64_t n_barriers;   /* that were met, each counted once */
} setun_step_times;

typedef struct setun_plan_times {
    uint64_t                n_passes;
    uint64_t                pass_ns;   /* summed over passes: from the first worker's first step to the end of the last one's last */
    uint32_t                n_workers; /* of the latest pass */
    uint32_t                n_steps;
    const setun_step_times *step;      /* [n_steps] */
} setun_plan_times;

/* From now on passes are timed; what was counted before is forgotten. After setun_plan_finish. */
setun_status setun_plan_start_profile(setun_plan *plan, setun_error *error);
/* The counts so far. False: it was never started. */
bool         setun_plan_read_profile(const setun_plan *plan, setun_plan_times *out_times);
void         setun_plan_stop_profile(setun_plan *plan); /* frees what was counted */
#endif
