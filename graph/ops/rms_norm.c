/* rms_norm.c - y = x / sqrt(mean(x^2) + eps) * (w + weight_offset); x is f32[rows, n], w f32[n].
 *
 * eps            added to the mean square, inside the root; above 0
 * groups         n / groups consecutive columns are normalised together: 1 (default) is the whole row, the number of heads is each head
 * weight_offset  0 (default), or 1 where a family stores w - 1 */
#include <string.h>

#include "ops/ops.h"

enum { EPS, GROUPS, WEIGHT_OFFSET };
static const setun_op_attr attrs[] = {
    [EPS] = {.name = "eps", .type = SETUN_ATTR_FLOAT, .required = true, .min = 1e-30, .max = 1},
    [GROUPS] = {.name = "groups", .type = SETUN_ATTR_INT, .min = 1, .max = SETUN_ATTR_INT_MAX},
    [WEIGHT_OFFSET] = {.name = "weight_offset", .type = SETUN_ATTR_FLOAT, .min = -SETUN_ATTR_FLOAT_MAX, .max = SETUN_ATTR_FLOAT_MAX},
};

static setun_status build(setun_op_call *call)
{
    const setun_graph_value *x = setun_op_in(call, 0);
    const setun_graph_weight *w;
    setun_attr_rms_norm *attr;
    int64_t groups = setun_op_int(call, GROUPS, 1), width;
    char from[160];
    setun_status status = setun_op_check_parts(call, 0, GROUPS, groups, &width);

    if (status == SETUN_OK)
        status = setun_op_weight(call, 1, "f32", &w);
    if (status != SETUN_OK)
        return status;
    if (w->dim[1] != x->n)
        return setun_op_fail_weight(call, w, "[%lld], since x is %s", (long long)x->n, setun_op_describe(call, 0, from));
    attr = setun_op_attr_struct(call, sizeof(*attr));
    if (attr == NULL)
        return SETUN_ERR_NOMEM;
    attr->size = sizeof(*attr);
    attr->eps = (float)setun_op_float(call, EPS, 0);
    attr->groups = groups;
    attr->weight_offset = (float)setun_op_float(call, WEIGHT_OFFSET, 0);
    return setun_op_out(call, x->rows, x->n);
}

const setun_op setun_op_rms_norm = {
    .name = "rms_norm", .n_in = 1, .in_names = {"x"}, .weight = true, .attrs = attrs, .n_attrs = 3, .build = build};
