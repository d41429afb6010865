/* plan.c - building a plan: tensors, steps, and the facts that can be read off them. */
#include <stdlib.h>
#include <string.h>

#include "exec/plan_internal.h"

static const uint32_t no_slot = UINT32_MAX;

setun_status setun_plan_create(setun_plan **out_plan, setun_error *error)
{
    setun_plan *plan = setun_calloc(1, sizeof(*plan));

    if (plan == NULL)
        return setun_fail_nomem(error, "plan", sizeof(*plan));
    *out_plan = plan;
    return SETUN_OK;
}

void setun_plan_destroy(setun_plan *plan)
{
    if (plan == NULL)
        return;
    setun_plan_stop_profile(plan);
    setun_pool_free(&plan->pool);
    free(plan->slots);
    free(plan->steps);
    free(plan->plugins);
    free(plan);
}

static setun_status add_slot(setun_plan *plan, const setun_plan_slot *slot, uint32_t *out_tensor, setun_error *error)
{
    if (plan->n_slots >= no_slot || !setun_grow(&plan->slots, &plan->slots_capacity, plan->n_slots + 1, sizeof(*plan->slots)))
        return setun_fail_nomem(error, "plan", sizeof(*plan->slots));
    plan->slots[plan->n_slots] = *slot;
    plan->slots[plan->n_slots].first_step = UINT32_MAX;
    plan->slots[plan->n_slots].last_step  = 0;
    *out_tensor = (uint32_t)plan->n_slots++;
    return SETUN_OK;
}

setun_status setun_plan_add_buffer(setun_plan *plan, const setun_format *format, const int64_t dim[4], uint32_t rows_dim,
                                   enum setun_rows rows, uint32_t *out_tensor, setun_error *error)
{
    setun_plan_slot slot = {.place = SETUN_PLACE_ARENA, .rows = rows, .rows_dim = rows_dim, .align = format->align};

    slot.tensor.fmt = format->name;
    memcpy(slot.tensor.dim, dim, sizeof(slot.tensor.dim));
    slot.n_bytes = format->layout(dim, slot.tensor.stride_bytes);
    if (slot.n_bytes == 0)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "format %s cannot hold an activation of %lld x %lld", format->name,
                          (long long)dim[0], (long long)dim[1]);
    return add_slot(plan, &slot, out_tensor, error);
}

setun_status setun_plan_add_constant(setun_plan *plan, const setun_tensor *tensor, size_t n_bytes, uint32_t *out_tensor,
                                     setun_error *error)
{
    setun_plan_slot slot = {.tensor = *tensor, .place = SETUN_PLACE_CONSTANT, .rows = SETUN_ROWS_FIXED, .n_bytes = n_bytes};

    return add_slot(plan, &slot, out_tensor, error);
}

setun_status setun_plan_add_tokens(setun_plan *plan, int64_t max_rows, uint32_t *out_tensor, setun_error *error)
{
    setun_plan_slot slot = {.place = SETUN_PLACE_TOKENS, .rows = SETUN_ROWS_BATCH, .rows_dim = 1};

    slot.tensor = (setun_tensor){.fmt = "i32", .dim = {1, max_rows, 1, 1}, .stride_bytes = {4 * max_rows, 4, 0, 0}};
    return add_slot(plan, &slot, out_tensor, error);
}

static setun_status add_plugin(setun_plan *plan, const setun_plugin *plugin, setun_error *error)
{
    if (plugin->enter == NULL && plugin->leave == NULL)
        return SETUN_OK;
    for (size_t i = 0; i < plan->n_plugins; i++)
        if (plan->plugins[i] == plugin)
            return SETUN_OK;
    if (!setun_grow(&plan->plugins, &plan->plugins_capacity, plan->n_plugins + 1, sizeof(*plan->plugins)))
        return setun_fail_nomem(error, "plan", sizeof(*plan->plugins));
    plan->plugins[plan->n_plugins++] = plugin;
    return SETUN_OK;
}

static void use_slot(setun_plan *plan, uint32_t slot, uint32_t step)
{
    if (plan->slots[slot].first_step > step)
        plan->slots[slot].first_step = step;
    plan->slots[slot].last_step = step;
}

setun_status setun_plan_add_step(setun_plan *plan, setun_kernel_ref kernel, const setun_kernel_plan *kernel_plan, const void *const *attr,
                                 size_t n_attr, const uint32_t *in, uint32_t n_in, const uint32_t *out, uint32_t n_out,
                                 const char *label, setun_error *error)
{
    setun_plan_step step = {.ref = kernel, .kernel_plan = *kernel_plan, .n_in = n_in, .n_out = n_out, .shared = no_slot};
    uint32_t index = (uint32_t)plan->n_steps;
    setun_status status;

    if (n_in + n_out > SETUN_STEP_MAX_TENSORS)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "kernel %s: %u tensors, at most %d are possible", kernel.kernel->name,
                          n_in + n_out, SETUN_STEP_MAX_TENSORS);
    if (kernel_plan->n_phases < 1 || kernel_plan->n_phases > 16)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "kernel %s: plan() wants %u phases, expected 1 to 16", kernel.kernel->name,
                          kernel_plan->n_phases);
    step.attr = setun_pool_alloc(&plan->pool, (n_attr + 1) * sizeof(*step.attr));
    if (step.attr == NULL || !setun_grow(&plan->steps, &plan->steps_capacity, plan->n_steps + 1, sizeof(*plan->steps)))
        return setun_fail_nomem(error, "plan", sizeof(*plan->steps));
    memcpy(step.attr, attr, n_attr * sizeof(*step.attr));
    step.label = setun_pool_strndup(&plan->pool, label, strlen(label));
    if (step.label == NULL)
        return setun_fail_nomem(error, "plan", strlen(label));
    if (kernel_plan->shared_bytes > 0) {
        setun_plan_slot slot = {.place = SETUN_PLACE_ARENA, .rows = SETUN_ROWS_FIXED, .n_bytes = kernel_plan->shared_bytes, .align = 64};

        status = add_slot(plan, &slot, &step.shared, error);
        if (status != SETUN_OK)
            return status;
        use_slot(plan, step.shared, index);
    }
    status = add_plugin(plan, kernel.plugin, error);
    if (status != SETUN_OK)
        return status;
    for (uint32_t i = 0; i < n_in + n_out; i++) {
        step.slot[i] = i < n_in ? in[i] : out[i - n_in];
        use_slot(plan, step.slot[i], index);
        plan->slots[step.slot[i]].n_writers += i >= n_in;
    }
    plan->steps[plan->n_steps++] = step;
    return SETUN_OK;
}

void setun_plan_set_result(setun_plan *plan, uint32_t tensor)
{
    plan->slots[tensor].result = true;
}

void setun_plan_set_tokens(setun_plan *plan, const int32_t *tokens)
{
    plan->tokens = tokens;
}

void setun_plan_allow_replication(setun_plan *plan, double below_ns)
{
    plan->replicate_below_ns = below_ns;
}

setun_status setun_plan_finish(setun_plan *plan, uint32_t n_workers, setun_error *error)
{
    size_t parts;
    setun_status status;

    plan->n_workers = n_workers;
    for (size_t i = 0; i < plan->n_slots; i++)
        if (plan->slots[i].result)
            plan->slots[i].last_step = UINT32_MAX;
    setun_plan_order(plan);
    status = setun_plan_layout(plan, error);
    if (status != SETUN_OK)
        return status;
    setun_plan_place_barriers(plan);
    for (size_t i = 0; i < plan->n_steps; i++)
        if (plan->steps[i].kernel_plan.worker_bytes > plan->scratch_bytes)
            plan->scratch_bytes = plan->steps[i].kernel_plan.worker_bytes;
    /* Each worker's part starts on a page of its own, so that it is local to the worker that touches it first. */
    if (!setun_round_up(plan->private_bytes, 64, &plan->private_bytes) ||
        !setun_add_size(plan->private_bytes, plan->scratch_bytes, &plan->worker_bytes) ||
        (plan->worker_bytes > 0 && !setun_round_up(plan->worker_bytes, 4096, &plan->worker_bytes)))
        return setun_fail_nomem(error, "workers' scratch", SIZE_MAX);
    if (!setun_round_up(plan->activation_bytes, 4096, &plan->activation_bytes) ||
        !setun_mul_size(plan->worker_bytes, n_workers, &parts) || !setun_add_size(plan->activation_bytes, parts, &plan->arena_bytes))
        return setun_fail_nomem(error, "activations", SIZE_MAX);
    return SETUN_OK;
}

size_t setun_plan_arena_bytes(const setun_plan *plan)
{
    return plan->arena_bytes;
}

uint32_t setun_plan_n_steps(const setun_plan *plan)
{
    return (uint32_t)plan->n_steps;
}

uint32_t setun_plan_n_barriers(const setun_plan *plan)
{
    uint32_t n = 0;

    for (size_t i = 0; i < plan->n_steps; i++)
        n += plan->steps[i].barrier_before + (plan->steps[i].replicated ? 0 : plan->steps[i].kernel_plan.n_phases - 1);
    return n;
}

const setun_tensor *setun_plan_tensor(const setun_plan *plan, uint32_t tensor)
{
    return &plan->slots[tensor].tensor;
}

void setun_plan_describe(const setun_plan *plan, uint32_t step, setun_plan_line *out_line)
{
    const setun_plan_step *s = &plan->steps[step];

    *out_line = (setun_plan_line){.label = s->label, .kernel = s->ref.kernel->name, .backend = s->ref.plugin->name,
                                  .n_phases = s->kernel_plan.n_phases, .barrier_before = s->barrier_before, .replicated = s->replicated,
                                  .cost_ns = s->kernel_plan.cost_ns};
}

void setun_plan_bind(setun_plan *plan, void *arena)
{
    plan->arena = arena;
    for (size_t i = 0; i < plan->n_slots; i++)
        if (plan->slots[i].place == SETUN_PLACE_ARENA) /* private: worker 0's */
            plan->slots[i].tensor.data = plan->arena + plan->slots[i].offset + (plan->slots[i].is_private ? plan->activation_bytes : 0);
    for (size_t i = 0; i < plan->n_steps; i++) {
        setun_plan_step *step = &plan->steps[i];

        for (uint32_t j = 0; j < step->n_in + step->n_out; j++)
            step->tensor[j] = plan->slots[step->slot[j]].tensor;
        step->call = (setun_call){.size = sizeof(step->call), .n_in = step->n_in, .n_out = step->n_out, .in = step->tensor,
                                  .out = step->tensor + step->n_in, .attr = step->attr, .choice = step->kernel_plan.choice};
        if (step->shared != no_slot)
            step->call.shared = plan->slots[step->shared].tensor.data;
    }
}

void *setun_plan_data(const setun_plan *plan, uint32_t tensor)
{
    return plan->slots[tensor].tensor.data;
}
