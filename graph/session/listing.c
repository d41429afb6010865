/* listing.c - steps of a plan as the planner decided them, in the words of setun_planned_step. */
#include "session/listing.h"

static const char *weight_of(const setun_graph *graph, const setun_graph_node *node)
{
    for (uint32_t i = 0; i < node->n_in; i++)
        if (node->in[i].kind == SETUN_OPERAND_WEIGHT)
            return graph->weights[node->in[i].index].entry;
    return "";
}

static int why(const setun_planner_choice *choice)
{
    if (choice->rule != NULL)
        return SETUN_WHY_RULE;
    if (choice->n_fitting == 1)
        return SETUN_WHY_ONLY;
    return choice->measured ? SETUN_WHY_MEASURED : SETUN_WHY_ESTIMATE;
}

void setun_session_list_choice(void *context, const setun_planner_choice *choice)
{
    setun_session_listing *listing = context;
    const setun_planner_request *request = choice->request;
    const setun_planned_step step = {
        .phase = setun_planner_phase(request), .rows_max = request->rows_max, .op = choice->packs ? "pack" : choice->node->op,
        .layer = choice->node->layer, .weight = choice->packs ? "" : weight_of(request->graph, choice->node),
        .kernel = choice->ref.kernel->name, .backend = choice->ref.plugin->name, .packing = choice->packing, .seconds = choice->ns * 1e-9,
        .why = why(choice), .rule = choice->rule == NULL ? "" : choice->rule->where != NULL ? choice->rule->where : "a kernel rule",
        .n_kernels = choice->rule != NULL ? 0 : choice->n_fitting, .second = choice->second, .second_packing = choice->second_packing,
        .second_bytes = choice->second_bytes, .second_seconds = choice->second_ns * 1e-9, .first_seconds = choice->first_ns * 1e-9};

    if (listing->status == SETUN_OK)
        listing->status = listing->sink(listing->context, &step, &listing->error);
}
