/* count_ops.c - how much arithmetic a row needs, whichever kernels do it: two operations for each weight of a linear layer. */
#include <string.h>

#include "session/session_internal.h"

/* By numerics.md, ternary and block-quantised weights meet int8 activations; weights of 16 and 32 bits meet f32. */
static bool is_int8(const setun_graph_weight *weight)
{
    static const char *const real[] = {"f32", "f16", "bf16"};

    if (weight->want != NULL && strcmp(weight->want, "ternary") == 0)
        return true;
    for (size_t i = 0; i < SETUN_COUNT(real); i++)
        if (weight->fmt != NULL && strcmp(weight->fmt, real[i]) == 0)
            return false;
    return weight->fmt != NULL;
}

void setun_session_count_ops(const setun_graph *graph, setun_session_info *info)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const setun_graph_node *node = &graph->nodes[i];
        const setun_graph_weight *weight;
        bool of_logits;
        uint64_t n;

        if (strcmp(node->op, "linear") != 0)
            continue;
        weight = &graph->weights[node->in[1].index];
        of_logits = graph->values[node->out[0].index].rows == SETUN_ROWS_OUT;
        n = 2 * (uint64_t)weight->dim[0] * (uint64_t)weight->dim[1];
        *(of_logits ? &info->logits_ops : &info->row_ops) += n;
        if (is_int8(weight))
            *(of_logits ? &info->logits_int8_ops : &info->row_int8_ops) += n;
    }
}
