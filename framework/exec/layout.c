/* layout.c - where each activation lies: in the arena that all workers share, or in the part of it that each worker has for itself. */
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
static setun_status lay_out(setun_plan *plan, bool private, size_t *out_bytes, setun_error *error)
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
        if (plan->slots[i].place == SETUN_PLACE_ARENA && plan->slots[i].is_private == private &&
            plan->slots[i].first_step <= plan->slots[i].last_step)
            order[n++] = &plan->slots[i];
    qsort(order, n, sizeof(setun_plan_slot *), compare_size);
    *out_bytes = 0;
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
        if (end > *out_bytes)
            *out_bytes = end;
    }

free_lists:
    free(order);
    free(placed);
    return status;
}

setun_status setun_plan_layout(setun_plan *plan, setun_error *error)
{
    const setun_status status = lay_out(plan, false, &plan->activation_bytes, error);

    return status == SETUN_OK ? lay_out(plan, true, &plan->private_bytes, error) : status;
}
