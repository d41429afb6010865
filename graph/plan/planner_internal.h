/* planner_internal.h - what planner.c (compiling a graph) and candidates.c (choosing a kernel for a node) share. */
#ifndef SETUN_PLANNER_INTERNAL_H
#define SETUN_PLANNER_INTERNAL_H
#include "plan/planner.h"
#include "plugin/fmts.h"

/* Bytes of one operand's representation as text: a format's name and four times "+f32"; and of the ops of a use, as people read them. */
enum { SETUN_REPRESENTATION_BYTES = SETUN_FMT_NAME_BYTES + 20, SETUN_USE_LABEL_BYTES = 128 };

/* An activation in one representation, as tensors of the plan. */
typedef struct setun_planned_value {
    uint32_t value;  /* of the graph */
    char     fmts[SETUN_REPRESENTATION_BYTES];
    uint32_t n;
    uint32_t tensor[SETUN_OPERAND_MAX_PARTS];
} setun_planned_value;

typedef struct setun_planner_singles setun_planner_singles; /* fuse.c */

typedef struct setun_planner {
    const setun_planner_request *request;
    setun_plan          *plan;
    uint64_t             weight_bytes, logits_bytes; /* of setun_planned */
    setun_planned_value *values;
    size_t               n_values, values_capacity;
    bool                *covered; /* [graph's nodes] a kernel that was placed already does it */
    setun_planner_singles *singles;
    char               (*wanted)[SETUN_REPRESENTATION_BYTES]; /* [graph's values] setun_planner_wanted, "": not asked yet */
    uint32_t             n_backends; /* names in request->backends, scalar added; 0: any */
    char                 backend[16][64];
} setun_planner;

/* A kernel for a node, with the pack kernels that bring its activations into shape. */
typedef struct setun_candidate {
    setun_kernel_ref  ref;
    setun_kernel_plan kernel_plan;
    uint32_t          n_in, n_out; /* operands */
    char              fmts[2 * SETUN_NODE_MAX_OPERANDS][SETUN_REPRESENTATION_BYTES]; /* of each operand, inputs first */
    uint32_t          rank; /* of its backend; lower is preferred */
    bool              second_packing; /* of a weight that the plans made before read in another one */
    bool              too_large;      /* and there is no memory for it */
    bool              only_memory;    /* which is all that keeps the candidate from fitting: its cost is known */
    uint64_t          second_bytes;   /* that the second packing takes */
    double            cost_ns; /* of the kernel and the packing of its activations, on one worker */
    double            estimate_ns; /* the same, if nothing had been measured of the kernel */
    bool              measured; /* the kernel's part of it; else that is its own estimate */
    const setun_kernel_rule *rule; /* once chosen: the rule that names it, or NULL */
    uint32_t          n_fitting; /* once chosen: how many could run the node, itself included */
    struct {
        int      state; /* SETUN_SECOND_* */
        uint64_t n_bytes;
        double   ns, first_ns; /* cost_ns without what a second packing must be worth */
        char     fmts[SETUN_REPRESENTATION_BYTES];
    } second; /* once chosen by setun_planner_choose */
    setun_kernel_ref  pack[SETUN_NODE_MAX_OPERANDS]; /* kernel NULL: no packing needed, or done already */
    setun_kernel_plan pack_plan[SETUN_NODE_MAX_OPERANDS];
} setun_candidate;

/* What one kernel does: a node of the graph, or several as if they were one. */
typedef struct setun_planner_use {
    setun_graph_node node;                       /* inputs and outputs of all of them, in the order of the kernel's pattern */
    uint32_t         n_ops;
    uint32_t         member[SETUN_PATTERN_OPS];  /* nodes of the graph */
    const void      *attr[SETUN_PATTERN_OPS];
} setun_planner_use;

/* The representation in which nodes write and read an activation unless a kernel wants another: "f32", the tokens "i32". */
const char *setun_planner_base_fmt(const setun_graph_value *value);

/* Dims of an activation for the largest pass; *out_rows_dim is the dimension that follows the rows. */
void setun_planner_value_dims(const setun_planner *planner, const setun_graph_value *value, int64_t out_dim[4], uint32_t *out_rows_dim);

/* An activation that the plan already has in that representation, or NULL. */
const setun_planned_value *setun_planner_find(const setun_planner *planner, uint32_t value, const char *fmts);

/* Whether the plan has an activation already, in any representation. */
bool setun_planner_has(const setun_planner *planner, uint32_t value);

/* Whether a kernel, named by a rule or not, can do the nodes of a use; fills the candidate in but for its `ref`, which is given. */
bool setun_planner_fit_use(const setun_planner *planner, const setun_planner_use *use, bool named, setun_candidate *candidate, char *why,
                           size_t why_bytes);

/* fuse.c. Whether a kernel of several ops fits the graph with that node as its first. */
bool setun_planner_match(const setun_planner *planner, const setun_kernel *kernel, uint32_t first, setun_planner_use *out_use);
/* The kernel of several ops, beginning with that node, that saves most; false: none saves anything. */
bool setun_planner_fuse(const setun_planner *planner, uint32_t first, setun_planner_use *out_use, setun_candidate *out_candidate);
/* Room for what fuse.c finds out about nodes on the way, to be freed with free(). NULL: out of memory. */
setun_planner_singles *setun_planner_singles_create(void);
/* Its ops: "linear", "relu2+mul". */
void setun_planner_use_label(const setun_graph *graph, const setun_planner_use *use, char label[SETUN_USE_LABEL_BYTES]);
/* The representation that all readers of an activation want: kernels may write that in place of f32. */
const char *setun_planner_wanted(const setun_planner *planner, uint32_t value);

/* The best kernel for a node. SETUN_ERR_UNSUPPORTED: none; the error names the node and every kernel's reason. */
setun_status setun_planner_choose(const setun_planner *planner, const setun_graph_node *node, setun_candidate *out_candidate,
                                  setun_error *error);

/* packings.c: how many times faster a kernel must be to be worth a second packing. */
double setun_planner_worth(const setun_planner *planner);
/* Takes note that a candidate reads weight w in another packing than plans made before. */
void setun_planner_note_second(const setun_planner *planner, uint32_t w, const char *fmts, setun_candidate *candidate);

/* The best of those that read the packing that is there, and of those that would need a second one, whether there is memory for it or not. */
typedef struct setun_planner_packings {
    bool            has_first, has_second;
    setun_candidate first, second; /* cost_ns as it is, without what a second packing must be worth */
} setun_planner_packings;
void setun_planner_note_packing(const setun_planner *planner, const setun_candidate *candidate, setun_planner_packings *packings);
/* What came of a second packing, into the candidate that was chosen. */
void setun_planner_tell_packings(const setun_graph_node *node, const setun_planner_packings *packings, setun_candidate *chosen);

/* Whether the request's `avoid` has a pattern for this kernel. */
bool setun_planner_avoids(const setun_planner *planner, const char *name);

/* cost.c: looks whether a kernel's time for a node (its op, or those of a use as text), or for packing a value, was measured; if so it replaces
 * the estimate in the plan, as time on one worker. */
bool setun_planner_measured(const setun_planner *planner, const char *op, const setun_graph_node *node, setun_kernel_ref ref, setun_kernel_plan *plan);
bool setun_planner_measured_pack(const setun_planner *planner, uint32_t value, setun_kernel_ref ref, setun_kernel_plan *plan);

/* The one comparison of kernels: the backend that is preferred, then what was measured, then the lower cost. */
bool setun_planner_is_better(uint32_t rank, bool measured, double cost_ns, uint32_t best_rank, bool best_measured, double best_cost_ns);

/* cost.c: tells request->choice of a step: the node's kernel, or the one that packs its input; -1: none. */
void setun_planner_tell(const setun_planner *planner, const setun_graph_node *node, const setun_candidate *candidate, int packed_input);

/* rules.c: whether every rule names something that is loaded, and fits a node of the graph. SETUN_ERR_NOT_FOUND, SETUN_ERR_INVALID. */
setun_status setun_planner_check_rules(const setun_planner *planner, setun_error *error);

/* The first rule that fits a node in the passes that are planned, or NULL. */
const setun_kernel_rule *setun_planner_find_rule(const setun_planner *planner, const setun_graph_node *node);

/* Where a rule stands, into text[128]; returns text. */
const char *setun_planner_rule_place(const setun_planner *planner, const setun_kernel_rule *rule, char text[128]);

/* Asks a kernel whether it runs a node of these tensors, whose data is NULL; attrs as in setun_query. Why not goes to why[why_bytes]. */
setun_status setun_planner_ask(const setun_planner *planner, setun_kernel_ref ref, const setun_tensor *in, uint32_t n_in, const setun_tensor *out,
                               uint32_t n_out, const void *const *attrs, setun_kernel_plan *out_plan, char *why, size_t why_bytes);

/* Whether the candidate's backend may run a node: it is the rule's, or, without a rule, one of those to choose from. Its rank follows.
 * *out_forbidden: it is scalar, and that is why not. */
bool setun_planner_is_eligible(const setun_planner *planner, const setun_kernel_rule *rule, setun_candidate *candidate, bool *out_forbidden);

/* planner.c: takes request->backends apart. */
setun_status setun_planner_read_backends(setun_planner *planner, setun_error *error);

enum { SETUN_PLANNER_SCREEN_VALUES = 4 };

/* head.c: the graph of op screen for the head, in place of the request's; its values are 0 the tokens, 1 what the head reads, 2 z, 3 e. */
typedef struct setun_planner_screen {
    setun_graph       graph;
    setun_graph_value values[SETUN_PLANNER_SCREEN_VALUES];
    setun_graph_node  node;
} setun_planner_screen;
void setun_planner_make_screen(const setun_graph *graph, const setun_graph_node *head, setun_planner_screen *out_screen);
#endif
