/* fmts.c - parses setun_kernel.fmts and setun_kernel.pattern. Everything has a fixed size, so nothing is allocated. */
#include <stdbool.h>
#include <string.h>

#include "base/base.h"
#include "plugin/fmts.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_char(char c, bool dots)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || (dots && c == '.');
}

/* Length of the name that starts at `text`; 0 if none does. */
static size_t name_length(const char *text, bool dots)
{
    size_t n = 0;

    if (!is_letter(text[0]))
        return 0;
    while (is_name_char(text[n], dots))
        n++;
    return n;
}

int setun_fmt_name_valid(const char *name)
{
    const size_t n = name_length(name, true);

    return n > 0 && n < SETUN_FMT_NAME_BYTES && name[n] == '\0';
}

/* Takes a name into out[SETUN_FMT_NAME_BYTES] and moves *at past it. */
static setun_status take_name(const char *what, const char *text, bool dots, const char **at, char *out, setun_error *error)
{
    const size_t n = name_length(*at, dots);

    if (n == 0)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: expected a name at character %zu", what, (size_t)(*at - text) + 1);
    if (n >= SETUN_FMT_NAME_BYTES)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: the name at character %zu has more than %d characters", what,
                          (size_t)(*at - text) + 1, SETUN_FMT_NAME_BYTES - 1);
    memcpy(out, *at, n);
    out[n] = '\0';
    *at += n;
    return SETUN_OK;
}

setun_status setun_fmts_parse(const char *text, setun_fmts *out_fmts, setun_error *error)
{
    unsigned operand = 0, part = 0, n = 0;
    bool outputs = false;
    const char *at = text;

    memset(out_fmts, 0, sizeof(*out_fmts));
    for (;;) {
        setun_fmts_tensor *tensor = &out_fmts->tensor[n];
        setun_status status;

        if (n == SETUN_FMTS_TENSORS)
            return setun_fail(error, SETUN_ERR_FORMAT, "fmts: more than %d tensors", SETUN_FMTS_TENSORS);
        status = take_name("fmts", text, true, &at, tensor->fmt, error);
        if (status != SETUN_OK)
            return status;
        if (part > 0 && strcmp(tensor->fmt, "f32") != 0)
            return setun_fail(error, SETUN_ERR_FORMAT, "fmts: expected f32 after '+', found %s", tensor->fmt);
        tensor->operand = operand;
        tensor->part = part;
        n++;
        switch (*at) {
        case '+':
            part++;
            break;
        case ',':
            operand++;
            part = 0;
            break;
        case '>':
            if (outputs)
                return setun_fail(error, SETUN_ERR_FORMAT, "fmts: a second '>' at character %zu", (size_t)(at - text) + 1);
            outputs = true;
            out_fmts->n_in = n;
            out_fmts->n_in_operands = operand + 1;
            operand = part = 0;
            break;
        case '\0':
            if (!outputs)
                return setun_fail(error, SETUN_ERR_FORMAT, "fmts: no outputs, expected '>' before them");
            out_fmts->n_out = n - out_fmts->n_in;
            out_fmts->n_out_operands = operand + 1;
            return SETUN_OK;
        default:
            return setun_fail(error, SETUN_ERR_FORMAT, "fmts: expected one of + , > at character %zu", (size_t)(at - text) + 1);
        }
        at++;
    }
}

static void skip_blanks(const char **at)
{
    while (**at == ' ')
        (*at)++;
}

static setun_status expect(const char *text, char c, const char **at, setun_error *error)
{
    skip_blanks(at);
    if (**at != c)
        return setun_fail(error, SETUN_ERR_FORMAT, "pattern: expected '%c' at character %zu", c, (size_t)(*at - text) + 1);
    (*at)++;
    skip_blanks(at);
    return SETUN_OK;
}

/* One step, from its result to its closing parenthesis. */
static setun_status take_step(const char *text, const char **at, setun_pattern_op *op, setun_error *error)
{
    setun_status status;

    if ((status = take_name("pattern", text, false, at, op->out, error)) != SETUN_OK ||
        (status = expect(text, '=', at, error)) != SETUN_OK ||
        (status = take_name("pattern", text, false, at, op->op, error)) != SETUN_OK ||
        (status = expect(text, '(', at, error)) != SETUN_OK)
        return status;
    for (;;) {
        if (op->n_args == SETUN_PATTERN_ARGS)
            return setun_fail(error, SETUN_ERR_FORMAT, "pattern: %s has more than %d inputs", op->op, SETUN_PATTERN_ARGS);
        status = take_name("pattern", text, false, at, op->arg[op->n_args], error);
        if (status != SETUN_OK)
            return status;
        op->n_args++;
        skip_blanks(at);
        if (**at != ',')
            return expect(text, ')', at, error);
        (*at)++;
        skip_blanks(at);
    }
}

setun_status setun_pattern_parse(const char *text, setun_pattern *out_pattern, setun_error *error)
{
    const size_t bare = name_length(text, false);
    const char *at = text;

    memset(out_pattern, 0, sizeof(*out_pattern));
    if (bare > 0 && text[bare] == '\0') {
        out_pattern->n_ops = 1;
        return take_name("pattern", text, false, &at, out_pattern->op[0].op, error);
    }
    skip_blanks(&at);
    for (;;) {
        setun_pattern_op *op = &out_pattern->op[out_pattern->n_ops];
        setun_status status;

        if (out_pattern->n_ops == SETUN_PATTERN_OPS)
            return setun_fail(error, SETUN_ERR_FORMAT, "pattern: more than %d ops", SETUN_PATTERN_OPS);
        status = take_step(text, &at, op, error);
        if (status != SETUN_OK)
            return status;
        for (unsigned i = 0; i < out_pattern->n_ops; i++)
            if (strcmp(out_pattern->op[i].out, op->out) == 0)
                return setun_fail(error, SETUN_ERR_FORMAT, "pattern: %s is given a value twice", op->out);
        out_pattern->n_ops++;
        if (*at == '\0')
            return SETUN_OK;
        status = expect(text, ';', &at, error);
        if (status != SETUN_OK)
            return status;
    }
}
