/* expr.c - the parser of ${...}: recursive descent that computes as it goes. expr_math.c has the operators. */
#include <stdio.h>
#include <string.h>

#include "yaml/expr_math.h"

enum { NAME_BYTES = 64 };

struct parser {
    const setun_expr_scope *scope;
    const char             *text;
    size_t                  at;
    char                    end;  /* what follows the expression */
    int                     depth;
    int                     dead; /* > 0: inside a branch that is not taken; nothing is computed */
    setun_pool             *pool;
    setun_error            *error;
};

static setun_status parse_expression(struct parser *p, setun_expr_value *out);

static void skip_spaces(struct parser *p)
{
    while (p->text[p->at] == ' ' || p->text[p->at] == '\t' || p->text[p->at] == '\n')
        p->at++;
}

/* Takes the operator if it comes next. "<" does not take the start of "<=", nor "!" that of "!=". */
static bool take(struct parser *p, const char *op)
{
    size_t length = strlen(op);

    skip_spaces(p);
    if (strncmp(p->text + p->at, op, length) != 0)
        return false;
    if (length == 1 && strchr("<>!=", op[0]) != NULL && p->text[p->at + 1] == '=')
        return false;
    p->at += length;
    return true;
}

/* "expected <what>, found <what stands there>". */
static setun_status fail_expected(struct parser *p, const char *what)
{
    const char *found = p->text + p->at;
    size_t n = strcspn(found, " \t\n");

    if (*found == '\0' || *found == p->end)
        return setun_fail(p->error, SETUN_ERR_FORMAT, "expected %s, found the end of the expression", what);
    return setun_fail(p->error, SETUN_ERR_FORMAT, "expected %s, found '%.*s'", what, (int)(n > 20 ? 20 : n), found);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Reads a name into name[NAME_BYTES]; its length is 0 if none stands there, and NAME_BYTES if it is too long. */
static size_t read_name(const struct parser *p, char *name)
{
    const char *text = p->text + p->at;
    size_t n = 0;

    if (!is_letter(text[0]))
        return 0;
    while (is_letter(text[n]) || (text[n] >= '0' && text[n] <= '9'))
        if (++n == NAME_BYTES)
            return n;
    memcpy(name, text, n);
    name[n] = '\0';
    return n;
}

static setun_status fail_unknown(struct parser *p, const char *name)
{
    const char *words[128], *nearest, *hint = p->scope->hint == NULL ? NULL : p->scope->hint(p->scope->context, name);
    size_t n = 0;

    if (hint != NULL)
        return setun_fail(p->error, SETUN_ERR_FORMAT, "unknown name '%s': %s", name, hint);
    while (n < SETUN_COUNT(words) && (words[n] = p->scope->name(p->scope->context, n)) != NULL)
        n++;
    nearest = setun_nearest_word(name, words, n);
    if (nearest != NULL)
        return setun_fail(p->error, SETUN_ERR_FORMAT, "unknown name '%s', did you mean '%s'?", name, nearest);
    return setun_fail(p->error, SETUN_ERR_FORMAT, "unknown name '%s'", name);
}

/* 'text': the quote stands at p->at. */
static setun_status parse_string(struct parser *p, setun_expr_value *out)
{
    const char *start = p->text + p->at + 1, *end = strchr(start, '\'');

    if (end == NULL)
        return setun_fail(p->error, SETUN_ERR_FORMAT, "expected a closing ' to this string, found the end of the text");
    out->type = SETUN_EXPR_STRING;
    out->s = setun_pool_strndup(p->pool, start, (size_t)(end - start));
    if (out->s == NULL)
        return setun_fail_nomem(p->error, "a string of the model file", (size_t)(end - start));
    p->at += (size_t)(end - start) + 2;
    return SETUN_OK;
}

static setun_status parse_closing(struct parser *p)
{
    return take(p, ")") ? SETUN_OK : fail_expected(p, "')'");
}

static setun_status parse_sqrt(struct parser *p, setun_expr_value *out)
{
    size_t start;
    setun_status status;

    skip_spaces(p);
    start = p->at;
    status = parse_expression(p, out);
    if (status == SETUN_OK && p->dead == 0) {
        status = setun_expr_sqrt(out, p->error);
        if (status != SETUN_OK)
            p->at = start;
    }
    return status == SETUN_OK ? parse_closing(p) : status;
}

/* has(weight), ternary(weight): `function` stands before the parenthesis. */
static setun_status parse_ask(struct parser *p, const char *function, setun_expr_value *out)
{
    char name[NAME_BYTES + 1];
    const char *weight = name;
    size_t start, length;
    setun_status status = SETUN_OK;

    skip_spaces(p);
    start = p->at;
    length = read_name(p, name);
    if (p->text[p->at] == '\'') {
        status = parse_string(p, out);
        weight = out->s;
    } else if (length == 0 || length == NAME_BYTES) {
        return fail_expected(p, "the name of a weight");
    } else {
        p->at += length;
    }
    if (status != SETUN_OK)
        return status;
    out->type = SETUN_EXPR_BOOL;
    status = p->scope->ask(p->scope->context, function, weight, &out->b, p->error);
    if (status != SETUN_OK) {
        p->at = start;
        return status;
    }
    return parse_closing(p);
}

static setun_status parse_name(struct parser *p, size_t length, const char *name, setun_expr_value *out)
{
    if (length == NAME_BYTES)
        return setun_fail(p->error, SETUN_ERR_FORMAT, "expected a name shorter than %d characters", NAME_BYTES);
    if (strcmp(name, "true") == 0 || strcmp(name, "false") == 0) {
        out->type = SETUN_EXPR_BOOL;
        out->b = name[0] == 't';
        p->at += length;
        return SETUN_OK;
    }
    if (strcmp(name, "sqrt") == 0 || strcmp(name, "has") == 0 || strcmp(name, "ternary") == 0) {
        p->at += length;
        if (!take(p, "("))
            return fail_expected(p, "'('");
        return name[0] == 's' ? parse_sqrt(p, out) : parse_ask(p, name, out);
    }
    if (!p->scope->lookup(p->scope->context, name, out))
        return fail_unknown(p, name);
    p->at += length;
    return SETUN_OK;
}

static setun_status parse_primary(struct parser *p, setun_expr_value *out)
{
    char name[NAME_BYTES + 1];
    size_t length;
    setun_status status;

    skip_spaces(p);
    if (p->text[p->at] == '\'')
        return parse_string(p, out);
    length = read_name(p, name);
    if (length > 0)
        return parse_name(p, length, name, out);
    status = setun_expr_number(p->text + p->at, out, &length, p->error);
    if (status != SETUN_OK)
        return status;
    if (length > 0) {
        p->at += length;
        return SETUN_OK;
    }
    if (!take(p, "("))
        return fail_expected(p, "a value");
    status = parse_expression(p, out);
    return status == SETUN_OK ? parse_closing(p) : status;
}

static setun_status enter(struct parser *p)
{
    if (++p->depth > SETUN_EXPR_MAX_DEPTH)
        return setun_fail(p->error, SETUN_ERR_FORMAT, "nested more than %d deep", SETUN_EXPR_MAX_DEPTH);
    return SETUN_OK;
}

static setun_status parse_unary(struct parser *p, setun_expr_value *out)
{
    size_t start;
    setun_status status;
    char op;

    skip_spaces(p);
    start = p->at;
    op = p->text[start];
    if (!take(p, "-") && !take(p, "!"))
        return parse_primary(p, out);
    status = enter(p);
    if (status == SETUN_OK)
        status = parse_unary(p, out);
    p->depth--;
    if (status == SETUN_OK && p->dead == 0) {
        status = op == '-' ? setun_expr_negate(out, p->error) : setun_expr_not(out, p->error);
        if (status != SETUN_OK)
            p->at = start;
    }
    return status;
}

/* One left-associative level: its operators, and the level below. */
struct level {
    const char *const *ops;
    setun_status (*compute)(const char *op, const setun_expr_value *a, const setun_expr_value *b, setun_expr_value *out, setun_error *error);
};

static const char *const equality_ops[] = {"==", "!=", NULL}, *const order_ops[] = {"<=", ">=", "<", ">", NULL},
                  *const sum_ops[] = {"+", "-", NULL}, *const product_ops[] = {"*", "/", "%", NULL};
static const struct level levels[] = {
    {equality_ops, setun_expr_equal}, {order_ops, setun_expr_order}, {sum_ops, setun_expr_compute}, {product_ops, setun_expr_compute}};

static setun_status parse_level(struct parser *p, size_t level, setun_expr_value *out)
{
    setun_status status = level + 1 < SETUN_COUNT(levels) ? parse_level(p, level + 1, out) : parse_unary(p, out);

    while (status == SETUN_OK) {
        const char *op = NULL;
        setun_expr_value right = {0};
        size_t start;

        for (const char *const *o = levels[level].ops; *o != NULL && op == NULL; o++)
            if (take(p, *o))
                op = *o;
        if (op == NULL)
            break;
        start = p->at - strlen(op);
        status = level + 1 < SETUN_COUNT(levels) ? parse_level(p, level + 1, &right) : parse_unary(p, &right);
        if (status == SETUN_OK && p->dead == 0) {
            status = levels[level].compute(op, out, &right, out, p->error);
            if (status != SETUN_OK)
                p->at = start; /* an operator's error is shown at the operator */
        }
    }
    return status;
}

/* && (or = false), ||: the right side is computed only where the left side does not decide. */
static setun_status parse_logic(struct parser *p, bool or, setun_expr_value *out)
{
    const char *op = or ? "||" : "&&";
    size_t start = (skip_spaces(p), p->at);
    setun_status status = or ? parse_logic(p, false, out) : parse_level(p, 0, out);

    while (status == SETUN_OK && take(p, op)) {
        bool decided;
        setun_expr_value right = {0};
        size_t right_start;

        status = p->dead > 0 ? SETUN_OK : setun_expr_check_bool(op, out, p->error);
        if (status != SETUN_OK) {
            p->at = start;
            return status;
        }
        decided = p->dead > 0 || out->b == or;
        p->dead += decided;
        skip_spaces(p);
        right_start = p->at;
        status = or ? parse_logic(p, false, &right) : parse_level(p, 0, &right);
        p->dead -= decided;
        if (status == SETUN_OK && !decided) {
            status = setun_expr_check_bool(op, &right, p->error);
            if (status != SETUN_OK)
                p->at = right_start;
            *out = right;
        }
    }
    return status;
}

/* condition ? yes : no, with the condition already in *out. */
static setun_status parse_choice(struct parser *p, size_t start, setun_expr_value *out)
{
    setun_expr_value yes = {0}, no = {0};
    setun_status status = p->dead > 0 ? SETUN_OK : setun_expr_check_bool("?:", out, p->error);
    bool condition = out->b;

    if (status != SETUN_OK) {
        p->at = start;
        return status;
    }
    p->dead += !condition;
    status = parse_expression(p, &yes);
    p->dead -= !condition;
    if (status == SETUN_OK && !take(p, ":"))
        status = fail_expected(p, "':' of the '?'");
    if (status != SETUN_OK)
        return status;
    p->dead += condition;
    status = parse_expression(p, &no);
    p->dead -= condition;
    *out = condition ? yes : no;
    return status;
}

static setun_status parse_expression(struct parser *p, setun_expr_value *out)
{
    size_t start;
    setun_status status = enter(p);

    skip_spaces(p);
    start = p->at;
    if (status == SETUN_OK)
        status = parse_logic(p, true, out);
    if (status == SETUN_OK && take(p, "?"))
        status = parse_choice(p, start, out);
    p->depth--;
    return status;
}

setun_status setun_expr_eval(const setun_expr_scope *scope, const char *text, size_t *at, char end, setun_pool *pool,
                             setun_expr_value *out_value, setun_error *error)
{
    struct parser p = {.scope = scope, .text = text, .at = *at, .end = end, .pool = pool, .error = error};
    setun_expr_value value = {0};
    setun_status status = parse_expression(&p, &value);

    if (status == SETUN_OK) {
        skip_spaces(&p);
        if (text[p.at] != end)
            status = fail_expected(&p, end == '}' ? "an operator or '}'" : "an operator or the end");
    }
    *at = p.at;
    if (status == SETUN_OK)
        *out_value = value;
    return status;
}
