/* ops.h - what the author of an op sees. To add an op: one file in this folder that defines a `const setun_op`, one line in ops.c.
 *
 * An op says which attributes it has, how many values it reads, whether it has a weight and writes a value. Before its build() is called
 * all of that has been read from the model file and checked; build() has the shape rule: it checks the operands against one another,
 * adds weights, tables and caches, and says what comes out. setun_ops.h defines each op's operands and attributes as kernels see them. */
#ifndef SETUN_OPS_TABLE_H
#define SETUN_OPS_TABLE_H
#include <stdbool.h>
#include <stdint.h>

#include "graph.h"
#include "setun_ops.h"
#include "yaml/yaml.h"

enum setun_op_attr_type { SETUN_ATTR_INT, SETUN_ATTR_FLOAT, SETUN_ATTR_BOOL, SETUN_ATTR_WORD };

typedef struct setun_op_attr {
    const char             *name;
    enum setun_op_attr_type type;
    bool                    required;
    double                  min, max; /* INT, FLOAT: inclusive */
    const char             *words[4]; /* WORD: what it may be, NULL after the last */
} setun_op_attr;

enum { SETUN_OP_MAX_ATTRS = 9, SETUN_OP_MAX_INPUTS = 2 };

/* Bounds for attributes. An integer attribute fits 31 bits, so that products of two never overflow. */
#define SETUN_ATTR_INT_MAX   2147483647.0
#define SETUN_ATTR_FLOAT_MAX 3.0e38

typedef struct setun_op_call setun_op_call;

typedef struct setun_op {
    const char          *name;
    uint32_t             n_in;    /* values in `in:` */
    const char          *in_names[SETUN_OP_MAX_INPUTS]; /* for errors: "x", or "q" ... */
    bool                 weight;  /* has `weight:` */
    bool                 no_out;  /* has no `out:` */
    bool                 tokens;  /* reads token ids; the others read activations */
    const setun_op_attr *attrs;
    size_t               n_attrs;
    setun_status       (*build)(setun_op_call *call);
} setun_op;

/* Every op; ops.c. */
extern const setun_op *const setun_ops[];
extern const size_t          setun_n_ops;
const setun_op              *setun_op_find(const char *name); /* NULL: none */

/* Inputs. */
const setun_graph_value *setun_op_in(const setun_op_call *call, uint32_t i);

/* Attributes, by index into the op's attrs; `otherwise` where the node does not give it. */
bool    setun_op_has_attr(const setun_op_call *call, size_t attr);
int64_t setun_op_int(const setun_op_call *call, size_t attr, int64_t otherwise);
double  setun_op_float(const setun_op_call *call, size_t attr, double otherwise);
bool    setun_op_bool(const setun_op_call *call, size_t attr, bool otherwise);
int     setun_op_word(const setun_op_call *call, size_t attr, int otherwise); /* index into words */

/* Adds the node's weight as its next input. rank 2: a matrix [n, k]; 1: a vector, dim [1, n]. `want` as in setun_graph_weight. The
 * weight's memory stays valid until the next call. SETUN_ERR_NOT_FOUND: the file has no such tensor. */
setun_status setun_op_weight(setun_op_call *call, uint32_t rank, const char *want, const setun_graph_weight **out_weight);
/* Error: the weight does not fit. "weight 'attn_q' (tensor 'blk.0.attn_q' of FILE) is bf16[256, 300], expected ..." */
__attribute__((format(printf, 3, 4)))
setun_status setun_op_fail_weight(setun_op_call *call, const setun_graph_weight *weight, const char *expected, ...);
/* Adds the cos and the sin table as the next two inputs: those of `wanted`, whose n_positions and sine this sets. */
setun_status setun_op_rope_tables(setun_op_call *call, const setun_graph_table *wanted);
/* Adds the caches of a layer: as outputs (they are made; a second time is an error), or as inputs (they must be there, alike). */
setun_status setun_op_write_caches(setun_op_call *call, int64_t layer, int64_t kv_heads, int64_t head_dim);
setun_status setun_op_read_caches(setun_op_call *call, int64_t layer, int64_t kv_heads, int64_t head_dim);
/* Memory for the attribute struct, zeroed, in the graph's pool; it becomes the node's. NULL: none left, and the error is written. */
void *setun_op_attr_struct(setun_op_call *call, size_t n_bytes);
/* The node's output value. */
setun_status setun_op_out(setun_op_call *call, enum setun_rows rows, int64_t n);

/* Checks that several ops share. */
setun_status setun_op_check_same(setun_op_call *call, uint32_t a, uint32_t b); /* equal rows and columns */
setun_status setun_op_check_batch(setun_op_call *call, uint32_t i);            /* rows of the pass, not of output_rows */
/* `parts` equal parts in the columns of input i, e.g. heads; their width is *out_n. */
setun_status setun_op_check_parts(setun_op_call *call, uint32_t i, size_t attr, int64_t parts, int64_t *out_n);
/* Error at the attribute (at the node, if the attribute is not given) or at the node: "<op>: <text>". */
__attribute__((format(printf, 3, 4)))
setun_status setun_op_fail_attr(setun_op_call *call, size_t attr, const char *format, ...);
__attribute__((format(printf, 2, 3)))
setun_status setun_op_fail(setun_op_call *call, const char *format, ...);
/* "f32[rows, 256] ('x' of line 12)", for errors. Written into text[160]; returns text. */
const char *setun_op_describe(const setun_op_call *call, uint32_t i, char text[160]);
#endif
