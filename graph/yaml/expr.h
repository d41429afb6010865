/* expr.h - the values of scalars in a model file: literals, ${...} expressions, and text with ${...} inside. Internal.
 *
 *   expression = or [ "?" expression ":" expression ]
 *   or         = and { "||" and }                       and     = equality { "&&" equality }
 *   equality   = order { ("==" | "!=") order }          order   = sum { ("<" | "<=" | ">" | ">=") sum }
 *   sum        = product { ("+" | "-") product }        product = unary { ("*" | "/" | "%") unary }
 *   unary      = { "-" | "!" } primary
 *   primary    = integer | float | 'text' | true | false | name | "sqrt" "(" expression ")" | "(" expression ")"
 *                | ("has" | "ternary") "(" name | 'text' ")"
 *
 * Integers are int64 and checked for overflow; int / int stays an integer where it divides exactly and is a float otherwise; an integer
 * that meets a float becomes one. Strings and booleans have == and != only. The branch that is not taken (of ?:, && and ||) is checked
 * for syntax and names, but not computed. */
#ifndef SETUN_EXPR_H
#define SETUN_EXPR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "yaml/yaml.h"

enum setun_expr_type { SETUN_EXPR_INT, SETUN_EXPR_FLOAT, SETUN_EXPR_BOOL, SETUN_EXPR_STRING };

typedef struct setun_expr_value {
    enum setun_expr_type type;
    int64_t              i;
    double               f; /* finite */
    bool                 b;
    const char          *s;
} setun_expr_value;

/* What the names in an expression mean. */
typedef struct setun_expr_scope {
    void *context;
    /* The value of a name; false if there is none. */
    bool (*lookup)(void *context, const char *name, setun_expr_value *out_value);
    /* has(weight), ternary(weight): whether a weight is there, is stored as ternary codes. Writes the error without a position if there is no
     * such name. */
    setun_status (*ask)(void *context, const char *function, const char *weight, bool *out_answer, setun_error *error);
    /* Names for "did you mean": the i-th, NULL past the last. */
    const char *(*name)(void *context, size_t i);
    /* More about an unknown name, e.g. "a weight's name stands in quotes"; NULL: nothing. The function may be NULL. */
    const char *(*hint)(void *context, const char *name);
} setun_expr_scope;

enum {
    SETUN_EXPR_MAX_BYTES = 4096, /* of a scalar that holds ${...}, and of the text that it makes */
    SETUN_EXPR_MAX_DEPTH = 64    /* nested parentheses, signs and ?: */
};

/* Computes an expression, which starts at text[*at] and ends before `end` ('}', or '\0' for the end of the text). *at is moved to the end,
 * or on error to the place that is wrong; the error's text then has no position. Strings in the value live in the pool. */
setun_status setun_expr_eval(const setun_expr_scope *scope, const char *text, size_t *at, char end, setun_pool *pool,
                             setun_expr_value *out_value, setun_error *error);

/* The value of a scalar: a lone "${...}" keeps its type; other text with ${...} in it is a string; without, an unquoted integer, float,
 * true or false is one, and anything else is a string. Errors have the position inside the scalar. */
setun_status setun_expr_scalar(const setun_expr_scope *scope, const setun_yaml *yaml, const setun_yaml_node *node, setun_pool *pool,
                               setun_expr_value *out_value, setun_error *error);

/* "a string 'relu2'", "the integer 4": for "expected X, found ...". Written into text[80]; returns text. */
const char *setun_expr_describe(const setun_expr_value *value, char text[80]);

/* A float as short as it can be to read back as the same; the decimal point is '.' in every locale. Returns text. */
const char *setun_expr_float_text(double value, char text[32]);

/* Reads the number at `text`: digits make an integer; a fraction or an exponent makes a float. *out_length is 0 if no number stands there.
 * SETUN_ERR_FORMAT (no position): out of range. */
setun_status setun_expr_number(const char *text, setun_expr_value *out_value, size_t *out_length, setun_error *error);
#endif
