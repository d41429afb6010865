/* elaborate.c - walks the `graph` section: repeats are unrolled, nodes with a false `when` are left out, names become values. */
#include <stdlib.h>
#include <string.h>

#include "family/elaborate.h"
#include "ops/call.h"

setun_status setun_elaborate_value(struct setun_elaboration *e, const char *name, const setun_yaml_node *node, enum setun_rows rows, int64_t n,
                                   uint32_t *out_value)
{
    setun_graph *graph = e->graph;
    uint32_t index = (uint32_t)graph->n_values;
    size_t b = 0;

    while (b < e->n_bindings && strcmp(e->bindings[b].name, name) != 0)
        b++;
    if (!setun_grow(&graph->values, &graph->values_capacity, graph->n_values + 1, sizeof(*graph->values))
        || !setun_grow(&e->used, &e->used_capacity, graph->n_values + 1, sizeof(*e->used))
        || !setun_grow(&e->bindings, &e->bindings_capacity, e->n_bindings + 1, sizeof(*e->bindings)))
        return setun_fail_nomem(e->error, "values of the graph", (graph->n_values + 1) * sizeof(*graph->values));
    if (b < e->n_bindings) {
        name = e->bindings[b].name;
    } else {
        name = setun_pool_strndup(&graph->pool, name, strlen(name));
        if (name == NULL)
            return setun_fail_nomem(e->error, "a name in the graph", 64);
        e->bindings[e->n_bindings++].name = name;
    }
    graph->values[index] = (setun_graph_value){.name = name, .rows = rows, .n = n, .line = node->line, .column = node->column};
    graph->n_values++;
    e->bindings[b].value = index;
    e->used[index] = false;
    *out_value = index;
    return SETUN_OK;
}

/* Counts towards the limit that keeps a hostile file from unrolling for ever. */
static setun_status step(struct setun_elaboration *e, const setun_yaml_node *node)
{
    if (++e->n_steps > SETUN_MAX_NODES)
        return setun_elaboration_fail(e, node, "expected at most %d nodes and turns of repeats in all", SETUN_MAX_NODES);
    return SETUN_OK;
}

/* The node's `when`, true without one. */
static setun_status read_when(struct setun_elaboration *e, const setun_yaml_node *node, bool *out_when)
{
    const setun_yaml_node *when = setun_yaml_get(node, "when");
    setun_expr_value value;
    char found[80];
    setun_status status;

    *out_when = true;
    if (when == NULL)
        return SETUN_OK;
    status = setun_elaboration_eval(e, when, &e->scratch, &value);
    if (status != SETUN_OK)
        return status;
    if (value.type != SETUN_EXPR_BOOL)
        return setun_elaboration_fail(e, when, "when: expected true or false, found %s", setun_expr_describe(&value, found));
    *out_when = value.b;
    return SETUN_OK;
}

/* `op` may be an expression: op: "${act}". */
static setun_status find_op(struct setun_elaboration *e, const setun_yaml_node *node, const setun_op **out_op)
{
    const char *words[64], *nearest = NULL;
    setun_expr_value value;
    char found[80];
    setun_status status = setun_elaboration_eval(e, node, &e->scratch, &value);

    if (status != SETUN_OK)
        return status;
    *out_op = value.type == SETUN_EXPR_STRING ? setun_op_find(value.s) : NULL;
    if (*out_op != NULL)
        return SETUN_OK;
    for (size_t i = 0; i < setun_n_ops && i < SETUN_COUNT(words); i++)
        words[i] = setun_ops[i]->name;
    if (value.type != SETUN_EXPR_STRING || value.s[0] == '\0')
        return setun_elaboration_fail(e, node, "expected the name of an op, found %s", setun_expr_describe(&value, found));
    nearest = setun_nearest_word(value.s, words, setun_n_ops < SETUN_COUNT(words) ? setun_n_ops : SETUN_COUNT(words));
    if (nearest != NULL)
        return setun_elaboration_fail(e, node, "unknown op '%.60s', did you mean '%s'?", value.s, nearest);
    return setun_elaboration_fail(e, node, "unknown op '%.60s', expected one of those that models/MODEL.md lists", value.s);
}

/* One {op: ...} becomes one node, unless `when` is false: then only its op and its keys are checked. */
static setun_status elaborate_op(struct setun_elaboration *e, const setun_yaml_node *node, bool when)
{
    setun_graph *graph = e->graph;
    struct setun_op_call call = {.e = e, .node = node, .op_node = setun_yaml_get(node, "op")};
    setun_status status = find_op(e, call.op_node, &call.op);

    if (status == SETUN_OK)
        status = setun_op_call_check_keys(&call);
    if (status != SETUN_OK || !when)
        return status;
    call.made.op = call.op->name;
    call.made.line = node->line;
    call.made.column = node->column;
    call.made.layer = e->n_indices == 0 ? -1 : e->indices[e->n_indices - 1].value;
    status = setun_op_call_read(&call);
    if (status == SETUN_OK)
        status = call.op->build(&call);
    if (status == SETUN_OK)
        status = setun_op_call_note(&call);
    if (status != SETUN_OK)
        return status;
    if (!setun_grow(&graph->nodes, &graph->nodes_capacity, graph->n_nodes + 1, sizeof(*graph->nodes)))
        return setun_fail_nomem(e->error, "nodes of the graph", (graph->n_nodes + 1) * sizeof(*graph->nodes));
    graph->nodes[graph->n_nodes++] = call.made;
    return SETUN_OK;
}

static setun_status elaborate_list(struct setun_elaboration *e, const setun_yaml_node *nodes);

/* Name of the index of a repeat, "" if it has none; it may hide no other name. */
static setun_status read_index(struct setun_elaboration *e, const setun_yaml_node *node, const char **out_name)
{
    const setun_yaml_node *index = setun_yaml_get(node, "index");
    setun_expr_value old;
    setun_status status;

    *out_name = "";
    if (index == NULL)
        return SETUN_OK;
    status = setun_read_word(e, index, "the name of an index", out_name);
    if (status == SETUN_OK && e->scope.lookup(e, *out_name, &old))
        status = setun_yaml_fail(e->yaml, index, e->error, "expected a new name for the index, found '%s', which is in use already", *out_name);
    return status;
}

/* Unrolls {repeat: ...}; if `when` is false, only its keys are checked. */
static setun_status elaborate_repeat(struct setun_elaboration *e, const setun_yaml_node *node, bool when)
{
    static const char *const known[] = {"repeat", "index", "nodes", "when"};
    const setun_yaml_node *repeat = setun_yaml_get(node, "repeat"), *nodes = setun_yaml_get(node, "nodes");
    const char *index;
    setun_expr_value count;
    char found[80];
    setun_status status = setun_yaml_check_keys(e->yaml, node, "repeat", known, SETUN_COUNT(known), e->error);

    if (status != SETUN_OK || !when)
        return status;
    status = setun_elaboration_eval(e, repeat, &e->scratch, &count);
    if (status == SETUN_OK)
        status = read_index(e, node, &index);
    if (status != SETUN_OK)
        return status;
    if (count.type != SETUN_EXPR_INT || count.i < 0 || count.i > SETUN_MAX_NODES)
        return setun_elaboration_fail(e, repeat, "repeat: expected an integer from 0 to %d, found %s", SETUN_MAX_NODES,
                                      setun_expr_describe(&count, found));
    if (nodes == NULL)
        return setun_yaml_fail(e->yaml, node, e->error, "repeat: expected 'nodes', found none");
    if (e->n_indices == SETUN_MAX_INDICES)
        return setun_yaml_fail(e->yaml, repeat, e->error, "expected at most %d repeats inside one another", SETUN_MAX_INDICES);
    e->indices[e->n_indices].name = index;
    e->indices[e->n_indices].repeat = repeat;
    e->n_indices++;
    for (int64_t i = 0; i < count.i && status == SETUN_OK; i++) {
        e->indices[e->n_indices - 1].value = i;
        status = step(e, repeat);
        if (status == SETUN_OK)
            status = elaborate_list(e, nodes);
    }
    e->n_indices--;
    return status;
}

/* A node without `op` and `repeat`: perhaps one of its keys is meant to be it. */
static setun_status fail_no_op(struct setun_elaboration *e, const setun_yaml_node *node)
{
    static const char *const words[] = {"op", "repeat", "in", "out", "weight", "when", "index", "nodes"}; /* the wanted ones first */

    for (size_t i = 0; i < node->n; i++) {
        const setun_yaml_node *key = &node->items[i];
        const char *nearest = setun_nearest_word(key->text, words, SETUN_COUNT(words));

        if (nearest == words[0] || nearest == words[1])
            return setun_yaml_fail(e->yaml, key, e->error, "expected 'op' or 'repeat' in a node, found '%.60s', did you mean '%s'?", key->text,
                                   nearest);
    }
    return setun_yaml_fail(e->yaml, node, e->error, "expected 'op' or 'repeat' in a node, found neither");
}

static setun_status elaborate_node(struct setun_elaboration *e, const setun_yaml_node *node)
{
    char found[64];
    bool when;
    setun_status status;

    if (node->kind != SETUN_YAML_MAPPING)
        return setun_yaml_fail(e->yaml, node, e->error, "expected a node {op: ...} or {repeat: ...}, found %s", setun_yaml_describe(node, found));
    if (setun_yaml_get(node, "op") == NULL && setun_yaml_get(node, "repeat") == NULL)
        return fail_no_op(e, node);
    status = step(e, node);
    if (status == SETUN_OK)
        status = read_when(e, node, &when);
    if (status != SETUN_OK)
        return status;
    return setun_yaml_get(node, "repeat") != NULL ? elaborate_repeat(e, node, when) : elaborate_op(e, node, when);
}

static setun_status elaborate_list(struct setun_elaboration *e, const setun_yaml_node *nodes)
{
    char found[64];
    setun_status status = SETUN_OK;

    if (nodes->kind != SETUN_YAML_SEQUENCE || nodes->n == 0)
        return setun_yaml_fail(e->yaml, nodes, e->error, "expected a list of nodes, found %s",
                               nodes->kind == SETUN_YAML_SEQUENCE ? "an empty one" : setun_yaml_describe(nodes, found));
    for (size_t i = 0; i < nodes->n && status == SETUN_OK; i++) {
        status = elaborate_node(e, &nodes->items[i]);
        setun_pool_free(&e->scratch);
    }
    return status;
}

/* What the graph as a whole must have: a result, and no value that nothing reads. */
static setun_status check_result(struct setun_elaboration *e)
{
    setun_graph *graph = e->graph;
    const setun_graph_value *logits = NULL;

    for (size_t b = 0; b < e->n_bindings; b++)
        if (strcmp(e->bindings[b].name, "logits") == 0) {
            graph->logits = e->bindings[b].value;
            logits = &graph->values[graph->logits];
            e->used[graph->logits] = true;
        }
    for (size_t i = 0; i < graph->n_values; i++)
        if (!e->used[i]) {
            const setun_graph_value *v = &graph->values[i];
            const setun_yaml_node at = {.line = v->line, .column = v->column};

            return setun_yaml_fail(e->yaml, &at, e->error, "value '%.60s' is never used", v->name);
        }
    if (logits == NULL)
        return setun_yaml_fail(e->yaml, e->nodes, e->error, "expected a node that writes the value 'logits', found none");
    if (logits->rows != SETUN_ROWS_OUT) {
        const setun_yaml_node at = {.line = logits->line, .column = logits->column};

        return setun_yaml_fail(e->yaml, &at, e->error, "expected 'logits' of the output rows only: the op 'output_rows' stands before it");
    }
    graph->vocab = logits->n;
    return SETUN_OK;
}

setun_status setun_elaborate_nodes(struct setun_elaboration *e)
{
    setun_status status = setun_elaborate_value(e, "tokens", e->nodes, SETUN_ROWS_FIXED, 0, &e->graph->tokens);

    if (status != SETUN_OK)
        return status;
    e->graph->values[e->graph->tokens].tokens = true;
    status = elaborate_list(e, e->nodes);
    return status == SETUN_OK ? check_result(e) : status;
}
