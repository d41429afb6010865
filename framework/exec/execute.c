/* execute.c - one pass: every step, phase by phase, each worker taking its contiguous share of the units. */
#include <time.h>

#include "exec/plan_internal.h"

/* Gives every call this pass's rows, tokens and batch. Runs on one thread, before the region. */
static void prepare(setun_plan *plan, const setun_batch *batch)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        setun_plan_step *step = &plan->steps[i];

        for (uint32_t j = 0; j < step->n_in + step->n_out && batch != NULL; j++) {
            const setun_plan_slot *slot = &plan->slots[step->slot[j]];

            if (slot->rows != SETUN_ROWS_FIXED)
                step->tensor[j].dim[slot->rows_dim] = slot->rows == SETUN_ROWS_BATCH ? batch->n_rows : batch->n_out_rows;
            if (slot->place == SETUN_PLACE_TOKENS) {
                /* Kernels read tokens only, but setun_tensor has one data pointer for inputs and outputs. */
                step->tensor[j].data = (void *)(uintptr_t)batch->token;
            }
        }
        step->call.batch = batch;
    }
}

/* Worker w of n gets units [w * units / n, (w + 1) * units / n): the same cut for equal counts, so memory stays with its worker. */
static int64_t cut(int64_t units, uint32_t w, uint32_t n)
{
    return units / n * w + units % n * w / n;
}

static uint64_t now_ns(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* *mark is where this worker notes its times, NULL if nobody wants them; it moves on by a mark for each phase. */
static void run_step(const setun_plan *plan, const setun_plan_step *step, const setun_worker *worker, setun_plan_mark **mark)
{
    const setun_kernel *kernel = step->ref.kernel;

    for (uint32_t phase = 0; phase < step->kernel_plan.n_phases; phase++) {
        const bool wait = phase > 0 || step->barrier_before;
        int64_t units = kernel->units(&step->call, phase);
        setun_tile tile = {
            .begin     = cut(units, worker->index, worker->n_workers),
            .end       = cut(units, worker->index + 1, worker->n_workers),
            .phase     = phase,
            .worker    = worker->index,
            .n_workers = worker->n_workers,
            .scratch   = plan->arena + plan->activation_bytes + worker->index * plan->worker_bytes,
        };

        if (wait)
            setun_team_barrier(worker);
        if (*mark != NULL)
            **mark = (setun_plan_mark){.begin_ns = now_ns(), .waited = wait};
        if (tile.begin < tile.end)
            kernel->run(&step->call, &tile);
        if (*mark != NULL)
            (*mark)++->end_ns = now_ns();
    }
}

static void run_worker(const setun_worker *worker, void *context)
{
    setun_plan *plan = context;
    setun_plan_profile *profile = plan->profile;
    setun_plan_mark *mark = profile != NULL ? profile->mark + worker->index * profile->n_marks : NULL;

    if (profile != NULL && worker->index == 0)
        profile->n_workers = worker->n_workers;
    for (size_t i = 0; i < plan->n_plugins; i++)
        if (plan->plugins[i]->enter != NULL)
            plan->plugins[i]->enter();
    for (size_t i = 0; i < plan->n_steps; i++) {
        if (plan->watch != NULL && worker->index == 0)
            plan->watch(plan->watch_context, i, plan->n_steps);
        run_step(plan, &plan->steps[i], worker, &mark);
    }
    for (size_t i = 0; i < plan->n_plugins; i++)
        if (plan->plugins[i]->leave != NULL)
            plan->plugins[i]->leave();
}

void setun_plan_set_watch(setun_plan *plan, setun_plan_watch *watch, void *context)
{
    plan->watch         = watch;
    plan->watch_context = context;
}

void setun_plan_run(setun_plan *plan, setun_team *team, const setun_batch *batch)
{
    prepare(plan, batch);
    setun_team_run(team, run_worker, plan);
    if (plan->profile != NULL)
        setun_plan_count_pass(plan);
}
