/* bench_report.c - the results of `setun bench` as JSON and CSV, and read back from JSON: one table of fields for all three. */
#include "bench_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "io.h"

enum { FORMAT_VERSION = 1 };
#define MOST 1e18 /* bytes, operations, tokens, seconds: more is no measurement */

enum kind { WHOLE /* int64_t from 0 */, REAL /* double from 0, or NAN */, TEXT /* char[] */, FLAG /* bool */ };

typedef struct field {
    const char *name;
    size_t      offset, n_bytes;
    enum kind   kind;
    bool        is_later; /* reports of earlier versions do not have it */
} field;

#define FIELD(type, kind, member) {#member, offsetof(type, member), sizeof(((type *)NULL)->member), kind, false}
#define LATER(type, kind, member) {#member, offsetof(type, member), sizeof(((type *)NULL)->member), kind, true}

static const field result_fields[] = {
    FIELD(bench_result, TEXT, test), FIELD(bench_result, WHOLE, n), FIELD(bench_result, WHOLE, depth), FIELD(bench_result, WHOLE, batch),
    FIELD(bench_result, WHOLE, threads), FIELD(bench_result, WHOLE, repeats), FIELD(bench_result, REAL, tokens_s_median),
    FIELD(bench_result, REAL, tokens_s_min), FIELD(bench_result, REAL, tokens_s_max), FIELD(bench_result, REAL, ms_token),
    FIELD(bench_result, REAL, bytes_per_pass), FIELD(bench_result, REAL, bytes_per_token), FIELD(bench_result, REAL, bytes_s),
    FIELD(bench_result, REAL, ops_s), FIELD(bench_result, REAL, int8_ops_s), FIELD(bench_result, REAL, share_of_bandwidth),
    FIELD(bench_result, REAL, share_of_int8), FIELD(bench_result, REAL, share_of_int8_linear), FIELD(bench_result, REAL, candidates_token),
    FIELD(bench_result, REAL, resident_bytes), FIELD(bench_result, REAL, anon_bytes), FIELD(bench_result, REAL, file_bytes), FIELD(bench_result, REAL, peak_bytes),
    FIELD(bench_result, REAL, pass_ms), FIELD(bench_result, TEXT, hash), FIELD(bench_result, TEXT, hash_all),
    LATER(bench_result, REAL, share_of_bandwidth_min), LATER(bench_result, REAL, share_of_bandwidth_max),
    LATER(bench_result, REAL, share_of_int8_min), LATER(bench_result, REAL, share_of_int8_max),
    LATER(bench_result, REAL, read_limit_bytes_s_median), LATER(bench_result, REAL, read_limit_bytes_s_min),
    LATER(bench_result, REAL, read_limit_bytes_s_max), LATER(bench_result, REAL, int8_limit_ops_s_median),
    LATER(bench_result, REAL, int8_limit_ops_s_min), LATER(bench_result, REAL, int8_limit_ops_s_max), LATER(bench_result, TEXT, head),
};

static const field part_fields[] = {
    FIELD(bench_part, TEXT, op), FIELD(bench_part, TEXT, kernel), FIELD(bench_part, WHOLE, n_steps), FIELD(bench_part, REAL, run_ms),
    FIELD(bench_part, REAL, imbalance_ms), FIELD(bench_part, REAL, barrier_ms), FIELD(bench_part, REAL, n_barriers),
};

static const field team_fields[] = {
    FIELD(bench_team, WHOLE, threads), FIELD(bench_team, WHOLE, chunk), FIELD(bench_team, TEXT, head), FIELD(bench_team, REAL, start_s), FIELD(bench_team, REAL, open_s),
    FIELD(bench_team, REAL, load_s), FIELD(bench_team, REAL, first_token_s), FIELD(bench_team, REAL, weight_bytes),
    FIELD(bench_team, REAL, activation_bytes), FIELD(bench_team, REAL, token_bytes), FIELD(bench_team, REAL, huge_bytes),
    FIELD(bench_team, REAL, page_cache_bytes),
    FIELD(bench_team, REAL, read_bytes_s), FIELD(bench_team, REAL, read_buffer_bytes), FIELD(bench_team, REAL, last_cache_bytes),
    FIELD(bench_team, TEXT, read_how), FIELD(bench_team, REAL, int8_ops_s), FIELD(bench_team, TEXT, int8_kernel),
    FIELD(bench_team, FLAG, limits_cached), FIELD(bench_team, WHOLE, limits_measured), LATER(bench_team, TEXT, limits),
};

static const field report_fields[] = {
    FIELD(bench_report, TEXT, model), FIELD(bench_report, TEXT, cpu), FIELD(bench_report, WHOLE, numerics_version),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- the report ---- */

static void *add(void *items, size_t *n, size_t item_bytes)
{
    void *old, *larger;

    memcpy(&old, items, sizeof(old)); /* items points to a T *, whose type is unknown here */
    larger = realloc(old, (*n + 1) * item_bytes);
    if (larger == NULL)
        return NULL;
    memcpy(items, &larger, sizeof(larger));
    return memset((char *)larger + (*n)++ * item_bytes, 0, item_bytes);
}

bench_team *bench_report_add_team(bench_report *report)
{
    return add(&report->teams, &report->n_teams, sizeof(*report->teams));
}

bench_result *bench_report_add_result(bench_report *report)
{
    return add(&report->results, &report->n_results, sizeof(*report->results));
}

void bench_report_free(bench_report *report)
{
    free(report->teams);
    free(report->results);
    memset(report, 0, sizeof(*report));
}

bool bench_team_is_beside(const bench_team *team)
{
    return team != NULL && strcmp(team->limits, "each") == 0;
}

const bench_team *bench_report_team(const bench_report *report, const bench_result *result)
{
    for (size_t i = 0; i < report->n_teams; i++)
        if (report->teams[i].threads == result->threads && (result->head[0] == '\0' || strcmp(report->teams[i].head, result->head) == 0))
            return &report->teams[i];
    return NULL;
}

bool bench_report_has_heads(const bench_report *report)
{
    for (size_t i = 1; i < report->n_teams; i++)
        if (strcmp(report->teams[i].head, report->teams[0].head) != 0)
            return true;
    return false;
}

const char *bench_result_name(const bench_result *result, char name[BENCH_NAME_BYTES])
{
    size_t n = (size_t)snprintf(name, BENCH_NAME_BYTES, "%s%" PRId64, strcmp(result->test, "prefill") == 0 ? "pp" : "tg", result->n);

    if (result->depth > 0)
        n += (size_t)snprintf(name + n, BENCH_NAME_BYTES - n, " @%" PRId64, result->depth);
    if (result->batch > 1)
        (void)snprintf(name + n, BENCH_NAME_BYTES - n, " x%" PRId64, result->batch);
    return name;
}

/* ---- JSON ---- */

static json_t *json_field(const field *f, const void *from)
{
    const char *at = (const char *)from + f->offset;
    int64_t whole;
    double real;
    bool flag;

    switch (f->kind) {
    case WHOLE:
        memcpy(&whole, at, sizeof(whole));
        return json_integer(whole);
    case REAL:
        memcpy(&real, at, sizeof(real));
        return isnan(real) ? json_null() : json_real(real);
    case FLAG:
        memcpy(&flag, at, sizeof(flag));
        return json_boolean(flag);
    case TEXT:
        break;
    }
    return json_string(at);
}

/* NULL: memory ran out. jansson takes NULL as an argument, and fails. */
static json_t *json_fields(const field *fields, size_t n, const void *from)
{
    json_t *object = json_object();

    for (size_t i = 0; i < n && object != NULL; i++) {
        if (json_object_set_new(object, fields[i].name, json_field(&fields[i], from)) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

static json_t *json_team(const bench_team *team)
{
    json_t *object = json_fields(team_fields, COUNT(team_fields), team), *list = json_array();
    bool ok = object != NULL && list != NULL;

    for (size_t i = 0; i < team->n_int8 && ok; i++)
        ok = json_array_append_new(list, json_pack("{s:s, s:f}", "kernel", team->int8[i].kernel, "ops_s", team->int8[i].ops_s)) == 0;
    if (json_object_set_new(object, "int8", list) == 0 && ok)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *json_result(const bench_result *result)
{
    json_t *object = json_fields(result_fields, COUNT(result_fields), result), *list = json_array();
    bool ok = object != NULL && list != NULL;

    for (size_t i = 0; i < result->n_parts && ok; i++)
        ok = json_array_append_new(list, json_fields(part_fields, COUNT(part_fields), &result->parts[i])) == 0;
    if (json_object_set_new(object, "profile", list) == 0 && ok)
        return object;
    json_decref(object);
    return NULL;
}

json_t *bench_report_json(const bench_report *report)
{
    json_t *object = json_fields(report_fields, COUNT(report_fields), report), *teams = json_array(), *results = json_array();
    bool ok = object != NULL && teams != NULL && results != NULL && json_object_set_new(object, "setun_bench", json_integer(FORMAT_VERSION)) == 0;

    for (size_t i = 0; i < report->n_teams && ok; i++)
        ok = json_array_append_new(teams, json_team(&report->teams[i])) == 0;
    for (size_t i = 0; i < report->n_results && ok; i++)
        ok = json_array_append_new(results, json_result(&report->results[i])) == 0;
    ok = json_object_set_new(object, "teams", teams) == 0 && ok;
    ok = json_object_set_new(object, "results", results) == 0 && ok;
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

/* ---- reading JSON ---- */

static bool read_real(const json_t *value, double *out_real)
{
    *out_real = json_is_null(value) ? (double)NAN : json_number_value(value);
    return json_is_null(value) || (json_is_number(value) && *out_real >= 0 && *out_real <= MOST);
}

static bool read_text(const json_t *value, char *out_text, size_t n_bytes)
{
    const char *text = json_string_value(value);

    if (text == NULL || strlen(text) >= n_bytes)
        return false;
    (void)printable(text, out_text, n_bytes);
    return true;
}

static bool read_field(const field *f, const json_t *value, void *to)
{
    char *at = (char *)to + f->offset;
    int64_t whole;
    double real;
    bool flag;

    switch (f->kind) {
    case WHOLE:
        whole = json_integer_value(value);
        memcpy(at, &whole, sizeof(whole));
        return json_is_integer(value) && whole >= 0 && (double)whole <= MOST;
    case REAL:
        if (!read_real(value, &real))
            return false;
        memcpy(at, &real, sizeof(real));
        return true;
    case FLAG:
        flag = json_is_true(value);
        memcpy(at, &flag, sizeof(flag));
        return json_is_boolean(value);
    case TEXT:
        break;
    }
    return read_text(value, at, f->n_bytes);
}

/* Name of the first field that is not what it must be; NULL: all are. */
static const char *read_fields(const field *fields, size_t n, const json_t *from, void *to)
{
    json_t *unknown = json_null(), *nothing = json_string("");
    const char *wrong = NULL;

    for (size_t i = 0; i < n && wrong == NULL; i++) {
        const json_t *value = json_object_get(from, fields[i].name);

        if (value == NULL && fields[i].is_later)
            value = fields[i].kind == TEXT ? nothing : unknown;
        if (!read_field(&fields[i], value, to))
            wrong = fields[i].name;
    }
    json_decref(nothing);
    return wrong;
}

static const char *read_team(const json_t *from, bench_team *team)
{
    const char *wrong = read_fields(team_fields, COUNT(team_fields), from, team);
    const json_t *list = json_object_get(from, "int8"), *item;
    size_t i;

    if (wrong == NULL && (!json_is_array(list) || json_array_size(list) > SETUN_MACHINE_INT8_MAX))
        wrong = "int8";
    if (wrong != NULL)
        return wrong;
    json_array_foreach(list, i, item)
    {
        setun_machine_int8 *entry = &team->int8[team->n_int8++];

        if (!read_text(json_object_get(item, "kernel"), entry->kernel, sizeof(entry->kernel)) ||
            !read_real(json_object_get(item, "ops_s"), &entry->ops_s) || isnan(entry->ops_s))
            return "int8";
    }
    return NULL;
}

static const char *read_result(const json_t *from, bench_result *result)
{
    const char *wrong = read_fields(result_fields, COUNT(result_fields), from, result);
    const json_t *list = json_object_get(from, "profile"), *item;
    size_t i;

    if (wrong == NULL && strcmp(result->test, "prefill") != 0 && strcmp(result->test, "decode") != 0)
        wrong = "test";
    if (wrong == NULL && (!json_is_array(list) || json_array_size(list) > BENCH_PARTS_MAX))
        wrong = "profile";
    if (wrong != NULL)
        return wrong;
    json_array_foreach(list, i, item)
    {
        if (read_fields(part_fields, COUNT(part_fields), item, &result->parts[result->n_parts++]) != NULL)
            return "profile";
    }
    return NULL;
}

static setun_status read_lists(const char *name, const json_t *root, bench_report *report, setun_error *error)
{
    const json_t *teams = json_object_get(root, "teams"), *results = json_object_get(root, "results"), *item;
    const char *wrong = NULL;
    size_t i;

    if (!json_is_array(teams) || !json_is_array(results) || json_array_size(teams) > BENCH_ITEMS_MAX || json_array_size(results) > BENCH_ITEMS_MAX)
        return set_error(error, SETUN_ERR_FORMAT, "%s: expected lists 'teams' and 'results' of at most %d", name, BENCH_ITEMS_MAX);
    json_array_foreach(teams, i, item)
    {
        bench_team *team = bench_report_add_team(report);

        if (team == NULL)
            return set_error(error, SETUN_ERR_NOMEM, "out of memory: %s", name);
        wrong = read_team(item, team);
        if (wrong != NULL)
            return set_error(error, SETUN_ERR_FORMAT, "%s: team %zu: '%s' is missing, or not what `setun bench -o json` writes", name, i, wrong);
    }
    json_array_foreach(results, i, item)
    {
        bench_result *result = bench_report_add_result(report);

        if (result == NULL)
            return set_error(error, SETUN_ERR_NOMEM, "out of memory: %s", name);
        wrong = read_result(item, result);
        if (wrong != NULL)
            return set_error(error, SETUN_ERR_FORMAT, "%s: result %zu: '%s' is missing, or not what `setun bench -o json` writes", name, i, wrong);
    }
    return SETUN_OK;
}

setun_status bench_report_load(const char *path, bench_report *report, setun_error *error)
{
    const char *name = input_name(path), *wrong;
    char *text;
    size_t n_bytes;
    json_error_t reason;
    json_t *root;
    setun_status status = read_input(path, &text, &n_bytes, error);

    if (status != SETUN_OK)
        return status;
    root = json_loadb(text, n_bytes, JSON_REJECT_DUPLICATES, &reason);
    free(text);
    if (root == NULL)
        return set_error(error, SETUN_ERR_FORMAT, "%s: byte %d: %s", name, reason.position, reason.text);
    wrong = read_fields(report_fields, COUNT(report_fields), root, report);
    if (json_integer_value(json_object_get(root, "setun_bench")) != FORMAT_VERSION)
        status = set_error(error, SETUN_ERR_FORMAT, "%s: expected what `setun bench -o json` writes: \"setun_bench\": %d", name, FORMAT_VERSION);
    else if (wrong != NULL)
        status = set_error(error, SETUN_ERR_FORMAT, "%s: '%s' is missing, or not what `setun bench -o json` writes", name, wrong);
    else
        status = read_lists(name, root, report, error);
    json_decref(root);
    return status;
}

/* ---- CSV ---- */

/* Quoted where it has to be (RFC 4180). */
static void csv_text(buffer *text, const char *content)
{
    const bool plain = strpbrk(content, ",\"\r\n") == NULL;

    if (!plain)
        buffer_add(text, "\"");
    for (const char *c = content; *c != '\0'; c++)
        buffer_add(text, "%s%c", *c == '"' ? "\"" : "", *c);
    if (!plain)
        buffer_add(text, "\"");
}

static void csv_fields(buffer *text, const field *fields, size_t n, const void *from)
{
    for (size_t i = 0; i < n; i++) {
        json_t *value = json_field(&fields[i], from);
        char number[40];

        if (json_is_string(value)) {
            csv_text(text, json_string_value(value));
        } else if (json_is_real(value)) { /* the digits that JSON gets */
            (void)snprintf(number, sizeof(number), "%.17g", json_real_value(value));
            json_shorten_reals(number);
            buffer_add(text, "%s", number);
        } else if (json_is_integer(value)) {
            buffer_add(text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        } else if (json_is_boolean(value)) {
            buffer_add(text, "%s", json_is_true(value) ? "true" : "false");
        }
        text->failed = text->failed || value == NULL;
        json_decref(value);
        buffer_add(text, i + 1 < n ? "," : "");
    }
}

void bench_csv_head(buffer *text)
{
    for (size_t i = 0; i < COUNT(result_fields); i++)
        buffer_add(text, "%s,", result_fields[i].name);
    for (size_t i = 0; i < COUNT(team_fields); i++)
        if (strcmp(team_fields[i].name, "threads") != 0)
            buffer_add(text, "team_%s,", team_fields[i].name);
    buffer_add(text, "model,cpu,numerics_version\n");
}

void bench_csv_line(buffer *text, const bench_report *report, const bench_result *result)
{
    const bench_team none = {0}, *team = bench_report_team(report, result);

    csv_fields(text, result_fields, COUNT(result_fields), result);
    buffer_add(text, ",");
    csv_fields(text, team_fields + 1, COUNT(team_fields) - 1, team != NULL ? team : &none); /* without threads */
    buffer_add(text, ",");
    csv_fields(text, report_fields, COUNT(report_fields), report);
    buffer_add(text, "\n");
}
