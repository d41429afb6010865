/* cost.c - what kernels cost: measured times where there are some, and the comparison that decides. */
#include <string.h>

#include "plan/planner_internal.h"

static bool find(const setun_planner *planner, const char *op, const char *shape, bool out_rows, setun_kernel_ref ref, setun_kernel_plan *plan)
{
    const setun_planner_request *request = planner->request;
    const uint32_t n_workers = request->machine->n_workers;
    double ns;

    /* Of a long pass, too, few rows may want a result. */
    if (!setun_tuning_find(request->tuning, op, shape, out_rows ? 1 : request->rows_min, request->rows_max, n_workers, ref.kernel->name, &ns))
        return false;
    plan->cost_ns = ns * n_workers;
    return true;
}

bool setun_planner_measured(const setun_planner *planner, const char *op, const setun_graph_node *node, setun_kernel_ref ref,
                            setun_kernel_plan *plan)
{
    const setun_graph *graph = planner->request->graph;
    const bool out_rows = node->n_out > 0 && node->out[0].kind == SETUN_OPERAND_VALUE && graph->values[node->out[0].index].rows == SETUN_ROWS_OUT;
    char shape[SETUN_TUNING_SHAPE_BYTES];

    if (planner->request->tuning == NULL)
        return false;
    setun_tuning_shape(graph, node, shape);
    return find(planner, op, shape, out_rows, ref, plan);
}

bool setun_planner_measured_pack(const setun_planner *planner, uint32_t value, setun_kernel_ref ref, setun_kernel_plan *plan)
{
    const setun_graph_value *v = &planner->request->graph->values[value];
    char shape[SETUN_TUNING_SHAPE_BYTES];

    if (planner->request->tuning == NULL)
        return false;
    setun_tuning_pack_shape(v->n, ref.kernel->fmts, shape);
    return find(planner, "pack", shape, v->rows == SETUN_ROWS_OUT, ref, plan);
}

bool setun_planner_is_better(uint32_t rank, bool measured, double cost_ns, uint32_t best_rank, bool best_measured, double best_cost_ns)
{
    if (rank != best_rank)
        return rank < best_rank;
    if (measured != best_measured)
        return measured;
    return cost_ns < best_cost_ns;
}

/* The representation of the node's matrix. */
static const char *packing_of(const setun_graph *graph, const setun_graph_node *node, const setun_candidate *candidate)
{
    for (uint32_t i = 0; i < node->n_in; i++)
        if (node->in[i].kind == SETUN_OPERAND_WEIGHT && graph->weights[node->in[i].index].dim[0] > 1)
            return candidate->fmts[i];
    return "";
}

void setun_planner_tell(const setun_planner *planner, const setun_graph_node *node, const setun_candidate *candidate, int packed_input)
{
    const setun_planner_request *request = planner->request;
    setun_planner_choice choice = {.request = request, .node = node, .packs = packed_input >= 0, .packing = "", .second_packing = ""};
    setun_kernel_plan plan;

    if (request->choice == NULL)
        return;
    if (choice.packs) {
        plan = candidate->pack_plan[packed_input];
        choice.ref = candidate->pack[packed_input];
        choice.measured = setun_planner_measured_pack(planner, node->in[packed_input].index, choice.ref, &plan);
    } else {
        plan = candidate->kernel_plan;
        choice.ref = candidate->ref;
        choice.packing = packing_of(request->graph, node, candidate);
        choice.rule = candidate->rule;
        choice.measured = candidate->measured;
        choice.n_fitting = candidate->n_fitting;
        choice.second = candidate->second.state;
        choice.second_packing = candidate->second.fmts;
        choice.second_bytes = candidate->second.n_bytes;
        choice.second_ns = candidate->second.ns / request->machine->n_workers;
        choice.first_ns = candidate->second.first_ns / request->machine->n_workers;
    }
    choice.ns = plan.cost_ns / request->machine->n_workers;
    request->choice(request->choice_context, &choice);
}
