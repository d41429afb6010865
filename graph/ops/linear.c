/* linear.c - y = x . w^T; x is f32[rows, k], w [n, k], y f32[rows, n].
 *
 * ternary: true   the layer is ternary by design: w is stored in a ternary format, or as f32, f16 or bf16 masters that are to be
 *                 ternarised when they are packed (numerics.md: absmean).
 * ternary: false  (default) w is used as it is stored, in whatever format that is. */
#include <string.h>

#include "ops/ops.h"

enum { TERNARY };
static const setun_op_attr attrs[] = {[TERNARY] = {.name = "ternary", .type = SETUN_ATTR_BOOL}};

/* A master, or codes of a ternary format ("tern...") with their scale. */
static bool can_be_ternary(const char *fmt)
{
    return strcmp(fmt, "f32") == 0 || strcmp(fmt, "f16") == 0 || strcmp(fmt, "bf16") == 0 || strncmp(fmt, "tern", 4) == 0;
}

static setun_status build(setun_op_call *call)
{
    const setun_graph_value *x = setun_op_in(call, 0);
    const setun_graph_weight *w;
    bool ternary = setun_op_bool(call, TERNARY, false);
    char from[160];
    setun_status status = setun_op_weight(call, 2, ternary ? "ternary" : NULL, &w);

    if (status != SETUN_OK)
        return status;
    if (w->dim[1] != x->n)
        return setun_op_fail_weight(call, w, "[n, %lld], since x is %s", (long long)x->n, setun_op_describe(call, 0, from));
    if (ternary && w->fmt != NULL && !can_be_ternary(w->fmt))
        return setun_op_fail_weight(call, w, "a ternary format, or f32, f16 or bf16 to be ternarised");
    return setun_op_out(call, x->rows, w->dim[0]);
}

const setun_op setun_op_linear = {
    .name = "linear", .n_in = 1, .in_names = {"x"}, .weight = true, .attrs = attrs, .n_attrs = 1, .build = build};
