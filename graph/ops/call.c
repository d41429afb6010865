/* call.c - what ops.h offers to an op: its inputs and attributes, and the operands it adds to its node. */
#include <stdio.h>
#include <string.h>

#include "ops/call.h"

const setun_graph_value *setun_op_in(const setun_op_call *call, uint32_t i)
{
    return &call->e->graph->values[call->in[i]];
}

bool setun_op_has_attr(const setun_op_call *call, size_t attr)
{
    return call->attr[attr].node != NULL;
}

int64_t setun_op_int(const setun_op_call *call, size_t attr, int64_t otherwise)
{
    return call->attr[attr].node == NULL ? otherwise : call->attr[attr].value.i;
}

double setun_op_float(const setun_op_call *call, size_t attr, double otherwise)
{
    return call->attr[attr].node == NULL ? otherwise : call->attr[attr].value.f;
}

bool setun_op_bool(const setun_op_call *call, size_t attr, bool otherwise)
{
    return call->attr[attr].node == NULL ? otherwise : call->attr[attr].value.b;
}

int setun_op_word(const setun_op_call *call, size_t attr, int otherwise)
{
    return call->attr[attr].node == NULL ? otherwise : call->attr[attr].word;
}

/* An operand more at the end of in[] or out[]. */
static void add_operand(setun_graph_operand *operands, uint32_t *n, enum setun_operand_kind kind, uint32_t index)
{
    operands[*n].kind = kind;
    operands[*n].index = index;
    ++*n;
}

setun_status setun_op_weight(setun_op_call *call, uint32_t rank, const char *want, const setun_graph_weight **out_weight)
{
    uint32_t weight;
    setun_status status = setun_tensors_use(call->e, call->weight_node, call->weight, rank, want, &weight);

    if (status != SETUN_OK)
        return status;
    add_operand(call->made.in, &call->made.n_in, SETUN_OPERAND_WEIGHT, weight);
    *out_weight = &call->e->graph->weights[weight];
    return SETUN_OK;
}

/* Index of the table, made if no equal one is there. */
static setun_status rope_table(setun_op_call *call, const setun_graph_table *wanted, uint32_t *out_index)
{
    setun_graph *graph = call->e->graph;

    for (uint32_t i = 0; i < graph->n_tables; i++) {
        const setun_graph_table *t = &graph->tables[i];

        if (t->n_dims == wanted->n_dims && t->theta == wanted->theta && t->sine == wanted->sine && t->scaling == wanted->scaling
            && t->factor == wanted->factor && t->low == wanted->low && t->high == wanted->high && t->trained == wanted->trained) {
            *out_index = i;
            return SETUN_OK;
        }
    }
    if (graph->n_tables == SETUN_MAX_TABLES)
        return setun_op_fail(call, "expected at most %d different rope tables in one graph", SETUN_MAX_TABLES / 2);
    if (!setun_grow(&graph->tables, &graph->tables_capacity, graph->n_tables + 1, sizeof(*graph->tables)))
        return setun_fail_nomem(call->e->error, "rope tables", sizeof(*graph->tables));
    *out_index = (uint32_t)graph->n_tables;
    graph->tables[graph->n_tables++] = *wanted;
    return SETUN_OK;
}

setun_status setun_op_rope_tables(setun_op_call *call, const setun_graph_table *wanted)
{
    setun_graph_table table = *wanted;

    table.n_positions = call->e->graph->context;
    for (int sine = 0; sine <= 1; sine++) {
        uint32_t index = 0;
        setun_status status;

        table.sine = sine == 1;
        status = rope_table(call, &table, &index);
        if (status != SETUN_OK)
            return status;
        add_operand(call->made.in, &call->made.n_in, SETUN_OPERAND_TABLE, index);
    }
    return SETUN_OK;
}

/* Index + 1 of the layer's K cache, 0 if there is none yet. */
static uint32_t find_caches(const struct setun_elaboration *e, int64_t layer)
{
    return (uint64_t)layer < e->n_layers ? e->cache_of_layer[layer] : 0;
}

static setun_status make_caches(setun_op_call *call, int64_t layer, int64_t kv_heads, int64_t head_dim, uint32_t *out_index)
{
    struct setun_elaboration *e = call->e;
    setun_graph *graph = e->graph;
    const size_t n_layers = (size_t)layer + 1;

    if (!setun_grow(&graph->caches, &graph->caches_capacity, graph->n_caches + 2, sizeof(*graph->caches))
        || !setun_grow(&e->cache_of_layer, &e->layers_capacity, n_layers, sizeof(*e->cache_of_layer)))
        return setun_fail_nomem(e->error, "caches of the graph", n_layers * sizeof(*e->cache_of_layer));
    for (; e->n_layers < n_layers; e->n_layers++)
        e->cache_of_layer[e->n_layers] = 0;
    *out_index = (uint32_t)graph->n_caches;
    e->cache_of_layer[layer] = *out_index + 1;
    for (int value = 0; value <= 1; value++)
        graph->caches[graph->n_caches++] = (setun_graph_cache){
            .layer = layer, .kv_heads = kv_heads, .head_dim = head_dim, .value = value == 1};
    return SETUN_OK;
}

setun_status setun_op_write_caches(setun_op_call *call, int64_t layer, int64_t kv_heads, int64_t head_dim)
{
    uint32_t index = 0;
    setun_status status;

    if (find_caches(call->e, layer) != 0)
        return setun_op_fail(call, "the caches of layer %lld are written already", (long long)layer);
    status = make_caches(call, layer, kv_heads, head_dim, &index);
    if (status != SETUN_OK)
        return status;
    add_operand(call->made.out, &call->made.n_out, SETUN_OPERAND_CACHE, index);
    add_operand(call->made.out, &call->made.n_out, SETUN_OPERAND_CACHE, index + 1);
    return SETUN_OK;
}

setun_status setun_op_read_caches(setun_op_call *call, int64_t layer, int64_t kv_heads, int64_t head_dim)
{
    uint32_t index = find_caches(call->e, layer);
    const setun_graph_cache *cache;

    if (index == 0)
        return setun_op_fail(call, "the caches of layer %lld are not written yet: expected a kv_write of this layer before", (long long)layer);
    index--;
    cache = &call->e->graph->caches[index];
    if (cache->kv_heads != kv_heads || cache->head_dim != head_dim)
        return setun_op_fail(call, "the caches of layer %lld have %lld heads of %lld elements, expected %lld heads of %lld", (long long)layer,
                             (long long)cache->kv_heads, (long long)cache->head_dim, (long long)kv_heads, (long long)head_dim);
    add_operand(call->made.in, &call->made.n_in, SETUN_OPERAND_CACHE, index);
    add_operand(call->made.in, &call->made.n_in, SETUN_OPERAND_CACHE, index + 1);
    return SETUN_OK;
}

void *setun_op_attr_struct(setun_op_call *call, size_t n_bytes)
{
    void *attr = setun_pool_alloc(&call->e->graph->pool, n_bytes);

    if (attr == NULL)
        (void)setun_fail_nomem(call->e->error, "attributes of a node", n_bytes);
    call->made.attr = attr;
    return attr;
}

setun_status setun_op_out(setun_op_call *call, enum setun_rows rows, int64_t n)
{
    uint32_t value;
    setun_status status = setun_elaborate_value(call->e, call->out, call->out_node, rows, n, &value);

    if (status == SETUN_OK)
        add_operand(call->made.out, &call->made.n_out, SETUN_OPERAND_VALUE, value);
    return status;
}
