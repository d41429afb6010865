/* call.h - the inside of a setun_op_call: one node of the model file while it becomes a node of the graph. Not for ops. */
#ifndef SETUN_OPS_CALL_H
#define SETUN_OPS_CALL_H
#include "family/elaborate.h"
#include "ops/ops.h"

struct setun_op_call {
    struct setun_elaboration *e;
    const setun_op           *op;
    const setun_yaml_node    *node; /* the mapping */
    const setun_yaml_node    *op_node, *weight_node, *out_node;
    const setun_yaml_node    *in_node[SETUN_OP_MAX_INPUTS];
    uint32_t                  in[SETUN_OP_MAX_INPUTS]; /* values */
    const char               *weight, *out;
    struct {
        const setun_yaml_node *node; /* NULL: not given */
        setun_expr_value       value;
        int                    word;
    } attr[SETUN_OP_MAX_ATTRS];
    setun_graph_node          made;
};

/* Error at a key of the node that its op does not have. call->e, op, node and op_node are set. */
setun_status setun_op_call_check_keys(const setun_op_call *call);
/* Reads everything of the node that its op declares; the keys are checked. */
setun_status setun_op_call_read(setun_op_call *call);
/* Sets the made node's note: the attributes that were given, as text. */
setun_status setun_op_call_note(setun_op_call *call);
#endif
