/* expr_math.h - the operators of ${...}: types, overflow, division. Errors have no position; the parser knows it. */
#ifndef SETUN_EXPR_MATH_H
#define SETUN_EXPR_MATH_H
#include "yaml/expr.h"

/* + - * / % on numbers. `out` may be one of the operands. */
setun_status setun_expr_compute(const char *op, const setun_expr_value *a, const setun_expr_value *b, setun_expr_value *out,
                                setun_error *error);
/* == != on two numbers, two strings or two booleans. */
setun_status setun_expr_equal(const char *op, const setun_expr_value *a, const setun_expr_value *b, setun_expr_value *out,
                              setun_error *error);
/* < <= > >= on numbers. */
setun_status setun_expr_order(const char *op, const setun_expr_value *a, const setun_expr_value *b, setun_expr_value *out,
                              setun_error *error);
setun_status setun_expr_negate(setun_expr_value *value, setun_error *error);
setun_status setun_expr_not(setun_expr_value *value, setun_error *error);
setun_status setun_expr_sqrt(setun_expr_value *value, setun_error *error);
/* Error unless the operand of `op` is a truth value. */
setun_status setun_expr_check_bool(const char *op, const setun_expr_value *value, setun_error *error);
#endif
