/* session.c - making a session: plans for one row, a small batch and prefill; weights packed; all memory reserved. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/limits.h"
#include "plan/planner.h"
#include "session/listing.h"
#include "session/session_internal.h"
#include "setun_numerics.h"
#include "tune/tuning.h"

enum { MAX_CHUNK = 65536, MAX_SEQS = 65536 };

/* Option values that cannot be used, before anything is made. */
static setun_status read_options(setun_session *session, const setun_session_options *options, setun_error *error)
{
    int64_t model_context = session->model->graph->context;

    if (options->chunk > MAX_CHUNK)
        return setun_fail(error, SETUN_ERR_INVALID, "chunk: expected 1 to %d rows, found %u", MAX_CHUNK, options->chunk);
    if (options->max_seqs > MAX_SEQS)
        return setun_fail(error, SETUN_ERR_INVALID, "sequences: expected 1 to %d, found %u", MAX_SEQS, options->max_seqs);
    if (options->kv != SETUN_KV_F16 && options->kv != SETUN_KV_F32)
        return setun_fail(error, SETUN_ERR_INVALID, "kv: expected SETUN_KV_F16 or SETUN_KV_F32, found %d", options->kv);
    if (options->context < 0 || options->context > model_context)
        return setun_fail(error, SETUN_ERR_INVALID, "context: expected 1 to the model's %lld positions, found %lld",
                          (long long)model_context, (long long)options->context);
    if (options->head < SETUN_HEAD_AUTO || options->head > SETUN_HEAD_INT8)
        return setun_fail(error, SETUN_ERR_INVALID, "head: expected SETUN_HEAD_AUTO to SETUN_HEAD_INT8, found %d", options->head);
    session->context  = options->context == 0 ? model_context : options->context;
    session->max_seqs = options->max_seqs == 0 ? 1 : options->max_seqs;
    session->chunk    = options->chunk;
    session->blocks_per_seq = (session->context + SETUN_CHUNK - 1) / SETUN_CHUNK;
    if (session->blocks_per_seq * session->max_seqs > INT32_MAX)
        return setun_fail(error, SETUN_ERR_INVALID, "%u sequences of %lld positions need more than 2^31 cache blocks", session->max_seqs,
                          (long long)session->context);
    return SETUN_OK;
}

/* Room for n token ids as a matrix of format i32 has it: aligned, and its row padded (formats.md), which kernels may read. */
static int32_t *alloc_ids(size_t n)
{
    const size_t align = 64; /* pad64 */
    size_t n_bytes;
    int32_t *ids;

    if (!setun_mul_size(n, sizeof(*ids), &n_bytes) || !setun_round_up(n_bytes, align, &n_bytes))
        return NULL;
    ids = aligned_alloc(align, n_bytes);
    if (ids != NULL)
        memset(ids, 0, n_bytes);
    return ids;
}

static setun_status alloc_batch(setun_session *session, setun_error *error)
{
    size_t chunk = session->chunk, n_seqs = session->max_seqs, n_blocks = (size_t)session->blocks_per_seq;
    bool ok = true;

    session->seqs        = setun_calloc(n_seqs, sizeof(*session->seqs));
    session->free_block  = setun_calloc(n_seqs * n_blocks, sizeof(*session->free_block));
    session->token       = alloc_ids(chunk);
    session->seq         = setun_calloc(chunk, sizeof(*session->seq));
    session->pos         = setun_calloc(chunk, sizeof(*session->pos));
    session->out_row     = setun_calloc(chunk, sizeof(*session->out_row));
    session->rows        = setun_calloc(chunk, sizeof(*session->rows));
    session->sampling    = setun_calloc(n_seqs, sizeof(*session->sampling));
    session->drawn       = setun_calloc(chunk, sizeof(*session->drawn));
    session->len         = setun_calloc(n_seqs, sizeof(*session->len));
    session->block       = setun_calloc(n_seqs, sizeof(*session->block));
    session->want_length = setun_calloc(n_seqs, sizeof(*session->want_length));
    ok = session->seqs != NULL && session->free_block != NULL && session->token != NULL && session->seq != NULL && session->pos != NULL &&
         session->out_row != NULL && session->rows != NULL && session->sampling != NULL && session->drawn != NULL &&
         session->len != NULL && session->block != NULL && session->want_length != NULL;
    for (size_t i = 0; ok && i < n_seqs; i++) {
        session->seqs[i].block = setun_calloc(n_blocks, sizeof(int32_t));
        session->seqs[i].token = setun_calloc((size_t)session->context, sizeof(int32_t));
        session->block[i]      = session->seqs[i].block;
        ok = session->seqs[i].block != NULL && session->seqs[i].token != NULL;
    }
    if (!ok)
        return setun_fail_nomem(error, "sequences", n_seqs * (size_t)session->context * sizeof(int32_t));
    /* The stack gives block 0 first, so that a lone sequence fills the cache from its start. */
    session->n_free = (int64_t)(n_seqs * n_blocks);
    for (int64_t i = 0; i < session->n_free; i++)
        session->free_block[i] = (int32_t)(session->n_free - 1 - i);
    session->batch = (setun_batch){.size = sizeof(session->batch), .n_seqs = session->max_seqs, .token = session->token,
                                   .seq = session->seq, .pos = session->pos, .out_row = session->out_row, .len = session->len,
                                   .block = session->block};
    return SETUN_OK;
}

/* The head as the options want it; AUTO is decided. */
static setun_status make_head(setun_session *session, const setun_planner_request *request, int wanted, setun_error *error)
{
    setun_planner_request silent = *request;
    setun_error reason = {""};
    setun_status status;

    silent.choice = NULL; /* list_head() tells it in its place */
    session->head_mode = wanted == SETUN_HEAD_AUTO ? SETUN_HEAD_SCREENED : wanted;
    if (session->head_mode == SETUN_HEAD_FULL)
        return SETUN_OK;
    status = setun_screen_create(&silent, session->head_mode, session->chunk, &session->head, &reason);
    if (status == SETUN_ERR_UNSUPPORTED && wanted == SETUN_HEAD_AUTO) {
        session->head_mode = SETUN_HEAD_FULL;
        return SETUN_OK;
    }
    if (status != SETUN_OK) {
        if (error != NULL)
            *error = reason;
        return status;
    }
    if (session->head_mode == SETUN_HEAD_SCREENED)
        status = setun_gather_create(session->model->graph, session->store, session->chunk, &session->gather, error);
    return status;
}

/* Tells the steps of a screened head, of passes like those of the request. */
static setun_status list_head(const setun_planner_request *request, int mode, setun_error *error)
{
    setun_planner_request head = *request;
    setun_planned planned;
    setun_status status;

    head.part = SETUN_PLANNER_SCREEN;
    head.screen_fmts = setun_screen_fmts(mode);
    status = setun_planner_compile(&head, &planned, error);
    if (status == SETUN_OK)
        setun_plan_destroy(planned.plan);
    return status;
}

/* Of the weights with second packings; 0: no limit is known. */
static uint64_t weight_bytes_max(const setun_session_options *options)
{
    return options->weight_bytes > 0 ? options->weight_bytes : setun_free_memory_read("") / 2;
}

static setun_status check_weight_bytes(const setun_session *session, uint64_t most, setun_error *error)
{
    const uint64_t found = setun_store_weight_bytes(session->store);

    if (most == 0 || found <= most)
        return SETUN_OK;
    return setun_fail(error, SETUN_ERR_INVALID, "the weights take %.1f MiB of memory as kernels read them, and may take %.1f MiB",
                      (double)found / 1048576, (double)most / 1048576);
}

/* Times of another CPU, or of kernels for other features than are in effect, say nothing. */
static const setun_tuning *tuning_for(const setun_model *model, const setun_session_options *options)
{
    const bool is_for_this = options->tuning != NULL && setun_tuning_is_for(options->tuning, setun_plugins_cpu(model->plugins));

    return is_for_this ? options->tuning : NULL;
}

/* One plan for each class of passes that a chunk allows. */
static setun_status make_plans(setun_session *session, const setun_session_options *options, setun_session_listing *listing, setun_error *error)
{
    const int64_t sizes[SETUN_SESSION_MAX_PLANS] = {1, SETUN_SMALL_BATCH_ROWS, session->chunk};
    setun_machine machine;
    setun_planner_request request = {
        .graph = session->model->graph, .plugins = session->model->plugins, .machine = &machine,
        .n_blocks = session->blocks_per_seq * session->max_seqs,
        .cache_fmt = options->kv == SETUN_KV_F32 ? "f32.kv256" : "f16.kv256", .backends = options->backends,
        .rules = options->rules, .n_rules = options->n_rules, .no_scalar = options->no_scalar,
        .avoid = options->avoid, .no_fuse = options->no_fuse, .no_replicate = options->no_replicate,
        .spends_memory = options->weight_bytes > 0, .weight_bytes_max = weight_bytes_max(options),
        .tuning = tuning_for(session->model, options), .choice = listing != NULL ? setun_session_list_choice : NULL, .choice_context = listing,
    };
    setun_status status;

    setun_topology_describe(session->model->topology, setun_team_n_threads(session->team), &machine);
    status = setun_store_create(session->model->graph, session->model->plugins, &machine, &session->store, error);
    request.store = session->store;
    if (status == SETUN_OK)
        setun_store_set_progress(session->store, session->progress, session->progress_context);
    if (status == SETUN_OK)
        status = make_head(session, &request, options->head, error);
    request.part = session->head != NULL ? SETUN_PLANNER_BODY : SETUN_PLANNER_WHOLE;
    request.table = session->gather != NULL ? setun_gather_table(session->gather) : NULL;
    for (uint32_t i = 0; i < SETUN_SESSION_MAX_PLANS && status == SETUN_OK; i++) {
        setun_session_plan *plan = &session->plans[session->n_plans];
        setun_planned planned;

        request.rows_min = session->n_plans == 0 ? 1 : session->plans[session->n_plans - 1].rows_max + 1;
        request.rows_max = sizes[i] < session->chunk ? sizes[i] : session->chunk;
        if (request.rows_min > request.rows_max)
            continue;
        status = setun_planner_compile(&request, &planned, error);
        if (status == SETUN_OK) {
            *plan = (setun_session_plan){.plan = planned.plan, .rows_max = request.rows_max,
                                         .result = session->head != NULL ? planned.hidden : planned.logits};
            if (session->n_plans == 0) {
                session->token_bytes = planned.weight_bytes;
                session->logits_bytes = planned.logits_bytes;
            }
            if (session->gather != NULL)
                setun_plan_set_tokens(plan->plan, setun_gather_tokens(session->gather));
            session->n_plans++;
            if (setun_plan_arena_bytes(plan->plan) > session->arena_bytes)
                session->arena_bytes = setun_plan_arena_bytes(plan->plan);
            if (listing != NULL && session->head != NULL)
                status = list_head(&request, session->head_mode, error);
        }
    }
    return status == SETUN_OK ? check_weight_bytes(session, options->weight_bytes, error) : status;
}

/* Everything but the packing of weights: what a session will be is decided, and its memory reserved. */
static setun_status prepare(setun_model *model, const setun_session_options *options, setun_session_listing *listing, setun_session **out_session,
                            setun_error *error)
{
    static const setun_session_options defaults = {0};
    setun_session *session = setun_calloc(1, sizeof(*session));
    setun_status status;

    if (session == NULL)
        return setun_fail_nomem(error, "session", sizeof(*session));
    if (options == NULL)
        options = &defaults;
    session->model = model;
    session->progress         = options->progress;
    session->progress_context = options->progress_context;
    atomic_init(&session->interrupted, false);
    status = read_options(session, options, error);
    if (status == SETUN_OK)
        status = setun_team_create(model->topology, options->n_threads, &session->team, error);
    if (status == SETUN_OK && session->chunk == 0)
        setun_session_choose_chunk(session);
    if (status == SETUN_OK)
        status = alloc_batch(session, error);
    if (status == SETUN_OK)
        status = setun_sampler_create(model->graph->vocab, &session->sampler, error);
    if (status == SETUN_OK)
        status = setun_text_decoder_create(model->tokenizer, false, &session->decoder, error);
    if (status == SETUN_OK)
        status = make_plans(session, options, listing, error);
    if (status == SETUN_OK) {
        session->arena = setun_pages_alloc(session->arena_bytes);
        if (session->arena == NULL)
            status = setun_fail_nomem(error, "activations", session->arena_bytes);
    }
    if (status != SETUN_OK) {
        setun_session_destroy(session);
        return status;
    }
    *out_session = session;
    return SETUN_OK;
}

setun_status setun_session_create(setun_model *model, const setun_session_options *options, setun_session **out_session,
                                  setun_error *error)
{
    return setun_session_create_until(model, options, NULL, out_session, error);
}

setun_status setun_session_create_until(setun_model *model, const setun_session_options *options, const atomic_bool *stop,
                                        setun_session **out_session, setun_error *error)
{
    setun_session *session;
    setun_status status = prepare(model, options, NULL, &session, error);

    if (status != SETUN_OK)
        return status;
    setun_store_set_stop(session->store, stop);
    status = setun_store_fill(session->store, session->team, error);
    if (status != SETUN_OK) {
        setun_session_destroy(session);
        return status;
    }
    for (uint32_t i = 0; i < session->n_plans; i++)
        setun_plan_bind(session->plans[i].plan, session->arena);
    if (session->head != NULL)
        setun_screen_bind(session->head);
    *out_session = session;
    return SETUN_OK;
}

setun_status setun_session_preview(setun_model *model, const setun_session_options *options, setun_session_info *out_info,
                                   setun_error *error)
{
    setun_session *session;
    setun_status status = prepare(model, options, NULL, &session, error);

    if (status != SETUN_OK)
        return status;
    setun_session_describe(session, out_info);
    setun_session_destroy(session);
    return SETUN_OK;
}

setun_status setun_session_list_plan(setun_model *model, const setun_session_options *options, setun_plan_sink *sink, void *context,
                                setun_error *error)
{
    setun_session_listing listing = {.sink = sink, .context = context, .status = SETUN_OK};
    setun_session *session = NULL;
    setun_status status = prepare(model, options, &listing, &session, error);

    if (status != SETUN_OK)
        return status;
    setun_session_destroy(session);
    if (listing.status != SETUN_OK && error != NULL)
        *error = listing.error;
    return listing.status;
}

void setun_session_destroy(setun_session *session)
{
    if (session == NULL)
        return;
    for (uint32_t i = 0; i < session->n_plans; i++)
        setun_plan_destroy(session->plans[i].plan);
    for (uint32_t i = 0; session->seqs != NULL && i < session->max_seqs; i++) {
        free(session->seqs[i].block);
        free(session->seqs[i].token);
    }
    setun_pages_free(session->arena, session->arena_bytes);
    setun_screen_destroy(session->head);
    setun_gather_destroy(session->gather);
    setun_store_destroy(session->store);
    setun_text_decoder_destroy(session->decoder);
    setun_sampler_destroy(session->sampler);
    setun_team_destroy(session->team);
    free(session->seqs);
    free(session->free_block);
    free(session->token);
    free(session->seq);
    free(session->pos);
    free(session->out_row);
    free(session->rows);
    free(session->sampling);
    free(session->drawn);
    free(session->len);
    free(session->block);
    free(session->want_length);
    free(session);
}

/* The tensors of which rows are read from the file: the embedding's, and what a screened head computes again. Often they are one. */
static uint64_t count_pread_bytes(const setun_session *session)
{
    const setun_graph *graph = session->model->graph;
    const setun_weight *last = NULL;
    uint64_t n_bytes = 0;

    for (size_t i = 0; i < graph->n_nodes; i++) {
        const setun_graph_node *node = &graph->nodes[i];
        const bool is_table = session->gather != NULL && strcmp(node->op, "embedding") == 0;
        const bool is_head = session->head_mode == SETUN_HEAD_SCREENED && strcmp(node->op, "linear") == 0 && node->out[0].index == graph->logits;
        const setun_weight *source = is_table || is_head ? graph->weights[node->in[1].index].source : NULL;

        if (source != NULL && source != last)
            n_bytes += source->n_bytes;
        last = source != NULL ? source : last;
    }
    return n_bytes;
}

void setun_session_describe(const setun_session *session, setun_session_info *out_info)
{
    const uint64_t head_bytes = session->head != NULL ? setun_screen_token_bytes(session->head) : 0;
    size_t n_weights, n_packed;

    setun_store_count_weights(session->store, &n_weights, &n_packed);
    *out_info = (setun_session_info){
        .n_threads = setun_team_n_threads(session->team), .chunk = session->chunk, .max_seqs = session->max_seqs,
        .context = session->context, .n_weights = n_weights, .n_packed = n_packed, .weight_bytes = setun_store_weight_bytes(session->store),
        .activation_bytes = session->arena_bytes + (session->head != NULL ? setun_screen_arena_bytes(session->head) : 0),
        .cache_bytes = setun_store_cache_bytes(session->store), .token_bytes = session->token_bytes + head_bytes,
        .logits_bytes = session->logits_bytes + head_bytes,
        .pread_bytes = count_pread_bytes(session), .head = session->head_mode,
        .chunk_row_bytes = session->chunk_row_bytes, .chunk_cache_bytes = session->chunk_cache_bytes,
    };
    setun_session_count_ops(session->model->graph, out_info);
}

void setun_session_count_candidates(const setun_session *session, setun_session_candidates *out_candidates)
{
    const setun_screen_counts *counts;
    uint64_t sum = 0;

    memset(out_candidates, 0, sizeof(*out_candidates));
    if (session->head == NULL)
        return;
    counts = setun_screen_counted(session->head);
    out_candidates->n_tokens = counts->n_screened;
    out_candidates->n_full = counts->n_full;
    for (uint32_t i = 0; i <= SETUN_HEAD_CANDIDATES; i++) {
        if (counts->count[i] > 0)
            out_candidates->largest = i;
        sum += counts->count[i];
        if (out_candidates->median == 0 && 2 * sum > counts->n_screened) /* there is no token without a candidate */
            out_candidates->median = i;
    }
}
