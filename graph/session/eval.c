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

static setun_status deliver(setun_session *session, const setun_session_plan *plan, size_t first_row, setun_logits_sink *sink,
                            void *context, setun_error *error)
{
    const setun_tensor *logits = setun_plan_tensor(plan->plan, plan->logits);
    int64_t vocab = session->model->graph->vocab;

    for (int64_t i = 0; i < session->batch.n_out_rows; i++) {
        const float *row = (const float *)(const void *)((const char *)logits->data + i * logits->stride_bytes[0]);
        setun_status status;

        for (int64_t j = 0; j < vocab; j++)
            if (!isfinite(row[j]))
                return setun_fail(error, SETUN_ERR_NUMERIC,
                                  "the logit of token %lld at position %d of sequence %d is not finite: the weights are damaged, or the "
                                  "model is not the kind that its configuration says", (long long)j,
                                  session->pos[session->out_row[i]], session->seq[session->out_row[i]]);
        status = sink(context, first_row + (size_t)session->out_row[i], row, error);
        if (status != SETUN_OK)
            return status;
    }
    return SETUN_OK;
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

setun_status setun_session_eval(setun_session *session, const setun_row *rows, size_t n_rows, setun_logits_sink *sink,
                                void *context, setun_error *error)
{
    setun_status status = check_rows(session, rows, n_rows, sink != NULL, error);

    for (size_t i = 0; i < n_rows && status == SETUN_OK;) {
        size_t n = n_rows - i < session->chunk ? n_rows - i : session->chunk;
        const setun_session_plan *plan = setun_session_plan_for(session, (int64_t)n);

        if (setun_session_take_interrupt(session))
            return setun_fail(error, SETUN_ERR_INTERRUPTED, "interrupted after %zu of %zu rows", i, n_rows);
        fill_batch(session, rows + i, (int64_t)n);
        run_pass(session, plan, i, n, n_rows);
        if (sink != NULL) /* else no row wants logits: check_rows */
            status = deliver(session, plan, i, sink, context, error);
        i += n;
    }
    return status;
}
