/* order.c - which steps every worker does for itself, and before which steps all workers must meet.
 *
 * First the order that the values alone ask for: its barriers cut the plan into stretches. layout.c then gives no two values of one stretch
 * the same bytes, so that memory asks for no further barrier. At last the barriers are placed by the bytes that steps touch: whatever was
 * decided before, that is what makes a pass right. */
#include "exec/plan_internal.h"

static bool is_private(const setun_plan *plan, uint32_t slot)
{
    return slot != UINT32_MAX && plan->slots[slot].is_private;
}

/* Whether what two slots hold can be the same memory. Copies of workers' own are not shared with anybody. by_bytes: as it was laid out;
 * else only one value is the same as itself, and constants, whose places are known. */
static bool meet(const setun_plan *plan, uint32_t x, uint32_t y, bool by_bytes)
{
    const setun_plan_slot *a = &plan->slots[x], *b = &plan->slots[y];
    uintptr_t a_begin, b_begin;

    if (a->place != b->place || a->place == SETUN_PLACE_TOKENS || a->is_private || b->is_private)
        return false;
    if (a->place == SETUN_PLACE_ARENA && !by_bytes)
        return x == y;
    a_begin = a->place == SETUN_PLACE_ARENA ? a->offset : (uintptr_t)a->tensor.data;
    b_begin = b->place == SETUN_PLACE_ARENA ? b->offset : (uintptr_t)b->tensor.data;
    return a_begin < b_begin + b->n_bytes && b_begin < a_begin + a->n_bytes;
}

/* Whether `later` must not start before every worker has finished `earlier`. Scratch that workers share counts as written. */
static bool depends(const setun_plan *plan, const setun_plan_step *earlier, const setun_plan_step *later, bool by_bytes)
{
    uint32_t n_earlier = earlier->n_in + earlier->n_out, n_later = later->n_in + later->n_out;

    for (uint32_t i = 0; i <= n_earlier; i++) {
        uint32_t a = i < n_earlier ? earlier->slot[i] : earlier->shared;

        if (a == UINT32_MAX)
            continue;
        for (uint32_t j = 0; j <= n_later; j++) {
            uint32_t b = j < n_later ? later->slot[j] : later->shared;

            if (b == UINT32_MAX || (i < earlier->n_in && j < later->n_in))
                continue; /* both only read */
            if (meet(plan, a, b, by_bytes))
                return true;
        }
    }
    return false;
}

/* Barriers between the phases of a step order nothing else: one is left out where a phase has no units. */
static void place(setun_plan *plan, bool by_bytes)
{
    size_t group = 0; /* first step since the last barrier */

    for (size_t i = 0; i < plan->n_steps; i++) {
        plan->steps[i].barrier_before = false;
        for (size_t j = group; j < i && !plan->steps[i].barrier_before; j++)
            plan->steps[i].barrier_before = depends(plan, &plan->steps[j], &plan->steps[i], by_bytes);
        if (plan->steps[i].barrier_before)
            group = i;
    }
}

/* The largest constant that a step reads, if it is worth fetching ahead; else UINT32_MAX. */
static uint32_t weights_of(const setun_plan *plan, const setun_plan_step *step)
{
    uint32_t found = UINT32_MAX;
    size_t most = SETUN_AHEAD_BYTES;

    for (uint32_t i = 0; i < step->n_in; i++) {
        const setun_plan_slot *slot = &plan->slots[step->slot[i]];

        if (slot->place == SETUN_PLACE_CONSTANT && slot->n_bytes > most) {
            found = step->slot[i];
            most = slot->n_bytes;
        }
    }
    return found;
}

/* Weights are read ahead at the barriers after the step that read the ones before them. */
static void place_ahead(setun_plan *plan)
{
    size_t first = 0; /* step after the one that read weights last */

    for (size_t i = 0; i < plan->n_steps; i++)
        plan->steps[i].ahead = UINT32_MAX;
    for (size_t i = 0; i < plan->n_steps; i++) {
        const uint32_t slot = weights_of(plan, &plan->steps[i]);

        for (size_t j = first; j <= i && slot != UINT32_MAX; j++)
            plan->steps[j].ahead = slot;
        if (slot != UINT32_MAX)
            first = i + 1;
    }
}

/* Whether no pass has many rows of the step's tensors. */
static bool has_few_rows(const setun_plan *plan, const setun_plan_step *step)
{
    for (uint32_t i = 0; i < step->n_in + step->n_out; i++) {
        const setun_plan_slot *slot = &plan->slots[step->slot[i]];

        if (slot->rows != SETUN_ROWS_FIXED && slot->tensor.dim[slot->rows_dim] > SETUN_FEW_ROWS)
            return false;
    }
    return true;
}

/* Between phases a worker's scratch holds what it found in its own cut; and with many rows a kernel arranges for its whole range what it needs
 * for all of them: prefill took longer. */
static void place_shares(setun_plan *plan)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        setun_plan_step *step = &plan->steps[i];

        step->is_shared_out = !step->replicated && step->kernel_plan.n_phases == 1 && has_few_rows(plan, step) &&
                              step->kernel_plan.cost_ns > (double)SETUN_SHARE_OUT_NS * plan->n_workers;
    }
}

void setun_plan_place_barriers(setun_plan *plan)
{
    place(plan, true);
    place_ahead(plan);
    place_shares(plan);
}

static void set_private(setun_plan *plan, setun_plan_step *step, bool value)
{
    step->replicated = value;
    for (uint32_t i = step->n_in; i < step->n_in + step->n_out; i++)
        plan->slots[step->slot[i]].is_private = value;
    if (step->shared != UINT32_MAX)
        plan->slots[step->shared].is_private = value;
}

/* Units of the step's first phase in its largest pass, if that has few rows; else 0. units() may look at the batch, so there is one. */
static int64_t units_of(const setun_plan *plan, const setun_plan_step *step)
{
    static const int32_t zero[SETUN_FEW_ROWS];
    static const int32_t *const block[1] = {zero};
    setun_tensor tensor[SETUN_STEP_MAX_TENSORS];
    setun_batch batch = {.size = sizeof(batch), .n_seqs = 1, .n_rows = 1, .n_out_rows = 1, .token = zero, .seq = zero, .pos = zero,
                         .out_row = zero, .block = block};
    const int32_t len[1] = {SETUN_FEW_ROWS};
    const setun_call call = {.size = sizeof(call), .n_in = step->n_in, .n_out = step->n_out, .in = tensor, .out = tensor + step->n_in,
                             .attr = step->attr, .batch = &batch, .choice = step->kernel_plan.choice};

    if (!has_few_rows(plan, step))
        return 0;
    batch.len = len;
    for (uint32_t i = 0; i < step->n_in + step->n_out; i++) {
        const setun_plan_slot *slot = &plan->slots[step->slot[i]];

        tensor[i] = slot->tensor;
        if (slot->rows == SETUN_ROWS_BATCH && slot->tensor.dim[slot->rows_dim] > batch.n_rows)
            batch.n_rows = slot->tensor.dim[slot->rows_dim];
        if (slot->rows == SETUN_ROWS_OUT && slot->tensor.dim[slot->rows_dim] > batch.n_out_rows)
            batch.n_out_rows = slot->tensor.dim[slot->rows_dim];
    }
    return step->ref.kernel->units(&call, 0);
}

/* A step may be done by each worker for itself if all that it writes can be copied: activations that only it writes and nobody outside
 * the plan reads. It pays where sharing the work would make it shorter by less than a wait: what cannot be cut does so always. */
static bool pays(const setun_plan *plan, const setun_plan_step *step)
{
    const int64_t n_workers = plan->n_workers;
    int64_t units, most;

    for (uint32_t i = step->n_in; i < step->n_in + step->n_out; i++)
        if (plan->slots[step->slot[i]].place != SETUN_PLACE_ARENA || plan->slots[step->slot[i]].result ||
            plan->slots[step->slot[i]].n_writers != 1)
            return false;
    if (n_workers == 1 || plan->replicate_below_ns <= 0 || step->n_out == 0)
        return false;
    units = units_of(plan, step);
    most = (units + n_workers - 1) / n_workers;
    return units > 0 && step->kernel_plan.cost_ns * (1.0 - (double)most / (double)units) < plan->replicate_below_ns;
}

static void number_stretches(setun_plan *plan)
{
    uint32_t stretch = 0;

    for (size_t i = 0; i < plan->n_steps; i++) {
        stretch += plan->steps[i].barrier_before;
        plan->steps[i].stretch = stretch;
    }
}

/* Nobody reads what the step writes before the next barrier: the workers may as well share the work. */
static bool is_wasted(const setun_plan *plan, size_t index)
{
    const setun_plan_step *step = &plan->steps[index];

    for (size_t i = index + 1; i < plan->n_steps && plan->steps[i].stretch == step->stretch; i++)
        for (uint32_t j = 0; j < plan->steps[i].n_in; j++)
            for (uint32_t k = step->n_in; k < step->n_in + step->n_out; k++)
                if (plan->steps[i].slot[j] == step->slot[k])
                    return false;
    return true;
}

void setun_plan_order(setun_plan *plan)
{
    for (size_t i = 0; i < plan->n_steps; i++)
        set_private(plan, &plan->steps[i], pays(plan, &plan->steps[i]));
    place(plan, false);
    number_stretches(plan);
    for (size_t i = 0; i < plan->n_steps; i++)
        if (plan->steps[i].replicated && is_wasted(plan, i))
            set_private(plan, &plan->steps[i], false);
    for (size_t i = 0; i < plan->n_steps; i++) {
        setun_plan_step *step = &plan->steps[i];

        for (uint32_t j = 0; j < step->n_in + step->n_out; j++)
            if (is_private(plan, step->slot[j]))
                step->private_tensors |= 1u << j;
    }
    for (size_t i = 0; i < plan->n_slots; i++) {
        setun_plan_slot *slot = &plan->slots[i];

        if (slot->first_step > slot->last_step || slot->is_private)
            continue;
        slot->first_step = plan->steps[slot->first_step].stretch;
        if (slot->last_step != UINT32_MAX)
            slot->last_step = plan->steps[slot->last_step].stretch;
    }
}
