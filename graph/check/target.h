/* target.h - one kernel under test: the op's generator of cases, the scalar kernel that says what is right, and the pack kernels that lead
 * from its formats to those of the kernel. Internal. */
#ifndef SETUN_CHECK_TARGET_H
#define SETUN_CHECK_TARGET_H
#include "check/run.h"
#include "setun/check.h"

enum { SETUN_CHECK_STEPS = 4, SETUN_CHECK_MAX_ROWS = 64, SETUN_CHECK_MAX_BLOCKS = 8, SETUN_CHECK_VALUES = 16 };

/* Pack kernels, one after the other. */
typedef struct setun_check_route {
    uint32_t         n;
    setun_kernel_ref step[SETUN_CHECK_STEPS];
    char             fmt[SETUN_CHECK_STEPS][SETUN_CHECK_FMT_BYTES]; /* what each step makes */
} setun_check_route;

/* The shortest route between operands as text; false if there is none. `avoid` takes no part (NULL: all may). */
bool setun_check_route_find(const setun_plugins *plugins, const char *from, const char *to, const setun_kernel *avoid,
                            setun_check_route *out_route);
/* Makes *out_operand from `from`. A kernel on the way that fails is a failure. SETUN_ERR_UNSUPPORTED: a step does not take these dims. */
setun_status setun_check_route_walk(const setun_plugins *plugins, const setun_check_route *route, const setun_check_operand *from,
                                    setun_check_random *random, setun_check_operand *out_operand, setun_check_failure *failure,
                                    setun_error *error);

/* One case: shapes, fills, attributes, batch. */
typedef struct setun_check_case {
    setun_check_random    random;                        /* the case's stream */
    int64_t               in_dim[SETUN_CHECK_INS][4], out_dim[SETUN_CHECK_OUTS][4]; /* of operands; unset ones are 0 and become 1 */
    enum setun_check_fill fill[SETUN_CHECK_INS];
    int64_t               rows;                          /* of the pass */
    bool                  rows_vary;                     /* pack: of activations, whose rows differ from pass to pass */
    bool                  declines;                      /* plan() must decline */
    const void           *attr;                          /* one of attrs, or NULL */
    const void           *chain_attr[SETUN_PATTERN_OPS]; /* likewise, of each op of a pattern of several */
    union {
        setun_attr_rms_norm  rms_norm;
        setun_attr_rope      rope;
        setun_attr_kv_write  kv_write;
        setun_attr_attention attention;
    } attrs;
    bool                  has_batch;
    setun_batch           batch;                         /* its arrays are those below */
    int32_t               token[SETUN_CHECK_MAX_ROWS], seq[SETUN_CHECK_MAX_ROWS], pos[SETUN_CHECK_MAX_ROWS], out_row[SETUN_CHECK_MAX_ROWS];
    int32_t               len[SETUN_CHECK_MAX_SEQS], blocks[SETUN_CHECK_MAX_SEQS][SETUN_CHECK_MAX_BLOCKS];
    const int32_t        *block[SETUN_CHECK_MAX_SEQS];
    char                  text[200];                     /* "m=7 n=33 k=256 x=random w=codes" */
} setun_check_case;

/* A value of a pattern of several ops: an input or an output of the kernel, or inside. */
typedef struct setun_check_value {
    char name[SETUN_FMT_NAME_BYTES];
    int  in, out;                    /* number of the operand, or -1 */
    bool is_weight;
    char fmt[SETUN_CHECK_FMT_BYTES]; /* as the oracle's first reader reads it, or as the oracle's kernel makes it */
} setun_check_value;

/* An op of such a pattern, and the scalar kernel that does it. */
typedef struct setun_check_step {
    char             op[SETUN_FMT_NAME_BYTES];
    uint32_t         n_args;
    int              arg[SETUN_CHECK_INS], out; /* values */
    setun_kernel_ref scalar;
    setun_check_fmts fmts;                      /* its */
} setun_check_step;

typedef struct setun_check_chain {
    uint32_t          n_ops; /* 0: the kernel does one op */
    int               n_values;
    setun_check_step  step[SETUN_PATTERN_OPS];
    setun_check_value value[SETUN_CHECK_VALUES];
} setun_check_chain;

struct setun_check_target;

/* What the check knows of an op. One of these, and one line in ops.c, for each op of setun_ops.h. */
typedef struct setun_check_op {
    const char *name;
    uint32_t    n_in, n_out;
    int8_t      in_rows[SETUN_CHECK_INS], out_rows[SETUN_CHECK_OUTS]; /* as in setun_check_call */
    uint32_t    in_file;
    bool        keeps_out;
    /* Describes case i (zeroed, with its random stream); false past the last. The first few are small: they tell a kernel that is simply
     * wrong from one that overflows. */
    bool (*describe)(const struct setun_check_target *target, uint32_t i, setun_check_case *c);
    /* NULL, or fills operands itself where it must: `oracle_in` as the oracle takes them, `in` as the kernel does (the same where the
     * formats are). */
    setun_status (*prepare)(const struct setun_check_target *target, setun_check_case *c, setun_check_operand *oracle_in,
                            setun_check_operand *in, setun_check_failure *failure, setun_error *error);
} setun_check_op;

/* NULL: an op that the check does not know. */
const setun_check_op *setun_check_op_find(const char *name);

/* Zero-initialise. */
typedef struct setun_check_target {
    const setun_plugins  *plugins;
    setun_kernel_ref      ref;
    const setun_check_op *op;
    setun_check_fmts      fmts;
    int8_t                in_rows[SETUN_CHECK_INS], out_rows[SETUN_CHECK_OUTS]; /* of the op, or of all ops of its pattern */
    uint32_t              in_file;
    setun_check_chain     chain;       /* in place of one oracle */
    bool                  exact;       /* flagged bit-identical */
    bool                  has_oracle;  /* else its first run is compared with its others only */
    setun_kernel_ref      oracle;
    setun_check_fmts      oracle_fmts; /* in: the formats that are filled; out: what the oracle makes */
    setun_check_route     in_route[SETUN_CHECK_INS], out_route[SETUN_CHECK_OUTS];
} setun_check_target;

/* SETUN_ERR_UNSUPPORTED: the kernel cannot be checked; the error says why. */
setun_status setun_check_target_make(const setun_plugins *plugins, setun_kernel_ref ref, setun_check_target *out_target, setun_error *error);

/* The least multiple of a power of two, from `columns` up, that all these formats can hold; `columns` if there is none up to 256. */
int64_t setun_check_columns(const setun_check_target *target, const char *const fmt[], size_t n, int64_t columns);

/* Formats that fill.c and the ops can fill. */
bool setun_check_is_fillable(const char *fmt);

/* Same type, a cache: "f16.kv256" and "f16.kv256t". */
bool setun_check_same_type(const char *a, const char *b);
#endif
