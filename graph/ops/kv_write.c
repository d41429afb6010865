/* kv_write.c - appends the rows of k and v, f32[rows, kv_heads * head_dim], to the caches of a layer at the rows' positions.
 *
 * kv_heads  heads in a row of k and of v
 * layer     which caches; each layer is written by one node, and before attention reads it */
#include "ops/ops.h"

enum { KV_HEADS, LAYER };
static const setun_op_attr attrs[] = {
    [KV_HEADS] = {.name = "kv_heads", .type = SETUN_ATTR_INT, .required = true, .min = 1, .max = SETUN_ATTR_INT_MAX},
    [LAYER] = {.name = "layer", .type = SETUN_ATTR_INT, .required = true, .min = 0, .max = 65535},
};

static setun_status build(setun_op_call *call)
{
    setun_attr_kv_write *attr;
    int64_t kv_heads = setun_op_int(call, KV_HEADS, 1), head_dim;
    setun_status status = setun_op_check_same(call, 0, 1);

    if (status == SETUN_OK)
        status = setun_op_check_batch(call, 0);
    if (status == SETUN_OK)
        status = setun_op_check_parts(call, 0, KV_HEADS, kv_heads, &head_dim);
    if (status == SETUN_OK)
        status = setun_op_write_caches(call, setun_op_int(call, LAYER, 0), kv_heads, head_dim);
    if (status != SETUN_OK)
        return status;
    attr = setun_op_attr_struct(call, sizeof(*attr));
    if (attr == NULL)
        return SETUN_ERR_NOMEM;
    attr->size = sizeof(*attr);
    attr->kv_heads = kv_heads;
    attr->head_dim = head_dim;
    return SETUN_OK;
}

const setun_op setun_op_kv_write = {
    .name = "kv_write", .n_in = 2, .in_names = {"k", "v"}, .no_out = true, .attrs = attrs, .n_attrs = 2, .build = build};
