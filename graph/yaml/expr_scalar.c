/* expr_scalar.c - a scalar of a model file as a value: literals, a lone ${...}, and text with ${...} in it. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__APPLE__)
#include <xlocale.h>
#endif

#include "yaml/expr.h"

/* Runs strtod in the C locale: the caller's may have a decimal comma. */
static double read_double(const char *text)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double value = c == (locale_t)0 ? strtod(text, NULL) : strtod_l(text, NULL, c);

    if (c != (locale_t)0)
        freelocale(c);
    return value;
}

const char *setun_expr_float_text(double value, char text[32])
{
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, 32, "%.*g", digits, value);
        for (char *c = text; *c != '\0'; c++)
            if (*c == ',')
                *c = '.';
        if (read_double(text) == value)
            break;
    }
    if (strpbrk(text, ".en") == NULL) /* a float does not look like an integer */
        memcpy(text + strlen(text), ".0", sizeof(".0")); /* 17 digits and an exponent take 24 bytes */
    return text;
}

static size_t count_digits(const char *text)
{
    size_t n = 0;

    while (text[n] >= '0' && text[n] <= '9')
        n++;
    return n;
}

setun_status setun_expr_number(const char *text, setun_expr_value *out_value, size_t *out_length, setun_error *error)
{
    size_t length = count_digits(text), digits = length, more;
    char copy[64];
    setun_expr_value value = {.type = SETUN_EXPR_INT};

    *out_length = 0;
    if (digits == 0)
        return SETUN_OK;
    if (text[length] == '.' && (more = count_digits(text + length + 1)) > 0) {
        length += 1 + more;
        value.type = SETUN_EXPR_FLOAT;
    }
    if (text[length] == 'e' || text[length] == 'E') {
        size_t sign = text[length + 1] == '-' || text[length + 1] == '+';

        more = count_digits(text + length + 1 + sign);
        if (more > 0) {
            length += 1 + sign + more;
            value.type = SETUN_EXPR_FLOAT;
        }
    }
    if (length >= sizeof(copy))
        return setun_fail(error, SETUN_ERR_FORMAT, "expected a number of at most 63 digits, found %zu characters", length);
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (value.type == SETUN_EXPR_FLOAT) {
        value.f = read_double(copy);
        if (!isfinite(value.f))
            return setun_fail(error, SETUN_ERR_FORMAT, "expected a float below 1.8e308, found %s", copy);
    } else {
        for (size_t i = 0; i < digits; i++)
            if (__builtin_mul_overflow(value.i, 10, &value.i) || __builtin_add_overflow(value.i, copy[i] - '0', &value.i))
                return setun_fail(error, SETUN_ERR_FORMAT, "expected an integer of at most 9223372036854775807, found %s", copy);
    }
    *out_value = value;
    *out_length = length;
    return SETUN_OK;
}

const char *setun_expr_describe(const setun_expr_value *value, char text[80])
{
    char number[32];

    if (value->type == SETUN_EXPR_INT)
        (void)snprintf(text, 80, "the integer %lld", (long long)value->i);
    else if (value->type == SETUN_EXPR_FLOAT)
        (void)snprintf(text, 80, "the float %s", setun_expr_float_text(value->f, number));
    else if (value->type == SETUN_EXPR_BOOL)
        (void)snprintf(text, 80, "the truth value %s", value->b ? "true" : "false");
    else
        (void)snprintf(text, 80, "the string '%.40s'%s", value->s, strlen(value->s) > 40 ? "..." : "");
    return text;
}

/* Unquoted text: an integer, a float, true or false; else a string. */
static setun_status read_literal(const setun_yaml *yaml, const setun_yaml_node *node, setun_expr_value *out_value, setun_error *error)
{
    bool negative = node->text[0] == '-';
    setun_expr_value value = {.type = SETUN_EXPR_STRING, .s = node->text};
    setun_expr_value number;
    size_t length;
    setun_status status;

    if (!node->quoted && (strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0)) {
        value.type = SETUN_EXPR_BOOL;
        value.b = node->text[0] == 't';
    } else if (!node->quoted) {
        setun_error why = {{0}};

        status = setun_expr_number(node->text + negative, &number, &length, &why);
        if (status != SETUN_OK)
            return setun_yaml_fail(yaml, node, error, "%s", why.text);
        if (length > 0 && node->text[negative + length] == '\0') {
            value = number;
            if (negative) {
                value.i = -value.i;
                value.f = -value.f;
            }
        }
    }
    *out_value = value;
    return SETUN_OK;
}

/* Appends a value to text[*n]. */
static setun_status append(char *text, size_t *n, const setun_expr_value *value, setun_error *error)
{
    char number[32];
    const char *s = number;
    size_t length;

    if (value->type == SETUN_EXPR_STRING)
        s = value->s;
    else if (value->type == SETUN_EXPR_BOOL)
        s = value->b ? "true" : "false";
    else if (value->type == SETUN_EXPR_FLOAT)
        s = setun_expr_float_text(value->f, number);
    else
        (void)snprintf(number, sizeof(number), "%lld", (long long)value->i);
    length = strlen(s);
    if (length >= SETUN_EXPR_MAX_BYTES - *n)
        return setun_fail(error, SETUN_ERR_FORMAT, "expected a text shorter than %d bytes", SETUN_EXPR_MAX_BYTES);
    memcpy(text + *n, s, length);
    *n += length;
    return SETUN_OK;
}

/* Text with at least one ${...} in it. *at is where an error is. */
static setun_status interpolate(const setun_expr_scope *scope, const char *text, size_t *at, setun_pool *pool,
                                setun_expr_value *out_value, setun_error *error)
{
    char made[SETUN_EXPR_MAX_BYTES];
    size_t n = 0;
    setun_status status;

    while (text[*at] != '\0') {
        size_t start = *at;
        setun_expr_value value;

        if (text[start] != '$' || text[start + 1] != '{') {
            made[n++] = text[start];
            ++*at;
            if (n == sizeof(made))
                return setun_fail(error, SETUN_ERR_FORMAT, "expected a text shorter than %d bytes", SETUN_EXPR_MAX_BYTES);
            continue;
        }
        *at += 2;
        status = setun_expr_eval(scope, text, at, '}', pool, &value, error);
        if (status != SETUN_OK)
            return status;
        ++*at;
        if (start == 0 && text[*at] == '\0') {
            *out_value = value;
            return SETUN_OK;
        }
        status = append(made, &n, &value, error);
        if (status != SETUN_OK) {
            *at = start;
            return status;
        }
    }
    out_value->type = SETUN_EXPR_STRING;
    out_value->s = setun_pool_strndup(pool, made, n);
    return out_value->s == NULL ? setun_fail_nomem(error, "a text of the model file", n) : SETUN_OK;
}

setun_status setun_expr_scalar(const setun_expr_scope *scope, const setun_yaml *yaml, const setun_yaml_node *node, setun_pool *pool,
                               setun_expr_value *out_value, setun_error *error)
{
    setun_expr_value value = {0};
    setun_error why = {{0}};
    size_t at = 0;
    setun_status status;

    if (node->kind != SETUN_YAML_SCALAR) {
        char found[64];

        return setun_yaml_fail(yaml, node, error, "expected a value, found %s", setun_yaml_describe(node, found));
    }
    if (strstr(node->text, "${") == NULL)
        return read_literal(yaml, node, out_value, error);
    if (strlen(node->text) >= SETUN_EXPR_MAX_BYTES)
        return setun_yaml_fail(yaml, node, error, "expected an expression shorter than %d bytes", SETUN_EXPR_MAX_BYTES);
    status = interpolate(scope, node->text, &at, pool, &value, &why);
    if (status != SETUN_OK) {
        (void)setun_yaml_fail_inside(yaml, node, at, error, "%s", why.text);
        return status;
    }
    *out_value = value;
    return SETUN_OK;
}
