/* file.c - a file of measured times: read with every key checked, and written. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/output.h"
#include "setun/cpu.h"
#include "setun/topology.h"
#include "setun_numerics.h"
#include "tune/tuning.h"
#include "yaml/yaml.h"

enum { FILE_VERSION = 1, MAX_TEXT = 400 };

/* ---- reading ---- */

/* A text of one line that is not too long for a message. */
static setun_status read_text(setun_tuning *tuning, const setun_yaml *yaml, const setun_yaml_node *node, const char *what, const char **out_text,
                              setun_error *error)
{
    char found[64];

    if (node->kind != SETUN_YAML_SCALAR || node->text[0] == '\0')
        return setun_yaml_fail(yaml, node, error, "%s: expected a text, found %s", what, setun_yaml_describe(node, found));
    if (strlen(node->text) > MAX_TEXT)
        return setun_yaml_fail(yaml, node, error, "%s: expected at most %d characters, found %zu", what, MAX_TEXT, strlen(node->text));
    for (const char *c = node->text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7E || *c == '"' || *c == '\\')
            return setun_yaml_fail(yaml, node, error, "%s: expected printable ASCII without '\"' and '\\', found the character 0x%02x", what,
                                   (unsigned char)*c);
    *out_text = setun_pool_strndup(&tuning->pool, node->text, strlen(node->text));
    return *out_text == NULL ? setun_fail_nomem(error, setun_yaml_path(yaml), strlen(node->text)) : SETUN_OK;
}

/* The value of a key that must be there. */
static setun_status need(const setun_yaml *yaml, const setun_yaml_node *mapping, const char *what, const char *key,
                         const setun_yaml_node **out_value, setun_error *error)
{
    *out_value = setun_yaml_get(mapping, key);
    if (*out_value == NULL)
        return setun_yaml_fail(yaml, mapping, error, "%s: expected the key '%s'", what, key);
    return SETUN_OK;
}

static setun_status need_text(setun_tuning *tuning, const setun_yaml *yaml, const setun_yaml_node *mapping, const char *what, const char *key,
                              const char **out_text, setun_error *error)
{
    const setun_yaml_node *value;
    const setun_status status = need(yaml, mapping, what, key, &value, error);

    return status != SETUN_OK ? status : read_text(tuning, yaml, value, key, out_text, error);
}

static setun_status need_count(const setun_yaml *yaml, const setun_yaml_node *mapping, const char *what, const char *key, int64_t max,
                               int64_t *out_value, setun_error *error)
{
    const setun_yaml_node *value;
    const setun_status status = need(yaml, mapping, what, key, &value, error);

    return status != SETUN_OK ? status : setun_yaml_read_count(yaml, value, key, 1, max, out_value, error);
}

/* `all`, or the number of a NUMA node. */
static setun_status read_node(const setun_yaml *yaml, const setun_yaml_node *value, int32_t *out_node, setun_error *error)
{
    int64_t number = SETUN_TUNING_ALL_NODES;
    setun_status status = SETUN_OK;

    if (value != NULL && (value->kind != SETUN_YAML_SCALAR || strcmp(value->text, "all") != 0))
        status = setun_yaml_read_count(yaml, value, "node, unless it is 'all'", 0, SETUN_TUNING_MAX_NODE, &number, error);
    *out_node = (int32_t)number;
    return status;
}

static setun_status read_times(setun_tuning *tuning, const setun_yaml *yaml, const setun_yaml_node *node, setun_tuning_case *c, setun_error *error)
{
    char found[64];
    setun_status status = SETUN_OK;

    if (node->kind != SETUN_YAML_MAPPING || node->n == 0)
        return setun_yaml_fail(yaml, node, error, "ns: expected a mapping from kernels to nanoseconds, found %s",
                               node->kind == SETUN_YAML_MAPPING ? "an empty one" : setun_yaml_describe(node, found));
    c->times = setun_pool_alloc(&tuning->pool, node->n * sizeof(*c->times)); /* the YAML reader has bounded the number of nodes */
    if (c->times == NULL)
        return setun_fail_nomem(error, setun_yaml_path(yaml), node->n * sizeof(*c->times));
    for (; c->n_times < node->n && status == SETUN_OK; c->n_times++) {
        setun_tuning_time *t = &c->times[c->n_times];

        status = read_text(tuning, yaml, &node->items[c->n_times], "kernel", &t->kernel, error);
        if (status == SETUN_OK)
            status = setun_yaml_read_count(yaml, &node->values[c->n_times], t->kernel, 1, SETUN_TUNING_MAX_NS, &t->ns, error);
    }
    return status;
}

static setun_status read_case(setun_tuning *tuning, const setun_yaml *yaml, const setun_yaml_node *node, setun_tuning_case *c, setun_error *error)
{
    static const char *const known[] = {"op", "shape", "rows", "threads", "node", "ns"};
    const setun_yaml_node *times = NULL;
    int64_t threads = 0;
    setun_status status = setun_yaml_check_keys(yaml, node, "case", known, SETUN_COUNT(known), error);

    c->line = node->line;
    if (status == SETUN_OK)
        status = need_text(tuning, yaml, node, "case", "op", &c->op, error);
    if (status == SETUN_OK)
        status = need_text(tuning, yaml, node, "case", "shape", &c->shape, error);
    if (status == SETUN_OK)
        status = need_count(yaml, node, "case", "rows", SETUN_TUNING_MAX_ROWS, &c->rows, error);
    if (status == SETUN_OK)
        status = need_count(yaml, node, "case", "threads", SETUN_MAX_THREADS, &threads, error);
    c->threads = (uint32_t)threads;
    if (status == SETUN_OK)
        status = read_node(yaml, setun_yaml_get(node, "node"), &c->node, error);
    if (status == SETUN_OK)
        status = need(yaml, node, "case", "ns", &times, error);
    return status != SETUN_OK ? status : read_times(tuning, yaml, times, c, error);
}

static int compare_cases(const void *a, const void *b)
{
    return setun_tuning_compare(a, b);
}

static setun_status read_cases(setun_tuning *tuning, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error)
{
    setun_status status = SETUN_OK;
    char found[64];

    if (node->kind != SETUN_YAML_SEQUENCE)
        return setun_yaml_fail(yaml, node, error, "cases: expected a list, found %s", setun_yaml_describe(node, found));
    if (!setun_grow(&tuning->cases, &tuning->capacity, node->n, sizeof(*tuning->cases)))
        return setun_fail_nomem(error, setun_yaml_path(yaml), node->n * sizeof(*tuning->cases));
    for (; tuning->n_cases < node->n && status == SETUN_OK; tuning->n_cases++) {
        tuning->cases[tuning->n_cases] = (setun_tuning_case){.line = 0};
        status = read_case(tuning, yaml, &node->items[tuning->n_cases], &tuning->cases[tuning->n_cases], error);
    }
    if (status != SETUN_OK || tuning->n_cases == 0)
        return status;
    qsort(tuning->cases, tuning->n_cases, sizeof(*tuning->cases), compare_cases);
    for (size_t i = 1; i < tuning->n_cases; i++)
        if (setun_tuning_compare(&tuning->cases[i - 1], &tuning->cases[i]) == 0)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: the cases of lines %u and %u are the same: one of each is expected",
                              setun_yaml_path(yaml), tuning->cases[i - 1].line, tuning->cases[i].line);
    return SETUN_OK;
}

static setun_status read_root(setun_tuning *tuning, const setun_yaml *yaml, setun_error *error)
{
    static const char *const known[] = {"setun_tuning", "cpu", "features", "date", "version", "numerics", "cases"};
    const setun_yaml_node *root = setun_yaml_root(yaml), *cases = NULL;
    int64_t version;
    setun_status status = setun_yaml_check_keys(yaml, root, "times", known, SETUN_COUNT(known), error);

    if (status == SETUN_OK)
        status = need_count(yaml, root, "times", "setun_tuning", FILE_VERSION, &version, error);
    if (status == SETUN_OK)
        status = need_text(tuning, yaml, root, "times", "cpu", &tuning->cpu, error);
    if (status == SETUN_OK)
        status = need_text(tuning, yaml, root, "times", "features", &tuning->features, error);
    if (status == SETUN_OK)
        status = need_text(tuning, yaml, root, "times", "date", &tuning->date, error);
    if (status == SETUN_OK)
        status = need_text(tuning, yaml, root, "times", "version", &tuning->version, error);
    if (status == SETUN_OK)
        status = need_count(yaml, root, "times", "numerics", INT32_MAX, &tuning->numerics, error);
    if (status == SETUN_OK)
        status = need(yaml, root, "times", "cases", &cases, error);
    if (status == SETUN_OK)
        status = read_cases(tuning, yaml, cases, error);
    return status != SETUN_OK ? status : setun_tuning_compare_here(tuning, error);
}

static setun_status make(const setun_yaml *yaml, setun_tuning **out_tuning, setun_error *error)
{
    setun_tuning *tuning = setun_calloc(1, sizeof(*tuning));
    setun_status status;

    if (tuning == NULL)
        return setun_fail_nomem(error, setun_yaml_path(yaml), sizeof(*tuning));
    status = read_root(tuning, yaml, error);
    if (status != SETUN_OK) {
        setun_tuning_close(tuning);
        return status;
    }
    *out_tuning = tuning;
    return SETUN_OK;
}

setun_status setun_tuning_parse(const char *name, const char *text, size_t n_bytes, setun_tuning **out_tuning, setun_error *error)
{
    setun_yaml *yaml;
    setun_status status = setun_yaml_parse(name, text, n_bytes, &yaml, error);

    if (status != SETUN_OK)
        return status;
    status = make(yaml, out_tuning, error);
    setun_yaml_close(yaml);
    return status;
}

setun_status setun_tuning_open(const char *path, setun_tuning **out_tuning, setun_error *error)
{
    setun_yaml *yaml;
    setun_status status = setun_yaml_open(path, &yaml, error);

    if (status != SETUN_OK)
        return status;
    status = make(yaml, out_tuning, error);
    setun_yaml_close(yaml);
    return status;
}

/* ---- writing ---- */

typedef struct text {
    char  *bytes;
    size_t n, capacity;
    bool   failed;
} text;

__attribute__((format(printf, 2, 3)))
static void put(text *t, const char *format, ...)
{
    va_list args;
    int n;

    if (t->failed || !setun_grow(&t->bytes, &t->capacity, t->n + 2 * MAX_TEXT + 256, 1)) {
        t->failed = true;
        return;
    }
    va_start(args, format);
    n = vsnprintf(t->bytes + t->n, t->capacity - t->n, format, args);
    va_end(args);
    t->failed = n < 0 || (size_t)n >= t->capacity - t->n;
    t->n += t->failed ? 0 : (size_t)n;
}

static void put_case(text *t, const setun_tuning_case *c)
{
    put(t, "  - op: \"%s\"\n    shape: \"%s\"\n    rows: %lld\n    threads: %u\n", c->op, c->shape, (long long)c->rows, c->threads);
    if (c->node == SETUN_TUNING_ALL_NODES)
        put(t, "    node: all\n");
    else
        put(t, "    node: %d\n", c->node);
    put(t, "    ns:\n");
    for (size_t i = 0; i < c->n_times; i++)
        put(t, "      \"%s\": %lld\n", c->times[i].kernel, (long long)c->times[i].ns);
}

setun_status setun_tuning_print(const setun_tuning *tuning, char **out_text, size_t *out_bytes, setun_error *error)
{
    text t = {.bytes = NULL};

    put(&t, "# Times of kernels, measured by `setun kernels tune`: nanoseconds of one call by the\n# whole team, the least of several rounds.\n"
            "# Sessions on this CPU with these features in effect choose by them. The file may be edited,\n# shared and checked in.\n");
    put(&t, "setun_tuning: %d\ncpu: \"%s\"\n", FILE_VERSION, tuning->cpu);
    put(&t, "features: \"%s\"\n", tuning->features);
    put(&t, "date: \"%s\"\nversion: \"%s\"\nnumerics: %lld\n", tuning->date, tuning->version, (long long)tuning->numerics);
    put(&t, tuning->n_cases > 0 ? "cases:\n" : "cases: []\n");
    for (size_t i = 0; i < tuning->n_cases; i++)
        put_case(&t, &tuning->cases[i]);
    if (t.failed) {
        free(t.bytes);
        return setun_fail_nomem(error, "the text of measured times", t.capacity);
    }
    *out_text  = t.bytes;
    *out_bytes = t.n;
    return SETUN_OK;
}

setun_status setun_tuning_save(const setun_tuning *tuning, const char *path, setun_error *error)
{
    char *bytes;
    size_t n_bytes;
    setun_status status = setun_tuning_print(tuning, &bytes, &n_bytes, error);

    if (status != SETUN_OK)
        return status;
    status = setun_output_cache(path, bytes, n_bytes, error);
    free(bytes);
    return status;
}
