/* expect.c - what values may be: `expect` in the sections `bind` and `require`, so that a file which asks for what the graph does not do is
 * refused. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "family/elaborate.h"

enum { MAX_VALUES = 16, LIST_BYTES = 400 };

/* The error: the parameter is not `expected`. A value of the weight file is that file's fault, and the error starts with its name. */
static setun_status fail(struct setun_elaboration *e, const struct setun_param *param, const setun_yaml_node *entry, const char *expected)
{
    const setun_yaml_node *why = setun_yaml_get(entry, "why");
    const char *reason = why == NULL ? "" : why->text, *colon = why == NULL ? "" : ": ";
    char found[80];

    (void)setun_expr_describe(&param->value, found);
    if (param->origin != SETUN_PARAM_KEY)
        return setun_elaboration_fail(e, param->from, "parameter '%.60s': expected %s, found %s%s%.200s", param->name, expected, found, colon, reason);
    return setun_fail(e->error, SETUN_ERR_UNSUPPORTED, "%.300s: %.100s: expected %s, found %s%s%.200s (%.200s:%u:%u)",
                      setun_weights_meta_path(e->weights), param->key, expected, found, colon, reason, setun_yaml_path(e->yaml),
                      param->node->line, param->node->column);
}

static bool is_number(const setun_expr_value *value)
{
    return value->type == SETUN_EXPR_INT || value->type == SETUN_EXPR_FLOAT;
}

static double number(const setun_expr_value *value)
{
    return value->type == SETUN_EXPR_INT ? (double)value->i : value->f;
}

/* {integer: [min, max]} or {number: [min, max]}, both inclusive. */
static setun_status check_range(struct setun_elaboration *e, const struct setun_param *param, const setun_yaml_node *entry,
                                const setun_yaml_node *expect)
{
    static const char *const known[] = {"integer", "number"};
    const setun_expr_value *value = &param->value;
    const setun_yaml_node *range;
    setun_expr_value bound[2];
    char expected[LIST_BYTES], text[2][32];
    bool integer;
    setun_status status = setun_yaml_check_keys(e->yaml, expect, "expect", known, SETUN_COUNT(known), e->error);

    if (status != SETUN_OK)
        return status;
    range = expect->n == 1 ? &expect->values[0] : expect;
    if (range->kind != SETUN_YAML_SEQUENCE || range->n != 2)
        return setun_yaml_fail(e->yaml, range, e->error, "expect: expected {integer: [least, greatest]} or {number: [least, greatest]}");
    integer = strcmp(expect->items[0].text, "integer") == 0;
    for (size_t i = 0; i < 2; i++) {
        status = setun_elaboration_eval(e, &range->items[i], &e->pool, &bound[i]);
        if (status != SETUN_OK)
            return status;
        if (!is_number(&bound[i]) || (integer && bound[i].type != SETUN_EXPR_INT))
            return setun_elaboration_fail(e, &range->items[i], "expect: expected %s, found %s", integer ? "an integer" : "a number",
                                          setun_expr_describe(&bound[i], expected));
        if (bound[i].type == SETUN_EXPR_INT)
            (void)snprintf(text[i], sizeof(text[i]), "%" PRId64, bound[i].i);
        else
            (void)setun_expr_float_text(bound[i].f, text[i]);
    }
    if (integer ? value->type == SETUN_EXPR_INT && value->i >= bound[0].i && value->i <= bound[1].i
                : is_number(value) && number(value) >= number(&bound[0]) && number(value) <= number(&bound[1]))
        return SETUN_OK;
    if (strcmp(text[0], text[1]) == 0)
        (void)snprintf(expected, sizeof(expected), "%s", text[0]);
    else
        (void)snprintf(expected, sizeof(expected), "%s from %s to %s", integer ? "an integer" : "a number", text[0], text[1]);
    return fail(e, param, entry, expected);
}

static bool equal(const setun_expr_value *a, const setun_expr_value *b)
{
    if (is_number(a) && is_number(b))
        return a->type == b->type && a->type == SETUN_EXPR_INT ? a->i == b->i : number(a) == number(b);
    if (a->type != b->type)
        return false;
    return a->type == SETUN_EXPR_BOOL ? a->b == b->b : strcmp(a->s, b->s) == 0;
}

/* A value as it would stand in the file: 'silu', true, 1.0. */
static void append_value(const setun_expr_value *value, char *text, size_t n_bytes)
{
    char shown[32];

    if (value->type == SETUN_EXPR_STRING)
        (void)snprintf(text, n_bytes, "'%.60s'", value->s);
    else if (value->type == SETUN_EXPR_BOOL)
        (void)snprintf(text, n_bytes, "%s", value->b ? "true" : "false");
    else if (value->type == SETUN_EXPR_INT)
        (void)snprintf(text, n_bytes, "%" PRId64, value->i);
    else
        (void)snprintf(text, n_bytes, "%s", setun_expr_float_text(value->f, shown));
}

/* A value, or a list of them. */
static setun_status check_values(struct setun_elaboration *e, const struct setun_param *param, const setun_yaml_node *entry,
                                 const setun_yaml_node *expect)
{
    const size_t n = expect->kind == SETUN_YAML_SEQUENCE ? expect->n : 1;
    char expected[LIST_BYTES] = "", found[64];
    bool matches = false;

    if (n == 0 || n > MAX_VALUES)
        return setun_yaml_fail(e->yaml, expect, e->error, "expect: expected a value, a list of 1 to %d values, or a range, found %s", MAX_VALUES,
                               setun_yaml_describe(expect, found));
    for (size_t i = 0; i < n; i++) {
        const size_t used = strlen(expected);
        setun_expr_value value;
        setun_status status = setun_elaboration_eval(e, expect->kind == SETUN_YAML_SEQUENCE ? &expect->items[i] : expect, &e->pool, &value);

        if (status != SETUN_OK)
            return status;
        matches = matches || equal(&value, &param->value);
        (void)snprintf(expected + used, sizeof(expected) - used, "%s", i == 0 ? "" : i + 1 == n ? " or " : ", ");
        append_value(&value, expected + strlen(expected), sizeof(expected) - strlen(expected));
    }
    return matches ? SETUN_OK : fail(e, param, entry, expected);
}

setun_status setun_expect_check(struct setun_elaboration *e, const struct setun_param *param, const setun_yaml_node *entry)
{
    const setun_yaml_node *expect = setun_yaml_get(entry, "expect"), *why = setun_yaml_get(entry, "why");
    char found[64];

    if (why != NULL && (why->kind != SETUN_YAML_SCALAR || expect == NULL))
        return setun_yaml_fail(e->yaml, why, e->error, "why: expected a text beside 'expect', found %s",
                               expect == NULL ? "no 'expect'" : setun_yaml_describe(why, found));
    if (expect == NULL)
        return SETUN_OK;
    return expect->kind == SETUN_YAML_MAPPING ? check_range(e, param, entry, expect) : check_values(e, param, entry, expect);
}

/* {gguf: keys, huggingface: keys, expect:, why:}: each of the keys that is there has a value that the graph can do. */
static setun_status check_requirement(struct setun_elaboration *e, const setun_yaml_node *entry)
{
    static const char *const known[] = {"gguf", "huggingface", "expect", "why"};
    const setun_yaml_node *keys, *first;
    size_t n;
    setun_status status = setun_yaml_check_keys(e->yaml, entry, "require", known, SETUN_COUNT(known), e->error);

    if (status == SETUN_OK && setun_yaml_get(entry, "expect") == NULL)
        status = setun_yaml_fail(e->yaml, entry, e->error, "require: expected the key 'expect', found none");
    if (status != SETUN_OK || e->weights == NULL)
        return status;
    keys = setun_yaml_get(entry, setun_source_name(setun_weights_source(e->weights)));
    if (keys == NULL)
        return SETUN_OK;
    n = setun_bind_keys(e, keys, &first);
    if (n == 0)
        return SETUN_ERR_FORMAT;
    for (size_t i = 0; i < n; i++) {
        struct setun_param value = {.node = &first[i]};
        bool found = false;

        status = setun_bind_find(e, &first[i], &found, &value);
        if (status == SETUN_OK && found)
            status = setun_expect_check(e, &value, entry);
        if (status != SETUN_OK)
            return status;
    }
    return SETUN_OK;
}

setun_status setun_expect_section(struct setun_elaboration *e, const setun_yaml_node *node)
{
    char found[64];
    setun_status status = SETUN_OK;

    if (node == NULL)
        return SETUN_OK;
    if (node->kind != SETUN_YAML_SEQUENCE)
        return setun_yaml_fail(e->yaml, node, e->error, "require: expected a list, found %s", setun_yaml_describe(node, found));
    for (size_t i = 0; i < node->n && status == SETUN_OK; i++)
        status = check_requirement(e, &node->items[i]);
    return status;
}
