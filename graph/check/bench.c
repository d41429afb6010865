/* bench.c - the operands of one case: filled in the oracle's formats, packed into the kernel's, and the oracle's answer likewise. */
#include <stdio.h>
#include <string.h>

#include "check/kernel.h"

/* Only what the check cannot do anything about ends it; a case that does not fit is left out. */
static setun_status left_out(setun_status status, bool *out_applies, char why[200], const setun_error *error)
{
    if (status != SETUN_ERR_UNSUPPORTED)
        return status;
    *out_applies = false;
    (void)snprintf(why, 200, "%.199s", error->text);
    return SETUN_OK;
}

/* The oracle's inputs, and those of the kernel where no route leads to them: caches. */
static setun_status make_inputs(setun_check_bench *b, setun_error *error)
{
    const setun_check_target *t = b->target;
    setun_status status = SETUN_OK;

    for (uint32_t i = 0; i < t->fmts.n_in && status == SETUN_OK; i++) {
        const bool same = strcmp(t->oracle_fmts.in[i], t->fmts.in[i]) == 0;

        status = setun_check_operand_make(t->plugins, t->oracle_fmts.in[i], b->c.in_dim[i], &b->oracle_in[i], error);
        if (status != SETUN_OK)
            break;
        (void)setun_check_operand_fill(&b->oracle_in[i], b->c.fill[i], &b->c.random); /* else prepare() does it */
        if (same)
            b->in[i] = b->oracle_in[i];
        else if (t->in_route[i].n == 0)
            status = setun_check_operand_make(t->plugins, t->fmts.in[i], b->c.in_dim[i], &b->in[i], error);
    }
    return status;
}

static setun_status make_outputs(setun_check_bench *b, setun_error *error)
{
    const setun_check_target *t = b->target;
    setun_status status = SETUN_OK;

    for (uint32_t i = 0; i < t->fmts.n_out && status == SETUN_OK; i++) {
        status = setun_check_operand_make(t->plugins, t->fmts.out[i], b->c.out_dim[i], &b->found[i], error);
        if (status == SETUN_OK)
            status = setun_check_operand_make(t->plugins, t->fmts.out[i], b->c.out_dim[i], &b->blank[i], error);
        if (status == SETUN_OK)
            setun_check_operand_rubbish(&b->blank[i], &b->c.random);
    }
    return status;
}

static void set_call(setun_check_bench *b)
{
    static const int8_t first_dim[SETUN_CHECK_INS] = {0};
    const setun_check_op *op = b->target->op;

    b->c.batch.size = sizeof(b->c.batch);
    b->c.batch.n_rows = b->c.rows;
    b->call = (setun_check_call){.ref = b->target->ref, .plugins = b->target->plugins, .attr = b->c.attr,
                                 .batch = b->c.has_batch ? &b->c.batch : NULL, .in = b->in, .out = b->found, .n_in = b->target->fmts.n_in,
                                 .n_out = b->target->fmts.n_out, .in_rows = b->c.rows_vary ? first_dim : op->in_rows,
                                 .out_rows = b->c.rows_vary ? first_dim : op->out_rows, .rows_max = b->c.rows < 1 ? 1 : b->c.rows,
                                 .mappable = op->mappable, .keeps_out = op->keeps_out};
}

/* The oracle's outputs in its own formats, then in the kernel's. */
static setun_status ask_oracle(setun_check_bench *b, bool *out_applies, char why[200], setun_check_failure *failure, setun_error *error)
{
    const setun_check_target *t = b->target;
    const setun_check_way way = {.n_workers = 1, .random = b->c.random};
    setun_check_operand out[SETUN_CHECK_OUTS] = {{.n_parts = 0}};
    setun_check_call call = b->call;
    setun_status status = SETUN_OK;
    bool declined = false;

    call.ref = t->oracle;
    call.in = b->oracle_in;
    call.out = out;
    for (uint32_t i = 0; i < t->fmts.n_out && status == SETUN_OK; i++) {
        status = setun_check_operand_make(t->plugins, t->oracle_fmts.out[i], b->c.out_dim[i], &out[i], error);
        for (uint32_t p = 0; status == SETUN_OK && call.keeps_out && p < out[i].n_parts; p++) /* the same format, or there is no oracle */
            memcpy(out[i].part[p].data, b->blank[i].part[p].data, out[i].n_bytes[p]);
    }
    if (status == SETUN_OK)
        status = setun_check_run(&call, &way, &declined, why, failure, error);
    *out_applies = *out_applies && !declined;
    for (uint32_t i = 0; i < t->fmts.n_out && status == SETUN_OK && !declined && failure->kind == NULL; i++) {
        if (t->out_route[i].n > 0) {
            status = setun_check_route_walk(t->plugins, &t->out_route[i], &out[i], &b->c.random, &b->expected[i], failure, error);
        } else {
            b->expected[i] = out[i];
            memset(&out[i], 0, sizeof(out[i]));
        }
    }
    b->has_expected = status == SETUN_OK && !declined && failure->kind == NULL;
    for (uint32_t i = 0; i < t->fmts.n_out; i++)
        setun_check_operand_free(&out[i]);
    return status;
}

setun_status setun_check_bench_make(setun_check_bench *b, bool *out_applies, char why[200], setun_check_failure *failure, setun_error *error)
{
    const setun_check_target *t = b->target;
    setun_status status = make_inputs(b, error);

    *out_applies = true;
    if (status == SETUN_OK)
        status = make_outputs(b, error);
    if (status != SETUN_OK)
        return left_out(status, out_applies, why, error);
    set_call(b);
    if (t->op->prepare != NULL)
        status = t->op->prepare(t, &b->c, b->oracle_in, b->in, failure, error);
    for (uint32_t i = 0; i < t->fmts.n_in && status == SETUN_OK && failure->kind == NULL; i++)
        if (t->in_route[i].n > 0)
            status = setun_check_route_walk(t->plugins, &t->in_route[i], &b->oracle_in[i], &b->c.random, &b->in[i], failure, error);
    if (status == SETUN_OK && failure->kind == NULL && t->has_oracle)
        status = ask_oracle(b, out_applies, why, failure, error);
    return left_out(status, out_applies, why, error);
}

setun_status setun_check_bench_shape(setun_check_bench *b, setun_error *error)
{
    const setun_check_target *t = b->target;
    setun_status status = SETUN_OK;

    for (uint32_t i = 0; i < t->fmts.n_in && status == SETUN_OK; i++)
        status = setun_check_operand_shape(t->plugins, t->fmts.in[i], b->c.in_dim[i], &b->in[i], error);
    for (uint32_t i = 0; i < t->fmts.n_out && status == SETUN_OK; i++)
        status = setun_check_operand_shape(t->plugins, t->fmts.out[i], b->c.out_dim[i], &b->found[i], error);
    set_call(b);
    b->c.has_batch = false;
    b->call.batch = NULL;
    return status;
}

void setun_check_bench_free(setun_check_bench *b)
{
    for (uint32_t i = 0; i < SETUN_CHECK_INS; i++) {
        if (b->in[i].part[0].data == b->oracle_in[i].part[0].data)
            memset(&b->in[i], 0, sizeof(b->in[i]));
        setun_check_operand_free(&b->in[i]);
        setun_check_operand_free(&b->oracle_in[i]);
    }
    for (uint32_t i = 0; i < SETUN_CHECK_OUTS; i++) {
        setun_check_operand_free(&b->expected[i]);
        setun_check_operand_free(&b->found[i]);
        setun_check_operand_free(&b->blank[i]);
    }
}

setun_status setun_check_bench_run(setun_check_bench *b, const setun_check_way *way, bool *out_declined, char why[200],
                                   setun_check_failure *failure, setun_error *error)
{
    setun_check_difference difference;
    setun_status status;

    for (uint32_t i = 0; i < b->call.n_out; i++)
        for (uint32_t p = 0; p < b->found[i].n_parts; p++)
            memcpy(b->found[i].part[p].data, b->blank[i].part[p].data, b->found[i].n_bytes[p]);
    status = setun_check_run(&b->call, way, out_declined, why, failure, error);
    for (uint32_t i = 0; i < b->call.n_out && status == SETUN_OK && !*out_declined && failure->kind == NULL && b->has_expected; i++)
        if (!setun_check_operand_same(&b->expected[i], &b->found[i], &difference))
            setun_check_fail(failure, "value", "output %u%s (%.40s), %s", i, difference.part > 0 ? ", its scales" : "",
                             b->expected[i].part[difference.part].fmt, difference.where);
    return status;
}
