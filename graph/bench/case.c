/* case.c - operands of a case, filled and packed for one kernel, and the plan that calls it once for each copy of its weight. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "bench/bench_internal.h"

static const setun_bench_op ops[] = {
    {.name = "linear", .n_in = 2, .n_out = 1, .weight = 1, .has_rows = true, .has_n = true},
    {.name = "pack", .n_in = 1, .n_out = 1, .weight = -1, .has_rows = true},
    {.name = "rms_norm", .n_in = 2, .n_out = 1, .weight = -1, .has_rows = true},
    {.name = "add", .n_in = 2, .n_out = 1, .weight = -1, .has_rows = true},
    {.name = "mul", .n_in = 2, .n_out = 1, .weight = -1, .has_rows = true},
    {.name = "relu2", .n_in = 1, .n_out = 1, .weight = -1, .has_rows = true},
    {.name = "silu", .n_in = 1, .n_out = 1, .weight = -1, .has_rows = true},
    {.name = "probe_int8", .n_in = 1, .n_out = 1, .weight = -1, .has_rows = true},
};

const setun_bench_op *setun_bench_op_find(const char *name)
{
    for (size_t i = 0; i < SETUN_COUNT(ops); i++)
        if (strcmp(ops[i].name, name) == 0)
            return &ops[i];
    return NULL;
}

const char *setun_bench_op_names(void)
{
    return "linear, pack, rms_norm, add, mul, relu2, silu, probe_int8";
}

/* Dims of input i, and of the output where i is the number of inputs. */
static void dims(const setun_bench_case *c, uint32_t i, int64_t dim[4])
{
    const bool is_linear = c->op->weight >= 0, is_out = i == c->op->n_in;

    dim[0] = is_linear && i == 1 ? c->shape.n : c->rows;
    dim[1] = is_linear && is_out ? c->shape.n : c->shape.k;
    dim[2] = dim[3] = 1;
    if (strcmp(c->op->name, "rms_norm") == 0 && i == 1)
        dim[0] = 1;
}

/* Fills an operand in the oracle's format and leads it to the kernel's. */
static setun_status make_input(const setun_plugins *plugins, const setun_bench_case *c, setun_bench_entry *entry, uint32_t i,
                               setun_check_operand *out_operand, setun_error *error)
{
    const setun_check_target *t = &entry->target;
    setun_check_random random = setun_check_stream(1958, c->op->name, i);
    setun_check_failure failure = {.kind = NULL};
    setun_check_operand filled = {.n_parts = 0};
    int64_t dim[4];
    setun_status status;

    dims(c, i, dim);
    status = setun_check_operand_make(plugins, t->oracle_fmts.in[i], dim, &filled, error);
    if (status != SETUN_OK)
        return status;
    if (!setun_check_operand_fill(&filled, SETUN_FILL_RANDOM, &random)) {
        setun_check_operand_free(&filled);
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "nothing fills an operand in the format %s", t->oracle_fmts.in[i]);
    }
    if (t->in_route[i].n == 0) {
        *out_operand = filled;
        return SETUN_OK;
    }
    status = setun_check_route_walk(plugins, &t->in_route[i], &filled, &random, out_operand, &failure, error);
    setun_check_operand_free(&filled);
    if (status == SETUN_OK && failure.kind != NULL) {
        setun_check_operand_free(out_operand);
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: %.300s", failure.kind, failure.text);
    }
    return status;
}

/* ---- weights ---- */

/* Each worker writes its share of every copy: that is what it will read, so the pages lie near it. */
static void copy_share(const setun_worker *worker, void *context)
{
    const setun_bench_weight *w = context;

    for (uint32_t i = 1; i < w->n_copies; i++) {
        unsigned char *to = w->pages + (size_t)(i - 1) * w->copy_stride_bytes;

        for (uint32_t p = 0; p < w->operand.n_parts; p++) {
            const size_t n = w->operand.n_bytes[p], begin = n / worker->n_workers * worker->index;
            const size_t end = worker->index + 1 == worker->n_workers ? n : n / worker->n_workers * (worker->index + 1);

            memcpy(to + begin, (const unsigned char *)w->operand.part[p].data + begin, end - begin);
            to += (n + 63) / 64 * 64;
        }
    }
}

static setun_status make_copies(const setun_bench_case *c, setun_team *team, setun_bench_weight *weight, setun_error *error)
{
    size_t n_bytes = 0;

    for (uint32_t p = 0; p < weight->operand.n_parts; p++)
        n_bytes += (weight->operand.n_bytes[p] + 63) / 64 * 64;
    weight->n_bytes = 0;
    for (uint32_t p = 0; p < weight->operand.n_parts; p++)
        weight->n_bytes += weight->operand.n_bytes[p];
    weight->n_copies = 1;
    if (c->from != SETUN_BENCH_MEMORY)
        return SETUN_OK;
    weight->copy_stride_bytes = (n_bytes + 4095) / 4096 * 4096;
    while (weight->n_copies < SETUN_BENCH_MAX_COPIES && weight->n_copies * (uint64_t)n_bytes < c->copies_bytes)
        weight->n_copies++;
    if (weight->n_copies * (uint64_t)n_bytes < c->copies_bytes && weight->n_copies == SETUN_BENCH_MAX_COPIES)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "the weight is too small: %d copies would lie in the caches", SETUN_BENCH_MAX_COPIES);
    if (weight->n_copies == 1)
        return SETUN_OK;
    weight->pages = setun_pages_alloc((weight->n_copies - 1) * weight->copy_stride_bytes);
    if (weight->pages == NULL)
        return setun_fail_nomem(error, "copies of a weight", (weight->n_copies - 1) * weight->copy_stride_bytes);
    setun_team_run(team, copy_share, weight);
    return SETUN_OK;
}

/* The weight in the kernel's format; one that is there already is shared. */
static setun_status find_weight(const setun_plugins *plugins, const setun_bench_case *c, setun_team *team, setun_bench_weights *weights,
                                setun_bench_entry *entry, setun_error *error)
{
    const char *fmt = entry->target.fmts.in[c->op->weight];
    setun_bench_weight *weight;
    setun_status status;

    for (entry->weight = 0; entry->weight < weights->n; entry->weight++)
        if (strcmp(weights->items[entry->weight].fmt, fmt) == 0)
            return SETUN_OK;
    if (!setun_grow(&weights->items, &weights->capacity, weights->n + 1, sizeof(*weights->items)))
        return setun_fail_nomem(error, "weights", sizeof(*weights->items));
    weight = &weights->items[weights->n];
    memset(weight, 0, sizeof(*weight));
    (void)snprintf(weight->fmt, sizeof(weight->fmt), "%s", fmt);
    status = make_input(plugins, c, entry, (uint32_t)c->op->weight, &weight->operand, error);
    if (status != SETUN_OK)
        return status;
    weights->n++;
    return make_copies(c, team, weight, error);
}

void setun_bench_weights_free(setun_bench_weights *weights)
{
    for (size_t i = 0; i < weights->n; i++) {
        setun_bench_weight *w = &weights->items[i];

        if (w->pages != NULL)
            setun_pages_free(w->pages, (w->n_copies - 1) * w->copy_stride_bytes);
        setun_check_operand_free(&w->operand);
    }
    free(weights->items);
    memset(weights, 0, sizeof(*weights));
}

/* ---- the plan ---- */

static void append(const setun_check_operand *operand, setun_tensor *list, uint32_t *n)
{
    for (uint32_t p = 0; p < operand->n_parts; p++)
        list[(*n)++] = operand->part[p];
}

static setun_status ask(setun_bench_entry *entry, const setun_bench_case *c, const setun_machine *machine, const setun_check_operand *in,
                        const void *const *attr, setun_kernel_plan *out_plan)
{
    setun_tensor in_tensor[SETUN_CHECK_INS * SETUN_CHECK_PARTS], out_tensor[SETUN_CHECK_OUTS * SETUN_CHECK_PARTS];
    setun_query query = {.size = sizeof(query), .in = in_tensor, .out = out_tensor, .rows_min = c->rows, .rows_max = c->rows, .attr = attr,
                         .machine = machine, .why = entry->declined, .why_bytes = sizeof(entry->declined)};
    setun_status status;

    for (uint32_t i = 0; i < c->op->n_in; i++)
        append(&in[i], in_tensor, &query.n_in);
    for (uint32_t i = 0; i < c->op->n_out; i++)
        append(&entry->out[i], out_tensor, &query.n_out);
    for (uint32_t i = 0; i < query.n_in; i++)
        in_tensor[i].data = NULL;
    for (uint32_t i = 0; i < query.n_out; i++)
        out_tensor[i].data = NULL;
    *out_plan = (setun_kernel_plan){.size = sizeof(*out_plan)};
    status = entry->ref.kernel->plan(&query, out_plan);
    if (status != SETUN_OK && entry->declined[0] == '\0')
        (void)snprintf(entry->declined, sizeof(entry->declined), "declines without a reason");
    if (status == SETUN_OK)
        entry->declined[0] = '\0';
    return status;
}

static setun_status add_operand(setun_plan *plan, const setun_check_operand *operand, uint32_t *ids, uint32_t *n, setun_error *error)
{
    setun_status status = SETUN_OK;

    for (uint32_t p = 0; p < operand->n_parts && status == SETUN_OK; p++)
        status = setun_plan_add_constant(plan, &operand->part[p], operand->n_bytes[p], &ids[(*n)++], error);
    return status;
}

/* Copy `copy` of the weight as an operand that owns nothing. */
static setun_check_operand weight_copy(const setun_bench_weight *weight, uint32_t copy)
{
    setun_check_operand operand = weight->operand;
    unsigned char *at = copy == 0 ? NULL : weight->pages + (size_t)(copy - 1) * weight->copy_stride_bytes;

    for (uint32_t p = 0; p < operand.n_parts && at != NULL; p++) {
        operand.part[p].data = at;
        at += (operand.n_bytes[p] + 63) / 64 * 64;
    }
    return operand;
}

/* One call for each copy. Calls have outputs of their own, so nothing makes the workers wait between them. */
static setun_status add_calls(setun_bench_entry *entry, const setun_bench_case *c, const setun_bench_weights *weights,
                              const setun_kernel_plan *kernel_plan, const void *const *attr, setun_error *error)
{
    const setun_bench_weight *weight = c->op->weight >= 0 ? &weights->items[entry->weight] : NULL;
    setun_status status = SETUN_OK;

    entry->n_calls = weight != NULL ? weight->n_copies : 1;
    for (uint32_t call = 0; call < entry->n_calls && status == SETUN_OK; call++) {
        uint32_t in[SETUN_STEP_MAX_TENSORS], out[SETUN_STEP_MAX_TENSORS], n_in = 0, n_out = 0;

        for (uint32_t i = 0; i < c->op->n_in && status == SETUN_OK; i++) {
            const setun_check_operand operand = weight != NULL && (int)i == c->op->weight ? weight_copy(weight, call) : entry->in[i];

            status = add_operand(entry->plan, &operand, in, &n_in, error);
        }
        if (status == SETUN_OK)
            status = add_operand(entry->plan, call == 0 ? &entry->out[0] : &entry->spare_out[call - 1], out, &n_out, error);
        if (status == SETUN_OK)
            status = setun_plan_add_step(entry->plan, entry->ref, kernel_plan, attr, 1, in, n_in, out, n_out, entry->ref.kernel->name, error);
    }
    return status;
}

static setun_status make_outputs(const setun_plugins *plugins, const setun_bench_case *c, const setun_bench_weights *weights,
                                 setun_bench_entry *entry, setun_error *error)
{
    const uint32_t n_calls = c->op->weight >= 0 ? weights->items[entry->weight].n_copies : 1;
    int64_t dim[4];
    setun_status status;

    dims(c, c->op->n_in, dim);
    status = setun_check_operand_make(plugins, entry->target.fmts.out[0], dim, &entry->out[0], error);
    if (status != SETUN_OK || n_calls == 1)
        return status;
    entry->spare_out = setun_calloc(n_calls - 1, sizeof(*entry->spare_out));
    if (entry->spare_out == NULL)
        return setun_fail_nomem(error, "outputs", (n_calls - 1) * sizeof(*entry->spare_out));
    for (entry->n_spare = 0; entry->n_spare < n_calls - 1 && status == SETUN_OK; entry->n_spare++)
        status = setun_check_operand_make(plugins, entry->target.fmts.out[0], dim, &entry->spare_out[entry->n_spare], error);
    return status;
}

static setun_status make_plan(const setun_bench_case *c, const setun_machine *machine, const setun_bench_weights *weights,
                              setun_bench_entry *entry, setun_error *error)
{
    static const setun_attr_rms_norm rms_norm = {.size = sizeof(rms_norm), .eps = 1e-5f, .groups = 1};
    const void *const attr[1] = {strcmp(c->op->name, "rms_norm") == 0 ? &rms_norm : NULL};
    setun_check_operand in[SETUN_CHECK_INS];
    setun_kernel_plan kernel_plan;
    setun_status status;

    memcpy(in, entry->in, sizeof(in));
    if (c->op->weight >= 0)
        in[c->op->weight] = weights->items[entry->weight].operand;
    if (ask(entry, c, machine, in, attr, &kernel_plan) != SETUN_OK)
        return SETUN_OK; /* declined says why */
    status = setun_plan_create(&entry->plan, error);
    if (status == SETUN_OK)
        status = add_calls(entry, c, weights, &kernel_plan, attr, error);
    if (status == SETUN_OK)
        status = setun_plan_finish(entry->plan, machine->n_workers, error);
    if (status != SETUN_OK)
        return status;
    entry->arena_bytes = setun_plan_arena_bytes(entry->plan);
    entry->arena = setun_pages_alloc(entry->arena_bytes);
    if (entry->arena == NULL)
        return setun_fail_nomem(error, "scratch", entry->arena_bytes);
    setun_plan_bind(entry->plan, entry->arena);
    return SETUN_OK;
}

setun_status setun_bench_entry_make(const setun_plugins *plugins, const setun_bench_case *c, const setun_machine *machine, setun_team *team,
                                    setun_bench_weights *weights, setun_kernel_ref ref, setun_bench_entry *entry, setun_error *error)
{
    setun_status status;
    setun_error reason = {.text = ""};

    entry->ref = ref;
    status = setun_check_target_make(plugins, ref, &entry->target, &reason);
    if (status == SETUN_OK && c->op->weight >= 0)
        status = find_weight(plugins, c, team, weights, entry, &reason);
    for (uint32_t i = 0; i < c->op->n_in && status == SETUN_OK; i++)
        if ((int)i != c->op->weight)
            status = make_input(plugins, c, entry, i, &entry->in[i], &reason);
    if (status == SETUN_OK)
        status = make_outputs(plugins, c, weights, entry, &reason);
    if (status == SETUN_OK)
        status = make_plan(c, machine, weights, entry, &reason);
    if (status == SETUN_ERR_UNSUPPORTED) {
        (void)snprintf(entry->declined, sizeof(entry->declined), "%.199s", reason.text);
        return SETUN_OK;
    }
    if (status != SETUN_OK)
        return setun_fail(error, status, "%s: %.300s", ref.kernel->name, reason.text);
    for (uint32_t i = 0; i < c->op->n_in; i++)
        for (uint32_t p = 0; p < entry->in[i].n_parts && c->op->weight < 0; p++)
            entry->bytes += (double)entry->in[i].n_bytes[p];
    for (uint32_t p = 0; p < entry->out[0].n_parts && c->op->weight < 0; p++)
        entry->bytes += (double)entry->out[0].n_bytes[p];
    if (c->op->weight >= 0)
        entry->bytes = (double)weights->items[entry->weight].n_bytes;
    return SETUN_OK;
}

void setun_bench_entry_free(setun_bench_entry *entry)
{
    setun_plan_destroy(entry->plan);
    if (entry->arena != NULL)
        setun_pages_free(entry->arena, entry->arena_bytes);
    for (uint32_t i = 0; i < SETUN_CHECK_INS; i++)
        setun_check_operand_free(&entry->in[i]);
    for (uint32_t i = 0; i < SETUN_CHECK_OUTS; i++)
        setun_check_operand_free(&entry->out[i]);
    for (uint32_t i = 0; i < entry->n_spare; i++)
        setun_check_operand_free(&entry->spare_out[i]);
    free(entry->spare_out);
    memset(entry, 0, sizeof(*entry));
}

/* Of what has a meaning, without padding. */
uint64_t setun_bench_entry_hash(const setun_bench_entry *entry)
{
    const setun_check_operand *out = &entry->out[0];
    XXH3_state_t *state = XXH3_createState();
    uint64_t hash = 0;

    if (state == NULL)
        return 0;
    (void)XXH3_64bits_reset(state);
    for (uint32_t p = 0; p < out->n_parts; p++) {
        for (size_t begin = 0, end; begin < out->n_bytes[p]; begin = end) {
            const bool cares = setun_check_operand_cares(out, p, begin);

            for (end = begin + 1; end < out->n_bytes[p] && setun_check_operand_cares(out, p, end) == cares; end++)
                ;
            if (cares)
                (void)XXH3_64bits_update(state, (const unsigned char *)out->part[p].data + begin, end - begin);
        }
    }
    hash = XXH3_64bits_digest(state);
    (void)XXH3_freeState(state);
    return hash;
}
