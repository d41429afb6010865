/* batch.c - the likeliest next token of several texts, computed together in one batch. Public headers of libsetun only.
 *
 *   batch MODEL TEXT...        prints one line for each text: what follows it */
#include <setun/session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static setun_row *rows;

/* logits[vocab] of one row; they are valid during this call only. */
static setun_status take(void *context, size_t i, const float *logits, setun_error *error)
{
    const setun_model *model = context;
    size_t n_bytes;
    const char *text;
    int32_t best = 0;

    (void)error;
    for (int32_t id = 1; id < setun_model_vocab(model); id++)
        if (logits[id] > logits[best])
            best = id;
    text = setun_tokenizer_token(setun_model_tokenizer(model), best, &n_bytes, NULL);
    (void)printf("%d:%.*s\n", rows[i].seq, (int)n_bytes, text);
    return SETUN_OK;
}

int main(int argc, char **argv)
{
    const setun_session_options options = {.max_seqs = (uint32_t)(argc > 2 ? argc - 2 : 1)};
    setun_model *model = NULL;
    setun_session *session = NULL;
    setun_error error = {""};
    setun_status status = setun_model_open(argc > 1 ? argv[1] : NULL, NULL, &model, &error);
    size_t n_rows = 0;

    if (status == SETUN_OK)
        status = setun_session_create(model, &options, &session, &error);
    for (int a = 2; a < argc && status == SETUN_OK; a++) { /* each text is a sequence; rows of several may come in any order */
        setun_row row = {.token = setun_model_bos(model)};
        int32_t *ids = NULL;
        size_t n_ids;

        status = setun_sequence_open(session, &row.seq, &error);
        if (status == SETUN_OK)
            status = setun_tokenizer_encode(setun_model_tokenizer(model), argv[a], strlen(argv[a]), SETUN_TEXT_USER, &ids, &n_ids, &error);
        if (status != SETUN_OK || (rows = realloc(rows, (n_rows + n_ids + 1) * sizeof(row))) == NULL)
            break;
        if (row.token >= 0) /* models that want a first token say which */
            rows[n_rows++] = row;
        for (size_t i = 0; i < n_ids; i++) {
            row.token = ids[i];
            row.want_logits = i + 1 == n_ids;
            rows[n_rows++] = row;
        }
        setun_free(ids);
    }
    if (status == SETUN_OK && rows != NULL)
        status = setun_session_eval(session, rows, n_rows, take, model, &error);
    if (status != SETUN_OK)
        (void)fprintf(stderr, "batch: %s\n", error.text);
    setun_session_destroy(session);
    setun_model_close(model);
    free(rows);
    return status == SETUN_OK ? 0 : 1;
}
