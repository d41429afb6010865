/* read.c - a node of the model file, read by what its op declares: inputs, weight, output and attributes, each with its own error. */
#include <stdio.h>
#include <string.h>

#include "ops/call.h"

/* Line of the first `out: name` after node `after`, searched through repeats; 0 if there is none. */
static uint32_t find_later(const setun_yaml_node *nodes, const setun_yaml_node *after, const char *name)
{
    for (size_t i = 0; nodes != NULL && nodes->kind == SETUN_YAML_SEQUENCE && i < nodes->n; i++) {
        const setun_yaml_node *node = &nodes->items[i], *out = setun_yaml_get(node, "out"), *inner = setun_yaml_get(node, "nodes");
        uint32_t line = inner == NULL ? 0 : find_later(inner, after, name);

        if (line != 0)
            return line;
        if (out != NULL && out->kind == SETUN_YAML_SCALAR && strcmp(out->text, name) == 0
            && (out->line > after->line || (out->line == after->line && out->column > after->column)))
            return out->line;
    }
    return 0;
}

static setun_status fail_value(setun_op_call *call, const setun_yaml_node *node, const char *name)
{
    struct setun_elaboration *e = call->e;
    const char *words[128], *nearest;
    size_t n = 0;
    uint32_t line = find_later(e->nodes, call->node, name);

    if (line != 0)
        return setun_yaml_fail(e->yaml, node, e->error, "%s: value '%.60s' is written only later, in line %u: a cycle", call->op->name, name,
                               line);
    for (size_t i = e->n_bindings; i-- > 0 && n < SETUN_COUNT(words);)
        words[n++] = e->bindings[i].name;
    nearest = setun_nearest_word(name, words, n);
    return setun_yaml_fail(e->yaml, node, e->error, "%s: unknown value '%.60s'%s%s%s", call->op->name, name,
                           nearest != NULL ? ", did you mean '" : ", expected one that an earlier node writes",
                           nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
}

static setun_status read_input(setun_op_call *call, uint32_t i, const setun_yaml_node *node)
{
    struct setun_elaboration *e = call->e;
    const setun_graph_value *value;
    const char *name;
    size_t b = 0;
    setun_status status = setun_read_word(e, node, "the name of a value", &name);

    if (status != SETUN_OK)
        return status;
    while (b < e->n_bindings && strcmp(e->bindings[b].name, name) != 0)
        b++;
    if (b == e->n_bindings)
        return fail_value(call, node, name);
    call->in[i] = e->bindings[b].value;
    call->in_node[i] = node;
    value = setun_op_in(call, i);
    if (value->tokens != call->op->tokens)
        return setun_yaml_fail(e->yaml, node, e->error, "%s: expected %s, found '%.60s', which is %s", call->op->name,
                               call->op->tokens ? "the token ids ('tokens')" : "an activation", name,
                               value->tokens ? "the token ids" : "an activation");
    e->used[call->in[i]] = true;
    call->made.in[call->made.n_in].kind = SETUN_OPERAND_VALUE;
    call->made.in[call->made.n_in++].index = call->in[i];
    return SETUN_OK;
}

static setun_status read_inputs(setun_op_call *call)
{
    struct setun_elaboration *e = call->e;
    const setun_yaml_node *in = setun_yaml_get(call->node, "in");
    const setun_op *op = call->op;
    size_t found = in == NULL ? 0 : in->kind == SETUN_YAML_SEQUENCE ? in->n : 1;
    setun_status status = SETUN_OK;

    if (found != op->n_in)
        return setun_yaml_fail(e->yaml, in != NULL ? in : call->node, e->error, "%s: expected %u value%s in 'in' (%s%s%s), found %zu", op->name,
                               op->n_in, op->n_in == 1 ? "" : "s", op->in_names[0], op->n_in == 2 ? ", " : "",
                               op->n_in == 2 ? op->in_names[1] : "", found);
    for (uint32_t i = 0; i < op->n_in && status == SETUN_OK; i++)
        status = read_input(call, i, in->kind == SETUN_YAML_SEQUENCE ? &in->items[i] : in);
    return status;
}

static const char *const type_names[] = {
    [SETUN_ATTR_INT] = "an integer", [SETUN_ATTR_FLOAT] = "a number", [SETUN_ATTR_BOOL] = "true or false", [SETUN_ATTR_WORD] = "a word"};

static setun_status check_range(const setun_op_call *call, const setun_op_attr *attr, const setun_yaml_node *node, const setun_expr_value *value)
{
    double number = attr->type == SETUN_ATTR_INT ? (double)value->i : value->f;
    char low[32], high[32], found[80];

    if (attr->type == SETUN_ATTR_BOOL || (number >= attr->min && number <= attr->max))
        return SETUN_OK;
    if (attr->type == SETUN_ATTR_INT)
        return setun_elaboration_fail(call->e, node, "%s: expected %s from %.0f to %.0f, found %s", call->op->name, attr->name,
                               attr->min, attr->max, setun_expr_describe(value, found));
    return setun_elaboration_fail(call->e, node, "%s: expected %s from %s to %s, found %s", call->op->name, attr->name,
                           setun_expr_float_text(attr->min, low), setun_expr_float_text(attr->max, high), setun_expr_describe(value, found));
}

/* Which of the attribute's words it is. */
static setun_status read_attr_word(setun_op_call *call, size_t i, const setun_yaml_node *node, const setun_expr_value *value)
{
    const setun_op_attr *attr = &call->op->attrs[i];
    char list[128] = "", found[80];

    for (size_t w = 0; w < SETUN_COUNT(attr->words) && attr->words[w] != NULL; w++) {
        if (value->type == SETUN_EXPR_STRING && strcmp(value->s, attr->words[w]) == 0) {
            call->attr[i].word = (int)w;
            return SETUN_OK;
        }
        (void)snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", w == 0 ? "" : " or ", attr->words[w]);
    }
    return setun_elaboration_fail(call->e, node, "%s: expected %s to be %s, found %s", call->op->name, attr->name, list,
                           setun_expr_describe(value, found));
}

static setun_status read_attr(setun_op_call *call, size_t i)
{
    struct setun_elaboration *e = call->e;
    const setun_op_attr *attr = &call->op->attrs[i];
    const setun_yaml_node *node = setun_yaml_get(call->node, attr->name);
    setun_expr_value value;
    char found[80];
    bool fits;
    setun_status status;

    if (node == NULL && !attr->required)
        return SETUN_OK;
    if (node == NULL)
        return setun_yaml_fail(e->yaml, call->node, e->error, "%s: expected the attribute '%s' (%s), found none", call->op->name, attr->name,
                               type_names[attr->type]);
    status = setun_elaboration_eval(e, node, &e->scratch, &value);
    if (status != SETUN_OK)
        return status;
    if (attr->type == SETUN_ATTR_FLOAT && value.type == SETUN_EXPR_INT) {
        value.type = SETUN_EXPR_FLOAT;
        value.f = (double)value.i;
    }
    call->attr[i].node = node;
    call->attr[i].value = value;
    if (attr->type == SETUN_ATTR_WORD)
        return read_attr_word(call, i, node, &value);
    fits = attr->type == SETUN_ATTR_INT ? value.type == SETUN_EXPR_INT : attr->type == SETUN_ATTR_FLOAT ? value.type == SETUN_EXPR_FLOAT
                                                                                                        : value.type == SETUN_EXPR_BOOL;
    if (!fits)
        return setun_elaboration_fail(e, node, "%s: expected %s to be %s, found %s", call->op->name, attr->name,
                               type_names[attr->type], setun_expr_describe(&value, found));
    return check_range(call, attr, node, &value);
}

static setun_status read_weight(setun_op_call *call)
{
    struct setun_elaboration *e = call->e;
    setun_expr_value value;
    char found[80];
    setun_status status;

    call->weight_node = setun_yaml_get(call->node, "weight");
    if (call->weight_node == NULL)
        return setun_yaml_fail(e->yaml, call->node, e->error, "%s: expected 'weight', found none", call->op->name);
    status = setun_elaboration_eval(e, call->weight_node, &e->scratch, &value);
    if (status != SETUN_OK)
        return status;
    if (value.type != SETUN_EXPR_STRING || value.s[0] == '\0')
        return setun_elaboration_fail(e, call->weight_node, "%s: expected the name of a weight, found %s", call->op->name,
                               setun_expr_describe(&value, found));
    call->weight = value.s;
    return SETUN_OK;
}

static setun_status read_out(setun_op_call *call)
{
    struct setun_elaboration *e = call->e;
    setun_status status;

    call->out_node = setun_yaml_get(call->node, "out");
    if (call->out_node == NULL)
        return setun_yaml_fail(e->yaml, call->node, e->error, "%s: expected 'out', found none", call->op->name);
    status = setun_read_word(e, call->out_node, "the name of a value", &call->out);
    if (status == SETUN_OK && strcmp(call->out, "tokens") == 0)
        status = setun_yaml_fail(e->yaml, call->out_node, e->error, "%s: expected another name: 'tokens' is the graph's input", call->op->name);
    return status;
}

setun_status setun_op_call_check_keys(const setun_op_call *call)
{
    const setun_op *op = call->op;
    const char *known[5 + SETUN_OP_MAX_ATTRS] = {"op", "when"};
    size_t n = 2;

    known[n++] = "in";
    if (op->weight)
        known[n++] = "weight";
    if (!op->no_out)
        known[n++] = "out";
    for (size_t i = 0; i < op->n_attrs; i++)
        known[n++] = op->attrs[i].name;
    return setun_yaml_check_keys(call->e->yaml, call->node, op->name, known, n, call->e->error);
}

setun_status setun_op_call_read(setun_op_call *call)
{
    setun_status status = read_inputs(call);

    if (status == SETUN_OK && call->op->weight)
        status = read_weight(call);
    for (size_t i = 0; i < call->op->n_attrs && status == SETUN_OK; i++)
        status = read_attr(call, i);
    if (status == SETUN_OK && !call->op->no_out)
        status = read_out(call);
    return status;
}

setun_status setun_op_call_note(setun_op_call *call)
{
    setun_pool *pool = &call->e->graph->pool;
    char text[512] = "";
    size_t used = 0;

    for (size_t i = 0; i < call->op->n_attrs; i++) {
        const setun_op_attr *attr = &call->op->attrs[i];
        const setun_expr_value *value = &call->attr[i].value;
        const char *comma = used == 0 ? "" : ", ";
        char number[32];
        int n = 0;

        if (call->attr[i].node == NULL || strcmp(attr->name, "layer") == 0) /* the same node in every layer has the same note */
            continue;
        switch (attr->type) {
        case SETUN_ATTR_INT:
            n = snprintf(text + used, sizeof(text) - used, "%s%s %lld", comma, attr->name, (long long)value->i);
            break;
        case SETUN_ATTR_FLOAT:
            n = snprintf(text + used, sizeof(text) - used, "%s%s %s", comma, attr->name, setun_expr_float_text(value->f, number));
            break;
        case SETUN_ATTR_BOOL:
            n = snprintf(text + used, sizeof(text) - used, "%s%s%s", comma, value->b ? "" : "not ", attr->name);
            break;
        case SETUN_ATTR_WORD:
            n = snprintf(text + used, sizeof(text) - used, "%s%s %s", comma, attr->name, value->s);
            break;
        }
        used += (size_t)n;
        if (used >= sizeof(text)) /* nine attributes of 50 bytes fit; a longer text is cut */
            break;
    }
    call->made.note = setun_pool_strndup(pool, text, strlen(text));
    return call->made.note != NULL ? SETUN_OK : setun_fail_nomem(call->e->error, "a node's attributes", sizeof(text));
}
