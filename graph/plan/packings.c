/* packings.c - whether plans of one store read a weight in a second packing: what it takes, what it saves, and whether there is memory for it. */
#include <string.h>

#include "plan/planner_internal.h"

/* How many times faster a kernel must be to be worth a second packing of a ternary weight beside the one that shorter passes read: packings
 * of the same weights differ by much less in long passes, and two would nearly double the memory of a model. Where somebody gave the memory
 * for it, what remains is that estimates are off by some percent. */
#define SECOND_PACKING_WORTH 2.0
#define SPENT_MEMORY_WORTH   1.05

double setun_planner_worth(const setun_planner *planner)
{
    return planner->request->spends_memory ? SPENT_MEMORY_WORTH : SECOND_PACKING_WORTH;
}

void setun_planner_note_second(const setun_planner *planner, uint32_t w, const char *fmts, setun_candidate *candidate)
{
    const setun_planner_request *request = planner->request;
    setun_operand shape;

    if (!setun_store_has_other_packing(request->store, w, fmts) ||
        setun_store_shape_weight(request->store, w, fmts, &shape, NULL) != SETUN_OK)
        return;
    candidate->second_packing = true;
    for (uint32_t i = 0; i < shape.n; i++)
        candidate->second_bytes += shape.n_bytes[i];
    candidate->too_large = request->weight_bytes_max > 0 &&
                           setun_store_weight_bytes(request->store) + candidate->second_bytes > request->weight_bytes_max;
}

void setun_planner_note_packing(const setun_planner *planner, const setun_candidate *candidate, setun_planner_packings *packings)
{
    setun_candidate plain = *candidate;
    setun_candidate *best = candidate->second_packing ? &packings->second : &packings->first;
    bool *has = candidate->second_packing ? &packings->has_second : &packings->has_first;

    if (candidate->second_packing && !candidate->too_large)
        plain.cost_ns /= setun_planner_worth(planner);
    if (*has && !setun_planner_is_better(plain.rank, plain.measured, plain.cost_ns, best->rank, best->measured, best->cost_ns))
        return;
    *best = plain;
    *has = true;
}

void setun_planner_tell_packings(const setun_graph_node *node, const setun_planner_packings *packings, setun_candidate *chosen)
{
    const setun_candidate *first = &packings->first, *second = &packings->second;

    if (!packings->has_second || (!chosen->second_packing && !setun_planner_is_better(second->rank, second->measured, second->cost_ns, first->rank,
                                                                                      first->measured, first->cost_ns)))
        return;
    chosen->second.state = chosen->second_packing ? SETUN_SECOND_TAKEN : second->too_large ? SETUN_SECOND_TOO_LARGE : SETUN_SECOND_NOT_WORTH;
    chosen->second.n_bytes = second->second_bytes;
    chosen->second.ns = second->cost_ns;
    chosen->second.first_ns = packings->has_first ? first->cost_ns : 0;
    for (uint32_t i = 0; i < node->n_in; i++)
        if (node->in[i].kind == SETUN_OPERAND_WEIGHT)
            memcpy(chosen->second.fmts, second->fmts[i], sizeof(chosen->second.fmts));
}
