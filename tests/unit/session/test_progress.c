/* test_progress.c - what a session tells about how far it is: stages in order, never backwards, never beyond the end, nothing for a few rows. */
#include <criterion/criterion.h>
#include <string.h>

#include "setun/session.h"

enum { MAX_STAGES = 8 };

typedef struct stage {
    const char *name;
    uint64_t    first, last, total;
    size_t      n_calls;
} stage;

typedef struct record {
    stage  stages[MAX_STAGES];
    size_t n_stages;
    bool   forward; /* so far */
} record;

static void note(void *context, const char *name, uint64_t done, uint64_t total)
{
    record *r = context;
    stage *now = r->n_stages > 0 ? &r->stages[r->n_stages - 1] : NULL;

    if (now == NULL || strcmp(now->name, name) != 0) {
        if (r->n_stages == MAX_STAGES) {
            r->forward = false;
            return;
        }
        r->stages[r->n_stages++] = (stage){name, done, done, total, 1};
        r->forward = r->forward && done <= total && total > 0;
        return;
    }
    r->forward = r->forward && done >= now->last && done <= total && total == now->total;
    now->last = done;
    now->n_calls++;
}

static setun_status nothing(void *context, int32_t id, const char *text, size_t n_bytes, setun_error *error)
{
    (void)context, (void)id, (void)text, (void)n_bytes, (void)error;
    return SETUN_OK;
}

static setun_session *create(uint32_t n_threads, setun_model **out_model, record *r)
{
    const setun_session_options options = {.n_threads = n_threads, .chunk = 32, .progress = note, .progress_context = r};
    setun_session *session;
    setun_error error = {""};

    cr_assert_eq(setun_model_open(NULL, NULL, out_model, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_session_create(*out_model, &options, &session, &error), SETUN_OK, "%s", error.text);
    return session;
}

Test(progress, weights)
{
    record r = {.forward = true};
    setun_model *model;
    setun_session *session = create(2, &model, &r);
    setun_session_info info;

    setun_session_describe(session, &info);
    cr_assert(r.forward);
    cr_assert_eq(r.n_stages, 1);
    cr_assert_str_eq(r.stages[0].name, "loading weights");
    cr_assert_eq(r.stages[0].first, 0);
    cr_assert_gt(r.stages[0].n_calls, 10, "a call for each weight");
    cr_assert_gt(r.stages[0].total, 100000, "bytes of all weights");
    cr_assert_gt(r.stages[0].last, r.stages[0].total / 2, "the last weight is none of the large ones");
    setun_session_destroy(session);
    setun_model_close(model);
}

/* Rows 0..n-1 in one sequence, without logits. */
static void eval(setun_session *session, int32_t seq, size_t n)
{
    setun_row rows[100];
    setun_error error = {""};

    for (size_t i = 0; i < n; i++)
        rows[i] = (setun_row){.token = (int32_t)i + 65, .seq = seq};
    cr_assert_eq(setun_session_eval(session, rows, n, NULL, NULL, &error), SETUN_OK, "%s", error.text);
}

Test(progress, rows)
{
    record r = {.forward = true};
    setun_model *model;
    setun_session *session = create(1, &model, &r);
    setun_error error;
    int32_t seq;

    cr_assert_eq(setun_sequence_open(session, &seq, &error), SETUN_OK);
    r = (record){.forward = true};
    eval(session, seq, 1);
    eval(session, seq, 16);
    cr_assert_eq(r.n_stages, 0, "a few rows are told of");
    eval(session, seq, 70); /* passes of 32, 32 and 6 rows are one stage */
    cr_assert(r.forward && r.n_stages == 1);
    cr_assert_str_eq(r.stages[0].name, "computing");
    cr_assert_eq(r.stages[0].first, 0);
    cr_assert_gt(r.stages[0].last * 100, r.stages[0].total * 98, "%llu of %llu", (unsigned long long)r.stages[0].last,
                 (unsigned long long)r.stages[0].total);
    setun_session_destroy(session);
    setun_model_close(model);
}

Test(progress, prompt)
{
    record r = {.forward = true};
    setun_model *model;
    setun_session *session = create(1, &model, &r);
    const setun_sampling greedy = {.temperature = 0};
    int32_t prompt[70], seq;
    setun_generation generation;
    setun_error error = {""};

    for (int32_t i = 0; i < 70; i++)
        prompt[i] = 65 + i % 26;
    cr_assert_eq(setun_sequence_open(session, &seq, &error), SETUN_OK);
    r = (record){.forward = true};
    cr_assert_eq(setun_generate(session, seq, prompt, 70, 3, &greedy, nothing, NULL, &generation, &error), SETUN_OK, "%s", error.text);
    cr_assert(r.forward && r.n_stages == 1, "the tokens after the prompt are told of");
    cr_assert_str_eq(r.stages[0].name, "reading the prompt");
    cr_assert_gt(r.stages[0].last * 100, r.stages[0].total * 98);
    eval(session, seq, 20);
    cr_assert_eq(r.n_stages, 2, "the stage of the prompt is over");
    cr_assert_str_eq(r.stages[1].name, "computing");
    setun_session_destroy(session);
    setun_model_close(model);
}
