/* batch.c - the likeliest next token of several texts, computed together in one batch. Public headers of libsetun only.
 *
 *   batch MODEL TEXT...        prints one line for each text, which may be empty: its number and what follows it */
#include <setun/session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The rows of all texts, one behind the other. */
typedef struct row_list {
    const setun_model *model;
    setun_row         *row; /* [n] */
    size_t             n;
} row_list;

/* logits[vocab] of one row; they are valid during this call only. */
static setun_status take(void *context, size_t i, const float *logits, setun_error *error)
{
    const row_list *rows = context;
    size_t n_bytes;
    const char *text;
    int32_t best = 0;

    (void)error;
    for (int32_t id = 1; id < setun_model_vocab(rows->model); id++)
        if (logits[id] > logits[best])
            best = id;
    text = setun_tokenizer_token(setun_model_tokenizer(rows->model), best, &n_bytes, NULL);
    (void)printf("%d:%.*s\n", rows->row[i].seq, (int)n_bytes, text);
    return SETUN_OK;
}

/* Opens a sequence for the text and appends its rows, the last of which wants logits. */
static setun_status add_text(setun_session *session, row_list *rows, const char *text, setun_error *error)
{
    const int32_t bos = setun_model_bos(rows->model); /* models that want a first token say which */
    setun_row *longer;
    int32_t *ids = NULL, seq;
    size_t n_ids;
    setun_status status = setun_sequence_open(session, &seq, error);

    if (status == SETUN_OK)
        status = setun_tokenizer_encode(setun_model_tokenizer(rows->model), text, strlen(text), SETUN_TEXT_USER, &ids, &n_ids, error);
    if (status != SETUN_OK)
        return status;
    longer = realloc(rows->row, (rows->n + n_ids + 1) * sizeof(*longer));
    if (longer == NULL) {
        (void)snprintf(error->text, sizeof(error->text), "out of memory: %zu rows", rows->n + n_ids + 1);
        status = SETUN_ERR_NOMEM;
    } else {
        const size_t n_before = rows->n;

        rows->row = longer;
        if (bos >= 0)
            rows->row[rows->n++] = (setun_row){.token = bos, .seq = seq};
        for (size_t i = 0; i < n_ids; i++)
            rows->row[rows->n++] = (setun_row){.token = ids[i], .seq = seq};
        if (rows->n > n_before)
            rows->row[rows->n - 1].want_logits = true;
        else
            (void)printf("%d:\n", seq); /* nothing to begin with */
    }
    setun_free(ids);
    return status;
}

int main(int argc, char **argv)
{
    const setun_session_options options = {.max_seqs = (uint32_t)(argc > 2 ? argc - 2 : 1)};
    row_list rows = {.n = 0};
    setun_model *model = NULL;
    setun_session *session = NULL;
    setun_error error = {""};
    setun_status status;

    if (argc < 3)
        return fprintf(stderr, "usage: batch MODEL TEXT...\n"), 2;
    status = setun_model_open(argv[1], NULL, &model, &error);
    rows.model = model;
    if (status == SETUN_OK)
        status = setun_session_create(model, &options, &session, &error);
    for (int a = 2; a < argc && status == SETUN_OK; a++) /* each text is a sequence; rows of several may come in any order */
        status = add_text(session, &rows, argv[a], &error);
    if (status == SETUN_OK)
        status = setun_session_eval(session, rows.row, rows.n, take, &rows, &error);
    if (status != SETUN_OK)
        (void)fprintf(stderr, "batch: %s\n", error.text);
    setun_session_destroy(session);
    setun_model_close(model);
    free(rows.row);
    return status == SETUN_OK ? 0 : 1;
}
