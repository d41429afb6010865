/* check.c - walks the kernels of the loaded plugins: what is usable is checked, what is not is skipped by name. */
#include "setun/check.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "check/isolate.h"
#include "check/kernel.h"
#include "check/team.h"
#include "setun/cpu.h"

enum { DEFAULT_TIME_LIMIT = 120, DEFAULT_ROUNDS = 1 };

static bool has_scalar(const setun_plugins *plugins)
{
    for (size_t i = 0; i < setun_plugins_count(plugins); i++)
        if (setun_plugins_info(plugins, i)->loaded && strcmp(setun_plugins_info(plugins, i)->name, "scalar") == 0)
            return true;
    return false;
}

static bool wanted(const setun_check_options *options, setun_kernel_ref ref)
{
    return (options->op == NULL || strcmp(options->op, ref.kernel->pattern) == 0) &&
           (options->kernel == NULL || strcmp(options->kernel, ref.kernel->name) == 0) &&
           (options->backend == NULL || strcmp(options->backend, ref.plugin->name) == 0);
}

/* What is to be said of a kernel that passed. */
static void notes(const setun_check_target *target, const setun_check_report *report, bool verbose, char *text, size_t n_bytes)
{
    size_t n = 0;

    text[0] = '\0';
    if (strcmp(target->ref.plugin->name, "scalar") == 0 && verbose)
        n += (size_t)snprintf(text + n, n_bytes - n, "the oracle itself; ");
    else if (!target->has_oracle && strcmp(target->ref.plugin->name, "scalar") != 0)
        n += (size_t)snprintf(text + n, n_bytes - n, "no oracle for its values: what reads them is checked with them; ");
    if (!target->exact && target->has_oracle)
        n += (size_t)snprintf(text + n, n_bytes - n, "not exact: NMSE %.3g, largest error %.3g; ",
                              report->inexact.reference > 0 ? report->inexact.squares / report->inexact.reference : report->inexact.squares,
                              report->inexact.largest);
    if (verbose && report->n_declined > 0)
        n += (size_t)snprintf(text + n, n_bytes - n, "plan() declined %" PRIu64 " cases, at last: %s; ", report->n_declined, report->why);
    if (n >= 2)
        text[n - 2] = '\0';
}

/* ---- in the child ---- */

/* One check on its way. */
typedef struct checking {
    const setun_check_options *options;
    uint32_t first;           /* kernel that is to be checked next */
    setun_check_child *child; /* the process that it runs in */
    struct timespec told;     /* when the parent was last told of a case */
} checking;

static void say_case(void *context, uint32_t index, uint32_t n_cases, const char *text)
{
    enum { TELL_NS = 100000000 }; /* as often as a person looks */
    checking *c = context;
    setun_check_now *now = c->child->now;
    setun_check_message message = {.news = SETUN_NEWS_CASE, .kernel = now->kernel, .index = index, .n_cases = n_cases};
    struct timespec time;

    now->index = index;
    (void)snprintf(now->text, sizeof(now->text), "%s", text);
    if (c->options->progress == NULL || clock_gettime(CLOCK_MONOTONIC, &time) != 0 ||
        (time.tv_sec - c->told.tv_sec) * INT64_C(1000000000) + time.tv_nsec - c->told.tv_nsec < TELL_NS)
        return;
    c->told = time;
    setun_check_child_say(c->child, &message);
}

static setun_status check_one(checking *c, setun_kernel_ref ref, setun_check_message *result, setun_error *error)
{
    const setun_check_options *options = c->options;
    const setun_check_teller teller = {.tell = say_case, .context = c};
    setun_check_report report;
    setun_check_target target;
    setun_error reason = {.text = ""};
    setun_status status = setun_check_target_make(options->plugins, ref, &target, &reason);

    if (status == SETUN_ERR_UNSUPPORTED) {
        result->status = SETUN_CHECK_SKIP;
        (void)snprintf(result->text, sizeof(result->text), "%s", reason.text);
        return SETUN_OK;
    }
    if (status == SETUN_OK)
        status = setun_check_kernel(&target, options->seed, options->rounds == 0 ? DEFAULT_ROUNDS : options->rounds, &teller, &report,
                                    &reason);
    if (status != SETUN_OK)
        return setun_fail(error, status, "%s: %s", ref.kernel->name, reason.text);
    if (report.failure.kind == NULL && report.inexact.not_finite)
        setun_check_fail(&report.failure, "value", "a value is not finite where the oracle's is");
    if (report.failure.kind == NULL && report.n_cases == 0)
        setun_check_fail(&report.failure, "plan", "plan() declined all %" PRIu64 " cases, at last: %s", report.n_declined, report.why);
    result->n_run = report.n_cases;
    result->n_declined = report.n_declined;
    result->n_runs = report.n_runs;
    if (report.failure.kind != NULL) {
        result->status = SETUN_CHECK_FAIL;
        (void)snprintf(result->kind, sizeof(result->kind), "%s", report.failure.kind);
        (void)snprintf(result->text, sizeof(result->text), "%s", report.failure.text);
    } else {
        result->status = SETUN_CHECK_PASS;
        notes(&target, &report, options->verbose, result->text, sizeof(result->text));
    }
    return SETUN_OK;
}

static setun_status check_from(checking *c, setun_error *error)
{
    const setun_check_options *options = c->options;
    const uint64_t cpu = setun_plugins_cpu(options->plugins);
    setun_status status = setun_check_protect_begin(options->time_limit == 0 ? DEFAULT_TIME_LIMIT : options->time_limit, error);

    if (status == SETUN_OK)
        status = setun_check_team_begin(error);
    for (size_t i = c->first; i < setun_plugins_kernel_count(options->plugins) && status == SETUN_OK; i++) {
        const setun_kernel_ref ref = setun_plugins_any_kernel(options->plugins, i);
        const uint64_t missing = ref.kernel->cpu & ~cpu;
        setun_check_message result = {.news = SETUN_NEWS_RESULT, .kernel = (uint32_t)i};

        if (!wanted(options, ref))
            continue;
        *c->child->now = (setun_check_now){.is_in_kernel = true, .kernel = (uint32_t)i};
        if (missing != 0) {
            result.status = SETUN_CHECK_SKIP;
            (void)snprintf(result.text, sizeof(result.text), "the CPU or its cap lacks ");
            (void)setun_cpu_names(missing, result.text + strlen(result.text), sizeof(result.text) - strlen(result.text));
        } else {
            status = check_one(c, ref, &result, error);
        }
        c->child->now->is_in_kernel = false;
        if (status == SETUN_OK)
            setun_check_child_say(c->child, &result);
    }
    return status;
}

static void in_child(void *context, setun_check_child *child)
{
    checking *c = context;
    setun_check_message end = {.news = SETUN_NEWS_END};
    setun_error error = {.text = ""};

    c->child = child;
    end.status = check_from(c, &error);
    (void)snprintf(end.text, sizeof(end.text), "%s", error.text);
    setun_check_child_say(child, &end);
}

/* ---- in the parent ---- */

static setun_status give(const setun_check_options *options, const setun_check_message *m, setun_check_sink *sink, void *context,
                         setun_error *error)
{
    const setun_kernel_ref ref = setun_plugins_any_kernel(options->plugins, m->kernel);
    const setun_check_result result = {.kernel = ref.kernel->name, .backend = ref.plugin->name, .pattern = ref.kernel->pattern,
                                       .status = m->status, .kind = m->kind, .text = m->text, .n_cases = m->n_run,
                                       .n_declined = m->n_declined, .n_runs = m->n_runs};

    return sink(context, &result, error);
}

/* The child is gone in the middle of a kernel: whose fault it is, is known. */
static void blame(const setun_check_now *now, bool exited, const char *how, uint64_t seed, setun_check_message *out_result)
{
    *out_result = (setun_check_message){.news = SETUN_NEWS_RESULT, .kernel = now->kernel, .status = SETUN_CHECK_FAIL, .n_run = now->index};
    (void)snprintf(out_result->kind, sizeof(out_result->kind), "%s", exited ? "exit" : "crash");
    (void)snprintf(out_result->text, sizeof(out_result->text), "it ended the process: %s; case %u: %.199s, seed %" PRIu64, how, now->index,
                   now->text, seed);
}

/* One child: checks from c->first on, until the end or until a kernel ends it; *out_all: nothing is left. */
static setun_status run_child(checking *c, setun_check_sink *sink, void *context, bool *out_all, setun_error *error)
{
    const setun_check_options *options = c->options;
    setun_check_child child;
    setun_check_message message = {.news = SETUN_NEWS_CASE};
    setun_check_now now;
    setun_status status = setun_check_child_start(in_child, c, &child, error);
    bool exited, ended = false;
    char how[64];

    if (status != SETUN_OK)
        return status;
    while (status == SETUN_OK && !ended && setun_check_child_hear(&child, &message)) {
        ended = message.news == SETUN_NEWS_END;
        if (message.news == SETUN_NEWS_CASE)
            options->progress(options->progress_context, message.index, message.n_cases);
        else if (message.news == SETUN_NEWS_RESULT)
            status = give(options, &message, sink, context, error);
    }
    now = *child.now;
    setun_check_child_close(&child, status != SETUN_OK, &exited, how);
    *out_all = ended || status != SETUN_OK;
    if (status != SETUN_OK)
        return status;
    if (ended)
        return message.status == SETUN_OK ? SETUN_OK : setun_fail(error, message.status, "%.900s", message.text);
    if (!now.is_in_kernel)
        return setun_fail(error, SETUN_ERR_IO, "the process that checks kernels ended between two of them: %s", how);
    blame(&now, exited, how, options->seed, &message);
    c->first = now.kernel + 1;
    return give(options, &message, sink, context, error);
}

/* Whether a refused plugin may have kernels that the options ask for. With options that choose, only what the CPU is to blame for counts. */
static bool may_have(const setun_check_options *options, const setun_plugin_info *info)
{
    const bool chosen = options->op != NULL || options->kernel != NULL || options->backend != NULL;
    char stem[64];

    if (info->loaded)
        return false;
    if (!chosen)
        return true;
    setun_plugin_stem(info, stem, sizeof(stem));
    return (info->cpu & ~setun_plugins_cpu(options->plugins)) != 0 && (options->backend == NULL || strcmp(options->backend, stem) == 0) &&
           (options->kernel == NULL || strstr(options->kernel, stem) != NULL);
}

/* Plugins that were refused as a whole have kernels that nobody can name; they are skipped by their file. */
static setun_status skip_refused(const setun_check_options *options, setun_check_sink *sink, void *context, setun_error *error)
{
    setun_status status = SETUN_OK;

    for (size_t i = 0; i < setun_plugins_count(options->plugins) && status == SETUN_OK; i++) {
        const setun_plugin_info *info = setun_plugins_info(options->plugins, i);
        char text[1200];
        const setun_check_result result = {.kernel = info->file, .backend = "", .pattern = "", .status = SETUN_CHECK_SKIP, .kind = "",
                                           .text = text};

        if (!may_have(options, info))
            continue;
        if (options->op != NULL)
            (void)snprintf(text, sizeof(text), "what it may have of op %.100s: %s", options->op, info->reason);
        else
            (void)snprintf(text, sizeof(text), "all its kernels: %s", info->reason);
        status = sink(context, &result, error);
    }
    return status;
}

/* A refused plugin is no witness that there is such an op. */
static bool is_known_op(const setun_check_options *options)
{
    for (size_t i = 0; options->op != NULL && i < setun_plugins_kernel_count(options->plugins); i++)
        if (strcmp(options->op, setun_plugins_any_kernel(options->plugins, i).kernel->pattern) == 0)
            return true;
    return options->op == NULL;
}

static bool any_refused(const setun_check_options *options)
{
    for (size_t i = 0; i < setun_plugins_count(options->plugins); i++)
        if (may_have(options, setun_plugins_info(options->plugins, i)))
            return true;
    return false;
}

static bool any_wanted(const setun_check_options *options)
{
    for (size_t i = 0; i < setun_plugins_kernel_count(options->plugins); i++)
        if (wanted(options, setun_plugins_any_kernel(options->plugins, i)))
            return true;
    return false;
}

setun_status setun_kernels_check(const setun_check_options *options, setun_check_sink *sink, void *context, setun_error *error)
{
    checking c = {.options = options};
    setun_status status = SETUN_OK;
    bool all = !any_wanted(options);

    if (!has_scalar(options->plugins))
        return setun_fail(error, SETUN_ERR_NOT_FOUND, "the scalar backend is not loaded; it is what kernels are compared with");
    if (!is_known_op(options) || (all && !any_refused(options)))
        return setun_fail(error, SETUN_ERR_NOT_FOUND, "no loaded plugin has a kernel with%s%s%s%s%s%s",
                          options->kernel != NULL ? " name " : "", options->kernel != NULL ? options->kernel : "",
                          options->op != NULL ? " op " : "", options->op != NULL ? options->op : "",
                          options->backend != NULL ? " backend " : "", options->backend != NULL ? options->backend : "");
    while (status == SETUN_OK && !all)
        status = run_child(&c, sink, context, &all, error);
    if (status == SETUN_OK)
        status = skip_refused(options, sink, context, error);
    return status;
}
