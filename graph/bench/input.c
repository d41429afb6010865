/* input.c - values of one input of a case: filled as the check fills, led to the kernel's format by pack kernels; caches by a kv_write. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench_internal.h"

static bool is_cache(const char *fmt)
{
    return strstr(fmt, ".kv") != NULL;
}

/* The first usable kernel that writes caches of these formats from f32. */
static bool find_writer(const setun_plugins *plugins, const char *k_fmt, const char *v_fmt, setun_kernel_ref *out_ref)
{
    char wanted[3 * SETUN_CHECK_FMT_BYTES];

    (void)snprintf(wanted, sizeof(wanted), "f32,f32>%s,%s", k_fmt, v_fmt);
    for (size_t i = 0; i < setun_plugins_n_kernels(plugins); i++) {
        *out_ref = setun_plugins_kernel(plugins, i);
        if (strcmp(out_ref->kernel->pattern, "kv_write") == 0 && strcmp(out_ref->kernel->fmts, wanted) == 0)
            return true;
    }
    return false;
}

/* A batch of all positions that the case's sequences hold, one after the other, into arrays of the caller's. */
static void whole_history(const setun_batch *of, int32_t *seq, int32_t *pos, setun_batch *out_batch)
{
    int64_t n = 0;

    for (uint32_t s = 0; s < of->n_seqs; s++) {
        for (int32_t p = 0; p < of->len[s]; p++, n++) {
            seq[n] = (int32_t)s;
            pos[n] = p;
        }
    }
    *out_batch = *of;
    out_batch->n_rows = n;
    out_batch->n_out_rows = 0;
    out_batch->seq = seq;
    out_batch->pos = pos;
}

/* Runs a kernel of one plan on this thread: in[2] and out[2] are single tensors. */
static setun_status call_writer(setun_kernel_ref writer, const setun_machine *machine, const setun_attr_kv_write *attr, const setun_batch *batch,
                                const setun_tensor in[2], const setun_tensor out[2], setun_error *error)
{
    const void *const attrs[1] = {attr};
    char why[200] = "it declines";
    setun_tensor shapes[4] = {in[0], in[1], out[0], out[1]};
    setun_query query = {.size = sizeof(query), .n_in = 2, .n_out = 2, .in = shapes, .out = shapes + 2, .rows_min = batch->n_rows,
                         .rows_max = batch->n_rows, .attr = attrs, .machine = machine, .why = why, .why_bytes = sizeof(why)};
    setun_kernel_plan plan = {.size = sizeof(plan)};
    setun_call call = {.size = sizeof(call), .n_in = 2, .n_out = 2, .in = in, .out = out, .attr = attrs, .batch = batch, .choice = plan.choice};
    void *scratch;

    for (int i = 0; i < 4; i++)
        shapes[i].data = NULL;
    if (writer.kernel->plan(&query, &plan) != SETUN_OK)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: %.200s", writer.kernel->name, why);
    scratch = setun_pages_alloc(plan.worker_bytes + 64); /* at a page's start: aligned */
    call.shared = setun_pages_alloc(plan.shared_bytes + 64);
    if (scratch != NULL && call.shared != NULL) {
        if (writer.plugin->enter != NULL)
            writer.plugin->enter();
        for (uint32_t phase = 0; phase < plan.n_phases; phase++) {
            const setun_tile tile = {.end = writer.kernel->units(&call, phase), .phase = phase, .n_workers = 1, .scratch = scratch};

            writer.kernel->run(&call, &tile);
        }
        if (writer.plugin->leave != NULL)
            writer.plugin->leave();
    }
    if (scratch != NULL)
        setun_pages_free(scratch, plan.worker_bytes + 64);
    if (call.shared == NULL || scratch == NULL)
        return setun_fail_nomem(error, "scratch", plan.worker_bytes + plan.shared_bytes);
    setun_pages_free(call.shared, plan.shared_bytes + 64);
    return SETUN_OK;
}

/* Writes K and V of every position of the case's sequences into caches[2]. */
static setun_status write_history(const setun_plugins *plugins, const setun_bench_case *c, setun_kernel_ref writer, setun_check_operand *caches,
                                  setun_error *error)
{
    static const setun_machine machine = {.size = sizeof(machine), .n_workers = 1};
    const int64_t *dim = c->in_dim[1];
    const setun_attr_kv_write attr = {.size = sizeof(attr), .kv_heads = dim[1], .head_dim = dim[3]};
    const size_t room = (size_t)c->rows_of.n_blocks * (size_t)dim[2];
    setun_check_operand kv[2] = {{.n_parts = 0}, {.n_parts = 0}};
    int32_t *seq = setun_calloc(room, sizeof(*seq)), *pos = setun_calloc(room, sizeof(*pos));
    setun_batch batch = {.n_rows = 0};
    setun_status status = SETUN_OK;

    if (seq == NULL || pos == NULL)
        status = setun_fail_nomem(error, "positions", 2 * room * sizeof(*seq));
    else
        whole_history(&c->rows_of.batch, seq, pos, &batch);
    for (uint32_t i = 0; i < 2 && status == SETUN_OK; i++) {
        setun_check_random random = setun_check_stream(1958, c->op, i + 1);

        status = setun_check_operand_make(plugins, "f32", (int64_t[4]){batch.n_rows, dim[1] * dim[3], 1, 1}, &kv[i], error);
        if (status == SETUN_OK)
            (void)setun_check_operand_fill(&kv[i], SETUN_FILL_RANDOM, &random);
    }
    if (status == SETUN_OK)
        status = call_writer(writer, &machine, &attr, &batch, (setun_tensor[2]){kv[0].part[0], kv[1].part[0]},
                             (setun_tensor[2]){caches[0].part[0], caches[1].part[0]}, error);
    setun_check_operand_free(&kv[0]);
    setun_check_operand_free(&kv[1]);
    free(seq);
    free(pos);
    return status;
}

/* Input i, 1 or 2, of attention. */
static setun_status make_cache(const setun_plugins *plugins, const setun_bench_case *c, const setun_check_target *target, uint32_t i,
                               setun_check_operand *out_operand, setun_error *error)
{
    setun_check_operand caches[2] = {{.n_parts = 0}, {.n_parts = 0}};
    setun_kernel_ref writer;
    setun_status status;

    if (i != 1 && i != 2)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "input %u is a cache", i);
    if (!find_writer(plugins, target->fmts.in[1], target->fmts.in[2], &writer))
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "no loaded plugin has a kv_write into %s and %s", target->fmts.in[1], target->fmts.in[2]);
    status = setun_check_operand_make(plugins, target->fmts.in[1], c->in_dim[1], &caches[0], error);
    if (status == SETUN_OK)
        status = setun_check_operand_make(plugins, target->fmts.in[2], c->in_dim[2], &caches[1], error);
    if (status == SETUN_OK)
        status = write_history(plugins, c, writer, caches, error);
    if (status == SETUN_OK)
        *out_operand = caches[i - 1];
    else
        setun_check_operand_free(&caches[i - 1]);
    setun_check_operand_free(&caches[2 - i]);
    return status;
}

setun_status setun_bench_input_make(const setun_plugins *plugins, const setun_bench_case *c, const setun_check_target *target, uint32_t i,
                                    setun_check_operand *out_operand, setun_error *error)
{
    setun_check_random random = setun_check_stream(1958, c->op, i);
    setun_check_failure failure = {.kind = NULL};
    setun_check_operand filled = {.n_parts = 0};
    setun_status status;

    if (is_cache(target->fmts.in[i]))
        return make_cache(plugins, c, target, i, out_operand, error);
    status = setun_check_operand_make(plugins, target->oracle_fmts.in[i], c->in_dim[i], &filled, error);
    if (status != SETUN_OK)
        return status;
    if (strcmp(target->oracle_fmts.in[i], "i32") == 0) {
        memcpy(filled.part[0].data, c->rows_of.batch.token, (size_t)c->rows * sizeof(int32_t));
    } else if (!setun_check_operand_fill(&filled, SETUN_FILL_RANDOM, &random)) {
        setun_check_operand_free(&filled);
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "nothing fills an operand in the format %s", target->oracle_fmts.in[i]);
    }
    if (target->in_route[i].n == 0) {
        *out_operand = filled;
        return SETUN_OK;
    }
    status = setun_check_route_walk(plugins, &target->in_route[i], &filled, &random, out_operand, &failure, error);
    setun_check_operand_free(&filled);
    if (status == SETUN_OK && failure.kind != NULL) {
        setun_check_operand_free(out_operand);
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: %.300s", failure.kind, failure.text);
    }
    return status;
}
