/* test_rules.c - kernel rules and the ban on scalar, seen in the plans of a session: which kernel every step has got. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "exec/plan_internal.h"
#include "session/session_internal.h"

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

TestSuite(rules, .init = setup, .fini = teardown);

/* Unfused: steps are counted by op. */
static setun_session *create(const setun_kernel_rule *rules, size_t n_rules, const char *backends, bool no_scalar)
{
    const setun_session_options options = {.n_threads = 1, .chunk = 64, .backends = backends, .rules = rules, .n_rules = n_rules,
                                           .no_scalar = no_scalar, .head = SETUN_HEAD_FULL, .no_fuse = true};
    setun_session *session;
    setun_error error = {""};

    cr_assert_eq(setun_session_create(model, &options, &session, &error), SETUN_OK, "%s", error.text);
    return session;
}

/* Steps of one plan (0 decode, 1 small batch, 2 prefill) of this op that run on `backend`, and all of them; op NULL: every step. */
static size_t count(const setun_session *session, uint32_t plan, const char *op, const char *backend, size_t *out_all)
{
    const setun_plan *p = session->plans[plan].plan;
    size_t n = 0;

    *out_all = 0;
    for (size_t i = 0; i < p->n_steps; i++) {
        const setun_kernel_ref ref = p->steps[i].ref;

        if (op != NULL && strcmp(ref.kernel->pattern, op) != 0)
            continue;
        ++*out_all;
        n += strcmp(ref.plugin->name, backend) == 0;
    }
    return n;
}

/* A backend other than scalar that is loaded and can run fable alone; NULL: none, as where SETUN_CPU or the machine has no AVX2. */
static const char *other_backend(void)
{
    const setun_plugins *plugins = setun_model_plugins(model);

    for (size_t i = 0; i < setun_plugins_count(plugins); i++) {
        const setun_plugin_info *info = setun_plugins_info(plugins, i);

        if (info->loaded && (strcmp(info->name, "avx2") == 0 || strcmp(info->name, "avx512") == 0))
            return info->name;
    }
    return NULL;
}

Test(rules, a_rule_decides_before_estimates_and_preferences)
{
    static const setun_kernel_rule rule = {.op = "rms_norm", .backend = "scalar"};
    const char *other = other_backend();
    setun_session *session;
    size_t n_all;

    if (other == NULL)
        cr_skip_test("no backend but scalar is loaded");
    session = create(NULL, 0, other, false);
    for (uint32_t p = 0; p < 3; p++)
        cr_assert_eq(count(session, p, "rms_norm", other, &n_all), n_all, "plan %u without a rule", p);
    setun_session_destroy(session);
    session = create(&rule, 1, other, false);
    for (uint32_t p = 0; p < 3; p++) {
        cr_assert_eq(count(session, p, "rms_norm", "scalar", &n_all), n_all, "plan %u", p);
        cr_assert_geq(n_all, 11, "5 layers of two norms and more, and the last one");
        cr_assert_eq(count(session, p, "linear", other, &n_all), n_all, "plan %u: other ops are left alone", p);
    }
    setun_session_destroy(session);
}

Test(rules, weights_phases_and_order)
{
    static const setun_kernel_rule rules[] = {
        {.weight = "attn_q", .phase = SETUN_PHASE_DECODE, .backend = "scalar"},
        {.weight = "*.mlp.down_proj", .backend = "scalar"},
        {.op = "linear", .format = "bf16", .phase = SETUN_PHASE_PREFILL, .kernel = "linear_f32_bf16_f32__scalar"},
    };
    const char *other = other_backend();
    setun_kernel_rule reversed[2];
    setun_session *session;
    size_t n_all;

    if (other == NULL)
        cr_skip_test("no backend but scalar is loaded");
    session = create(rules, SETUN_COUNT(rules), other, false);
    cr_assert_eq(count(session, 0, "linear", "scalar", &n_all), 10, "five attn_q and five down_proj");
    cr_assert_eq(n_all, 36, "seven in each layer, and the head");
    cr_assert_eq(count(session, 1, "linear", "scalar", &n_all), 5, "five down_proj");
    cr_assert_eq(count(session, 2, "linear", "scalar", &n_all), 6, "five down_proj and the head");
    setun_session_destroy(session);

    /* The first rule that fits counts. */
    reversed[0] = (setun_kernel_rule){.op = "linear", .backend = other};
    reversed[1] = (setun_kernel_rule){.weight = "attn_q", .backend = "scalar"};
    session = create(reversed, 2, NULL, false);
    cr_assert_eq(count(session, 0, "linear", "scalar", &n_all), 0);
    setun_session_destroy(session);
}

Test(rules, scalar_can_be_forbidden)
{
    static const setun_kernel_rule rule = {.op = "silu", .backend = "scalar"}, norm = {.op = "rms_norm", .backend = "scalar"};
    const char *other = other_backend();
    setun_session_options options = {.n_threads = 1, .no_scalar = true};
    setun_session *session;
    setun_error error = {""};
    size_t n_all;

    if (other == NULL) {
        cr_assert_eq(setun_session_create(model, &options, &session, &error), SETUN_ERR_UNSUPPORTED, "only scalar is left");
        cr_assert_not_null(strstr(error.text, "scalar, which may not be used, but no other backend runs this embedding"), "%s", error.text);
    } else {
        session = create(NULL, 0, other, true);
        for (uint32_t p = 0; p < 3; p++)
            cr_assert_eq(count(session, p, NULL, other, &n_all), n_all, "plan %u", p);
        setun_session_destroy(session);
        session = create(&norm, 1, other, true); /* asked for by name */
        cr_assert_eq(count(session, 0, "rms_norm", "scalar", &n_all), n_all);
        setun_session_destroy(session);
        session = create(NULL, 0, "scalar", true);
        cr_assert_eq(count(session, 2, NULL, "scalar", &n_all), n_all);
        setun_session_destroy(session);
    }
    options = (setun_session_options){.rules = &rule, .n_rules = 1};
    cr_assert_eq(setun_session_create(model, &options, &session, &error), SETUN_ERR_INVALID, "fable has no silu");
    cr_assert_not_null(strstr(error.text, "kernel rule 1: no node of "), "%s", error.text);
}

Test(rules, mistakes)
{
    static const struct {
        setun_kernel_rule rule;
        setun_status      status;
        const char       *expected;
    } cases[] = {
        {{.op = "add"}, SETUN_ERR_INVALID, "kernel rule 1: expected either a kernel or a backend"},
        {{.op = "add", .kernel = "a", .backend = "b"}, SETUN_ERR_INVALID, "expected either a kernel or a backend"},
        {{.op = "add", .backend = "scalar", .phase = 4}, SETUN_ERR_INVALID, "phase: expected one of"},
        {{.op = "add", .backend = "scalr", .where = "f.yaml:3:5"}, SETUN_ERR_NOT_FOUND, "f.yaml:3:5: backend 'scalr' is not loaded, or not for this CPU; did you mean 'scalar'?"},
        {{.op = "add", .kernel = "add_f32_f32_f32__scalr"}, SETUN_ERR_NOT_FOUND, "did you mean 'add_f32_f32_f32__scalar'?"},
        {{.op = "add", .weight = "attn_q", .backend = "scalar"}, SETUN_ERR_INVALID, "no node of "},
        {{.weight = "no_such", .backend = "scalar"}, SETUN_ERR_INVALID, "no node of "},
        {{.format = "q6_k*", .backend = "scalar"}, SETUN_ERR_INVALID, "no node of "},
        {{.op = "add", .kernel = "mul_f32_f32_f32__scalar", .where = "f.yaml:1:1"}, SETUN_ERR_UNSUPPORTED,
         "runs this add as f.yaml:1:1 wants, by the kernel mul_f32_f32_f32__scalar (it has no kernel of this op)"},
        {{.op = "linear", .kernel = "linear_f32_bf16_f32__scalar"}, SETUN_ERR_UNSUPPORTED, "linear_f32_bf16_f32__scalar: "},
    };

    for (size_t i = 0; i < SETUN_COUNT(cases); i++) {
        const setun_session_options options = {.rules = &cases[i].rule, .n_rules = 1, .n_threads = 1};
        setun_session *session;
        setun_error error = {""};

        cr_expect_eq(setun_session_create(model, &options, &session, &error), cases[i].status, "case %zu: %s", i, error.text);
        cr_expect_not_null(strstr(error.text, cases[i].expected), "case %zu: %s", i, error.text);
    }
}

/* A kernel that is not exact is never chosen, however cheap, not even with its backend; only by its own name. */
Test(rules, inexact_kernels_run_where_a_rule_names_them)
{
    static const setun_kernel_rule by_backend = {.op = "add", .backend = "inexact"}, by_name = {.op = "add", .kernel = "add_f32_f32_f32__inexact"};
    setun_plugins *plugins;
    setun_session_options options = {.n_threads = 1};
    setun_session *session;
    setun_error error = {""};
    size_t n_all;

    setun_model_close(model);
    cr_assert_eq(setun_plugins_open(&(setun_plugins_options){.file = INEXACT_PLUGIN}, &plugins, &error), SETUN_OK, "%s", error.text);
    cr_assert(setun_plugins_info(plugins, 0)->loaded, "%s", setun_plugins_info(plugins, 0)->reason);
    cr_assert_eq(setun_model_open("fable", &(setun_model_options){.plugins = plugins}, &model, &error), SETUN_OK, "%s", error.text);
    session = create(NULL, 0, "inexact", false);
    cr_assert_eq(count(session, 0, "add", "inexact", &n_all), 0);
    cr_assert_eq(n_all, 10);
    setun_session_destroy(session);
    options.rules   = &by_backend;
    options.n_rules = 1;
    cr_assert_eq(setun_session_create(model, &options, &session, &error), SETUN_ERR_UNSUPPORTED);
    cr_assert_not_null(strstr(error.text, "add_f32_f32_f32__inexact: is not exact"), "%s", error.text);
    session = create(&by_name, 1, NULL, false);
    cr_assert_eq(count(session, 0, "add", "inexact", &n_all), 10);
    setun_session_destroy(session);
    setun_model_close(model);
    setun_plugins_close(plugins);
    model = NULL;
}
