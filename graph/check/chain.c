/* chain.c - a kernel of several ops against the scalar kernels of those ops. */
#include "check/chain.h"

#include <stdio.h>
#include <string.h>

#include "check/ops.h"

enum { UNKNOWN = -1 };

static bool is_elementwise(const char *op)
{
    static const char *const names[] = {"add", "mul", "relu2", "silu"};

    for (size_t i = 0; i < SETUN_COUNT(names); i++)
        if (strcmp(op, names[i]) == 0)
            return true;
    return false;
}

static bool is_linear(const char *op)
{
    return strcmp(op, "linear") == 0;
}

/* ---- the pattern's values ---- */

static int find_value(setun_check_chain *chain, const char *name)
{
    for (int i = 0; i < chain->n_values; i++)
        if (strcmp(chain->value[i].name, name) == 0)
            return i;
    if (chain->n_values == SETUN_CHECK_VALUES)
        return UNKNOWN;
    (void)snprintf(chain->value[chain->n_values].name, SETUN_FMT_NAME_BYTES, "%s", name);
    chain->value[chain->n_values].in = chain->value[chain->n_values].out = UNKNOWN;
    return chain->n_values++;
}

/* Numbers values in the order of their first appearance: inputs are those that no op makes, outputs those that no op reads. */
static bool number_values(setun_check_chain *chain, const setun_pattern *pattern, uint32_t *out_n_in, uint32_t *out_n_out)
{
    bool made[SETUN_CHECK_VALUES] = {false}, read[SETUN_CHECK_VALUES] = {false};

    chain->n_ops = pattern->n_ops;
    for (unsigned j = 0; j < pattern->n_ops; j++) {
        setun_check_step *step = &chain->step[j];

        step->n_args = pattern->op[j].n_args;
        (void)snprintf(step->op, sizeof(step->op), "%s", pattern->op[j].op);
        if (step->n_args > SETUN_CHECK_INS)
            return false;
        for (unsigned i = 0; i < step->n_args; i++) {
            step->arg[i] = find_value(chain, pattern->op[j].arg[i]);
            if (step->arg[i] == UNKNOWN)
                return false;
            read[step->arg[i]] = true;
        }
        step->out = find_value(chain, pattern->op[j].out);
        if (step->out == UNKNOWN)
            return false;
        made[step->out] = true;
    }
    *out_n_in = *out_n_out = 0;
    for (int i = 0; i < chain->n_values; i++) {
        if (!made[i])
            chain->value[i].in = (int)(*out_n_in)++;
        else if (!read[i])
            chain->value[i].out = (int)(*out_n_out)++;
    }
    return *out_n_in <= SETUN_CHECK_INS && *out_n_out <= SETUN_CHECK_OUTS;
}

/* ---- the scalar kernels of its ops ---- */

/* Whether that scalar kernel can do step j; *out_length: packing on the way. First readers choose what an input is filled as. */
static bool suits(const setun_check_target *t, const setun_check_step *step, const setun_kernel *scalar, setun_check_fmts *fmts,
                  uint32_t *out_length)
{
    setun_check_route route;

    *out_length = 0;
    if (strcmp(scalar->pattern, step->op) != 0 || setun_check_fmts_parse(scalar->fmts, fmts, NULL) != SETUN_OK || fmts->n_in != step->n_args ||
        fmts->n_out != 1)
        return false;
    for (uint32_t i = 0; i < step->n_args; i++) {
        const setun_check_value *value = &t->chain.value[step->arg[i]];

        if (value->fmt[0] != '\0') {
            if (!setun_check_route_find(t->plugins, value->fmt, fmts->in[i], t->ref.kernel, &route))
                return false;
        } else if (!setun_check_is_fillable(fmts->in[i]) ||
                   !setun_check_route_find(t->plugins, fmts->in[i], t->fmts.in[value->in], t->ref.kernel, &route)) {
            return false;
        }
        *out_length += route.n;
    }
    if (t->chain.value[step->out].out != UNKNOWN) {
        if (!setun_check_route_find(t->plugins, fmts->out[0], t->fmts.out[t->chain.value[step->out].out], t->ref.kernel, &route))
            return false;
        *out_length += route.n;
    }
    return true;
}

static bool find_scalar(setun_check_target *t, setun_check_step *step)
{
    uint32_t best = UINT32_MAX, length;

    for (size_t i = 0; i < setun_plugins_n_kernels(t->plugins); i++) {
        const setun_kernel_ref scalar = setun_plugins_kernel(t->plugins, i);
        setun_check_fmts fmts;

        if (strcmp(scalar.plugin->name, "scalar") != 0 || !suits(t, step, scalar.kernel, &fmts, &length) || length >= best)
            continue;
        best = length;
        step->scalar = scalar;
        step->fmts = fmts;
    }
    if (best == UINT32_MAX)
        return false;
    for (uint32_t i = 0; i < step->n_args; i++)
        if (t->chain.value[step->arg[i]].fmt[0] == '\0')
            memcpy(t->chain.value[step->arg[i]].fmt, step->fmts.in[i], SETUN_CHECK_FMT_BYTES);
    memcpy(t->chain.value[step->out].fmt, step->fmts.out[0], SETUN_CHECK_FMT_BYTES);
    return true;
}

/* The first linear, whose cases are the most telling, or the first op. */
static const setun_check_step *lead_of(const setun_check_chain *chain)
{
    for (uint32_t j = 0; j < chain->n_ops; j++)
        if (is_linear(chain->step[j].op))
            return &chain->step[j];
    return &chain->step[0];
}

static bool describe(const setun_check_target *target, uint32_t index, setun_check_case *c);
static const setun_check_op fused = {.name = "fused", .describe = describe};

setun_status setun_check_chain_make(setun_check_target *t, setun_error *error)
{
    setun_check_chain *chain = &t->chain;
    setun_pattern pattern;
    uint32_t n_in, n_out;
    setun_status status = setun_pattern_parse(t->ref.kernel->pattern, &pattern, error);

    if (status != SETUN_OK)
        return status;
    if (!number_values(chain, &pattern, &n_in, &n_out) || n_in != t->fmts.n_in || n_out != t->fmts.n_out)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s is not the operands of '%s', or more than the check has room for",
                          t->ref.kernel->fmts, t->ref.kernel->pattern);
    for (uint32_t j = 0; j < chain->n_ops; j++) {
        setun_check_step *step = &chain->step[j];

        if (!is_linear(step->op) && !is_elementwise(step->op) && strcmp(step->op, "rms_norm") != 0)
            return setun_fail(error, SETUN_ERR_UNSUPPORTED, "the check has no cases for %s in a pattern of several ops", step->op);
        if (!find_scalar(t, step))
            return setun_fail(error, SETUN_ERR_UNSUPPORTED, "no scalar kernel can judge the %s of '%s'", step->op, t->ref.kernel->pattern);
        if (is_linear(step->op) || strcmp(step->op, "rms_norm") == 0)
            chain->value[step->arg[1]].is_weight = true;
    }
    t->op = &fused;
    t->has_oracle = true;
    t->oracle_fmts = t->fmts;
    for (int i = 0; i < chain->n_values; i++) {
        const setun_check_value *value = &chain->value[i];

        if (value->in != UNKNOWN) {
            memcpy(t->oracle_fmts.in[value->in], value->fmt, SETUN_CHECK_FMT_BYTES);
            t->in_rows[value->in] = value->is_weight ? -1 : 0;
            t->in_file |= value->is_weight ? 1u << value->in : 0;
            (void)setun_check_route_find(t->plugins, value->fmt, t->fmts.in[value->in], t->ref.kernel, &t->in_route[value->in]);
        } else if (value->out != UNKNOWN) {
            memcpy(t->oracle_fmts.out[value->out], value->fmt, SETUN_CHECK_FMT_BYTES);
            (void)setun_check_route_find(t->plugins, value->fmt, t->fmts.out[value->out], t->ref.kernel, &t->out_route[value->out]);
        }
    }
    return SETUN_OK;
}

/* ---- cases ---- */

typedef struct dims {
    int64_t rows, columns; /* 0 columns: not known yet */
} dims;

static bool same_dims(dims *a, dims *b)
{
    if (a->columns == 0 && b->columns != 0)
        *a = *b;
    else if (b->columns == 0 && a->columns != 0)
        *b = *a;
    else
        return false;
    return true;
}

/* What the dims of a step's values say of one another. Returns whether something became known. */
static bool infer(const setun_check_step *step, dims *dim)
{
    dims *x = &dim[step->arg[0]], *y = &dim[step->out], *w = step->n_args > 1 ? &dim[step->arg[1]] : NULL;
    bool news = false;

    if (w == NULL || !is_linear(step->op)) {
        news = same_dims(x, y);
        if (w != NULL && is_elementwise(step->op))
            news = same_dims(x, w) || same_dims(y, w) || news;
        else if (w != NULL && w->columns == 0 && x->columns != 0)
            *w = (dims){1, x->columns}, news = true;
        return news;
    }
    if (w->columns == 0 && x->columns != 0 && y->columns != 0)
        *w = (dims){y->columns, x->columns}, news = true;
    if (y->columns == 0 && x->columns != 0 && w->columns != 0)
        *y = (dims){x->rows, w->rows}, news = true;
    if (x->columns == 0 && y->columns != 0 && w->columns != 0)
        *x = (dims){y->rows, w->columns}, news = true;
    return news;
}

/* A step's case of its own, with the formats that it has in the chain. */
static bool describe_lead(const setun_check_target *target, const setun_check_step *lead, uint32_t index, setun_check_case *c)
{
    setun_check_target alone = {.plugins = target->plugins, .ref = target->ref, .exact = target->exact, .oracle_fmts = lead->fmts};

    alone.op = setun_check_op_find(lead->op);
    alone.fmts = lead->fmts;
    for (uint32_t i = 0; i < lead->n_args; i++)
        if (target->chain.value[lead->arg[i]].in != UNKNOWN)
            memcpy(alone.fmts.in[i], target->fmts.in[target->chain.value[lead->arg[i]].in], SETUN_CHECK_FMT_BYTES);
    return alone.op->describe(&alone, index, c);
}

/* The dims of all values from those of the lead's, which are in the case as of an op alone. A linear whose rows nothing tells, op j, has
 * j * `further` more than the lead. */
static void infer_all(const setun_check_chain *chain, int64_t further, setun_check_case *c)
{
    const setun_check_step *lead = lead_of(chain);
    dims dim[SETUN_CHECK_VALUES] = {{0, 0}};
    int64_t lead_columns;
    bool news = true;

    for (uint32_t i = 0; i < lead->n_args; i++)
        dim[lead->arg[i]] = (dims){c->in_dim[i][0], c->in_dim[i][1]};
    dim[lead->out] = (dims){c->out_dim[0][0], c->out_dim[0][1]};
    lead_columns = dim[lead->out].columns;
    while (news) {
        news = false;
        for (uint32_t j = 0; j < chain->n_ops; j++)
            news = infer(&chain->step[j], dim) || news;
        for (uint32_t j = 0; j < chain->n_ops && !news; j++) { /* a further linear may have as many rows as it likes */
            const setun_check_step *step = &chain->step[j];

            if (is_linear(step->op) && dim[step->out].columns == 0 && dim[step->arg[0]].columns != 0) {
                dim[step->out] = (dims){dim[step->arg[0]].rows, lead_columns + j * further};
                news = true;
            }
        }
    }
    for (int i = 0; i < chain->n_values; i++) {
        if (chain->value[i].in != UNKNOWN)
            setun_check_dims(c->in_dim[chain->value[i].in], dim[i].rows, dim[i].columns);
        else if (chain->value[i].out != UNKNOWN)
            setun_check_dims(c->out_dim[chain->value[i].out], dim[i].rows, dim[i].columns);
    }
}

static void set_attributes(const setun_check_chain *chain, setun_check_case *c)
{
    for (uint32_t j = 0; j < chain->n_ops; j++)
        c->chain_attr[j] = strcmp(chain->step[j].op, "rms_norm") == 0 ? &c->attrs.rms_norm : NULL;
}

bool setun_check_chain_size(const setun_check_target *target, int64_t rows, int64_t n, int64_t k, setun_check_case *c)
{
    const setun_check_step *lead = lead_of(&target->chain);
    const bool linear = is_linear(lead->op), norm = strcmp(lead->op, "rms_norm") == 0;

    setun_check_dims(c->in_dim[0], rows, k);
    setun_check_dims(c->in_dim[1], linear ? n : norm ? 1 : rows, k);
    setun_check_dims(c->out_dim[0], rows, linear ? n : k);
    infer_all(&target->chain, 0, c);
    c->attrs.rms_norm = (setun_attr_rms_norm){.size = sizeof(c->attrs.rms_norm), .eps = 1e-5f, .groups = 1};
    set_attributes(&target->chain, c);
    return linear;
}

static bool describe(const setun_check_target *target, uint32_t index, setun_check_case *c)
{
    const setun_check_chain *chain = &target->chain;
    const setun_check_step *lead = lead_of(chain);
    enum setun_check_fill fill[SETUN_CHECK_INS], first_fill;

    if (!describe_lead(target, lead, index, c))
        return false;
    memcpy(fill, c->fill, sizeof(fill));
    first_fill = fill[0];
    infer_all(chain, index % 3, c);
    if (c->attr == NULL)
        c->attrs.rms_norm = (setun_attr_rms_norm){.size = sizeof(c->attrs.rms_norm), .eps = index % 3 == 0 ? 1e-6f : 1e-5f, .groups = 1,
                                                  .weight_offset = index % 4 == 3 ? 1.0f : 0.0f};
    c->attr = NULL;
    set_attributes(chain, c);
    for (int i = 0; i < chain->n_values; i++)
        if (chain->value[i].in != UNKNOWN)
            c->fill[chain->value[i].in] = chain->value[i].is_weight && first_fill == SETUN_FILL_HUGE ? SETUN_FILL_RANDOM : first_fill;
    for (uint32_t j = 0; j < chain->n_ops; j++) /* weights as the lead's own */
        if (is_linear(chain->step[j].op) && is_linear(lead->op) && chain->value[chain->step[j].arg[1]].in != UNKNOWN)
            c->fill[chain->value[chain->step[j].arg[1]].in] = fill[1];
    return true;
}

/* ---- the answer ---- */

/* The operand in the format that a scalar kernel reads: itself, or packed into *packed. */
static setun_status as_read(const setun_check_target *t, setun_check_case *c, const setun_check_operand *value, const char *from,
                            const char *to, setun_check_operand *packed, setun_check_operand *out_operand, setun_check_failure *failure,
                            setun_error *error)
{
    setun_check_route route;
    setun_status status;

    *out_operand = *value;
    if (strcmp(from, to) == 0)
        return SETUN_OK;
    if (!setun_check_route_find(t->plugins, from, to, t->ref.kernel, &route))
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "nothing packs %s into %s", from, to);
    status = setun_check_route_walk(t->plugins, &route, value, &c->random, packed, failure, error);
    *out_operand = *packed;
    return status;
}

static setun_status run_step(const setun_check_target *t, setun_check_case *c, uint32_t j, setun_check_operand *value, bool *out_declined,
                             char why[200], setun_check_failure *failure, setun_error *error)
{
    const setun_check_step *step = &t->chain.step[j];
    const setun_check_way way = {.n_workers = 1, .random = c->random};
    setun_check_operand in[SETUN_CHECK_INS], packed[SETUN_CHECK_INS] = {{.n_parts = 0}};
    setun_check_call call = {.ref = step->scalar, .plugins = t->plugins, .attr = c->chain_attr[j], .batch = c->has_batch ? &c->batch : NULL,
                             .in = in, .out = &value[step->out], .n_in = step->n_args, .n_out = 1, .rows_max = c->rows < 1 ? 1 : c->rows};
    const int64_t *x = value[step->arg[0]].part[0].dim;
    const int64_t dim[4] = {x[0], is_linear(step->op) ? value[step->arg[1]].part[0].dim[0] : x[1], 1, 1};
    setun_status status = setun_check_operand_make(t->plugins, step->fmts.out[0], dim, &value[step->out], error);

    for (uint32_t i = 0; i < step->n_args && status == SETUN_OK && failure->kind == NULL; i++)
        status = as_read(t, c, &value[step->arg[i]], t->chain.value[step->arg[i]].fmt, step->fmts.in[i], &packed[i], &in[i], failure, error);
    if (status == SETUN_OK && failure->kind == NULL)
        status = setun_check_run(&call, &way, out_declined, why, failure, error);
    for (uint32_t i = 0; i < step->n_args; i++)
        setun_check_operand_free(&packed[i]);
    return status;
}

setun_status setun_check_chain_run(const setun_check_target *t, setun_check_case *c, const setun_check_operand *in,
                                   setun_check_operand *out_expected, bool *out_declined, char why[200], setun_check_failure *failure,
                                   setun_error *error)
{
    setun_check_operand value[SETUN_CHECK_VALUES] = {{.n_parts = 0}};
    setun_status status = SETUN_OK;

    *out_declined = false;
    for (int i = 0; i < t->chain.n_values; i++)
        if (t->chain.value[i].in != UNKNOWN)
            value[i] = in[t->chain.value[i].in];
    for (uint32_t j = 0; j < t->chain.n_ops && status == SETUN_OK && !*out_declined && failure->kind == NULL; j++)
        status = run_step(t, c, j, value, out_declined, why, failure, error);
    for (int i = 0; i < t->chain.n_values && status == SETUN_OK && !*out_declined && failure->kind == NULL; i++) {
        const int out = t->chain.value[i].out;

        if (out == UNKNOWN)
            continue;
        if (t->out_route[out].n > 0) {
            status = setun_check_route_walk(t->plugins, &t->out_route[out], &value[i], &c->random, &out_expected[out], failure, error);
        } else {
            out_expected[out] = value[i];
            memset(&value[i], 0, sizeof(value[i]));
        }
    }
    for (int i = 0; i < t->chain.n_values; i++)
        if (t->chain.value[i].in == UNKNOWN)
            setun_check_operand_free(&value[i]);
    return status;
}
