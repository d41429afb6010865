/* check.c - walks the kernels of the loaded plugins: what is usable is checked, what is not is skipped by name. */
#include "setun/check.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check/kernel.h"
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

static setun_status check_one(const setun_check_options *options, setun_kernel_ref ref, setun_check_result *result, char *text, size_t n_bytes,
                              setun_error *error)
{
    setun_check_report report;
    setun_check_target target;
    setun_error reason = {.text = ""};
    setun_status status = setun_check_target_make(options->plugins, ref, &target, &reason);

    if (status == SETUN_ERR_UNSUPPORTED) {
        result->status = SETUN_CHECK_SKIP;
        (void)snprintf(text, n_bytes, "%s", reason.text);
        return SETUN_OK;
    }
    if (status == SETUN_OK)
        status = setun_check_kernel(&target, options->seed, options->rounds == 0 ? DEFAULT_ROUNDS : options->rounds, &report, &reason);
    if (status != SETUN_OK)
        return setun_fail(error, status, "%s: %s", ref.kernel->name, reason.text);
    if (report.failure.kind == NULL && report.inexact.not_finite)
        setun_check_fail(&report.failure, "value", "a value is not finite where the oracle's is");
    if (report.failure.kind == NULL && report.n_cases == 0)
        setun_check_fail(&report.failure, "plan", "plan() declined all %" PRIu64 " cases, at last: %s", report.n_declined, report.why);
    result->n_cases = report.n_cases;
    result->n_declined = report.n_declined;
    result->n_runs = report.n_runs;
    if (report.failure.kind != NULL) {
        result->status = SETUN_CHECK_FAIL;
        result->kind = report.failure.kind;
        (void)snprintf(text, n_bytes, "%s", report.failure.text);
    } else {
        result->status = SETUN_CHECK_PASS;
        notes(&target, &report, options->verbose, text, n_bytes);
    }
    return SETUN_OK;
}

static setun_status check_loaded(const setun_check_options *options, setun_check_sink *sink, void *context, bool *out_any, setun_error *error)
{
    const uint64_t cpu = setun_plugins_cpu(options->plugins);
    setun_status status = SETUN_OK;
    char text[1024];

    for (size_t i = 0; i < setun_plugins_kernel_count(options->plugins) && status == SETUN_OK; i++) {
        const setun_kernel_ref ref = setun_plugins_any_kernel(options->plugins, i);
        const uint64_t missing = ref.kernel->cpu & ~cpu;
        setun_check_result result = {.kernel = ref.kernel->name, .backend = ref.plugin->name, .pattern = ref.kernel->pattern, .kind = "",
                                     .text = text};

        if (!wanted(options, ref))
            continue;
        *out_any = true;
        text[0] = '\0';
        if (missing != 0) {
            result.status = SETUN_CHECK_SKIP;
            (void)snprintf(text, sizeof(text), "the CPU or its cap lacks ");
            (void)setun_cpu_names(missing, text + strlen(text), sizeof(text) - strlen(text));
        } else {
            status = check_one(options, ref, &result, text, sizeof(text), error);
        }
        if (status == SETUN_OK)
            status = sink(context, &result, error);
    }
    return status;
}

/* Plugins that were refused as a whole have kernels that nobody can name; they are skipped by their file. */
static setun_status skip_refused(const setun_check_options *options, setun_check_sink *sink, void *context, setun_error *error)
{
    setun_status status = SETUN_OK;

    for (size_t i = 0; i < setun_plugins_count(options->plugins) && status == SETUN_OK; i++) {
        const setun_plugin_info *info = setun_plugins_info(options->plugins, i);
        const setun_check_result result = {.kernel = info->file, .backend = "", .pattern = "", .status = SETUN_CHECK_SKIP, .kind = "",
                                           .text = info->reason};

        if (!info->loaded)
            status = sink(context, &result, error);
    }
    return status;
}

setun_status setun_kernels_check(const setun_check_options *options, setun_check_sink *sink, void *context, setun_error *error)
{
    setun_status status;
    bool any = false;

    if (!has_scalar(options->plugins))
        return setun_fail(error, SETUN_ERR_NOT_FOUND, "the scalar backend is not loaded; it is what kernels are compared with");
    status = setun_check_protect_begin(options->time_limit == 0 ? DEFAULT_TIME_LIMIT : options->time_limit, error);
    if (status != SETUN_OK)
        return status;
    status = check_loaded(options, sink, context, &any, error);
    setun_check_protect_end();
    if (status == SETUN_OK && !any)
        return setun_fail(error, SETUN_ERR_NOT_FOUND, "no loaded plugin has a kernel with %s%s%s%s%s%s",
                          options->kernel != NULL ? " name " : "", options->kernel != NULL ? options->kernel : "",
                          options->op != NULL ? " op " : "", options->op != NULL ? options->op : "",
                          options->backend != NULL ? " backend " : "", options->backend != NULL ? options->backend : "");
    if (status == SETUN_OK && options->op == NULL && options->kernel == NULL && options->backend == NULL)
        status = skip_refused(options, sink, context, error);
    return status;
}
