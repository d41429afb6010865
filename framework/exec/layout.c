/* layout.c - where each activation lies in the arena, and which steps must wait for the ones before them. */
#include <stdlib.h>

#include "exec/plan_internal.h"

static bool alive_together(const setun_plan_slot *a, const setun_plan_slot *b)
{
    return a->first_step <= b->last_step && b->first_step <= a->last_step;
}

static int compare_size(const void *a, const void *b)
{
    const setun_plan_slot *x = *(const setun_plan_slot *const *)a, *y = *(const setun_plan_slot *const *)b;

    if (x->n_bytes != y->n_bytes)
        return x->n_bytes < y->n_bytes ? 1 : -1;
    return x < y ? -1 : x > y;
}

/* Inserts a slot into a list sorted by offset. */
static void insert_by_offset(setun_plan_slot **list, size_t n, setun_plan_slot *slot)
{
    for (; n > 0 && list[n - 1]->offset > slot->offset; n--)
        list[n] = list[n - 1];
    list[n] = slot;
}

/* Greedy by size: the largest first, each at the lowest offset that is free while it lives. Within a few percent of the optimum for
 * chains of layers, whose buffers are few and alike. */
setun_status setun_plan_layout(setun_plan *plan, setun_error *error)
{
    setun_plan_slot **order = setun_calloc(plan->n_slots, sizeof(setun_plan_slot *));
    setun_plan_slot **placed = setun_calloc(plan->n_slots, sizeof(setun_plan_slot *));
    size_t n = 0, n_placed = 0;
    setun_status status = SETUN_OK;

    if (order == NULL || placed == NULL) {
        status = setun_fail_nomem(error, "plan", plan->n_slots * sizeof(*order));
        goto free_lists;
    }
    for (size_t i = 0; i < plan->n_slots; i++)
        if (plan->slots[i].place == SETUN_PLACE_ARENA && plan->slots[i].first_step <= plan->slots[i].last_step)
            order[n++] = &plan->slots[i];
    qsort(order, n, sizeof(setun_plan_slot *), compare_size);
    plan->activation_bytes = 0;
    for (size_t i = 0; i < n; i++) {
        size_t offset = 0, end;

        for (size_t j = 0; j < n_placed; j++) { /* ascending offsets */
            if (!alive_together(order[i], placed[j]) || placed[j]->offset + placed[j]->n_bytes <= offset)
                continue;
            if (setun_add_size(offset, order[i]->n_bytes, &end) && end <= placed[j]->offset)
                break; /* fits into the gap before placed[j] */
            if (!setun_round_up(placed[j]->offset + placed[j]->n_bytes, order[i]->align, &offset)) {
                status = setun_fail_nomem(error, "activations", SIZE_MAX);
                goto free_lists;
            }
        }
        if (!setun_add_size(offset, order[i]->n_bytes, &end)) {
            status = setun_fail_nomem(error, "activations", SIZE_MAX);
            goto free_lists;
        }
        order[i]->offset = offset;
        insert_by_offset(placed, n_placed++, order[i]);
        if (end > plan->activation_bytes)
            plan->activation_bytes = end;
    }

free_lists:
    free(order);
    free(placed);
    return status;
}

/* Two tensors share a byte. Arena tensors are compared by offset, constants by address; the two never meet. */
static bool overlap(const setun_plan_slot *a, const setun_plan_slot *b)
{
    uintptr_t a_begin, b_begin;

    if (a->place != b->place || a->place == SETUN_PLACE_TOKENS)
        return false;
    a_begin = a->place == SETUN_PLACE_ARENA ? a->offset : (uintptr_t)a->tensor.data;
    b_begin = b->place == SETUN_PLACE_ARENA ? b->offset : (uintptr_t)b->tensor.data;
    return a_begin < b_begin + b->n_bytes && b_begin < a_begin + a->n_bytes;
}

/* Whether `later` must not start before every worker has finished `earlier`. Scratch that workers share counts as written. */
static bool depends(const setun_plan *plan, const setun_plan_step *earlier, const setun_plan_step *later)
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
            if (overlap(&plan->slots[a], &plan->slots[b]))
                return true;
        }
    }
    return false;
}

void setun_plan_place_barriers(setun_plan *plan)
{
    size_t group = 0; /* first step since the last barrier */

    for (size_t i = 1; i < plan->n_steps; i++) {
        for (size_t j = group; j < i && !plan->steps[i].barrier_before; j++)
            plan->steps[i].barrier_before = depends(plan, &plan->steps[j], &plan->steps[i]);
        /* Inside a multi-phase step all workers meet, but its last phase still runs apart: the group starts with that step. */
        if (plan->steps[i].barrier_before || plan->steps[i].kernel_plan.n_phases > 1)
            group = i;
    }
}
