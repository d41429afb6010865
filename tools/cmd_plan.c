/* cmd_plan.c - `setun plan`: which kernel runs each op of a model, in which packing, how long that should take, and why it was chosen. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "options.h"
#include "plan_rows.h"

enum form { FORM_TABLE, FORM_JSON, FORM_SVG };
enum { PHASE_ALL = SETUN_PHASE_ANY }; /* the others, too, are SETUN_PHASE_* in their order */

typedef struct plan_options {
    common_options common;
    int            phase, form;
    const char    *expect;
} plan_options;

static const char *const phases[] = {[SETUN_PHASE_DECODE] = "decode", [SETUN_PHASE_BATCH] = "batch", [SETUN_PHASE_PREFILL] = "prefill"};

const char *plan_phase_name(int phase)
{
    return phases[phase];
}

static void plan_rows_free(plan_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        plan_row *r = &rows->items[i];

        free(r->op);
        free(r->weight);
        free(r->kernel);
        free(r->backend);
        free(r->packing);
        free(r->rule);
        free(r->second);
    }
    free(rows->items);
}

static bool is_like(const plan_row *r, const setun_planned_step *s)
{
    return r->step.phase == s->phase && strcmp(r->op, s->op) == 0 && strcmp(r->weight, s->weight) == 0 && strcmp(r->kernel, s->kernel) == 0 &&
           strcmp(r->packing, s->packing) == 0 && r->step.why == s->why && strcmp(r->rule, s->rule) == 0 &&
           r->step.second == s->second && strcmp(r->second, s->second_packing) == 0 &&
           (r->step.layer < 0) == (s->layer < 0);
}

/* Layers are alike, so their steps become one row: a model of 30 layers has as many rows as one of two. */
static setun_status on_step(void *context, const setun_planned_step *s, setun_error *error)
{
    plan_rows *rows = context;
    plan_row r = {.step = *s, .n = 1, .seconds = s->seconds};

    if (rows->phase != PHASE_ALL && rows->phase != s->phase)
        return SETUN_OK;
    for (size_t i = 0; i < rows->n; i++) {
        if (!is_like(&rows->items[i], s))
            continue;
        rows->items[i].n++;
        rows->items[i].seconds += s->seconds;
        rows->items[i].step.second_bytes += s->second_bytes;
        rows->items[i].step.second_seconds += s->second_seconds;
        rows->items[i].step.first_seconds += s->first_seconds;
        return SETUN_OK;
    }
    if (rows->n == rows->capacity) {
        const size_t capacity = 2 * rows->capacity + 32;
        plan_row *items = realloc(rows->items, capacity * sizeof(*items));

        if (items == NULL)
            return set_error(error, SETUN_ERR_NOMEM, "out of memory: plan");
        rows->items = items;
        rows->capacity = capacity;
    }
    r.op = strdup(s->op);
    r.weight = strdup(s->weight);
    r.kernel = strdup(s->kernel);
    r.backend = strdup(s->backend);
    r.packing = strdup(s->packing);
    r.rule = strdup(s->rule);
    r.second = strdup(s->second_packing);
    rows->items[rows->n++] = r;
    if (r.op == NULL || r.weight == NULL || r.kernel == NULL || r.backend == NULL || r.packing == NULL || r.rule == NULL || r.second == NULL)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: plan");
    return SETUN_OK;
}

/* "measured, of 9", "rule runtime.yaml:3:5" */
static void why_text(const plan_row *r, char *text, size_t n_bytes)
{
    static const char *const words[] = {[SETUN_WHY_RULE] = "rule", [SETUN_WHY_ONLY] = "the only one", [SETUN_WHY_MEASURED] = "measured",
                                        [SETUN_WHY_ESTIMATE] = "estimate"};

    if (r->step.why == SETUN_WHY_RULE)
        (void)snprintf(text, n_bytes, "rule %s", r->rule);
    else if (r->step.n_kernels > 1)
        (void)snprintf(text, n_bytes, "%s, of %u", words[r->step.why], r->step.n_kernels);
    else
        (void)snprintf(text, n_bytes, "%s", words[r->step.why]);
}

/* What --expect compares: decisions, and no times. */
static void decision_text(const plan_row *r, char *text, size_t n_bytes)
{
    (void)snprintf(text, n_bytes, "%s %s %s %" PRId64 " %s %s", phases[r->step.phase], r->op, r->weight[0] != '\0' ? r->weight : "-", r->n, r->kernel,
                   r->packing[0] != '\0' ? r->packing : "-");
}

/* What a second packing of the weights would take and save, or does, in the rows of one phase that have come to the same. */
static void print_second(const plan_rows *rows, int phase, int state, const setun_session_info *info)
{
    static const char *const words[] = {[SETUN_SECOND_TAKEN] = "taken", [SETUN_SECOND_NOT_WORTH] = "not worth it", [SETUN_SECOND_TOO_LARGE] = "no memory for it"};
    double saved = 0, first = 0;
    uint64_t n_bytes = 0;
    int64_t n = 0, rows_max = 1;

    for (size_t i = 0; i < rows->n; i++) {
        const plan_row *r = &rows->items[i];

        if (r->step.phase != phase || r->step.second != state)
            continue;
        n += r->n;
        n_bytes += r->step.second_bytes;
        first += r->step.first_seconds;
        saved += r->step.first_seconds - r->step.second_seconds;
        rows_max = r->step.rows_max;
    }
    if (n > 0)
        printf("  a second packing of %" PRId64 " weights, %s: %.1f MiB beside %.1f MiB, %.1f of %.1f us a row saved\n", n, words[state],
               (double)n_bytes / 1048576, (double)(info->weight_bytes - (state == SETUN_SECOND_TAKEN ? n_bytes : 0)) / 1048576,
               saved * 1e6 / (double)rows_max, first * 1e6 / (double)rows_max);
}

static void print_sum(const plan_rows *rows, int phase, double sum, const setun_session_info *info)
{
    printf("%-50s %12.1f us\n", "  all of them", sum * 1e6);
    for (int state = SETUN_SECOND_TAKEN; state <= SETUN_SECOND_TOO_LARGE; state++)
        print_second(rows, phase, state, info);
}

static void print_table(const plan_rows *rows, const setun_session_info *info)
{
    char reason[CHUNK_REASON_BYTES];
    int phase = -1;
    double sum = 0;

    for (size_t i = 0; i < rows->n; i++) {
        const plan_row *r = &rows->items[i];
        char why[300];

        if (r->step.phase != phase) {
            if (phase >= 0)
                print_sum(rows, phase, sum, info);
            printf("%s", phase >= 0 ? "\n" : "");
            phase = r->step.phase;
            sum = 0;
            printf("%s: passes of up to %" PRId64 " row%s%s, %u thread%s\n", phases[phase], r->step.rows_max, r->step.rows_max == 1 ? "" : "s",
                   r->step.rows_max == info->chunk ? chunk_reason(info, reason) : "", info->n_threads, info->n_threads == 1 ? "" : "s");
            printf("  %-23s %-16s %5s %11s  %-67s %-18s %s\n", "OP", "WEIGHT", "STEPS", "EXPECTED", "KERNEL", "PACKING", "WHY");
        }
        sum += r->seconds;
        why_text(r, why, sizeof(why));
        printf("  %-23s %-16s %5" PRId64 " %8.1f us  %-67s %-18s %s\n", r->op, r->weight[0] != '\0' ? r->weight : "-", r->n, r->seconds * 1e6, r->kernel,
               r->packing[0] != '\0' ? r->packing : "-", why);
    }
    if (phase >= 0)
        print_sum(rows, phase, sum, info);
}

static json_t *json_row(const plan_row *r)
{
    static const char *const words[] = {[SETUN_WHY_RULE] = "rule", [SETUN_WHY_ONLY] = "only", [SETUN_WHY_MEASURED] = "measured",
                                        [SETUN_WHY_ESTIMATE] = "estimate"};

    static const char *const second[] = {[SETUN_SECOND_NONE] = "none", [SETUN_SECOND_TAKEN] = "taken", [SETUN_SECOND_NOT_WORTH] = "not_worth",
                                         [SETUN_SECOND_TOO_LARGE] = "too_large"};

    return json_pack("{s:s, s:I, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:f, s:s, s:s, s:I, s:f, s:f}", "phase", phases[r->step.phase], "rows_max",
                     (json_int_t)r->step.rows_max, "op", r->op, "weight", r->weight, "steps", (json_int_t)r->n, "kernel", r->kernel, "backend",
                     r->backend, "packing", r->packing, "why", words[r->step.why], "rule", r->rule, "kernels", (json_int_t)r->step.n_kernels,
                     "expected_s", r->seconds, "second", second[r->step.second], "second_packing", r->second, "second_bytes",
                     (json_int_t)r->step.second_bytes, "second_s", r->step.second_seconds, "first_s", r->step.first_seconds);
}

static int print_picture(const plan_rows *rows, const setun_model *model, uint32_t n_threads)
{
    buffer svg = {.data = NULL};
    setun_error error;
    int code = EXIT_DONE;

    plan_svg_draw(rows, setun_model_path(model), n_threads, &svg);
    if (svg.failed)
        code = fail("out of memory: picture");
    else if (stdout_write(svg.data, svg.n, &error) != SETUN_OK)
        code = fail("%s", error.text);
    buffer_free(&svg);
    return code;
}

static int print_rows(const plan_rows *rows, int form, const setun_model *model, const setun_session_info *info)
{
    json_t *array;

    if (form == FORM_SVG)
        return print_picture(rows, model, info->n_threads);
    if (form != FORM_JSON) {
        print_table(rows, info);
        return EXIT_DONE;
    }
    array = json_array();
    for (size_t i = 0; i < rows->n; i++)
        (void)json_array_append_new(array, json_row(&rows->items[i]));
    return print_json(json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "model", setun_model_path(model), "family", setun_model_family(model), "threads",
                                (json_int_t)info->n_threads, "chunk", (json_int_t)info->chunk, "chunk_row_bytes", (json_int_t)info->chunk_row_bytes,
                                "chunk_cache_bytes", (json_int_t)info->chunk_cache_bytes, "weight_bytes", (json_int_t)info->weight_bytes, "steps", array));
}

/* ---- --expect ---- */

/* Whether a row of the file, as JSON, is the decision of a row. */
static bool is_expected(const json_t *expected, const plan_row *r)
{
    const char *phase, *op, *weight, *kernel, *packing;
    json_int_t n;

    return json_unpack((json_t *)(uintptr_t)expected, "{s:s, s:s, s:s, s:I, s:s, s:s}", "phase", &phase, "op", &op, "weight", &weight, "steps", &n,
                       "kernel", &kernel, "packing", &packing) == 0 &&
           strcmp(phase, phases[r->step.phase]) == 0 && strcmp(op, r->op) == 0 && strcmp(weight, r->weight) == 0 && n == r->n &&
           strcmp(kernel, r->kernel) == 0 && strcmp(packing, r->packing) == 0;
}

static void describe_expected(const json_t *expected, char *text, size_t n_bytes)
{
    const char *phase = "?", *op = "?", *weight = "", *kernel = "?", *packing = "";
    json_int_t n = 0;

    (void)json_unpack((json_t *)(uintptr_t)expected, "{s?s, s?s, s?s, s?I, s?s, s?s}", "phase", &phase, "op", &op, "weight", &weight, "steps", &n, "kernel",
                      &kernel, "packing", &packing);
    (void)snprintf(text, n_bytes, "%.40s %.40s %.60s %lld %.100s %.60s", phase, op, weight[0] != '\0' ? weight : "-", (long long)n, kernel,
                   packing[0] != '\0' ? packing : "-");
}

/* The plan is as the file says: the same decisions in the same order. Times may differ, and what decided. */
static int compare(const plan_rows *rows, const char *path)
{
    char *text = NULL, found[400], wanted[400];
    size_t n_bytes;
    json_error_t at;
    json_t *root, *list;
    setun_error error;
    int code = EXIT_DONE;

    if (read_input(path, &text, &n_bytes, &error) != SETUN_OK)
        return fail("%s", error.text);
    root = json_loadb(text, n_bytes, 0, &at);
    free(text);
    if (root == NULL)
        return fail("%s:%d:%d: %s", input_name(path), at.line, at.column, at.text);
    list = json_object_get(root, "steps");
    if (!json_is_array(list)) {
        json_decref(root);
        return fail("%s: expected a plan as 'setun plan -o json' prints it, found no list 'steps'", input_name(path));
    }
    for (size_t i = 0; i < rows->n && i < json_array_size(list) && code == EXIT_DONE; i++) {
        if (is_expected(json_array_get(list, i), &rows->items[i]))
            continue;
        describe_expected(json_array_get(list, i), wanted, sizeof(wanted));
        decision_text(&rows->items[i], found, sizeof(found));
        code = fail("%s: step %zu: expected '%s', found '%s'", input_name(path), i + 1, wanted, found);
    }
    if (code == EXIT_DONE && rows->n != json_array_size(list))
        code = fail("%s: expected %zu steps, found %zu", input_name(path), json_array_size(list), rows->n);
    json_decref(root);
    return code;
}

/* ---- the command ---- */

static int plan(const plan_options *o)
{
    plan_rows rows = {.phase = o->phase};
    setun_model *model = NULL;
    setun_session_options session;
    setun_session_info info;
    setun_error error;
    setun_status status = common_open_model(&o->common, &model, &error);
    int code = EXIT_FAILED;

    if (status == SETUN_OK)
        status = common_session_options(&o->common, &session, &error);
    if (status == SETUN_OK)
        status = setun_session_preview(model, &session, &info, &error);
    if (status == SETUN_OK)
        status = setun_session_list_plan(model, &session, on_step, &rows, &error);
    if (status != SETUN_OK)
        (void)fail("%s", error.text);
    else if (rows.n == 0)
        (void)fail("a session of passes of at most %u rows has no such phase", info.chunk);
    else
        code = o->expect != NULL ? compare(&rows, o->expect) : print_rows(&rows, o->form, model, &info);
    plan_rows_free(&rows);
    setun_model_close(model);
    return code;
}

static int run(int argc, char **argv)
{
    plan_options o = {.phase = PHASE_ALL};
    const option_spec specs[] = {
        {.name = "phase", .kind = OPTION_CHOICE, .argument = "all|decode|batch|prefill", .value = &o.phase,
         .help = "only passes of one row, of 2 to 16, or of more (default all)"},
        {.name = "output", .letter = 'o', .kind = OPTION_CHOICE, .argument = "table|json|svg", .value = &o.form,
         .help = "form of the plan (default table)"},
        {.name = "expect", .kind = OPTION_TEXT, .argument = "FILE", .value = &o.expect,
         .help = "print nothing, and fail if kernels or packings are not those of FILE, a plan that\n-o json printed with the same options"},
    };
    const command_line line = {
        .name = "plan",
        .usage = "setun plan [-m MODEL] [--phase all|decode|batch|prefill] [-o table|json|svg] [--expect FILE] [OPTION...]",
        .text = "Shows which kernel runs each op of a model, in which packing its weights lie in memory, how long it is expected to\n"
                "take, and why it was chosen: a rule of the configuration, a time that 'setun kernels tune' measured, or the\n"
                "kernels' own estimates, with a full context (attention). Steps that are alike in several layers are one line. Where\n"
                "a longer pass would be faster with its weights in another packing than shorter ones read, a line below tells the\n"
                "memory that the second packing takes, the time it saves, and what came of it (--weight-memory). No weight is read.",
        .examples = "setun plan\n"
                    "setun plan -m path/to/model.gguf --phase decode -t 2\n"
                    "setun plan -m path/to/model.gguf -o json > plan.json\n"
                    "setun plan -m path/to/model.gguf --phase decode -o svg > plan.svg\n"
                    "setun plan -m path/to/model.gguf --expect plan.json",
        .options = specs,
        .n_options = sizeof(specs) / sizeof(specs[0]),
        .common = COMMON_MODEL | COMMON_SESSION,
    };
    int first, code = options_parse(&line, argc, argv, &o.common, &first);

    return code >= 0 ? code : plan(&o);
}

const command command_plan = {.name = "plan", .summary = "which kernel runs each op of a model, and why", .run = run};
