/* graph.h - a checked model graph: what to compute, with every shape known but the number of rows, and no decision how. Internal.
 * Made from a model file (models/NAME.yaml) and a weight file; read by the planner. Everything lives in the graph's pool. */
#ifndef SETUN_GRAPH_H
#define SETUN_GRAPH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "exec/plan.h" /* enum setun_rows */
#include "setun_plugin.h"
#include "weights/weights.h"

/* An activation f32[rows, n] (the token ids: i32[1, rows]). Each is written by exactly one node: a model file that writes the same name
 * twice makes two values. */
typedef struct setun_graph_value {
    const char     *name;
    enum setun_rows rows;
    int64_t         n;      /* columns */
    bool            tokens; /* the graph's input */
    uint32_t        line, column;
} setun_graph_value;

/* A parameter of the section `bind`, for people to look at: nothing else needs it once the graph is made. */
enum setun_param_origin {
    SETUN_PARAM_LITERAL, /* the model file's own value or expression */
    SETUN_PARAM_DEFAULT, /* its `default` */
    SETUN_PARAM_KEY      /* the weight file's metadata */
};
typedef struct setun_graph_param {
    const char             *name;
    setun_meta              value;
    enum setun_param_origin origin;
    const char             *key;  /* KEY: where it was found; a graph of a form: where its kind of file keeps it; else NULL */
    bool                    real; /* its `default` is a float and no integer is expected: so is the parameter, though a file may say 10000 */
    bool                    implied; /* the model file's default is the same */
} setun_graph_param;

/* A weight as a node sees it. Several nodes may share one. */
typedef struct setun_graph_weight {
    const char         *name;     /* in the file, without ".weight" */
    const char         *entry;    /* in the section `tensors`: "attn_q" */
    const setun_weight *source;   /* NULL: a graph without weights */
    const char         *fmt;      /* representation as found, `+f32` appended where there is a scale: "bf16", "tern2.hf+f32" */
    const char         *want;     /* NULL: any format that a kernel reads; "f32": a vector; "ternary": bf16, f16 or f32 masters
                                   * are to be ternarised (numerics.md: absmean) */
    int64_t             dim[2];   /* [n, k]; a vector is [1, n] */
} setun_graph_weight;

/* cos or sin of every position, made by the host (numerics.md: rope): f32[n_positions, n_dims / 2]. Equal ones are shared. */
enum setun_rope_scaling { SETUN_ROPE_SCALING_NONE, SETUN_ROPE_SCALING_LLAMA3 };
typedef struct setun_graph_table {
    int64_t                 n_positions, n_dims;
    double                  theta;
    bool                    sine;
    enum setun_rope_scaling scaling;
    double                  factor, low, high, trained; /* LLAMA3, else 0 */
} setun_graph_table;

/* The K or V cache of one layer. */
typedef struct setun_graph_cache {
    int64_t layer;
    int64_t kv_heads, head_dim;
    bool    value; /* V, else K */
} setun_graph_cache;

enum setun_operand_kind { SETUN_OPERAND_VALUE, SETUN_OPERAND_WEIGHT, SETUN_OPERAND_TABLE, SETUN_OPERAND_CACHE };
typedef struct setun_graph_operand {
    enum setun_operand_kind kind;
    uint32_t                index; /* into the graph's array of that kind */
} setun_graph_operand;

enum { SETUN_NODE_MAX_OPERANDS = 4 };
typedef struct setun_graph_node {
    const char         *op;   /* a name of setun_ops.h */
    const void         *attr; /* setun_attr_<op>, or NULL */
    const char         *note; /* the attributes that the model file gives but `layer`, as text: "eps 1e-05, groups 4"; "" if none */
    uint32_t            n_in, n_out;
    setun_graph_operand in[SETUN_NODE_MAX_OPERANDS], out[SETUN_NODE_MAX_OPERANDS];
    uint32_t            line, column;
    int64_t             layer; /* index of the innermost repeat, -1 outside */
} setun_graph_node;

typedef struct setun_graph {
    setun_pool          pool;
    const char         *path;  /* of the model file */
    const char         *name;  /* family: "bitnet" */
    const setun_weights *source; /* borrowed */
    setun_graph_param  *params;
    size_t              n_params;
    setun_graph_node   *nodes;
    size_t              n_nodes, nodes_capacity;
    setun_graph_value  *values;
    size_t              n_values, values_capacity;
    setun_graph_weight *weights;
    size_t              n_weights, weights_capacity;
    setun_graph_table  *tables;
    size_t              n_tables, tables_capacity;
    setun_graph_cache  *caches;
    size_t              n_caches, caches_capacity;
    uint32_t            tokens; /* value: the input */
    uint32_t            logits; /* value: the result, rows SETUN_ROWS_OUT */
    int64_t             vocab;  /* columns of logits */
    int64_t             context; /* positions the model was made for; from the model file's `context` */
} setun_graph;

/* What a graph without a weight file is made for: the file to be. What the weight file would have said stands here. */
typedef struct setun_graph_form {
    enum setun_source        source;  /* kind of file: names, keys and `source` are this kind's */
    const char              *arch;    /* NULL: the first that `match` lists for the kind */
    const setun_graph_param *params;  /* name and value: they win over what the model file says */
    size_t                   n_params;
    const char *const       *weights; /* entries of `tensors` for which has() is true */
    size_t                   n_weights;
    bool                     ternary; /* ternary() is true for every weight */
} setun_graph_form;

/* A graph for a weight file that does not exist yet. `path` is a family's model file, or a file of sizes (`family:`, models/MODEL.md), whose
 * own sizes and weights come after the form's. *out_arch, which lives in the graph, is the architecture that such a file has to name. */
setun_status setun_graph_open_form(const char *path, const setun_graph_form *form, setun_graph **out_graph, const char **out_arch,
                                   setun_error *error);

/* Reads the model file, binds its parameters from `weights` and elaborates the graph. Errors are "<path>:<line>:<column>: ...",
 * or name the weight file where that is at fault. weights is borrowed and must outlive the graph. NULL: a model file with literal sizes, or
 * a file of sizes. */
setun_status setun_graph_open(const char *path, const setun_weights *weights, setun_graph **out_graph, setun_error *error);
/* The same from memory. */
setun_status setun_graph_parse(const char *name, const char *text, size_t n_bytes, const setun_weights *weights,
                               setun_graph **out_graph, setun_error *error);
void         setun_graph_close(setun_graph *graph); /* accepts NULL */

/* Whether the model file at `path` matches the weights' kind and architecture. */
setun_status setun_graph_matches(const char *path, const setun_weights *weights, bool *out_matches, setun_error *error);
#endif
