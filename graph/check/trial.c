/* trial.c - the operands of one case: filled in the oracle's formats, packed into the kernel's, and the oracle's answer likewise. */
#include <stdio.h>
#include <string.h>

#include "check/chain.h"
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
static setun_status make_inputs(setun_check_trial *trial, setun_error *error)
{
    const setun_check_target *t = trial->target;
    setun_status status = SETUN_OK;

    for (uint32_t i = 0; i < t->fmts.n_in && status == SETUN_OK; i++) {
        const bool same = strcmp(t->oracle_fmts.in[i], t->fmts.in[i]) == 0;

        status = setun_check_operand_make(t->plugins, t->oracle_fmts.in[i], trial->c.in_dim[i], &trial->oracle_in[i], error);
        if (status != SETUN_OK)
            break;
        (void)setun_check_operand_fill(&trial->oracle_in[i], trial->c.fill[i], &trial->c.random); /* else prepare() does it */
        if (same)
            trial->in[i] = trial->oracle_in[i];
        else if (t->in_route[i].n == 0)
            status = setun_check_operand_make(t->plugins, t->fmts.in[i], trial->c.in_dim[i], &trial->in[i], error);
    }
    return status;
}

static setun_status make_outputs(setun_check_trial *trial, setun_error *error)
{
    const setun_check_target *t = trial->target;
    setun_status status = SETUN_OK;

    for (uint32_t i = 0; i < t->fmts.n_out && status == SETUN_OK; i++) {
        status = setun_check_operand_make(t->plugins, t->fmts.out[i], trial->c.out_dim[i], &trial->found[i], error);
        if (status == SETUN_OK)
            status = setun_check_operand_make(t->plugins, t->fmts.out[i], trial->c.out_dim[i], &trial->blank[i], error);
        if (status == SETUN_OK)
            setun_check_operand_rubbish(&trial->blank[i], &trial->c.random);
    }
    return status;
}

static void set_call(setun_check_trial *trial)
{
    static const int8_t first_dim[SETUN_CHECK_INS] = {0};
    const setun_check_op *op = trial->target->op;

    trial->c.batch.size = sizeof(trial->c.batch);
    trial->c.batch.n_rows = trial->c.rows;
    trial->call = (setun_check_call){.ref = trial->target->ref, .plugins = trial->target->plugins, .attr = trial->c.attr,
                                     .batch = trial->c.has_batch ? &trial->c.batch : NULL, .in = trial->in, .out = trial->found,
                                     .n_in = trial->target->fmts.n_in, .n_out = trial->target->fmts.n_out,
                                     .in_rows = trial->c.rows_vary ? first_dim : trial->target->in_rows,
                                     .out_rows = trial->c.rows_vary ? first_dim : trial->target->out_rows,
                                     .rows_max = trial->c.rows < 1 ? 1 : trial->c.rows, .in_file = trial->target->in_file, .keeps_out = op->keeps_out,
                                     .attrs = trial->target->chain.n_ops > 0 ? trial->c.chain_attr : NULL};
}

/* The oracle's outputs in its own formats, then in the kernel's. */
static setun_status ask_oracle(setun_check_trial *trial, bool *out_applies, char why[200], setun_check_failure *failure, setun_error *error)
{
    const setun_check_target *t = trial->target;
    const setun_check_way way = {.n_workers = 1, .random = trial->c.random};
    setun_check_operand out[SETUN_CHECK_OUTS] = {{.n_parts = 0}};
    setun_check_call call = trial->call;
    setun_status status = SETUN_OK;
    bool declined = false;

    if (t->chain.n_ops > 0) {
        status = setun_check_chain_run(t, &trial->c, trial->oracle_in, trial->expected, &declined, why, failure, error);
        *out_applies = *out_applies && !declined;
        trial->has_expected = status == SETUN_OK && !declined && failure->kind == NULL;
        return status;
    }
    call.ref = t->oracle;
    call.in = trial->oracle_in;
    call.out = out;
    for (uint32_t i = 0; i < t->fmts.n_out && status == SETUN_OK; i++) {
        status = setun_check_operand_make(t->plugins, t->oracle_fmts.out[i], trial->c.out_dim[i], &out[i], error);
        for (uint32_t p = 0; status == SETUN_OK && call.keeps_out && p < out[i].n_parts; p++) /* the same format, or there is no oracle */
            memcpy(out[i].part[p].data, trial->blank[i].part[p].data, out[i].n_bytes[p]);
    }
    if (status == SETUN_OK)
        status = setun_check_run(&call, &way, &declined, why, failure, error);
    *out_applies = *out_applies && !declined;
    for (uint32_t i = 0; i < t->fmts.n_out && status == SETUN_OK && !declined && failure->kind == NULL; i++) {
        if (t->out_route[i].n > 0) {
            status = setun_check_route_walk(t->plugins, &t->out_route[i], &out[i], &trial->c.random, &trial->expected[i], failure, error);
        } else {
            trial->expected[i] = out[i];
            memset(&out[i], 0, sizeof(out[i]));
        }
    }
    trial->has_expected = status == SETUN_OK && !declined && failure->kind == NULL;
    for (uint32_t i = 0; i < t->fmts.n_out; i++)
        setun_check_operand_free(&out[i]);
    return status;
}

setun_status setun_check_trial_make(setun_check_trial *trial, bool *out_applies, char why[200], setun_check_failure *failure,
                                    setun_error *error)
{
    const setun_check_target *t = trial->target;
    setun_status status = make_inputs(trial, error);

    *out_applies = true;
    if (status == SETUN_OK)
        status = make_outputs(trial, error);
    if (status != SETUN_OK)
        return left_out(status, out_applies, why, error);
    set_call(trial);
    if (t->op->prepare != NULL)
        status = t->op->prepare(t, &trial->c, trial->oracle_in, trial->in, failure, error);
    for (uint32_t i = 0; i < t->fmts.n_in && status == SETUN_OK && failure->kind == NULL; i++)
        if (t->in_route[i].n > 0)
            status = setun_check_route_walk(t->plugins, &t->in_route[i], &trial->oracle_in[i], &trial->c.random, &trial->in[i], failure,
                                            error);
    if (status == SETUN_OK && failure->kind == NULL && t->has_oracle)
        status = ask_oracle(trial, out_applies, why, failure, error);
    return left_out(status, out_applies, why, error);
}

setun_status setun_check_trial_shape(setun_check_trial *trial, setun_error *error)
{
    const setun_check_target *t = trial->target;
    setun_status status = SETUN_OK;

    for (uint32_t i = 0; i < t->fmts.n_in && status == SETUN_OK; i++)
        status = setun_check_operand_shape(t->plugins, t->fmts.in[i], trial->c.in_dim[i], &trial->in[i], error);
    for (uint32_t i = 0; i < t->fmts.n_out && status == SETUN_OK; i++)
        status = setun_check_operand_shape(t->plugins, t->fmts.out[i], trial->c.out_dim[i], &trial->found[i], error);
    set_call(trial);
    trial->c.has_batch = false;
    trial->call.batch = NULL;
    return status;
}

void setun_check_trial_free(setun_check_trial *trial)
{
    for (uint32_t i = 0; i < SETUN_CHECK_INS; i++) {
        if (trial->in[i].part[0].data == trial->oracle_in[i].part[0].data)
            memset(&trial->in[i], 0, sizeof(trial->in[i]));
        setun_check_operand_free(&trial->in[i]);
        setun_check_operand_free(&trial->oracle_in[i]);
    }
    for (uint32_t i = 0; i < SETUN_CHECK_OUTS; i++) {
        setun_check_operand_free(&trial->expected[i]);
        setun_check_operand_free(&trial->found[i]);
        setun_check_operand_free(&trial->blank[i]);
    }
}

setun_status setun_check_trial_run(setun_check_trial *trial, const setun_check_way *way, bool *out_declined, char why[200],
                                   setun_check_failure *failure, setun_error *error)
{
    setun_check_difference difference;
    setun_status status;

    for (uint32_t i = 0; i < trial->call.n_out; i++)
        for (uint32_t p = 0; p < trial->found[i].n_parts; p++)
            memcpy(trial->found[i].part[p].data, trial->blank[i].part[p].data, trial->found[i].n_bytes[p]);
    status = setun_check_run(&trial->call, way, out_declined, why, failure, error);
    for (uint32_t i = 0; i < trial->call.n_out && status == SETUN_OK && !*out_declined && failure->kind == NULL && trial->has_expected; i++)
        if (!setun_check_operand_same(&trial->expected[i], &trial->found[i], &difference))
            setun_check_fail(failure, "value", "output %u%s (%.40s), %s", i, difference.part > 0 ? ", its scales" : "",
                             trial->expected[i].part[difference.part].fmt, difference.where);
    return status;
}
