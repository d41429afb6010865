/* nodes.c - nodes of a graph and their operands, as tools see them. */
#include "inspect/inspect_internal.h"

_Static_assert((int)SETUN_NODE_INFO_OPERANDS == (int)SETUN_NODE_MAX_OPERANDS, "a node's operands fit what tools see");

static setun_operand_info describe_value(const setun_graph *graph, uint32_t index)
{
    static const int rows[] = {[SETUN_ROWS_FIXED] = SETUN_OPERAND_ROWS_FIXED, [SETUN_ROWS_BATCH] = SETUN_OPERAND_ROWS_BATCH,
                               [SETUN_ROWS_OUT] = SETUN_OPERAND_ROWS_OUT};
    const setun_graph_value *value = &graph->values[index];

    if (value->tokens)
        return (setun_operand_info){.kind = SETUN_OPERAND_IS_VALUE, .id = index, .name = value->name, .fmt = "i32",
                                    .rows = SETUN_OPERAND_ROWS_BATCH, .dim = {1, 1}};
    return (setun_operand_info){.kind = SETUN_OPERAND_IS_VALUE, .id = index, .name = value->name, .fmt = "f32", .rows = rows[value->rows],
                                .dim = {1, value->n}};
}

static setun_operand_info describe_operand(const setun_graph *graph, const setun_graph_operand *operand)
{
    const uint32_t index = operand->index;

    switch (operand->kind) {
    case SETUN_OPERAND_VALUE:
        break;
    case SETUN_OPERAND_WEIGHT: {
        const setun_graph_weight *weight = &graph->weights[index];

        return (setun_operand_info){.kind = SETUN_OPERAND_IS_WEIGHT, .id = index, .name = weight->entry, .tensor = weight->name,
                                    .fmt = weight->fmt, .dim = {weight->dim[0], weight->dim[1]}};
    }
    case SETUN_OPERAND_TABLE: {
        const setun_graph_table *table = &graph->tables[index];

        return (setun_operand_info){.kind = SETUN_OPERAND_IS_TABLE, .id = index, .name = table->sine ? "sin" : "cos", .fmt = "f32",
                                    .dim = {table->n_positions, table->n_dims / 2}};
    }
    case SETUN_OPERAND_CACHE: {
        const setun_graph_cache *cache = &graph->caches[index];

        return (setun_operand_info){.kind = SETUN_OPERAND_IS_CACHE, .id = index, .name = cache->value ? "V cache" : "K cache",
                                    .dim = {cache->kv_heads, cache->head_dim}};
    }
    }
    return describe_value(graph, index);
}

void setun_inspection_node(const setun_inspection *inspection, size_t i, setun_node_info *out_info)
{
    const setun_graph *graph = inspection->graph;
    const setun_graph_node *node = &graph->nodes[i];
    setun_node_info info = {.op = node->op, .note = node->note, .line = node->line, .column = node->column, .layer = node->layer,
                            .n_in = node->n_in, .n_out = node->n_out};

    for (uint32_t j = 0; j < node->n_in; j++)
        info.in[j] = describe_operand(graph, &node->in[j]);
    for (uint32_t j = 0; j < node->n_out; j++)
        info.out[j] = describe_operand(graph, &node->out[j]);
    *out_info = info;
}
