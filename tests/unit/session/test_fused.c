/* test_fused.c - kernels that do several ops at once, and steps that every thread does for itself, leave every bit of the logits alone: on
 * fable, on any number of threads and rows. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "session/session_internal.h"

enum { N_ROWS = 24 };

typedef struct rows {
    float *logits; /* [N_ROWS][vocab] */
    size_t vocab;
} rows;

static setun_status keep(void *context, size_t i, const float *logits, setun_error *error)
{
    rows *r = context;

    (void)error;
    memcpy(r->logits + i * r->vocab, logits, r->vocab * sizeof(float));
    return SETUN_OK;
}

/* All rows' logits, in passes of `at_once` rows. Returns barriers of a pass of one row. */
static uint32_t eval(setun_model *model, const setun_session_options *options, size_t at_once, rows *out)
{
    setun_session *session;
    setun_row row[N_ROWS];
    setun_error error = {""};
    int32_t seq;
    uint32_t n_barriers;

    cr_assert_eq(setun_session_create(model, options, &session, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_sequence_open(session, &seq, &error), SETUN_OK, "%s", error.text);
    for (size_t i = 0; i < N_ROWS; i++)
        row[i] = (setun_row){(int32_t)((i * 104729 + 12345) % out->vocab), 0, 1};
    memset(out->logits, 0, N_ROWS * out->vocab * sizeof(float));
    for (size_t i = 0; i < N_ROWS; i += at_once) {
        rows part = {out->logits + i * out->vocab, out->vocab};

        cr_assert_eq(setun_session_eval(session, row + i, N_ROWS - i < at_once ? N_ROWS - i : at_once, keep, &part, &error), SETUN_OK, "%s",
                     error.text);
    }
    n_barriers = setun_plan_n_barriers(setun_session_plan_for(session, 1)->plan);
    setun_session_destroy(session);
    return n_barriers;
}

Test(fused, changes_no_bit, .timeout = 300)
{
    static const uint32_t threads[] = {1, 2, 4};
    static const size_t at_once[] = {1, 3, N_ROWS};
    enum { SCALAR = 2 };
    static const char *const backends[] = {NULL, "avx2", [SCALAR] = "scalar"};
    setun_model *model;
    setun_error error = {""};
    rows expected = {0}, found = {0};
    setun_session_options plain = {.n_threads = 1, .context = 64, .chunk = N_ROWS, .backends = "scalar", .no_fuse = true,
                                   .no_replicate = true};

    cr_assert_eq(setun_model_open("fable", NULL, &model, &error), SETUN_OK, "%s", error.text);
    expected.vocab = found.vocab = (size_t)setun_model_vocab(model);
    expected.logits = malloc(N_ROWS * expected.vocab * sizeof(float));
    found.logits = malloc(N_ROWS * found.vocab * sizeof(float));
    (void)eval(model, &plain, N_ROWS, &expected);
    for (size_t t = 0; t < SETUN_COUNT(threads); t++)
        for (size_t b = 0; b < SETUN_COUNT(backends); b++)
            for (unsigned way = 0; way < 4; way++) {
                const setun_session_options options = {.n_threads = threads[t], .context = 64, .chunk = N_ROWS, .backends = backends[b],
                                                       .no_fuse = way & 1, .no_replicate = way >> 1};
                setun_session *session;

                if (b == SCALAR && (way != 0 || threads[t] != 2))
                    continue; /* slow, and its kernels have no fused ones */
                if (setun_session_create(model, &options, &session, &error) == SETUN_ERR_NOT_FOUND)
                    continue; /* this machine has not that backend */
                setun_session_destroy(session);
                for (size_t a = 0; a < SETUN_COUNT(at_once); a++) {
                    (void)eval(model, &options, at_once[a], &found);
                    cr_assert(memcmp(found.logits, expected.logits, N_ROWS * found.vocab * sizeof(float)) == 0,
                              "%u threads, backend %s, %zu rows at once,%s%s: other bits", threads[t], backends[b] == NULL ? "any" : backends[b],
                              at_once[a], way & 1 ? "" : " fused", way >> 1 ? "" : " replicated");
                }
            }
    free(expected.logits);
    free(found.logits);
    setun_model_close(model);
}

/* What a layer of a pass of one row needs: after q, k and v; kv_write; attention; its output; gate and up; down. */
Test(fused, six_barriers_a_layer_in_decode)
{
    enum { LAYERS = 5, MOST = 6 };
    setun_model *model;
    setun_error error = {""};
    rows found = {0};

    cr_assert_eq(setun_model_open("fable", NULL, &model, &error), SETUN_OK, "%s", error.text);
    found.vocab = (size_t)setun_model_vocab(model);
    found.logits = malloc(N_ROWS * found.vocab * sizeof(float));
    for (uint32_t n_threads = 2; n_threads <= 4; n_threads++) {
        setun_session_options options = {.n_threads = n_threads, .context = 64, .chunk = N_ROWS};
        const uint32_t less = eval(model, &options, N_ROWS, &found);
        uint32_t more;

        options.no_replicate = options.no_fuse = true;
        more = eval(model, &options, N_ROWS, &found);
        cr_assert_leq(less, MOST * LAYERS + 1, "%u threads: %u barriers", n_threads, less);
        cr_assert_gt(more, 2 * less, "%u threads: %u barriers, and %u without sparing any", n_threads, less, more);
    }
    free(found.logits);
    setun_model_close(model);
}
