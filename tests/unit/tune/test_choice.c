/* test_choice.c - measured times decide, after rules and before estimates: a slow kernel that is said to be fast runs, with the same bits. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "session/model_internal.h"
#include "tune/tuning.h"

enum { N_ROWS = 20, THREADS = 2 };

static setun_model *model;

static void setup(void)
{
    setun_error error = {""};

    cr_assert_eq(setun_model_open("fable", NULL, &model, &error), SETUN_OK, "%s", error.text);
}

static void teardown(void)
{
    setun_model_close(model);
}

TestSuite(choice, .init = setup, .fini = teardown);

/* What a plan says of the linear ops with ternary weights. */
typedef struct seen {
    int  n, n_scalar, n_measured, n_estimate, n_rule, n_other_measured;
    int  phase; /* only this one; 0: all */
} seen;

static setun_status look(void *context, const setun_planned_step *step, setun_error *error)
{
    seen *s = context;

    (void)error;
    cr_expect(step->seconds >= 0 && step->rows_max >= 1);
    if (s->phase != 0 && step->phase != s->phase)
        return SETUN_OK;
    if (strcmp(step->op, "linear") != 0 || strncmp(step->packing, "tern", 4) != 0) {
        s->n_other_measured += step->why == SETUN_WHY_MEASURED;
        return SETUN_OK;
    }
    s->n++;
    s->n_scalar += strcmp(step->backend, "scalar") == 0;
    s->n_measured += step->why == SETUN_WHY_MEASURED;
    s->n_estimate += step->why == SETUN_WHY_ESTIMATE;
    s->n_rule += step->why == SETUN_WHY_RULE;
    return SETUN_OK;
}

static seen list(const setun_tuning *tuning, int phase, const setun_kernel_rule *rules, size_t n_rules)
{
    const setun_session_options options = {.n_threads = THREADS, .context = 64, .tuning = tuning, .rules = rules, .n_rules = n_rules, .no_fuse = true};
    seen s = {.phase = phase};
    setun_error error = {""};

    cr_assert_eq(setun_session_list_plan(model, &options, look, &s, &error), SETUN_OK, "%s", error.text);
    cr_assert_gt(s.n, 0);
    return s;
}

/* The scalar kernel takes no time, the others, if they are there, take long; of every shape, with so many rows. */
static setun_tuning *doctored(int64_t rows, bool scalar_is_fast)
{
    static const char *const kernels[] = {"linear_i8row_tern2row_f32__scalar", "linear_i8row_tern2r16k16_f32__avx2_1x16",
                                          "linear_i8row_tern2r16k16_f32__avx512_1x16"};
    setun_tuning *tuning;
    setun_error error = {""};

    cr_assert_eq(setun_tuning_create(setun_plugins_cpu(model->plugins), &tuning, &error), SETUN_OK, "%s", error.text);
    for (size_t i = 0; i < model->graph->n_nodes; i++) {
        char shape[SETUN_TUNING_SHAPE_BYTES];
        setun_tuning_time times[SETUN_COUNT(kernels)];
        const setun_tuning_case c = {.op = model->graph->nodes[i].op, .shape = shape, .rows = rows, .threads = THREADS,
                                     .node = SETUN_TUNING_ALL_NODES, .times = times, .n_times = SETUN_COUNT(kernels)};

        setun_tuning_shape(model->graph, &model->graph->nodes[i], shape);
        for (size_t k = 0; k < SETUN_COUNT(kernels); k++)
            times[k] = (setun_tuning_time){kernels[k], (k == 0) == scalar_is_fast ? 1 : INT64_C(1000000000)};
        cr_assert_eq(setun_tuning_add(tuning, &c, true, &error), SETUN_OK, "%s", error.text);
    }
    return tuning;
}

Test(choice, estimates_without_times)
{
    const seen s = list(NULL, 0, NULL, 0);

    cr_expect_eq(s.n_measured, 0);
    cr_expect_eq(s.n_other_measured, 0);
    cr_expect_eq(s.n_rule, 0);
}

Test(choice, a_measured_time_goes_before_estimates)
{
    setun_tuning *tuning = doctored(1, true);
    seen s = list(tuning, SETUN_PHASE_DECODE, NULL, 0);

    cr_expect_eq(s.n_scalar, s.n);
    cr_expect_eq(s.n_measured, s.n);
    cr_expect_eq(s.n_other_measured, 0, "nothing was measured of other ops");
    s = list(tuning, SETUN_PHASE_PREFILL, NULL, 0);
    cr_expect_eq(s.n_measured, 0, "one row says nothing of many");
    setun_tuning_close(tuning);

    tuning = doctored(64, true);
    s = list(tuning, SETUN_PHASE_PREFILL, NULL, 0);
    cr_expect(s.n_scalar == s.n && s.n_measured == s.n);
    setun_tuning_close(tuning);
}

Test(choice, a_rule_goes_before_measured_times)
{
    const setun_kernel_rule rule = {.op = "linear", .weight = "attn_*", .kernel = "linear_i8row_tern2row_f32__scalar"};
    const setun_kernel_rule any = {.op = "linear", .weight = "ffn_*", .backend = "scalar"};
    const setun_kernel_rule both[] = {rule, any};
    setun_tuning *tuning = doctored(1, false);
    const seen s = list(tuning, SETUN_PHASE_DECODE, both, 2);

    cr_expect_eq(s.n_rule, s.n);
    cr_expect_eq(s.n_scalar, s.n);
    setun_tuning_close(tuning);
}

Test(choice, times_of_another_cpu_change_nothing)
{
    setun_tuning *tuning = doctored(1, true);
    seen s;

    tuning->cpu = "Another CPU";
    s = list(tuning, SETUN_PHASE_DECODE, NULL, 0);
    cr_expect_eq(s.n_measured, 0);
    setun_tuning_close(tuning);
}

/* With an instruction set more, or one less, there are other kernels. */
Test(choice, times_of_other_features_change_nothing)
{
    static const char *const features[] = {"none", "sse41 popcnt a_later_one"};
    setun_tuning *tuning = doctored(1, true);

    for (size_t i = 0; i < SETUN_COUNT(features); i++) {
        tuning->features = features[i];
        cr_expect_eq(list(tuning, SETUN_PHASE_DECODE, NULL, 0).n_measured, 0, "%s", features[i]);
    }
    setun_tuning_close(tuning);
}

/* What counts are the features of the model's own plugins, whatever SETUN_CPU says. */
Test(choice, times_are_of_the_features_in_effect)
{
    const setun_plugins_options masked = {.cpu = "avx2,-vnni"}; /* with sse alone there is nothing to choose */
    setun_tuning *full = doctored(1, true), *few;
    const setun_plugins *own = model->plugins;
    setun_plugins *plugins;
    setun_error error = {""};

    cr_assert_eq(setun_plugins_open(&masked, &plugins, &error), SETUN_OK, "%s", error.text);
    if (setun_plugins_cpu(plugins) == setun_plugins_cpu(own))
        cr_skip_test("this CPU has no more than the mask leaves");
    model->plugins = plugins;
    few = doctored(1, true);
    cr_expect_eq(list(full, SETUN_PHASE_DECODE, NULL, 0).n_measured, 0, "of all features, under a mask");
    cr_expect_gt(list(few, SETUN_PHASE_DECODE, NULL, 0).n_measured, 0);
    model->plugins = own;
    cr_expect_eq(list(few, SETUN_PHASE_DECODE, NULL, 0).n_measured, 0, "of a mask, without it");
    cr_expect_gt(list(full, SETUN_PHASE_DECODE, NULL, 0).n_measured, 0);
    setun_plugins_close(plugins);
    setun_tuning_close(full);
    setun_tuning_close(few);
}

Test(choice, times_of_another_team_change_nothing)
{
    setun_tuning *tuning = doctored(1, true);

    for (size_t i = 0; i < tuning->n_cases; i++)
        tuning->cases[i].threads = THREADS + 1;
    cr_expect_eq(list(tuning, SETUN_PHASE_DECODE, NULL, 0).n_measured, 0);
    setun_tuning_close(tuning);
}

/* ---- several ops at once ---- */

static const char *const pair[] = {"linear_i8row_tern2r16k16_f32__avx2_1x16", "add_f32_f32_f32__avx2", "linear_add_i8row_tern2r16k16_f32__avx2_1x16"};

static bool is_loaded(const char *kernel)
{
    for (size_t i = 0; i < setun_plugins_n_kernels(model->plugins); i++)
        if (strcmp(setun_plugins_kernel(model->plugins, i).kernel->name, kernel) == 0)
            return true;
    return false;
}

typedef struct fused {
    int n, n_measured; /* steps of several ops */
    int n_pair;        /* of the linear with add */
} fused;

static setun_status look_fused(void *context, const setun_planned_step *step, setun_error *error)
{
    fused *f = context;

    (void)error;
    f->n += strchr(step->op, '+') != NULL;
    f->n_measured += strchr(step->op, '+') != NULL && step->why == SETUN_WHY_MEASURED;
    f->n_pair += strcmp(step->op, "linear+add") == 0 && step->phase == SETUN_PHASE_DECODE;
    return SETUN_OK;
}

static fused list_fused(const setun_tuning *tuning)
{
    const setun_session_options options = {.n_threads = THREADS, .context = 64, .tuning = tuning};
    fused f = {0};
    setun_error error = {""};

    cr_assert_eq(setun_session_list_plan(model, &options, look_fused, &f, &error), SETUN_OK, "%s", error.text);
    return f;
}

static void add_time(setun_tuning *tuning, const char *op, const setun_graph_node *node, const char *kernel, int64_t ns)
{
    char shape[SETUN_TUNING_SHAPE_BYTES];
    setun_tuning_time time = {kernel, ns};
    const setun_tuning_case c = {.op = op, .shape = shape, .rows = 1, .threads = THREADS, .node = SETUN_TUNING_ALL_NODES, .times = &time, .n_times = 1};
    setun_error error = {""};

    setun_tuning_shape(model->graph, node, shape);
    cr_assert_eq(setun_tuning_add(tuning, &c, true, &error), SETUN_OK, "%s", error.text);
}

/* Every linear and every add takes 1000 ns, the linears with add so much; 0: that was not measured. */
static setun_tuning *doctored_pair(int64_t ns)
{
    setun_tuning *tuning;
    setun_error error = {""};

    cr_assert_eq(setun_tuning_create(setun_plugins_cpu(model->plugins), &tuning, &error), SETUN_OK, "%s", error.text);
    for (size_t i = 0; i < model->graph->n_nodes; i++) {
        const setun_graph_node *node = &model->graph->nodes[i];

        if (strcmp(node->op, "linear") == 0)
            add_time(tuning, "linear", node, pair[0], 1000);
        if (strcmp(node->op, "linear") == 0 && ns > 0)
            add_time(tuning, "linear+add", node, pair[2], ns);
        if (strcmp(node->op, "add") == 0)
            add_time(tuning, "add", node, pair[1], 1000);
    }
    return tuning;
}

Test(choice, measured_times_of_several_ops_are_compared_with_those_of_each)
{
    static const struct {
        int64_t ns;
        bool    fuses;
    } cases[] = {{1, true}, {1999, true}, {2001, false}, {1000000000, false}, {0, false}};

    for (size_t i = 0; i < SETUN_COUNT(cases) && is_loaded(pair[2]); i++) {
        setun_tuning *tuning = doctored_pair(cases[i].ns);
        const fused f = list_fused(tuning);

        cr_expect_eq(f.n_pair > 0, cases[i].fuses, "%lld ns", (long long)cases[i].ns);
        setun_tuning_close(tuning);
    }
}

/* ---- bits ---- */

static setun_status keep(void *context, size_t i, const float *logits, setun_error *error)
{
    const size_t n = (size_t)setun_model_vocab(model);

    (void)error;
    memcpy((float *)context + i * n, logits, n * sizeof(float));
    return SETUN_OK;
}

/* Logits of a prompt and of tokens behind it, one at a time. */
static float *logits_of(const setun_tuning *tuning, size_t *out_bytes)
{
    const setun_session_options options = {.n_threads = THREADS, .context = 64, .tuning = tuning};
    const size_t n = (size_t)setun_model_vocab(model);
    float *all = calloc(2 * N_ROWS * n, sizeof(float));
    setun_row rows[N_ROWS];
    setun_session *session;
    setun_error error = {""};
    int32_t seq;

    cr_assert_not_null(all);
    cr_assert_eq(setun_session_create(model, &options, &session, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_sequence_open(session, &seq, &error), SETUN_OK);
    for (int32_t i = 0; i < N_ROWS; i++)
        rows[i] = (setun_row){.token = 100 + 37 * i, .seq = seq, .want_logits = true};
    cr_assert_eq(setun_session_eval(session, rows, N_ROWS, keep, all, &error), SETUN_OK, "%s", error.text);
    for (int32_t i = 0; i < N_ROWS; i++)
        cr_assert_eq(setun_session_eval(session, &rows[i], 1, keep, all + (size_t)(N_ROWS + i) * n, &error), SETUN_OK, "%s", error.text);
    setun_session_destroy(session);
    *out_bytes = 2 * N_ROWS * n * sizeof(float);
    return all;
}

Test(choice, the_bits_are_the_same)
{
    setun_tuning *tuning = doctored(1, true);
    size_t n_bytes;
    float *plain = logits_of(NULL, &n_bytes), *tuned = logits_of(tuning, &n_bytes);

    cr_expect_eq(memcmp(plain, tuned, n_bytes), 0);
    free(plain);
    free(tuned);
    setun_tuning_close(tuning);
}

/* ---- the measurement ---- */

Test(choice, what_is_measured_is_what_is_planned)
{
    static const int64_t rows[] = {1, 3, 20};
    static const uint32_t threads[] = {THREADS};
    const setun_tune_options options = {.rows = rows, .n_rows = 3, .threads = threads, .n_threads = 1, .rounds = 1, .seconds = 1e-6};
    setun_tuning *tuning, *more;
    setun_error error = {""};
    seen s;

    cr_assert_eq(setun_kernels_tune(model, &options, NULL, &tuning, &error), SETUN_OK, "%s", error.text);
    for (int phase = SETUN_PHASE_DECODE; phase <= SETUN_PHASE_PREFILL; phase++) {
        s = list(tuning, phase, NULL, 0);
        cr_expect_eq(s.n_measured, s.n, "phase %d", phase);
        cr_expect_gt(s.n_other_measured, 0);
    }
    {
        const fused f = list_fused(tuning);
        size_t n = 0;

        cr_expect_eq(f.n_measured, f.n, "of several ops");
        for (size_t c = 0; c < tuning->n_cases; c++)
            n += strcmp(tuning->cases[c].op, "linear+add") == 0;
        cr_expect(n >= 3 || !is_loaded(pair[2]), "%zu cases of linear and add", n);
    }
    /* Every op of the graph, with each number of rows. */
    for (size_t i = 0; i < model->graph->n_nodes; i++) {
        const setun_graph_node *node = &model->graph->nodes[i];
        size_t n = 0;

        for (size_t c = 0; c < tuning->n_cases; c++)
            n += strcmp(tuning->cases[c].op, node->op) == 0;
        cr_expect_geq(n, 2, "%s", node->op);
    }
    /* One op again: what was known of the others stays. */
    {
        setun_tune_options one = options;

        one.op = "add";
        cr_assert_eq(setun_kernels_tune(model, &one, tuning, &more, &error), SETUN_OK, "%s", error.text);
        cr_expect_eq(more->n_cases, tuning->n_cases);
        setun_tuning_close(more);
        one.op = "no such op";
        cr_expect_eq(setun_kernels_tune(model, &one, tuning, &more, &error), SETUN_ERR_NOT_FOUND);
    }
    setun_tuning_close(tuning);
}

Test(choice, options_out_of_range)
{
    static const int64_t none[] = {0}, many[] = {65537};
    const setun_tune_options wrong[] = {{.rows = none, .n_rows = 1}, {.rows = many, .n_rows = 1}, {.depth = -1}, {.rounds = 1001}, {.seconds = -1},
                                        {.seconds = 61}, {.kv = 7}};
    setun_tuning *tuning = NULL;
    setun_error error;

    for (size_t i = 0; i < SETUN_COUNT(wrong); i++) {
        cr_expect_eq(setun_kernels_tune(model, &wrong[i], NULL, &tuning, &error), SETUN_ERR_INVALID, "case %zu", i);
        cr_expect_null(tuning);
    }
}
