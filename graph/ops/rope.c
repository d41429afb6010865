/* rope.c - rotates pairs of elements in every head of x by an angle that grows with the row's position: pos * theta^(-2j / n_dims).
 * x and y are f32[rows, heads * head_dim]; the cos and sin tables f32[context, n_dims / 2] are made by the host (numerics.md).
 *
 * theta    base of the angles, 1 to 1e300
 * heads    heads in a row; head_dim is columns / heads
 * pairing  half (default): element j turns with j + n_dims / 2; interleaved: 2j with 2j + 1
 * n_dims   leading elements of a head that are rotated, even; default head_dim
 * scaling  none (default), or llama3: elements that turn fewer than `low` times in the `trained` positions turn `factor` times slower, those
 *          that turn more than `high` times as before, and those in between in between. Without scaling these four are not read: a family
 *          gives them always, and the weight file says by its scaling whether they count */
#include "ops/ops.h"

enum { THETA, HEADS, PAIRING, N_DIMS, SCALING, FACTOR, LOW, HIGH, TRAINED };
static const setun_op_attr attrs[] = {
    [THETA] = {.name = "theta", .type = SETUN_ATTR_FLOAT, .required = true, .min = 1, .max = 1e300},
    [HEADS] = {.name = "heads", .type = SETUN_ATTR_INT, .required = true, .min = 1, .max = SETUN_ATTR_INT_MAX},
    [PAIRING] = {.name = "pairing", .type = SETUN_ATTR_WORD, .words = {[SETUN_ROPE_HALF] = "half", [SETUN_ROPE_INTERLEAVED] = "interleaved"}},
    [N_DIMS] = {.name = "n_dims", .type = SETUN_ATTR_INT, .min = 2, .max = SETUN_ATTR_INT_MAX},
    [SCALING] = {.name = "scaling", .type = SETUN_ATTR_WORD, .words = {[SETUN_ROPE_SCALING_NONE] = "none", [SETUN_ROPE_SCALING_LLAMA3] = "llama3"}},
    [FACTOR] = {.name = "factor", .type = SETUN_ATTR_FLOAT, .min = 1, .max = 1e6},
    [LOW] = {.name = "low", .type = SETUN_ATTR_FLOAT, .min = 1e-6, .max = 1e6},
    [HIGH] = {.name = "high", .type = SETUN_ATTR_FLOAT, .min = 1e-6, .max = 1e6},
    [TRAINED] = {.name = "trained", .type = SETUN_ATTR_INT, .min = 1, .max = SETUN_ATTR_INT_MAX},
};

/* The four numbers of a scaling, all or none. */
static setun_status read_scaling(setun_op_call *call, setun_graph_table *table)
{
    static const size_t needed[] = {FACTOR, LOW, HIGH, TRAINED};

    table->scaling = (enum setun_rope_scaling)setun_op_word(call, SCALING, SETUN_ROPE_SCALING_NONE);
    if (table->scaling == SETUN_ROPE_SCALING_NONE)
        return SETUN_OK;
    for (size_t i = 0; i < SETUN_COUNT(needed); i++)
        if (!setun_op_has_attr(call, needed[i]))
            return setun_op_fail_attr(call, SCALING, "expected factor, low, high and trained beside scaling, found no %s", attrs[needed[i]].name);
    table->factor = setun_op_float(call, FACTOR, 1);
    table->low = setun_op_float(call, LOW, 1);
    table->high = setun_op_float(call, HIGH, 1);
    table->trained = (double)setun_op_int(call, TRAINED, 1);
    if (!(table->low < table->high))
        return setun_op_fail_attr(call, HIGH, "expected high above low = %g, found %g", table->low, table->high);
    return SETUN_OK;
}

static setun_status build(setun_op_call *call)
{
    const setun_graph_value *x = setun_op_in(call, 0);
    setun_graph_table table = {.theta = setun_op_float(call, THETA, 0)};
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
    table.n_dims = n_dims;
    status = read_scaling(call, &table);
    if (status == SETUN_OK)
        status = setun_op_rope_tables(call, &table);
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

const setun_op setun_op_rope = {.name = "rope", .n_in = 1, .in_names = {"x"}, .attrs = attrs, .n_attrs = SETUN_COUNT(attrs), .build = build};
