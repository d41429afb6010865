/* profile.c - each worker notes when it begins and ends each phase; after the pass one thread adds that up by step. */
#include <stdlib.h>
#include <string.h>

#include "exec/plan_internal.h"

setun_status setun_plan_start_profile(setun_plan *plan, setun_error *error)
{
    setun_plan_profile *profile;
    size_t n_marks = 0, n;

    setun_plan_stop_profile(plan);
    for (size_t i = 0; i < plan->n_steps; i++)
        n_marks += plan->steps[i].kernel_plan.n_phases;
    profile = setun_calloc(1, sizeof(*profile));
    if (profile == NULL || !setun_mul_size(n_marks, plan->n_workers, &n))
        goto free_profile;
    profile->n_marks = n_marks;
    profile->mark = setun_calloc(n, sizeof(*profile->mark));
    profile->step = setun_calloc(plan->n_steps, sizeof(*profile->step));
    if (profile->mark == NULL || profile->step == NULL)
        goto free_profile;
    plan->profile = profile;
    return SETUN_OK;

free_profile:
    if (profile != NULL) {
        free(profile->mark);
        free(profile->step);
    }
    free(profile);
    return setun_fail_nomem(error, "profile", n_marks * sizeof(setun_plan_mark));
}

void setun_plan_stop_profile(setun_plan *plan)
{
    if (plan->profile == NULL)
        return;
    free(plan->profile->mark);
    free(plan->profile->step);
    free(plan->profile);
    plan->profile = NULL;
}

bool setun_plan_read_profile(const setun_plan *plan, setun_plan_times *out_times)
{
    const setun_plan_profile *profile = plan->profile;

    if (profile == NULL)
        return false;
    *out_times = (setun_plan_times){.n_passes = profile->n_passes, .pass_ns = profile->pass_ns, .n_workers = profile->n_workers,
                                    .n_steps = (uint32_t)plan->n_steps, .step = profile->step};
    return true;
}

static const setun_plan_mark *mark_of(const setun_plan_profile *profile, uint32_t worker, size_t i)
{
    return &profile->mark[worker * profile->n_marks + i];
}

/* Phase i of a pass, which is a phase of that step. */
static void count_phase(setun_plan_profile *profile, size_t i, setun_step_times *step)
{
    const bool waited = mark_of(profile, 0, i)->waited;
    uint64_t last_ns = 0; /* when the last worker came to the barrier */

    for (uint32_t w = 0; w < profile->n_workers && waited && i > 0; w++)
        if (mark_of(profile, w, i - 1)->end_ns > last_ns)
            last_ns = mark_of(profile, w, i - 1)->end_ns;
    step->n_barriers += waited;
    for (uint32_t w = 0; w < profile->n_workers; w++) {
        const setun_plan_mark *mark = mark_of(profile, w, i);

        step->run_ns += mark->end_ns - mark->begin_ns;
        if (!waited || i == 0)
            continue;
        step->imbalance_ns += last_ns - mark_of(profile, w, i - 1)->end_ns;
        step->barrier_ns += mark->begin_ns > last_ns ? mark->begin_ns - last_ns : 0;
    }
}

void setun_plan_count_pass(setun_plan *plan)
{
    setun_plan_profile *profile = plan->profile;
    uint64_t first_ns = UINT64_MAX, last_ns = 0;
    size_t i = 0;

    if (profile->n_marks == 0)
        return;
    for (size_t s = 0; s < plan->n_steps; s++)
        for (uint32_t phase = 0; phase < plan->steps[s].kernel_plan.n_phases; phase++)
            count_phase(profile, i++, &profile->step[s]);
    for (uint32_t w = 0; w < profile->n_workers; w++) {
        const uint64_t begin_ns = mark_of(profile, w, 0)->begin_ns, end_ns = mark_of(profile, w, profile->n_marks - 1)->end_ns;

        first_ns = begin_ns < first_ns ? begin_ns : first_ns;
        last_ns = end_ns > last_ns ? end_ns : last_ns;
    }
    profile->n_passes++;
    profile->pass_ns += last_ns - first_ns;
}
