/* expr_math.c - the operators of ${...}. */
#include <math.h>
#include <string.h>

#include "yaml/expr_math.h"

static bool is_number(const setun_expr_value *value)
{
    return value->type == SETUN_EXPR_INT || value->type == SETUN_EXPR_FLOAT;
}

static double as_double(const setun_expr_value *value)
{
    return value->type == SETUN_EXPR_INT ? (double)value->i : value->f;
}

static setun_expr_value from_bool(bool b)
{
    return (setun_expr_value){.type = SETUN_EXPR_BOOL, .b = b};
}

static setun_status check_number(const char *op, const setun_expr_value *value, setun_error *error)
{
    char found[80];

    if (is_number(value))
        return SETUN_OK;
    return setun_fail(error, SETUN_ERR_FORMAT, "%s: expected a number, found %s", op, setun_expr_describe(value, found));
}

setun_status setun_expr_check_bool(const char *op, const setun_expr_value *value, setun_error *error)
{
    char found[80];

    if (value->type == SETUN_EXPR_BOOL)
        return SETUN_OK;
    return setun_fail(error, SETUN_ERR_FORMAT, "%s: expected true or false, found %s", op, setun_expr_describe(value, found));
}

static setun_status compute_int(char op, int64_t a, int64_t b, setun_expr_value *out, setun_error *error)
{
    bool overflow = false;
    int64_t i = 0;

    if ((op == '/' || op == '%') && b == 0)
        return setun_fail(error, SETUN_ERR_FORMAT, "division by zero: %lld %c 0", (long long)a, op);
    if (op == '+')
        overflow = __builtin_add_overflow(a, b, &i);
    else if (op == '-')
        overflow = __builtin_sub_overflow(a, b, &i);
    else if (op == '*')
        overflow = __builtin_mul_overflow(a, b, &i);
    else if (b == -1) /* INT64_MIN / -1 overflows, and traps */
        overflow = op == '/' && __builtin_sub_overflow((int64_t)0, a, &i);
    else if (op == '%')
        i = a % b;
    else if (a % b == 0)
        i = a / b;
    else {
        *out = (setun_expr_value){.type = SETUN_EXPR_FLOAT, .f = (double)a / (double)b};
        return SETUN_OK;
    }
    if (overflow)
        return setun_fail(error, SETUN_ERR_FORMAT, "%lld %c %lld does not fit 64 bits", (long long)a, op, (long long)b);
    *out = (setun_expr_value){.type = SETUN_EXPR_INT, .i = i};
    return SETUN_OK;
}

setun_status setun_expr_compute(const char *op, const setun_expr_value *a, const setun_expr_value *b, setun_expr_value *out,
                                setun_error *error)
{
    char found[80];
    double x, y, f;
    setun_status status = check_number(op, a, error);

    if (status == SETUN_OK)
        status = check_number(op, b, error);
    if (status != SETUN_OK)
        return status;
    if (a->type == SETUN_EXPR_INT && b->type == SETUN_EXPR_INT)
        return compute_int(op[0], a->i, b->i, out, error);
    if (op[0] == '%')
        return setun_fail(error, SETUN_ERR_FORMAT, "%%: expected two integers, found %s",
                          setun_expr_describe(a->type == SETUN_EXPR_FLOAT ? a : b, found));
    x = as_double(a);
    y = as_double(b);
    if (op[0] == '/' && y == 0)
        return setun_fail(error, SETUN_ERR_FORMAT, "division by zero");
    f = op[0] == '+' ? x + y : op[0] == '-' ? x - y : op[0] == '*' ? x * y : x / y;
    if (!isfinite(f))
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: the result does not fit a float", op);
    *out = (setun_expr_value){.type = SETUN_EXPR_FLOAT, .f = f};
    return SETUN_OK;
}

/* -1, 0, 1 for two numbers. */
static int compare(const setun_expr_value *a, const setun_expr_value *b)
{
    double x = as_double(a), y = as_double(b);

    if (a->type == SETUN_EXPR_INT && b->type == SETUN_EXPR_INT)
        return (a->i > b->i) - (a->i < b->i);
    return (x > y) - (x < y);
}

setun_status setun_expr_equal(const char *op, const setun_expr_value *a, const setun_expr_value *b, setun_expr_value *out,
                              setun_error *error)
{
    char left[80], right[80];
    bool equal;

    if (is_number(a) && is_number(b))
        equal = compare(a, b) == 0;
    else if (a->type != b->type)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: expected two values of one kind, found %s and %s", op,
                          setun_expr_describe(a, left), setun_expr_describe(b, right));
    else
        equal = a->type == SETUN_EXPR_BOOL ? a->b == b->b : strcmp(a->s, b->s) == 0;
    *out = from_bool(equal == (op[0] == '='));
    return SETUN_OK;
}

setun_status setun_expr_order(const char *op, const setun_expr_value *a, const setun_expr_value *b, setun_expr_value *out,
                              setun_error *error)
{
    setun_status status = check_number(op, a, error);
    int order;

    if (status == SETUN_OK)
        status = check_number(op, b, error);
    if (status != SETUN_OK)
        return status;
    order = compare(a, b);
    *out = from_bool((op[0] == '<' ? order < 0 : order > 0) || (op[1] == '=' && order == 0));
    return SETUN_OK;
}

setun_status setun_expr_negate(setun_expr_value *value, setun_error *error)
{
    setun_status status = check_number("-", value, error);

    if (status != SETUN_OK)
        return status;
    if (value->type == SETUN_EXPR_INT && value->i == INT64_MIN)
        return setun_fail(error, SETUN_ERR_FORMAT, "-(%lld) does not fit 64 bits", (long long)value->i);
    if (value->type == SETUN_EXPR_INT)
        value->i = -value->i;
    else
        value->f = -value->f;
    return SETUN_OK;
}

setun_status setun_expr_not(setun_expr_value *value, setun_error *error)
{
    setun_status status = setun_expr_check_bool("!", value, error);

    if (status == SETUN_OK)
        value->b = !value->b;
    return status;
}

setun_status setun_expr_sqrt(setun_expr_value *value, setun_error *error)
{
    char found[80];
    setun_status status = check_number("sqrt", value, error);

    if (status != SETUN_OK)
        return status;
    if (as_double(value) < 0)
        return setun_fail(error, SETUN_ERR_FORMAT, "sqrt: expected a number of at least 0, found %s", setun_expr_describe(value, found));
    *value = (setun_expr_value){.type = SETUN_EXPR_FLOAT, .f = sqrt(as_double(value))};
    return SETUN_OK;
}
