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
                step->tensor[j].data = (void *)(uintptr_t)(plan->tokens != NULL ? plan->tokens : batch->token);
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

/* A call as one worker sees it, where some of its tensors are copies of the worker's own. */
typedef struct own_call {
    setun_call   call;
    setun_tensor tensor[SETUN_STEP_MAX_TENSORS];
} own_call;

/* The step's call for a worker: worker 0's is what the step holds. */
static const setun_call *call_of(const setun_plan *plan, const setun_plan_step *step, size_t worker, own_call *own)
{
    const bool shared_is_private = step->replicated && step->call.shared != NULL;

    if (worker == 0 || (step->private_tensors == 0 && !shared_is_private))
        return &step->call;
    own->call = step->call;
    own->call.in = own->tensor;
    own->call.out = own->tensor + step->n_in;
    for (uint32_t i = 0; i < step->n_in + step->n_out; i++) {
        own->tensor[i] = step->tensor[i];
        if (step->private_tensors >> i & 1)
            own->tensor[i].data = (unsigned char *)own->tensor[i].data + worker * plan->worker_bytes;
    }
    if (shared_is_private)
        own->call.shared = (unsigned char *)own->call.shared + worker * plan->worker_bytes;
    return &own->call;
}

/* Begins to read the worker's share of a constant into its second cache. Where in a packing a share of the units begins only the kernel
 * knows: about there. */
static void fetch_ahead(const setun_plan_slot *slot, const setun_worker *worker)
{
    const int64_t n_bytes = (int64_t)slot->n_bytes, begin = cut(n_bytes, worker->index, worker->n_workers),
                  end = cut(n_bytes, worker->index + 1, worker->n_workers);
    const unsigned char *data = slot->tensor.data;

    for (int64_t i = begin; i < end && i < begin + SETUN_AHEAD_BYTES; i += 64)
        __builtin_prefetch(data + i, 0, 2);
}

/* *mark is where this worker notes its times, NULL if nobody wants them; it moves on by a mark for each phase. */
static void run_step(const setun_plan *plan, const setun_plan_step *step, const setun_worker *worker, setun_plan_mark **mark)
{
    const setun_kernel *kernel = step->ref.kernel;
    own_call own;
    const setun_call *call = call_of(plan, step, worker->index, &own);
    unsigned char *part = plan->arena + plan->activation_bytes + worker->index * plan->worker_bytes;

    if (step->ahead != UINT32_MAX)
        fetch_ahead(&plan->slots[step->ahead], worker);
    for (uint32_t phase = 0; phase < step->kernel_plan.n_phases; phase++) {
        const int64_t units = kernel->units(call, phase);
        /* Nobody has anything to do in an empty phase, so nobody need be waited for before it. */
        const bool wait = phase == 0 ? step->barrier_before : !step->replicated && units > 0;
        const setun_tile tile = {
            .begin     = step->replicated ? 0 : cut(units, worker->index, worker->n_workers),
            .end       = step->replicated ? units : cut(units, worker->index + 1, worker->n_workers),
            .phase     = phase,
            .worker    = worker->index,
            .n_workers = worker->n_workers,
            .scratch   = part + plan->private_bytes,
        };

        if (wait)
            setun_team_barrier(worker);
        if (*mark != NULL)
            **mark = (setun_plan_mark){.begin_ns = now_ns(), .waited = wait};
        if (tile.begin < tile.end)
            kernel->run(call, &tile);
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
