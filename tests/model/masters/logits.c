/* logits.c - opens a model, runs one sequence, keeps the logits. */
#include "logits.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "setun/session.h"

static setun_status keep(void *context, size_t i, const float *logits, setun_error *error)
{
    const matrix *to = context;

    (void)error;
    memcpy(to->data + i * to->n_columns, logits, to->n_columns * sizeof(float));
    return SETUN_OK;
}

matrix logits_of(const char *folder, const int32_t *ids, size_t n, uint32_t n_threads)
{
    const setun_session_options options = {.n_threads = n_threads, .kv = SETUN_KV_F32};
    setun_row *rows = calloc(n, sizeof(*rows));
    setun_session *session;
    setun_model *model;
    setun_error error = {""};
    int32_t seq;
    matrix got;

    cr_assert(rows != NULL);
    cr_assert_eq(setun_model_open(folder, NULL, &model, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_session_create(model, &options, &session, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_sequence_open(session, &seq, &error), SETUN_OK, "%s", error.text);
    got = (matrix){n, (size_t)setun_model_vocab(model), calloc(n * (size_t)setun_model_vocab(model), sizeof(float))};
    cr_assert(got.data != NULL);
    for (size_t i = 0; i < n; i++)
        rows[i] = (setun_row){.token = ids[i], .seq = seq, .want_logits = true};
    cr_assert_eq(setun_session_eval(session, rows, n, keep, &got, &error), SETUN_OK, "%s", error.text);
    setun_session_destroy(session);
    setun_model_close(model);
    free(rows);
    return got;
}

double largest_difference(const matrix *got, const matrix *expected)
{
    double largest = 0;

    cr_assert(got->n_rows == expected->n_rows && got->n_columns == expected->n_columns);
    for (size_t i = 0; i < got->n_rows * got->n_columns; i++) {
        const double difference = fabs((double)got->data[i] - (double)expected->data[i]);

        if (isnan(difference))
            return INFINITY;
        largest = difference > largest ? difference : largest;
    }
    return largest;
}

double largest_magnitude(const matrix *expected)
{
    double largest = 0;

    for (size_t i = 0; i < expected->n_rows * expected->n_columns; i++)
        largest = fabs((double)expected->data[i]) > largest ? fabs((double)expected->data[i]) : largest;
    return largest;
}
