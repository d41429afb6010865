/* planner.h - chooses a kernel for every node of a graph and compiles a plan for passes of a given size. Internal.
 *
 * A kernel fits a node when its pattern is the node's op (or fits it and others, see fuse.c), every operand can be had in the format that it reads (activations through one
 * pack kernel, shared by all readers; weights from the store), and its plan() accepts. A rule that fits the node decides first; among the
 * kernels that are left, the backend named first wins, then one whose time was measured, then the lowest time, measured or estimated, packing of
 * activations included.
 * Plans of one store share the packings of ternary weights: another one than that of the plans made before must make a node twice as fast, or
 * 5 % faster where somebody said how much memory the weights may take, and fit that memory. */
#ifndef SETUN_PLANNER_H
#define SETUN_PLANNER_H
#include "plan/store.h"
#include "setun/session.h"
#include "tune/tuning.h"

/* Rows that still count as a small batch; more are prefill. */
enum { SETUN_SMALL_BATCH_ROWS = 16 };

/* One step as it was decided. Valid during the call only. */
typedef struct setun_planner_choice {
    const struct setun_planner_request *request; /* the node's graph is its */
    const setun_graph_node *node;
    bool                    packs;    /* brings an input of the node into the form that its kernel reads */
    setun_kernel_ref        ref;
    const char             *packing;  /* representation of the node's matrix of weights; "" if it has none */
    double                  ns;       /* expected for rows_max rows, by the whole team */
    const setun_kernel_rule *rule;    /* that named it, or NULL */
    int                     second;   /* SETUN_SECOND_*, and what follows as in setun_planned_step; times like ns */
    const char             *second_packing;
    uint64_t                second_bytes;
    double                  second_ns, first_ns;
    bool                    measured; /* ns was; else it is the kernel's estimate */
    uint32_t                n_fitting; /* kernels that could have been chosen; 0: not counted */
} setun_planner_choice;
typedef void setun_planner_told(void *context, const setun_planner_choice *choice);

/* Which of a graph's nodes a plan is for. */
enum setun_planner_part {
    SETUN_PLANNER_WHOLE,
    SETUN_PLANNER_BODY,  /* all but the head (setun_planner_find_head): the result is what the head reads */
    SETUN_PLANNER_SCREEN /* the head's weights by op screen, instead of it: reads what the head reads */
};

/* A table of an embedding of which only the rows of a pass are there, in memory of the caller's that outlives the plan: row i is that of the
 * pass's row i, and the plan's tokens are to be 0, 1, 2 ... (setun_plan_set_tokens). */
typedef struct setun_planner_table {
    uint32_t      weight;  /* of the graph */
    setun_operand operand; /* dims [rows_max, n], strides as setun_store_shape_weight says for the weight's own format */
} setun_planner_table;

/* What ops screen and rescreen read of the activations. */
#define SETUN_PLANNER_SCREENED "i16.hl+f32+f32+f32"

typedef struct setun_planner_request {
    const setun_graph   *graph;
    const setun_plugins *plugins;
    const setun_machine *machine;
    setun_store         *store;
    int64_t              rows_min, rows_max; /* rows of the passes that the plan serves */
    int64_t              n_blocks;           /* blocks of each cache */
    const char          *cache_fmt;          /* "f16.kv256" or "f32.kv256" */
    const char          *backends;           /* names in order of preference, ',' between; NULL: any. scalar is always added at the end */
    const setun_kernel_rule *rules;          /* [n_rules] */
    size_t               n_rules;
    bool                 no_scalar;          /* but not of this, then */
    bool                 spends_memory;      /* a second packing need not make a node twice as fast */
    uint64_t             weight_bytes_max;   /* of all weights in the store, beyond which there is no second packing; 0: no limit */
    const char          *avoid;              /* as in setun_session_options */
    bool                 no_fuse, no_replicate; /* as in setun_session_options */
    const setun_tuning  *tuning;             /* measured times; NULL: none */
    setun_planner_told  *choice;             /* is told every step, in order; NULL: nobody */
    void                *choice_context;
    enum setun_planner_part part;
    const char              *screen_fmts;    /* SCREEN: the representation of the head's weights; NULL: any that op screen reads */
    const setun_planner_table *table;        /* NULL: the embedding's table is the store's */
} setun_planner_request;

typedef struct setun_planned {
    setun_plan *plan;
    uint32_t    logits;       /* the plan's tensor that holds the logits, f32[out rows, vocab]; of a screen, about what they are */
    uint32_t    hidden;       /* BODY: the result, f32[out rows, k]; SCREEN: the input, which the caller writes before a pass */
    uint32_t    bound;        /* SCREEN: how far the logits are from it at most, like logits */
    uint32_t    screened[SETUN_OPERAND_MAX_PARTS], n_screened; /* SCREEN: the input as SETUN_PLANNER_SCREENED; 0: op screen reads something else */
    uint64_t    weight_bytes; /* weights that a pass reads whole; of an embedding it reads rows only, which do not count */
    uint64_t    logits_bytes; /* those of them that only rows of logits need */
} setun_planned;

/* SETUN_PHASE_* of the passes that a request is for. */
int setun_planner_phase(const setun_planner_request *request);

/* *out_planned: the plan is the caller's.
 * SETUN_ERR_UNSUPPORTED: no kernel fits a node; the error lists why each declined. SETUN_ERR_NOT_FOUND: a backend or a
 * rule's kernel is not loaded. SETUN_ERR_INVALID: a rule fits no node. */
setun_status setun_planner_compile(const setun_planner_request *request, setun_planned *out_planned, setun_error *error);

/* The graph's head: the node that writes the logits, where it is a dense linear with f16 or bf16 weights. NULL: it is something else. */
const setun_graph_node *setun_planner_find_head(const setun_graph *graph);

/* A kernel that gives the head's logits for n rows of its weights at a time, which lie one after the other as the weight file has them: in
 * rows_min .. rows_max rows of x f32[rows, k], w [n, k] with the store's strides of that format, out f32[rows, n]. One phase and no scratch
 * that workers share, so that each worker can run it by itself. Errors as setun_planner_compile's. */
setun_status setun_planner_choose_head(const setun_planner_request *request, int64_t n, setun_kernel_ref *out_ref,
                                       setun_kernel_plan *out_plan, setun_error *error);

/* The like for op rescreen, of the weights in SETUN_WEIGHT_SCREEN_FMTS and x in SETUN_PLANNER_SCREENED: of one row of x, for as many ids as there
 * are rows of weights, or fewer. */
setun_status setun_planner_choose_rescreen(const setun_planner_request *request, setun_kernel_ref *out_ref, setun_kernel_plan *out_plan,
                                           setun_error *error);

/* The like for op top_k: k ids of one row of logits, or of a part of it, or fewer. */
setun_status setun_planner_choose_top_k(const setun_planner_request *request, int64_t k, setun_kernel_ref *out_ref, setun_kernel_plan *out_plan,
                                        setun_error *error);
#endif
