/* eval.c - forward passes: rows of any sequences, cut into passes of at most `chunk` rows. */
#include <math.h>
#include <string.h>

#include "plan/planner.h"
#include "session/session_internal.h"

void setun_session_interrupt(setun_session *session)
{
    atomic_store(&session->interrupted, true);
}

bool setun_session_take_interrupt(setun_session *session)
{
    return atomic_exchange(&session->interrupted, false);
}

/* Everything that can be wrong with the rows, before anything is computed. */
static setun_status check_rows(setun_session *session, const setun_row *rows, size_t n_rows, bool has_sink, setun_error *error)
{
    int64_t vocab = session->model->graph->vocab;

    for (uint32_t i = 0; i < session->max_seqs; i++)
        session->want_length[i] = session->seqs[i].length;
    for (size_t i = 0; i < n_rows; i++) {
        if (rows[i].token < 0 || rows[i].token >= vocab)
            return setun_fail(error, SETUN_ERR_INVALID, "row %zu: expected a token id from 0 to %lld, found %d", i,
                              (long long)vocab - 1, rows[i].token);
        if (rows[i].seq < 0 || (uint32_t)rows[i].seq >= session->max_seqs || !session->seqs[rows[i].seq].open)
            return setun_fail(error, SETUN_ERR_INVALID, "row %zu: sequence %d is not open", i, rows[i].seq);
        if (rows[i].want_logits && !has_sink)
            return setun_fail(error, SETUN_ERR_INVALID, "row %zu wants logits, but there is nobody to take them", i);
        if (++session->want_length[rows[i].seq] > session->context)
            return setun_fail(error, SETUN_ERR_FULL, "row %zu: sequence %d would be longer than the context of %lld positions", i,
                              rows[i].seq, (long long)session->context);
    }
    return SETUN_OK;
}

/* Enters rows into the batch and the sequences. */
static void fill_batch(setun_session *session, const setun_row *rows, int64_t n_rows)
{
    int64_t n_out = 0;

    for (int64_t i = 0; i < n_rows; i++) {
        setun_sequence *sequence = &session->seqs[rows[i].seq];

        session->token[i] = rows[i].token;
        session->seq[i]   = rows[i].seq;
        session->pos[i]   = (int32_t)sequence->length;
        if (rows[i].want_logits)
            session->out_row[n_out++] = (int32_t)i;
        setun_sequence_reserve(session, sequence, sequence->length + 1);
        sequence->token[sequence->length++] = rows[i].token;
    }
    for (uint32_t i = 0; i < session->max_seqs; i++)
        session->len[i] = (int32_t)session->seqs[i].length;
    session->batch.n_rows     = n_rows;
    session->batch.n_out_rows = n_out;
}

const setun_session_plan *setun_session_plan_for(const setun_session *session, int64_t n_rows)
{
    uint32_t i = 0;

    while (i + 1 < session->n_plans && session->plans[i].rows_max < n_rows)
        i++;
    return &session->plans[i];
}

/* Who gets the logits of rows, or has tokens drawn after them. */
typedef struct taker {
    setun_logits_sink    *sink;     /* or NULL */
    void                 *context;  /* of the sink */
    const setun_sampling *sampling; /* [n_seqs] for drawing; NULL: greedy */
    int32_t              *out_ids;  /* [rows given] for drawing */
} taker;

static setun_status check_logits(const setun_session *session, int64_t out_row, const float *logits, setun_error *error)
{
    const int64_t vocab = session->model->graph->vocab;
    const int32_t i = session->out_row[out_row];

    for (int64_t j = 0; j < vocab; j++)
        if (!isfinite(logits[j]))
            return setun_fail(error, SETUN_ERR_NUMERIC,
                              "the logit of token %lld at position %d of sequence %d is not finite: the weights are damaged, or the "
                              "model is not the kind that its configuration says", (long long)j, session->pos[i], session->seq[i]);
    return SETUN_OK;
}

/* All logits of an output row are known. */
static setun_status take_logits(setun_session *session, int64_t out_row, const float *logits, size_t first_row, const taker *to,
                                setun_error *error)
{
    const int32_t i = session->out_row[out_row], seq = session->seq[i];
    double begin_s;
    setun_status status = check_logits(session, out_row, logits, error);

    if (status != SETUN_OK)
        return status;
    if (to->sink != NULL)
        return to->sink(to->context, first_row + (size_t)i, logits, error);
    if (to->out_ids == NULL) /* nobody wants them */
        return SETUN_OK;
    begin_s = setun_beside_begin(session->times);
    to->out_ids[first_row + (size_t)i] = setun_sampler_draw(session->sampler, to->sampling == NULL ? NULL : &to->sampling[seq], logits,
                                                            session->seqs[seq].token, (size_t)session->pos[i] + 1, session->pos[i] + 1);
    setun_beside_count(session->times, SETUN_BESIDE_DRAW, begin_s);
    return SETUN_OK;
}

/* Output rows first .. first + n - 1, which are at x: their logits by the head. */
static setun_status deliver_computed(setun_session *session, const char *x, int64_t stride_bytes, int64_t first, int64_t n, size_t first_row,
                                     const taker *to, setun_error *error)
{
    const float *logits;
    int64_t stride;
    setun_status status = setun_screen_logits(session->head, session->team, x, stride_bytes, n, &logits, &stride, error);

    for (int64_t i = 0; i < n && status == SETUN_OK; i++)
        status = take_logits(session, first + i, logits + i * stride, first_row, to, error);
    return status;
}

/* The same rows: their tokens, by way of candidates. */
static setun_status deliver_screened(setun_session *session, const char *x, int64_t stride_bytes, int64_t first, int64_t n, size_t first_row,
                                     const taker *to, setun_error *error)
{
    bool full[SETUN_HEAD_ROWS];
    setun_status status = SETUN_OK;

    setun_screen_run(session->head, session->team, x, stride_bytes, n);
    for (int64_t j = 0; j < n && status == SETUN_OK; j++) {
        const int32_t i = session->out_row[first + j], seq = session->seq[i];

        status = setun_screen_draw(session->head, session->team, session->sampler, j, to->sampling == NULL ? NULL : &to->sampling[seq],
                                 session->seqs[seq].token, (size_t)session->pos[i] + 1, &to->out_ids[first_row + (size_t)i], &full[j], error);
    }
    for (int64_t j = 0; j < n && status == SETUN_OK; j++)
        if (full[j])
            status = deliver_computed(session, x + j * stride_bytes, stride_bytes, first + j, 1, first_row, to, error);
    return status;
}

static setun_status deliver(setun_session *session, const setun_session_plan *plan, size_t first_row, const taker *to, setun_error *error)
{
    const setun_tensor *result = setun_plan_tensor(plan->plan, plan->result);
    const int64_t n_out = session->batch.n_out_rows, stride_bytes = result->stride_bytes[0];
    const int64_t n_at_once = session->head == NULL ? 1 : session->chunk < SETUN_HEAD_ROWS ? session->chunk : SETUN_HEAD_ROWS;
    setun_status status = SETUN_OK;

    for (int64_t i = 0; i < n_out && status == SETUN_OK; i += n_at_once) {
        const int64_t n = n_out - i < n_at_once ? n_out - i : n_at_once;
        const char *rows = (const char *)result->data + i * stride_bytes;

        if (session->head == NULL)
            status = take_logits(session, i, (const float *)(const void *)rows, first_row, to, error);
        else if (to->sink != NULL || session->head_mode == SETUN_HEAD_INT8)
            status = deliver_computed(session, rows, stride_bytes, i, n, first_row, to, error);
        else
            status = deliver_screened(session, rows, stride_bytes, i, n, first_row, to, error);
    }
    return status;
}

/* Where a pass stands among the rows of its stage. */
typedef struct pass_place {
    const setun_session *session;
    size_t               first, n, total; /* rows before the pass, of the pass, of the stage */
} pass_place;

static void watch_pass(void *context, size_t step, size_t n_steps)
{
    const pass_place *place = context;
    const uint64_t row = 1000; /* so that a pass of few rows moves, too */

    place->session->progress(place->session->progress_context, place->session->stage != NULL ? place->session->stage : "computing",
                             row * place->first + row * place->n * step / n_steps, row * place->total);
}

/* One pass; people are told how far it is if it has more rows than a few. */
static void run_pass(setun_session *session, const setun_session_plan *plan, size_t first, size_t n, size_t n_rows)
{
    pass_place place = {session, session->stage_done + first, n, session->stage_rows > 0 ? session->stage_rows : n_rows};

    if (session->progress == NULL || place.total <= SETUN_SMALL_BATCH_ROWS) {
        setun_plan_run(plan->plan, session->team, &session->batch);
        return;
    }
    setun_plan_set_watch(plan->plan, watch_pass, &place);
    setun_plan_run(plan->plan, session->team, &session->batch);
    setun_plan_set_watch(plan->plan, NULL, NULL);
}

/* Rows in passes; what they want goes to the taker. */
static setun_status eval(setun_session *session, const setun_row *rows, size_t n_rows, const taker *to, setun_error *error)
{
    setun_status status = check_rows(session, rows, n_rows, to->sink != NULL || to->out_ids != NULL, error);

    for (size_t i = 0; i < n_rows && status == SETUN_OK;) {
        size_t n = n_rows - i < session->chunk ? n_rows - i : session->chunk;
        const setun_session_plan *plan = setun_session_plan_for(session, (int64_t)n);

        session->times = session->profiled ? &session->plans[plan - session->plans].beside : NULL;
        if (session->head != NULL)
            setun_screen_time(session->head, session->times);
        if (setun_session_take_interrupt(session))
            return setun_fail(error, SETUN_ERR_INTERRUPTED, "interrupted after %zu of %zu rows", i, n_rows);
        if (session->gather != NULL) {
            const double begin_s = setun_beside_begin(session->times);

            status = setun_gather_read(session->gather, rows + i, n, error);
            setun_beside_count(session->times, SETUN_BESIDE_GATHER, begin_s);
        }
        if (status != SETUN_OK)
            return status;
        fill_batch(session, rows + i, (int64_t)n);
        run_pass(session, plan, i, n, n_rows);
        status = deliver(session, plan, i, to, error);
        i += n;
    }
    return status;
}

setun_status setun_session_eval(setun_session *session, const setun_row *rows, size_t n_rows, setun_logits_sink *sink,
                                void *context, setun_error *error)
{
    return eval(session, rows, n_rows, &(taker){.sink = sink, .context = context}, error);
}

setun_status setun_session_draw(setun_session *session, const setun_row *rows, size_t n_rows, const setun_sampling *sampling,
                                int32_t *out_ids, setun_error *error)
{
    setun_status status = SETUN_OK;

    for (uint32_t i = 0; i < session->max_seqs && sampling != NULL && status == SETUN_OK; i++)
        status = setun_sampling_check(&sampling[i], error);
    return status != SETUN_OK ? status : eval(session, rows, n_rows, &(taker){.sampling = sampling, .out_ids = out_ids}, error);
}
