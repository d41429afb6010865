/* generate.c - a prompt in, tokens out, one at a time. */
#include <string.h>
#include <time.h>

#include "session/session_internal.h"

static double now_seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The sequence that is continued, and the token that comes next in it. */
typedef struct draw {
    setun_session        *session;
    int32_t               seq;
    int32_t               next;
    bool                  interrupted; /* by setun_session_interrupt; the sink's own status is another thing */
} draw;

/* setun_session_draw with the session's sampling. An interrupt is noted and no error: *error stays as it is. */
static setun_status draw_rows(draw *d, const setun_row *rows, size_t n_rows, int32_t *out_ids, setun_error *error)
{
    setun_error reason = {""};
    setun_status status = setun_session_draw(d->session, rows, n_rows, d->session->sampling, out_ids, &reason);

    if (status == SETUN_ERR_INTERRUPTED) {
        d->interrupted = true;
        return SETUN_OK;
    }
    if (status != SETUN_OK && error != NULL)
        *error = reason;
    return status;
}

/* Appends the prompt in passes; after the last row the first token is drawn. */
static setun_status eval_prompt(draw *d, const int32_t *prompt, size_t n_prompt, setun_error *error)
{
    setun_session *session = d->session;
    setun_status status = SETUN_OK;

    session->stage      = "reading the prompt";
    session->stage_rows = n_prompt;
    for (size_t i = 0; i < n_prompt && status == SETUN_OK && !d->interrupted;) {
        size_t n = n_prompt - i < session->chunk ? n_prompt - i : session->chunk;

        for (size_t j = 0; j < n; j++)
            session->rows[j] = (setun_row){prompt[i + j], d->seq, i + j + 1 == n_prompt};
        session->stage_done = i;
        status = draw_rows(d, session->rows, n, session->drawn, error);
        d->next = session->drawn[n - 1]; /* of the last row, if this was the last pass */
        i += n;
    }
    session->stage      = NULL;
    session->stage_rows = session->stage_done = 0;
    return status;
}

static bool is_stop(const setun_model *model, int32_t id)
{
    const int32_t *stops;
    size_t n = setun_model_stops(model, &stops);

    for (size_t i = 0; i < n; i++)
        if (stops[i] == id)
            return true;
    return false;
}

/* The tokens after the prompt. */
static setun_status generate_tokens(draw *d, int64_t n_tokens, setun_text_decoder *decoder, setun_token_sink *sink, void *context,
                                    setun_generation *generation, setun_error *error)
{
    setun_session *session = d->session;
    setun_status status = SETUN_OK;

    generation->end = SETUN_END_LENGTH;
    while (n_tokens < 0 || generation->n_tokens < n_tokens) {
        const char *text;
        size_t n_bytes;
        setun_row row = {d->next, d->seq, true};

        if (is_stop(session->model, d->next)) {
            generation->end = SETUN_END_STOP;
            return SETUN_OK;
        }
        status = setun_text_decoder_push(decoder, d->next, &text, &n_bytes, error);
        if (status == SETUN_OK)
            status = sink(context, d->next, text, n_bytes, error);
        if (status != SETUN_OK)
            return status;
        generation->n_tokens++;
        if (generation->n_tokens == n_tokens)
            break;
        if (setun_sequence_length(session, d->seq) >= session->context) {
            generation->end = SETUN_END_CONTEXT;
            return SETUN_OK;
        }
        status = draw_rows(d, &row, 1, &d->next, error);
        if (status != SETUN_OK || d->interrupted)
            return status;
    }
    return SETUN_OK;
}

setun_status setun_generate(setun_session *session, int32_t seq, const int32_t *prompt, size_t n_prompt, int64_t n_tokens,
                            const setun_sampling *sampling, setun_token_sink *sink, void *context,
                            setun_generation *out_generation, setun_error *error)
{
    setun_generation generation = {.n_prompt = (int64_t)n_prompt};
    static const setun_sampling greedy = {0};
    draw d = {.session = session, .seq = seq, .next = -1};
    double start = now_seconds(), prompt_end;
    const char *rest;
    size_t rest_bytes;
    setun_status status = setun_sampling_check(sampling, error);

    if (status != SETUN_OK)
        return status;
    if (n_tokens < -1)
        return setun_fail(error, SETUN_ERR_INVALID, "expected a number of tokens from 0 on, or -1, found %lld", (long long)n_tokens);
    if (n_prompt == 0)
        return setun_fail(error, SETUN_ERR_INVALID, "the prompt is empty: at least one token is needed");
    if (seq < 0 || (uint32_t)seq >= session->max_seqs || !session->seqs[seq].open)
        return setun_fail(error, SETUN_ERR_INVALID, "sequence %d is not open", seq);
    if (n_prompt > (size_t)session->context)
        return setun_fail(error, SETUN_ERR_FULL, "the prompt of %zu tokens does not fit into the context of %lld positions", n_prompt,
                          (long long)session->context);
    if (n_prompt > (size_t)(session->context - session->seqs[seq].length))
        return setun_fail(error, SETUN_ERR_FULL, "the prompt of %zu tokens does not fit: %lld of the context's %lld positions are taken",
                          n_prompt, (long long)session->seqs[seq].length, (long long)session->context);
    session->sampling[seq] = sampling != NULL ? *sampling : greedy;
    setun_text_decoder_finish(session->decoder, &rest, &rest_bytes); /* whatever an earlier generation held back is its own */
    status = eval_prompt(&d, prompt, n_prompt, error);
    prompt_end = now_seconds();
    if (status == SETUN_OK && !d.interrupted)
        status = generate_tokens(&d, n_tokens, session->decoder, sink, context, &generation, error);
    if (d.interrupted)
        generation.end = SETUN_END_INTERRUPT;
    (void)setun_session_take_interrupt(session); /* one that came too late for these tokens is not meant for others */
    generation.prompt_seconds = prompt_end - start;
    generation.token_seconds  = now_seconds() - prompt_end;
    setun_text_decoder_finish(session->decoder, &rest, &rest_bytes);
    if (status == SETUN_OK && rest_bytes > 0 && sink != NULL)
        status = sink(context, -1, rest, rest_bytes, error);
    if (status == SETUN_OK)
        *out_generation = generation;
    return status;
}
