/* fmts.h - the text forms of a kernel record, taken apart: setun_kernel.fmts and setun_kernel.pattern. Internal to libsetun.
 *
 * fmts    = side ">" side            side = operand *("," operand)     operand = name *("+" "f32")
 * pattern = op | step *(";" step)    step = name "=" op "(" name *("," name) ")"
 * Blanks are allowed in a pattern only, between its words. A name of a format has letters, digits, "_" and "."; the others no ".". */
#ifndef SETUN_PLUGIN_FMTS_H
#define SETUN_PLUGIN_FMTS_H
#include "setun/error.h"

enum { SETUN_FMTS_TENSORS = 32, SETUN_FMT_NAME_BYTES = 48, SETUN_PATTERN_OPS = 8, SETUN_PATTERN_ARGS = 8 };

typedef struct setun_fmts_tensor {
    char     fmt[SETUN_FMT_NAME_BYTES];
    unsigned operand; /* which operand of its side, from 0 */
    unsigned part;    /* which tensor of that operand, from 0; part > 0 is an f32 vector, one element for each row of the operand */
} setun_fmts_tensor;

typedef struct setun_fmts {
    unsigned n_in_operands, n_out_operands;
    unsigned n_in, n_out;                         /* tensors */
    setun_fmts_tensor tensor[SETUN_FMTS_TENSORS]; /* inputs, then outputs, as in setun_call.in and .out */
} setun_fmts;

/* SETUN_ERR_FORMAT: the text does not follow the grammar; the error says where. */
setun_status setun_fmts_parse(const char *text, setun_fmts *out_fmts, setun_error *error);

typedef struct setun_pattern_op {
    char     op[SETUN_FMT_NAME_BYTES];
    char     out[SETUN_FMT_NAME_BYTES]; /* "" in a pattern of one bare op */
    unsigned n_args;                    /* 0 in a pattern of one bare op */
    char     arg[SETUN_PATTERN_ARGS][SETUN_FMT_NAME_BYTES];
} setun_pattern_op;

typedef struct setun_pattern {
    unsigned n_ops;
    setun_pattern_op op[SETUN_PATTERN_OPS];
} setun_pattern;

/* SETUN_ERR_FORMAT as above, also if a name is given a value twice. */
setun_status setun_pattern_parse(const char *text, setun_pattern *out_pattern, setun_error *error);

/* Is this a name that fmts can hold? */
int setun_fmt_name_valid(const char *name);
#endif
