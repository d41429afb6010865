/* test_profile.c - the times of passes: nothing unless asked for, every step counted once, and totals that fit the passes that ran. */
#include <criterion/criterion.h>
#include <string.h>

#include "session/session_internal.h"
#include "setun/profile.h"

static setun_status ignore(void *context, size_t i, const float *logits, setun_error *error)
{
    (void)context, (void)i, (void)logits, (void)error;
    return SETUN_OK;
}

static setun_session *make(uint32_t n_threads, setun_model **out_model)
{
    const setun_session_options options = {.n_threads = n_threads, .chunk = 64, .context = 128};
    setun_session *session;
    setun_error error = {""};
    int32_t seq;

    cr_assert_eq(setun_model_open("fable", NULL, out_model, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_session_create(*out_model, &options, &session, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_sequence_open(session, &seq, &error), SETUN_OK, "%s", error.text);
    return session;
}

static void pass(setun_session *session, size_t n)
{
    setun_row rows[64];
    setun_error error = {""};

    for (size_t i = 0; i < n; i++)
        rows[i] = (setun_row){(int32_t)(100 + 7 * i), 0, i + 1 == n};
    cr_assert_eq(setun_session_eval(session, rows, n, ignore, NULL, &error), SETUN_OK, "%s", error.text);
}

typedef struct sums {
    uint32_t n_lines, n_steps, n_linear;
    double   run_ns, imbalance_ns, barrier_ns, n_barriers, last_ns;
} sums;

static setun_status add(void *context, const setun_profile_line *line, setun_error *error)
{
    sums *s = context;
    const double total_ns = line->run_ns + line->imbalance_ns + line->barrier_ns;

    (void)error;
    cr_assert(line->n_steps > 0 && line->run_ns > 0);
    cr_assert(s->n_lines == 0 || total_ns <= s->last_ns, "the longest come first");
    s->last_ns = total_ns;
    s->n_lines++;
    s->n_steps += line->n_steps;
    if (strncmp(line->op, "linear", 6) == 0)
        s->n_linear += line->n_steps;
    s->run_ns += line->run_ns;
    s->imbalance_ns += line->imbalance_ns;
    s->barrier_ns += line->barrier_ns;
    s->n_barriers += line->n_barriers;
    return SETUN_OK;
}

Test(profile, counts_passes_and_steps)
{
    for (uint32_t n_threads = 1; n_threads <= 3; n_threads++) {
        setun_profile_total decode, prefill;
        setun_model *model;
        setun_session *session = make(n_threads, &model);
        const setun_plan *plan = setun_session_plan_for(session, 1)->plan;
        sums s = {0};
        setun_error error = {""};

        pass(session, 2); /* not timed */
        cr_assert_eq(setun_session_start_profile(session, &error), SETUN_OK, "%s", error.text);
        for (int i = 0; i < 5; i++)
            pass(session, 1);
        pass(session, 40);
        cr_assert_eq(setun_session_report_profile(session, 1, add, &s, &decode, &error), SETUN_OK, "%s", error.text);
        cr_assert_eq(setun_session_report_profile(session, 40, NULL, NULL, &prefill, &error), SETUN_OK, "%s", error.text);
        cr_assert_eq(decode.n_passes, 5);
        cr_assert_eq(prefill.n_passes, 1);
        cr_assert_eq(decode.n_threads, n_threads);
        cr_assert_eq(decode.n_steps, setun_plan_n_steps(plan) + 2, "embedding rows are read, and all logits computed, beside the plan");
        cr_assert_eq(s.n_steps, decode.n_steps);
        cr_assert_gt(s.n_linear, 4u, "fable has more than one layer");
        cr_assert_float_eq(s.n_barriers, setun_plan_n_barriers(plan), 1e-6);
        cr_assert_float_eq(s.n_barriers, decode.n_barriers, 1e-6);
        cr_assert_float_eq(s.run_ns, decode.run_ns, 1e-3 * s.run_ns);
        cr_assert_float_eq(s.imbalance_ns, decode.imbalance_ns, 1e-3 * s.imbalance_ns + 1);
        cr_assert_float_eq(s.barrier_ns, decode.barrier_ns, 1e-3 * s.barrier_ns + 1);
        /* What a thread does and waits for is no more than the pass; between steps little is left. */
        cr_assert_leq(decode.run_ns + decode.imbalance_ns + decode.barrier_ns, decode.pass_ns * 1.001);
        cr_assert_gt(prefill.run_ns, 0.0);
        setun_session_destroy(session);
        setun_model_close(model);
    }
}

typedef struct beside {
    double   gather_ns, screen_ns, select_ns, candidates_ns, draw_ns, all_ns;
    uint32_t n_lines;
} beside;

static setun_status find(void *context, const setun_profile_line *line, setun_error *error)
{
    beside *b = context;
    const struct {
        const char *op;
        double     *to;
    } lines[] = {{"gather", &b->gather_ns}, {"screen", &b->screen_ns}, {"select", &b->select_ns}, {"candidates", &b->candidates_ns}, {"draw", &b->draw_ns}};

    (void)error;
    b->all_ns += line->run_ns + line->imbalance_ns + line->barrier_ns;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (strcmp(line->op, lines[i].op) == 0) {
            *lines[i].to += line->run_ns;
            b->n_lines++;
        }
    return SETUN_OK;
}

/* What lies beside the plan has its lines, by what the head is; the sum is no more than the pass. */
Test(profile, has_the_head_and_the_draw)
{
    static const struct {
        int      head;
        uint32_t n_lines;
    } cases[] = {{SETUN_HEAD_SCREENED, 5}, {SETUN_HEAD_RESIDENT, 4}, {SETUN_HEAD_FULL, 1}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const setun_session_options options = {.n_threads = 2, .chunk = 64, .context = 128, .head = cases[i].head};
        setun_row row = {.token = 100, .want_logits = true};
        setun_profile_total total;
        setun_session *session;
        setun_model *model;
        setun_error error = {""};
        beside b = {0};

        cr_assert_eq(setun_model_open("fable", NULL, &model, &error), SETUN_OK, "%s", error.text);
        cr_assert_eq(setun_session_create(model, &options, &session, &error), SETUN_OK, "%s", error.text);
        cr_assert_eq(setun_sequence_open(session, &row.seq, &error), SETUN_OK, "%s", error.text);
        cr_assert_eq(setun_session_start_profile(session, &error), SETUN_OK, "%s", error.text);
        for (int j = 0; j < 20; j++)
            cr_assert_eq(setun_session_draw(session, &row, 1, NULL, &row.token, &error), SETUN_OK, "%s", error.text);
        cr_assert_eq(setun_session_report_profile(session, 1, find, &b, &total, &error), SETUN_OK, "%s", error.text);
        cr_expect_eq(b.n_lines, cases[i].n_lines, "head %d: %u lines", cases[i].head, b.n_lines);
        cr_expect_eq(b.gather_ns > 0, cases[i].head == SETUN_HEAD_SCREENED);
        cr_expect_eq(b.screen_ns > 0, cases[i].head != SETUN_HEAD_FULL);
        cr_expect_eq(b.select_ns > 0, cases[i].head != SETUN_HEAD_FULL);
        cr_expect_eq(b.candidates_ns > 0, cases[i].head != SETUN_HEAD_FULL);
        cr_expect_gt(b.draw_ns, 0);
        cr_expect_leq(b.all_ns, total.pass_ns * 1.001);
        setun_session_destroy(session);
        setun_model_close(model);
    }
}

Test(profile, is_off_until_started_and_after_it_was_stopped)
{
    setun_model *model;
    setun_session *session = make(2, &model);
    setun_profile_total total;
    setun_error error = {""};

    pass(session, 1);
    cr_assert_eq(setun_session_report_profile(session, 1, NULL, NULL, &total, &error), SETUN_ERR_INVALID);
    cr_assert(strstr(error.text, "not started") != NULL, "%s", error.text);
    cr_assert_eq(setun_session_start_profile(session, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_session_report_profile(session, 1, NULL, NULL, &total, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(total.n_passes, 0);
    pass(session, 1);
    cr_assert_eq(setun_session_start_profile(session, &error), SETUN_OK, "%s", error.text); /* forgets */
    cr_assert_eq(setun_session_report_profile(session, 1, NULL, NULL, &total, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(total.n_passes, 0);
    setun_session_stop_profile(session);
    pass(session, 1);
    cr_assert_eq(setun_session_report_profile(session, 1, NULL, NULL, &total, &error), SETUN_ERR_INVALID);
    setun_session_destroy(session);
    setun_model_close(model);
}
