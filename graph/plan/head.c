/* head.c - the last node of a graph, which makes logits: found, replaced by op screen, or run on a few rows of its weights at a time. */
#include <stdio.h>
#include <string.h>

#include "plan/planner_internal.h"

const setun_graph_node *setun_planner_find_head(const setun_graph *graph)
{
    const setun_graph_node *head = NULL;
    const setun_graph_weight *weight;

    for (size_t i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].n_out == 1 && graph->nodes[i].out[0].kind == SETUN_OPERAND_VALUE && graph->nodes[i].out[0].index == graph->logits)
            head = &graph->nodes[i];
    if (head == NULL || strcmp(head->op, "linear") != 0 || head->n_in != 2 || head->in[0].kind != SETUN_OPERAND_VALUE ||
        head->in[1].kind != SETUN_OPERAND_WEIGHT)
        return NULL;
    weight = &graph->weights[head->in[1].index];
    /* Logits that something else reads, too, have to be there. */
    for (size_t i = 0; i < graph->n_nodes; i++)
        for (uint32_t j = 0; j < graph->nodes[i].n_in; j++)
            if (graph->nodes[i].in[j].kind == SETUN_OPERAND_VALUE && graph->nodes[i].in[j].index == graph->logits)
                return NULL;
    return weight->source != NULL && weight->want == NULL && (strcmp(weight->fmt, "f16") == 0 || strcmp(weight->fmt, "bf16") == 0) ? head : NULL;
}

void setun_planner_make_screen(const setun_graph *graph, const setun_graph_node *head, setun_planner_screen *out_screen)
{
    enum { TOKENS, X, Z, E };
    setun_planner_screen *s = out_screen;

    memset(s, 0, sizeof(*s));
    s->values[TOKENS] = graph->values[graph->tokens];
    s->values[X] = graph->values[head->in[0].index];
    s->values[Z] = s->values[E] = graph->values[graph->logits];
    s->node = *head;
    s->node.op = "screen";
    s->node.in[0].index = X;
    s->node.n_out = 2;
    s->node.out[0] = (setun_graph_operand){SETUN_OPERAND_VALUE, Z};
    s->node.out[1] = (setun_graph_operand){SETUN_OPERAND_VALUE, E};
    s->graph = *graph;
    s->graph.values = s->values;
    s->graph.n_values = SETUN_COUNT(s->values);
    s->graph.nodes = &s->node;
    s->graph.n_nodes = 1;
    s->graph.tokens = TOKENS;
    s->graph.logits = Z;
}

static setun_tensor f32_matrix(int64_t rows, int64_t columns)
{
    return (setun_tensor){.fmt = "f32", .dim = {rows, columns, 1, 1}, .stride_bytes = {(columns + 15) / 16 * 64, 4, 0, 0}};
}

/* The best kernel of `op` for these tensors that a worker can run by itself. node: which the op stands for, as rules see it. */
static setun_status choose_alone(setun_planner *planner, const setun_graph_node *node, const char *op, const char *fmts, const setun_tensor *in,
                                 uint32_t n_in, const setun_tensor *out, uint32_t n_out, const void *attr, setun_kernel_ref *out_ref,
                                 setun_kernel_plan *out_plan, setun_error *error)
{
    const setun_planner_request *request = planner->request;
    const void *const attrs[1] = {attr};
    setun_candidate best = {.cost_ns = 0};
    const setun_kernel_rule *rule = setun_planner_find_rule(planner, node);
    char reasons[512] = "";

    for (size_t i = 0; (i = setun_plugins_find_kernel(request->plugins, i, op, fmts)) < setun_plugins_n_kernels(request->plugins); i++) {
        setun_candidate c = {.ref = setun_plugins_kernel(request->plugins, i)};
        char why[256];
        bool forbidden;

        if (!(c.ref.kernel->flags & SETUN_KERNEL_EXACT) || !setun_planner_is_eligible(planner, rule, &c, &forbidden))
            continue;
        if (setun_planner_ask(planner, c.ref, in, n_in, out, n_out, attrs, &c.kernel_plan, why, sizeof(why)) != SETUN_OK) {
            (void)snprintf(reasons, sizeof(reasons), " (%s: %s)", c.ref.kernel->name, why);
            continue;
        }
        if (c.kernel_plan.n_phases != 1 || c.kernel_plan.shared_bytes != 0)
            continue;
        c.cost_ns = c.kernel_plan.cost_ns;
        if (best.ref.kernel == NULL || setun_planner_is_better(c.rank, false, c.cost_ns, best.rank, false, best.cost_ns))
            best = c;
    }
    if (best.ref.kernel == NULL)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s:%u:%u: no kernel that may be used gives %s of %s a few rows at a time%s",
                          request->graph->path, node->line, node->column, op, fmts, reasons);
    *out_ref = best.ref;
    *out_plan = best.kernel_plan;
    return SETUN_OK;
}

setun_status setun_planner_choose_head(const setun_planner_request *request, int64_t n, setun_kernel_ref *out_ref,
                                       setun_kernel_plan *out_plan, setun_error *error)
{
    const setun_graph_node *head = setun_planner_find_head(request->graph);
    const setun_graph_weight *weight = &request->graph->weights[head->in[1].index];
    setun_planner planner = {.request = request};
    setun_operand w;
    setun_tensor in[2], out;
    char fmts[64];
    setun_status status = setun_planner_read_backends(&planner, error);

    if (status == SETUN_OK)
        status = setun_store_shape_weight(request->store, head->in[1].index, weight->fmt, &w, error);
    if (status != SETUN_OK)
        return status;
    in[0] = f32_matrix(request->rows_max, weight->dim[1]);
    in[1] = w.part[0];
    in[1].dim[0] = n;
    out = f32_matrix(request->rows_max, n);
    (void)snprintf(fmts, sizeof(fmts), "f32,%s>f32", weight->fmt);
    return choose_alone(&planner, head, head->op, fmts, in, 2, &out, 1, head->attr, out_ref, out_plan, error);
}

setun_status setun_planner_choose_rescreen(const setun_planner_request *request, setun_kernel_ref *out_ref, setun_kernel_plan *out_plan,
                                           setun_error *error)
{
    static const char fmts[] = SETUN_PLANNER_SCREENED "," SETUN_WEIGHT_SCREEN_FMTS ",f32,i32>f32,f32";
    const setun_graph_node *head = setun_planner_find_head(request->graph);
    const setun_graph_weight *weight = &request->graph->weights[head->in[1].index];
    setun_planner planner = {.request = request};
    setun_graph_node node = *head; /* no rule for the head is one for it */
    setun_tensor in[SETUN_STEP_MAX_TENSORS], out[2];
    uint32_t n_in = 0;
    setun_operand x, w;
    setun_status status = setun_planner_read_backends(&planner, error);

    if (status == SETUN_OK)
        status = setun_operand_shape(request->plugins, SETUN_PLANNER_SCREENED, (int64_t[4]){1, weight->dim[1], 1, 1}, &x, error);
    if (status == SETUN_OK)
        status = setun_operand_shape(request->plugins, SETUN_WEIGHT_SCREEN_FMTS, (int64_t[4]){weight->dim[0], weight->dim[1], 1, 1}, &w, error);
    if (status != SETUN_OK)
        return status;
    for (uint32_t i = 0; i < x.n; i++)
        in[n_in++] = x.part[i];
    for (uint32_t i = 0; i < w.n; i++)
        in[n_in++] = w.part[i];
    out[0] = out[1] = f32_matrix(1, weight->dim[0]);
    in[n_in++] = out[0];
    in[n_in] = out[0];
    in[n_in++].fmt = "i32";
    node.op = "rescreen";
    return choose_alone(&planner, &node, node.op, fmts, in, n_in, out, 2, NULL, out_ref, out_plan, error);
}

setun_status setun_planner_choose_top_k(const setun_planner_request *request, int64_t k, setun_kernel_ref *out_ref, setun_kernel_plan *out_plan,
                                        setun_error *error)
{
    const setun_graph_node *head = setun_planner_find_head(request->graph);
    const setun_tensor in = f32_matrix(1, request->graph->weights[head->in[1].index].dim[0]);
    setun_planner planner = {.request = request};
    setun_graph_node node = *head;
    setun_tensor out = f32_matrix(1, k);
    const setun_status status = setun_planner_read_backends(&planner, error);

    if (status != SETUN_OK)
        return status;
    out.fmt = "i32";
    node.op = "top_k";
    return choose_alone(&planner, &node, node.op, "f32>i32", &in, 1, &out, 1, NULL, out_ref, out_plan, error);
}
