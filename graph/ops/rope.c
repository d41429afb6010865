/* rope.c - rotates pairs of elements in every head of x by an angle that grows with the row's position: pos * theta^(-2j / n_dims).
 * x and y are f32[rows, heads * head_dim]; the cos and sin tables f32[context, n_dims / 2] are made by the host.
 *
 * theta    base of the angles, 1 to 1e300
 * heads    heads in a row; head_dim is columns / heads
 * pairing  half (default): element j turns with j + n_dims / 2; interleaved: 2j with 2j + 1
 * n_dims   leading elements of a head that are rotated, even; default head_dim */
#include "ops/ops.h"

enum { THETA, HEADS, PAIRING, N_DIMS };
static const setun_op_attr attrs[] = {
    [THETA] = {.name = "theta", .type = SETUN_ATTR_FLOAT, .required = true, .min = 1, .max = 1e300},
    [HEADS] = {.name = "heads", .type = SETUN_ATTR_INT, .required = true, .min = 1, .max = SETUN_ATTR_INT_MAX},
    [PAIRING] = {.name = "pairing", .type = SETUN_ATTR_WORD, .words = {[SETUN_ROPE_HALF] = "half", [SETUN_ROPE_INTERLEAVED] = "interleaved"}},
    [N_DIMS] = {.name = "n_dims", .type = SETUN_ATTR_INT, .min = 2, .max = SETUN_ATTR_INT_MAX},
};

static setun_status build(setun_op_call *call)
{
    const setun_graph_value *x = setun_op_in(call, 0);
    setun_attr_rope *attr;
    int64_t heads = setun_op_int(call, HEADS, 1), head_dim, n_dims;
    setun_status status = setun_op_check_batch(call, 0);

    if (status == SETUN_OK)
        status = setun_op_check_parts(call, 0, HEADS, heads, &head_dim);
    if (status != SETUN_OK)
        return status;
    n_dims = setun_op_int(call, N_DIMS, head_dim);
    if (n_dims % 2 != 0 || n_dims > head_dim)
        return setun_op_fail_attr(call, N_DIMS, "expected n_dims to be even and at most head_dim = %lld (%lld columns / %lld heads), found %lld",
                                  (long long)head_dim, (long long)x->n, (long long)heads, (long long)n_dims);
    status = setun_op_rope_tables(call, n_dims, setun_op_float(call, THETA, 0));
    if (status != SETUN_OK)
        return status;
    attr = setun_op_attr_struct(call, sizeof(*attr));
    if (attr == NULL)
        return SETUN_ERR_NOMEM;
    attr->size = sizeof(*attr);
    attr->pairing = (uint32_t)setun_op_word(call, PAIRING, SETUN_ROPE_HALF);
    attr->heads = heads;
    attr->head_dim = head_dim;
    attr->n_dims = n_dims;
    return setun_op_out(call, x->rows, x->n);
}

const setun_op setun_op_rope = {.name = "rope", .n_in = 1, .in_names = {"x"}, .attrs = attrs, .n_attrs = 4, .build = build};
