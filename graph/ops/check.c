/* check.c - shape checks that several ops share, and the errors that ops write. */
#include <stdio.h>
#include <string.h>

#include "ops/call.h"

static const char *rows_text(enum setun_rows rows)
{
    return rows == SETUN_ROWS_OUT ? "output rows" : rows == SETUN_ROWS_BATCH ? "rows" : "1";
}

const char *setun_op_describe(const setun_op_call *call, uint32_t i, char text[160])
{
    const setun_graph_value *v = setun_op_in(call, i);

    (void)snprintf(text, 160, "f32[%s, %lld] ('%.60s' of line %u)", rows_text(v->rows), (long long)v->n, v->name, v->line);
    return text;
}

static setun_status fail_at(const setun_op_call *call, const setun_yaml_node *node, const char *format, va_list args)
{
    char text[sizeof(call->e->error->text)];

    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    return setun_elaboration_fail(call->e, node, "%s: %s", call->op->name, text);
}

setun_status setun_op_fail(setun_op_call *call, const char *format, ...)
{
    va_list args;
    setun_status status;

    va_start(args, format);
    status = fail_at(call, call->node, format, args);
    va_end(args);
    return status;
}

setun_status setun_op_fail_attr(setun_op_call *call, size_t attr, const char *format, ...)
{
    va_list args;
    setun_status status;

    va_start(args, format);
    status = fail_at(call, call->attr[attr].node != NULL ? call->attr[attr].node : call->node, format, args);
    va_end(args);
    return status;
}

setun_status setun_op_fail_weight(setun_op_call *call, const setun_graph_weight *weight, const char *expected, ...)
{
    const struct setun_elaboration *e = call->e;
    char wanted[400], shape[64];
    va_list args;

    va_start(args, expected);
    if (vsnprintf(wanted, sizeof(wanted), expected, args) < 0)
        wanted[0] = '\0';
    va_end(args);
    if (weight->source != NULL && weight->source->n_dims == 1)
        (void)snprintf(shape, sizeof(shape), "%s[%lld]", weight->fmt, (long long)weight->dim[1]);
    else
        (void)snprintf(shape, sizeof(shape), "%s[%lld, %lld]", weight->fmt != NULL ? weight->fmt : "", (long long)weight->dim[0],
                       (long long)weight->dim[1]);
    if (weight->source == NULL)
        return setun_yaml_fail(e->yaml, call->weight_node, e->error, "%s: weight '%.60s' is %s, expected %s", call->op->name, call->weight,
                               shape, wanted);
    return setun_yaml_fail(e->yaml, call->weight_node, e->error, "%s: weight '%.60s' (tensor '%.120s' of %.200s) is %s, expected %s",
                           call->op->name, call->weight, weight->name, setun_weights_path(e->weights), shape, wanted);
}

setun_status setun_op_check_same(setun_op_call *call, uint32_t a, uint32_t b)
{
    const setun_graph_value *x = setun_op_in(call, a), *y = setun_op_in(call, b);
    char x_text[160], y_text[160];

    if (x->rows == y->rows && x->n == y->n)
        return SETUN_OK;
    return setun_op_fail(call, "expected %s and %s of one shape, found %s and %s", call->op->in_names[a], call->op->in_names[b],
                         setun_op_describe(call, a, x_text), setun_op_describe(call, b, y_text));
}

setun_status setun_op_check_batch(setun_op_call *call, uint32_t i)
{
    char text[160];

    if (setun_op_in(call, i)->rows == SETUN_ROWS_BATCH)
        return SETUN_OK;
    return setun_op_fail(call, "expected %s with all the rows of the pass, found %s", call->op->in_names[i], setun_op_describe(call, i, text));
}

setun_status setun_op_check_parts(setun_op_call *call, uint32_t i, size_t attr, int64_t parts, int64_t *out_n)
{
    const setun_graph_value *x = setun_op_in(call, i);
    char text[160];

    if (x->n % parts != 0)
        return setun_op_fail_attr(call, attr, "expected %s to divide the columns of %s, found %s = %lld and %s", call->op->attrs[attr].name,
                                  call->op->in_names[i], call->op->attrs[attr].name, (long long)parts, setun_op_describe(call, i, text));
    *out_n = x->n / parts;
    return SETUN_OK;
}
