/* execute.c - one pass: every step, phase by phase, each worker taking its share of the units. */
#include <time.h>

#include "exec/plan_internal.h"
#include "exec/share.h"

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

/* Where the worker's share of a constant begins. Where in a packing a share of the units begins only the kernel knows: about there. */
static setun_ahead ahead_of(const setun_plan_slot *slot, const setun_worker *worker)
{
    const int64_t n_bytes = (int64_t)slot->n_bytes, begin = setun_share_cut(n_bytes, worker->index, worker->n_workers),
                  end = setun_share_cut(n_bytes, worker->index + 1, worker->n_workers);
    const unsigned char *data = slot->tensor.data;

    return (setun_ahead){data + begin, data + (end - begin < SETUN_AHEAD_BYTES ? end : begin + SETUN_AHEAD_BYTES)};
}

/* One worker's pass. */
typedef struct worker_pass {
    const setun_plan   *plan;
    const setun_worker *worker;
    setun_plan_mark    *mark;       /* where it notes its times, by phase; NULL if nobody wants them */
    uint32_t            ahead_slot; /* of what it reads ahead */
    setun_ahead         ahead;
} worker_pass;

/* A phase of a step, for setun_share_run. */
typedef struct part {
    const setun_kernel *kernel;
    const setun_call   *call;
    setun_tile          tile;
} part;

static void run_part(void *context, int64_t begin, int64_t end)
{
    part *p = context;

    p->tile.begin = begin;
    p->tile.end = end;
    p->kernel->run(p->call, &p->tile);
}

static void wait_before(worker_pass *pass, const setun_plan_step *step, uint32_t phase)
{
    if (phase == 0 && step->ahead != pass->ahead_slot) {
        pass->ahead_slot = step->ahead;
        pass->ahead = step->ahead != UINT32_MAX ? ahead_of(&pass->plan->slots[step->ahead], pass->worker) : (setun_ahead){NULL, NULL};
    }
    setun_team_barrier(pass->worker, &pass->ahead);
}

static void run_phase(const setun_plan_step *step, part *p, size_t index, int64_t units, const setun_worker *worker)
{
    const int64_t begin = step->replicated ? 0 : setun_share_cut(units, worker->index, worker->n_workers),
                  end = step->replicated ? units : setun_share_cut(units, worker->index + 1, worker->n_workers);

    /* What is packed stays with whose it is. */
    if (step->is_shared_out && worker->n_workers > 1 && p->call->batch != NULL)
        setun_share_run(worker, index, units, run_part, p);
    else if (begin < end)
        run_part(p, begin, end);
}

static void run_step(worker_pass *pass, size_t index)
{
    const setun_plan *plan = pass->plan;
    const setun_plan_step *step = &plan->steps[index];
    const setun_worker *worker = pass->worker;
    const setun_kernel *kernel = step->ref.kernel;
    own_call own;
    const setun_call *call = call_of(plan, step, worker->index, &own);
    unsigned char *own_part = plan->arena + plan->activation_bytes + worker->index * plan->worker_bytes;

    for (uint32_t phase = 0; phase < step->kernel_plan.n_phases; phase++) {
        const int64_t units = kernel->units(call, phase);
        /* Nobody has anything to do in an empty phase, so nobody need be waited for before it. */
        const bool wait = phase == 0 ? step->barrier_before : !step->replicated && units > 0;
        part p = {kernel, call, {.phase = phase, .worker = worker->index, .n_workers = worker->n_workers, .scratch = own_part + plan->private_bytes}};

        if (wait)
            wait_before(pass, step, phase);
        if (pass->mark != NULL)
            *pass->mark = (setun_plan_mark){.begin_ns = now_ns(), .waited = wait};
        run_phase(step, &p, index, units, worker);
        if (pass->mark != NULL)
            pass->mark++->end_ns = now_ns();
    }
}

static void run_worker(const setun_worker *worker, void *context)
{
    setun_plan *plan = context;
    setun_plan_profile *profile = plan->profile;
    worker_pass pass = {.plan = plan, .worker = worker, .mark = profile != NULL ? profile->mark + worker->index * profile->n_marks : NULL,
                 .ahead_slot = UINT32_MAX};

    if (profile != NULL && worker->index == 0)
        profile->n_workers = worker->n_workers;
    for (size_t i = 0; i < plan->n_plugins; i++)
        if (plan->plugins[i]->enter != NULL)
            plan->plugins[i]->enter();
    for (size_t i = 0; i < plan->n_steps; i++) {
        if (plan->watch != NULL && worker->index == 0)
            plan->watch(plan->watch_context, i, plan->n_steps);
        run_step(&pass, i);
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
