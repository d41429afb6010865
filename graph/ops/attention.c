/* attention.c - y = softmax(scale * q . K) . V over the cached positions of each row's sequence; q and y are f32[rows, heads * head_dim].
 * Query head h reads kv head h / (heads / kv_heads). The layer's kv_write stands before it.
 *
 * heads, kv_heads  query heads, and heads of the cache; the first is a multiple of the second
 * layer            whose caches are read
 * causal           true (default): a row sees the positions up to its own; false: all positions of its sequence
 * window           a row sees its last `window` positions, its own included; 0 (default): no limit
 * scale            default 1 / sqrt(head_dim)
 * softcap          0 (default): none; else scores become softcap * tanh(score / softcap) */
#include <math.h>

#include "ops/ops.h"

enum { HEADS, KV_HEADS, LAYER, CAUSAL, WINDOW, SCALE, SOFTCAP };
static const setun_op_attr attrs[] = {
    [HEADS] = {.name = "heads", .type = SETUN_ATTR_INT, .required = true, .min = 1, .max = SETUN_ATTR_INT_MAX},
    [KV_HEADS] = {.name = "kv_heads", .type = SETUN_ATTR_INT, .required = true, .min = 1, .max = SETUN_ATTR_INT_MAX},
    [LAYER] = {.name = "layer", .type = SETUN_ATTR_INT, .required = true, .min = 0, .max = 65535},
    [CAUSAL] = {.name = "causal", .type = SETUN_ATTR_BOOL},
    [WINDOW] = {.name = "window", .type = SETUN_ATTR_INT, .min = 0, .max = SETUN_ATTR_INT_MAX},
    [SCALE] = {.name = "scale", .type = SETUN_ATTR_FLOAT, .min = -SETUN_ATTR_FLOAT_MAX, .max = SETUN_ATTR_FLOAT_MAX},
    [SOFTCAP] = {.name = "softcap", .type = SETUN_ATTR_FLOAT, .min = 0, .max = SETUN_ATTR_FLOAT_MAX},
};

static setun_status build(setun_op_call *call)
{
    const setun_graph_value *q = setun_op_in(call, 0);
    setun_attr_attention *attr;
    int64_t heads = setun_op_int(call, HEADS, 1), kv_heads = setun_op_int(call, KV_HEADS, 1), head_dim;
    setun_status status = setun_op_check_batch(call, 0);

    if (status == SETUN_OK)
        status = setun_op_check_parts(call, 0, HEADS, heads, &head_dim);
    if (status == SETUN_OK && heads % kv_heads != 0)
        status = setun_op_fail_attr(call, KV_HEADS, "expected kv_heads to divide heads = %lld, found %lld", (long long)heads,
                                    (long long)kv_heads);
    if (status == SETUN_OK)
        status = setun_op_read_caches(call, setun_op_int(call, LAYER, 0), kv_heads, head_dim);
    if (status != SETUN_OK)
        return status;
    attr = setun_op_attr_struct(call, sizeof(*attr));
    if (attr == NULL)
        return SETUN_ERR_NOMEM;
    attr->size = sizeof(*attr);
    attr->causal = setun_op_bool(call, CAUSAL, true);
    attr->heads = heads;
    attr->kv_heads = kv_heads;
    attr->head_dim = head_dim;
    attr->window = setun_op_int(call, WINDOW, 0);
    attr->scale = (float)setun_op_float(call, SCALE, 1.0 / sqrt((double)head_dim));
    attr->softcap = (float)setun_op_float(call, SOFTCAP, 0);
    return setun_op_out(call, q->rows, q->n);
}

const setun_op setun_op_attention = {.name = "attention", .n_in = 1, .in_names = {"q"}, .attrs = attrs, .n_attrs = 7, .build = build};
