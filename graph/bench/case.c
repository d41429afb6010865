/* case.c - operands of a case, filled and packed for one kernel, and the plan that calls it once for each copy of what it streams. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "bench/bench_internal.h"

/* Starting a team takes some microseconds, in which a short call would be lost: many of them run in one plan. */
enum { SHORT_CALLS = 16 };
#define SHORT_NS 1e5

/* ---- inputs ---- */

/* Each worker writes its share of every copy: that is what it will read, so the pages lie near it. */
static void copy_share(const setun_worker *worker, void *context)
{
    const setun_bench_stream *s = context;

    for (uint32_t i = 1; i < s->n_copies; i++) {
        unsigned char *to = s->pages + (size_t)(i - 1) * s->copy_stride_bytes;

        for (uint32_t p = 0; p < s->operand.n_parts; p++) {
            const size_t n = s->operand.n_bytes[p], begin = n / worker->n_workers * worker->index;
            const size_t end = worker->index + 1 == worker->n_workers ? n : n / worker->n_workers * (worker->index + 1);

            memcpy(to + begin, (const unsigned char *)s->operand.part[p].data + begin, end - begin);
            to += (n + 63) / 64 * 64;
        }
    }
}

static setun_status make_copies(const setun_bench_case *c, setun_team *team, setun_bench_stream *stream, setun_error *error)
{
    const uint64_t wanted = c->copies_bytes / (uint64_t)(__builtin_popcount(c->streamed) + (c->streamed == 0));
    size_t n_bytes = 0;

    stream->n_bytes = 0;
    stream->n_copies = 1;
    for (uint32_t p = 0; p < stream->operand.n_parts; p++) {
        n_bytes += (stream->operand.n_bytes[p] + 63) / 64 * 64;
        stream->n_bytes += stream->operand.n_bytes[p];
    }
    if (c->from != SETUN_BENCH_MEMORY || (c->streamed >> stream->index & 1) == 0 || n_bytes >= wanted)
        return SETUN_OK;
    if (wanted / SETUN_BENCH_MAX_COPIES >= n_bytes)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s is too small: %d copies would lie in the caches",
                          (int)stream->index == c->weight ? "the weight" : "the input", SETUN_BENCH_MAX_COPIES);
    stream->n_copies = (uint32_t)((wanted + n_bytes - 1) / n_bytes);
    stream->copy_stride_bytes = (n_bytes + 4095) / 4096 * 4096;
    stream->pages = setun_pages_alloc((stream->n_copies - 1) * stream->copy_stride_bytes);
    if (stream->pages == NULL) {
        n_bytes = (stream->n_copies - 1) * stream->copy_stride_bytes;
        stream->n_copies = 1;
        return setun_fail_nomem(error, "copies of an input", n_bytes);
    }
    setun_team_run(team, copy_share, stream);
    return SETUN_OK;
}

/* Input i in the kernel's format; one that is there already is shared. K and V may be written together in pairs of formats only. */
static setun_status find_stream(const setun_plugins *plugins, const setun_bench_case *c, setun_team *team, setun_bench_streams *streams,
                                setun_bench_entry *entry, uint32_t i, setun_error *error)
{
    const char *fmt = entry->target.fmts.in[i];
    const char *with = strstr(fmt, ".kv") == NULL || (i != 1 && i != 2) ? "" : entry->target.fmts.in[3 - i];
    setun_bench_stream *stream;
    setun_status status;

    for (entry->stream[i] = 0; entry->stream[i] < streams->n; entry->stream[i]++) {
        stream = &streams->items[entry->stream[i]];
        if (stream->index == i && strcmp(stream->fmt, fmt) == 0 && strcmp(stream->with, with) == 0)
            return stream->pages != NULL ? SETUN_OK : make_copies(c, team, stream, error); /* perhaps of a case that needed none */
    }
    if (!setun_grow(&streams->items, &streams->capacity, streams->n + 1, sizeof(*streams->items)))
        return setun_fail_nomem(error, "inputs", sizeof(*streams->items));
    stream = &streams->items[streams->n];
    memset(stream, 0, sizeof(*stream));
    stream->index = i;
    (void)snprintf(stream->fmt, sizeof(stream->fmt), "%s", fmt);
    (void)snprintf(stream->with, sizeof(stream->with), "%s", with);
    status = setun_bench_input_make(plugins, c, &entry->target, i, &stream->operand, error);
    if (status != SETUN_OK)
        return status;
    streams->n++;
    status = make_copies(c, team, stream, error);
    return status;
}

static void stream_free(setun_bench_stream *s)
{
    if (s->pages != NULL)
        setun_pages_free(s->pages, (s->n_copies - 1) * s->copy_stride_bytes);
    setun_check_operand_free(&s->operand);
}

void setun_bench_streams_forget(setun_bench_streams *streams, int kept)
{
    size_t n = 0;

    for (size_t i = 0; i < streams->n; i++) {
        if ((int)streams->items[i].index == kept)
            streams->items[n++] = streams->items[i];
        else
            stream_free(&streams->items[i]);
    }
    streams->n = n;
}

void setun_bench_streams_free(setun_bench_streams *streams)
{
    setun_bench_streams_forget(streams, -1);
    free(streams->items);
    memset(streams, 0, sizeof(*streams));
}

/* Copy `copy` of an input as an operand that owns nothing. */
static setun_check_operand copy_of(const setun_bench_stream *stream, uint32_t copy)
{
    setun_check_operand operand = stream->operand;
    unsigned char *at = copy == 0 ? NULL : stream->pages + (size_t)(copy - 1) * stream->copy_stride_bytes;

    for (uint32_t p = 0; p < operand.n_parts && at != NULL; p++) {
        operand.part[p].data = at;
        at += (operand.n_bytes[p] + 63) / 64 * 64;
    }
    return operand;
}

/* ---- outputs ---- */

/* Calls have outputs of their own, so nothing makes the workers wait between them. */
static setun_status make_outputs(const setun_plugins *plugins, const setun_bench_case *c, setun_bench_entry *entry, setun_error *error)
{
    const uint32_t n_spare = (entry->n_calls - 1) * c->n_out;
    setun_status status = SETUN_OK;

    for (uint32_t i = 0; i < c->n_out && status == SETUN_OK; i++)
        status = setun_check_operand_make(plugins, entry->target.fmts.out[i], c->out_dim[i], &entry->out[i], error);
    if (status != SETUN_OK || n_spare == 0)
        return status;
    entry->spare_out = setun_calloc(n_spare, sizeof(*entry->spare_out));
    if (entry->spare_out == NULL)
        return setun_fail_nomem(error, "outputs", n_spare * sizeof(*entry->spare_out));
    for (; entry->n_spare < n_spare && status == SETUN_OK; entry->n_spare++)
        status = setun_check_operand_make(plugins, entry->target.fmts.out[entry->n_spare % c->n_out], c->out_dim[entry->n_spare % c->n_out],
                                          &entry->spare_out[entry->n_spare], error);
    return status;
}

/* ---- the plan ---- */

static void append(const setun_check_operand *operand, setun_tensor *list, uint32_t *n)
{
    for (uint32_t p = 0; p < operand->n_parts; p++) {
        list[*n] = operand->part[p];
        list[(*n)++].data = NULL; /* plan() decides by shapes only */
    }
}

/* The attributes of its ops; one is room for a single one. */
static const void *const *attrs_of(const setun_bench_case *c, const void *one[1])
{
    one[0] = c->attr;
    return c->n_ops > 0 ? c->chain_attr : one;
}

static setun_status ask(setun_bench_entry *entry, const setun_bench_case *c, const setun_machine *machine, const setun_bench_streams *streams,
                        setun_kernel_plan *out_plan)
{
    setun_tensor in_tensor[SETUN_CHECK_INS * SETUN_CHECK_PARTS], out_tensor[SETUN_CHECK_OUTS * SETUN_CHECK_PARTS];
    const void *one[1];
    setun_query query = {.size = sizeof(query), .in = in_tensor, .out = out_tensor, .rows_min = c->rows, .rows_max = c->rows, .attr = attrs_of(c, one),
                         .machine = machine, .why = entry->declined, .why_bytes = sizeof(entry->declined)};
    setun_status status;

    for (uint32_t i = 0; i < c->n_in; i++)
        append(&streams->items[entry->stream[i]].operand, in_tensor, &query.n_in);
    for (uint32_t i = 0; i < c->n_out; i++)
        append(&entry->out[i], out_tensor, &query.n_out);
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

/* One call for each copy. */
static setun_status add_calls(setun_bench_entry *entry, const setun_bench_case *c, const setun_bench_streams *streams,
                              const setun_kernel_plan *kernel_plan, setun_error *error)
{
    const void *one[1], *const *attr = attrs_of(c, one);
    const size_t n_attr = c->n_ops > 0 ? c->n_ops : 1;
    setun_status status = SETUN_OK;

    for (uint32_t call = 0; call < entry->n_calls && status == SETUN_OK; call++) {
        const setun_check_operand *outs = call == 0 || entry->n_spare == 0 ? entry->out : &entry->spare_out[(size_t)(call - 1) * c->n_out];
        uint32_t in[SETUN_CHECK_INS * SETUN_CHECK_PARTS], out[SETUN_CHECK_OUTS * SETUN_CHECK_PARTS], n_in = 0, n_out = 0;

        for (uint32_t i = 0; i < c->n_in && status == SETUN_OK; i++) {
            const setun_bench_stream *stream = &streams->items[entry->stream[i]];
            const setun_check_operand operand = copy_of(stream, call % stream->n_copies);

            status = add_operand(entry->plan, &operand, in, &n_in, error);
        }
        for (uint32_t i = 0; i < c->n_out && status == SETUN_OK; i++)
            status = add_operand(entry->plan, &outs[i], out, &n_out, error);
        if (status == SETUN_OK)
            status = setun_plan_add_step(entry->plan, entry->ref, kernel_plan, attr, n_attr, in, n_in, out, n_out, entry->ref.kernel->name, error);
    }
    return status;
}

static setun_status make_plan(const setun_bench_case *c, const setun_machine *machine, const setun_bench_streams *streams,
                              setun_bench_entry *entry, setun_error *error)
{
    setun_kernel_plan kernel_plan;
    setun_status status;

    if (ask(entry, c, machine, streams, &kernel_plan) != SETUN_OK)
        return SETUN_OK; /* declined says why */
    entry->cost_ns = kernel_plan.cost_ns;
    if (entry->n_calls == 1 && kernel_plan.cost_ns / machine->n_workers < SHORT_NS)
        entry->n_calls = SHORT_CALLS; /* the same one: each worker waits for the others, as between the ops of a model */
    status = setun_plan_create(&entry->plan, error);
    if (status == SETUN_OK)
        status = add_calls(entry, c, streams, &kernel_plan, error);
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

/* How much of an operand of that representation the op looks at: of seven bits screen at the upper five, rescreen at the others. */
static double looked_at(const char *op, const char *fmts)
{
    if (strncmp(fmts, "i7.r256k32", strlen("i7.r256k32")) != 0)
        return 1;
    return strcmp(op, "screen") == 0 ? 5.0 / 7 : strcmp(op, "rescreen") == 0 ? 2.0 / 7 : 1;
}

static void count_bytes(const setun_bench_case *c, const setun_bench_streams *streams, setun_bench_entry *entry)
{
    for (uint32_t i = 0; i < c->n_in; i++)
        entry->read_bytes += c->in_part[i] * looked_at(c->op, entry->target.fmts.in[i]) * (double)streams->items[entry->stream[i]].n_bytes;
    entry->bytes = entry->read_bytes;
    for (uint32_t i = 0; i < c->n_out; i++)
        for (uint32_t p = 0; p < entry->out[i].n_parts; p++)
            entry->bytes += c->out_part[i] * (double)entry->out[i].n_bytes[p];
    if (c->weight >= 0)
        entry->weight_bytes = (double)streams->items[entry->stream[c->weight]].n_bytes;
}

setun_status setun_bench_entry_make(const setun_plugins *plugins, const setun_bench_case *c, const setun_machine *machine, setun_team *team,
                                    setun_bench_streams *streams, setun_kernel_ref ref, setun_bench_entry *entry, setun_error *error)
{
    setun_status status;
    setun_error reason = {.text = ""};

    entry->ref = ref;
    entry->n_calls = 1;
    entry->batch = c->rows_of.batch.n_rows > 0 ? &c->rows_of.batch : NULL;
    status = setun_check_target_make(plugins, ref, &entry->target, &reason);
    if (status == SETUN_OK && (entry->target.fmts.n_in != c->n_in || entry->target.fmts.n_out != c->n_out))
        status = setun_fail(&reason, SETUN_ERR_UNSUPPORTED, "has %u inputs and %u outputs, expected %u and %u", entry->target.fmts.n_in,
                            entry->target.fmts.n_out, c->n_in, c->n_out);
    for (uint32_t i = 0; i < c->n_in && status == SETUN_OK; i++) {
        status = find_stream(plugins, c, team, streams, entry, i, &reason);
        if (status == SETUN_OK && c->from == SETUN_BENCH_MEMORY && streams->items[entry->stream[i]].n_copies > entry->n_calls)
            entry->n_calls = streams->items[entry->stream[i]].n_copies;
    }
    if (status == SETUN_OK)
        status = make_outputs(plugins, c, entry, &reason);
    if (status == SETUN_OK)
        status = make_plan(c, machine, streams, entry, &reason);
    if (status == SETUN_ERR_UNSUPPORTED) {
        (void)snprintf(entry->declined, sizeof(entry->declined), "%.199s", reason.text);
        return SETUN_OK;
    }
    if (status != SETUN_OK)
        return setun_fail(error, status, "%s: %.300s", ref.kernel->name, reason.text);
    count_bytes(c, streams, entry);
    return SETUN_OK;
}

void setun_bench_entry_free(setun_bench_entry *entry)
{
    setun_plan_destroy(entry->plan);
    if (entry->arena != NULL)
        setun_pages_free(entry->arena, entry->arena_bytes);
    for (uint32_t i = 0; i < SETUN_CHECK_OUTS; i++)
        setun_check_operand_free(&entry->out[i]);
    for (uint32_t i = 0; i < entry->n_spare; i++)
        setun_check_operand_free(&entry->spare_out[i]);
    free(entry->spare_out);
    memset(entry, 0, sizeof(*entry));
}

static void hash_operand(const setun_check_operand *out, XXH3_state_t *state)
{
    for (uint32_t p = 0; p < out->n_parts; p++) {
        bool cares;

        for (size_t begin = 0, end; begin < out->n_bytes[p]; begin = end) {
            end = setun_check_operand_stretch(out, p, begin, &cares);
            if (cares)
                (void)XXH3_64bits_update(state, (const unsigned char *)out->part[p].data + begin, end - begin);
        }
    }
}

/* Of what has a meaning, without padding. */
uint64_t setun_bench_entry_hash(const setun_bench_entry *entry)
{
    XXH3_state_t *state = XXH3_createState();
    uint64_t hash = 0;

    if (state == NULL)
        return 0;
    (void)XXH3_64bits_reset(state);
    for (uint32_t i = 0; i < SETUN_CHECK_OUTS; i++)
        hash_operand(&entry->out[i], state);
    hash = XXH3_64bits_digest(state);
    (void)XXH3_freeState(state);
    return hash;
}
