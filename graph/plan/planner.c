/* planner.c - a graph and a pass size in, a plan out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/planner_internal.h"

/* What a barrier costs, with the time that workers lose by not being equally fast between two of them: measured with two on a Zen 4, where
 * the cheapest takes 140 ns; each further worker's arrival is a cache line more. */
static double barrier_ns(uint32_t n_workers)
{
    return 200.0 + 50.0 * n_workers;
}

static setun_status add_value(setun_planner *planner, uint32_t value, const char *fmts, setun_planned_value **out_value,
                              setun_error *error)
{
    const setun_graph_value *v = &planner->request->graph->values[value];
    setun_planned_value planned = {.value = value};
    setun_operand shape;
    int64_t dim[4];
    uint32_t rows_dim;
    setun_status status;

    (void)snprintf(planned.fmts, sizeof(planned.fmts), "%s", fmts);
    setun_planner_value_dims(planner, v, dim, &rows_dim);
    status = setun_operand_shape(planner->request->plugins, fmts, dim, &shape, error);
    if (status != SETUN_OK)
        return status;
    for (uint32_t i = 0; i < shape.n && status == SETUN_OK; i++) {
        const setun_format *format = setun_plugins_format(planner->request->plugins, shape.part[i].fmt);

        /* Parts after the first are vectors with one element a row: their rows are columns. */
        if (v->tokens)
            status = setun_plan_add_tokens(planner->plan, dim[1], &planned.tensor[i], error);
        else
            status = setun_plan_add_buffer(planner->plan, format, shape.part[i].dim, i == 0 ? rows_dim : 1, v->rows, &planned.tensor[i],
                                           error);
    }
    if (status != SETUN_OK)
        return status;
    planned.n = shape.n;
    if (!setun_grow(&planner->values, &planner->values_capacity, planner->n_values + 1, sizeof(*planner->values)))
        return setun_fail_nomem(error, "plan", sizeof(*planner->values));
    planner->values[planner->n_values] = planned;
    *out_value = &planner->values[planner->n_values++];
    return SETUN_OK;
}

/* Tensors of one side of a step. */
typedef struct tensor_list {
    uint32_t n;
    uint32_t id[SETUN_STEP_MAX_TENSORS];
} tensor_list;

static setun_status append_value(tensor_list *list, const setun_planned_value *value, setun_error *error)
{
    if (list->n + value->n > SETUN_STEP_MAX_TENSORS)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "more than %d tensors in one kernel call", SETUN_STEP_MAX_TENSORS);
    for (uint32_t i = 0; i < value->n; i++)
        list->id[list->n++] = value->tensor[i];
    return SETUN_OK;
}

/* A constant operand: fetched from the store, then known to the plan. whole: a pass reads all of it. */
static setun_status append_constant(setun_planner *planner, tensor_list *list, const setun_graph_operand *operand, const char *fmts,
                                    bool whole, setun_error *error)
{
    const setun_planner_request *request = planner->request;
    setun_operand constant;
    setun_status status = SETUN_ERR_INVALID;

    if (operand->kind == SETUN_OPERAND_WEIGHT && !whole && request->table != NULL && request->table->weight == operand->index &&
        strcmp(fmts, request->graph->weights[operand->index].fmt) == 0) {
        constant = request->table->operand;
        status = SETUN_OK;
    } else if (operand->kind == SETUN_OPERAND_WEIGHT)
        status = setun_store_get_weight(request->store, operand->index, fmts, &constant, error);
    else if (operand->kind == SETUN_OPERAND_TABLE)
        status = setun_store_get_table(request->store, operand->index, &constant, error);
    else if (operand->kind == SETUN_OPERAND_CACHE)
        status = setun_store_get_cache(request->store, operand->index, fmts, request->n_blocks, &constant, error);
    for (uint32_t i = 0; status == SETUN_OK && i < constant.n; i++) {
        if (list->n == SETUN_STEP_MAX_TENSORS)
            return setun_fail(error, SETUN_ERR_UNSUPPORTED, "more than %d tensors in one kernel call", SETUN_STEP_MAX_TENSORS);
        status = setun_plan_add_constant(planner->plan, &constant.part[i], constant.n_bytes[i], &list->id[list->n], error);
        list->n++;
        if (operand->kind == SETUN_OPERAND_WEIGHT && whole)
            planner->weight_bytes += constant.n_bytes[i];
    }
    return status;
}

/* Brings an activation into the representation that the candidate reads: one more step, whose result later readers share. */
static setun_status add_pack(setun_planner *planner, const setun_candidate *candidate, const setun_graph_node *node, uint32_t i,
                             const char *label, setun_error *error)
{
    static const void *const no_attr[1] = {NULL};
    uint32_t value = node->in[i].index;
    tensor_list in = {0}, out = {0};
    setun_planned_value *packed;
    setun_status status = add_value(planner, value, candidate->fmts[i], &packed, error);

    if (status == SETUN_OK)
        status = append_value(&out, packed, error);
    if (status == SETUN_OK)
        status = append_value(&in, setun_planner_find(planner, value, setun_planner_base_fmt(&planner->request->graph->values[value])), error);
    setun_planner_tell(planner, node, candidate, (int)i);
    if (status == SETUN_OK)
        status = setun_plan_add_step(planner->plan, candidate->pack[i], &candidate->pack_plan[i], no_attr, 1, in.id, in.n, out.id, out.n,
                                     label, error);
    return status;
}

/* The step that does a use. */
static setun_status add_use(setun_planner *planner, const setun_planner_use *use, const setun_candidate *candidate, setun_error *error)
{
    const setun_graph_node *node = &use->node;
    tensor_list in = {0}, out = {0};
    setun_graph_node told = use->node; /* with all its ops */
    char label[SETUN_USE_LABEL_BYTES];
    setun_status status = SETUN_OK;

    setun_planner_use_label(planner->request->graph, use, label);
    told.op = label;
    for (uint32_t i = 0; i < use->n_ops; i++)
        planner->covered[use->member[i]] = true;
    for (uint32_t i = 0; i < node->n_in && status == SETUN_OK; i++) {
        const char *fmts = candidate->fmts[i];

        if (node->in[i].kind != SETUN_OPERAND_VALUE) {
            status = append_constant(planner, &in, &node->in[i], fmts, strcmp(node->op, "embedding") != 0, error);
            continue;
        }
        if (setun_planner_find(planner, node->in[i].index, fmts) == NULL)
            status = add_pack(planner, candidate, node, i, "pack", error);
        if (status == SETUN_OK)
            status = append_value(&in, setun_planner_find(planner, node->in[i].index, fmts), error);
    }
    for (uint32_t i = 0; i < node->n_out && status == SETUN_OK; i++) {
        const char *fmts = candidate->fmts[node->n_in + i];

        if (node->out[i].kind == SETUN_OPERAND_VALUE) {
            setun_planned_value *value;

            status = add_value(planner, node->out[i].index, fmts, &value, error);
            if (status == SETUN_OK)
                status = append_value(&out, value, error);
        } else {
            status = append_constant(planner, &out, &node->out[i], fmts, false, error);
        }
    }
    if (status == SETUN_OK)
        setun_planner_tell(planner, &told, candidate, -1);
    if (status == SETUN_OK)
        status = setun_plan_add_step(planner->plan, candidate->ref, &candidate->kernel_plan, use->attr, use->n_ops, in.id, in.n, out.id,
                                     out.n, label, error);
    return status;
}

/* A node, or it and others that one kernel does faster together. */
static setun_status add_node(setun_planner *planner, uint32_t index, setun_error *error)
{
    const setun_graph_node *node = &planner->request->graph->nodes[index];
    setun_planner_use use;
    setun_candidate candidate;
    setun_status status;

    if (planner->covered[index])
        return SETUN_OK;
    if (setun_planner_fuse(planner, index, &use, &candidate))
        return add_use(planner, &use, &candidate, error);
    use = (setun_planner_use){.node = *node, .n_ops = 1, .member = {index}, .attr = {node->attr}};
    status = setun_planner_choose(planner, node, &candidate, error);
    return status == SETUN_OK ? add_use(planner, &use, &candidate, error) : status;
}

/* Whether it computes rows of logits only, not every row of a pass. */
static bool is_of_logits(const setun_graph *graph, const setun_graph_node *node)
{
    return node->n_out > 0 && node->out[0].kind == SETUN_OPERAND_VALUE && graph->values[node->out[0].index].rows == SETUN_ROWS_OUT;
}

/* Splits "avx2,scalar"; scalar, which has every op, closes the list unless that is forbidden. */
setun_status setun_planner_read_backends(setun_planner *planner, setun_error *error)
{
    const char *at = planner->request->backends;
    bool has_scalar = false;

    while (at != NULL) {
        size_t length = strcspn(at, ",");
        char *name = planner->backend[planner->n_backends];
        const char *known[64];
        size_t n_known = 0;
        bool loaded = false;

        if (length == 0 || length >= sizeof(planner->backend[0]) || planner->n_backends + 1 >= SETUN_COUNT(planner->backend))
            return setun_fail(error, SETUN_ERR_INVALID, "backends '%s': expected names with ',' between them", planner->request->backends);
        memcpy(name, at, length);
        name[length] = '\0';
        for (size_t i = 0; i < setun_plugins_count(planner->request->plugins) && n_known < SETUN_COUNT(known); i++) {
            const setun_plugin_info *info = setun_plugins_info(planner->request->plugins, i);

            if (info->loaded)
                known[n_known++] = info->name;
            loaded = loaded || (info->loaded && strcmp(info->name, name) == 0);
        }
        if (!loaded) {
            const char *nearest = setun_nearest_word(name, known, n_known);

            return setun_fail(error, SETUN_ERR_NOT_FOUND, "backend '%s' is not loaded%s%s%s ('setun plugins list' tells why)", name,
                              nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
        }
        has_scalar = has_scalar || strcmp(name, "scalar") == 0;
        planner->n_backends++;
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    if (planner->n_backends > 0 && !has_scalar && !planner->request->no_scalar)
        memcpy(planner->backend[planner->n_backends++], "scalar", sizeof("scalar"));
    return SETUN_OK;
}

/* With no backend at all, the error says where they were looked for. */
static setun_status check_loaded(const setun_plugins *plugins, setun_error *error)
{
    char looked[512] = "";
    size_t used = 0;

    for (size_t i = 0; i < setun_plugins_count(plugins); i++)
        if (setun_plugins_info(plugins, i)->loaded)
            return SETUN_OK;
    for (size_t i = 0; setun_plugins_folder(plugins, i) != NULL && used < sizeof(looked); i++)
        used += (size_t)snprintf(looked + used, sizeof(looked) - used, "%s%s", i > 0 ? ", " : "", setun_plugins_folder(plugins, i));
    return setun_fail(error, SETUN_ERR_NOT_FOUND, "no backend is loaded: of %zu plugins in %s none is used; 'setun plugins list' says more",
                      setun_plugins_count(plugins), looked[0] != '\0' ? looked : "no folder");
}

static uint32_t tensor_of(const setun_planner *planner, uint32_t value)
{
    return setun_planner_find(planner, value, "f32")->tensor[0];
}

/* All nodes, or those of the part that is asked for. */
static setun_status add_nodes(setun_planner *planner, setun_planned *out_planned, setun_error *error)
{
    const setun_planner_request *request = planner->request;
    const setun_graph_node *head = request->part == SETUN_PLANNER_BODY ? setun_planner_find_head(request->graph) : NULL;
    setun_planned_value *tokens;
    setun_status status = add_value(planner, request->graph->tokens, "i32", &tokens, error);

    if (head != NULL)
        planner->covered[head - request->graph->nodes] = true;
    for (size_t i = 0; i < request->graph->n_nodes && status == SETUN_OK; i++) {
        const uint64_t before = planner->weight_bytes;

        status = add_node(planner, (uint32_t)i, error);
        if (is_of_logits(request->graph, &request->graph->nodes[i]))
            planner->logits_bytes += planner->weight_bytes - before;
    }
    if (status != SETUN_OK)
        return status;
    if (head != NULL) {
        out_planned->hidden = tensor_of(planner, head->in[0].index);
        setun_plan_set_result(planner->plan, out_planned->hidden);
    } else {
        out_planned->logits = tensor_of(planner, request->graph->logits);
        setun_plan_set_result(planner->plan, out_planned->logits);
    }
    return SETUN_OK;
}

/* The activations as op screen reads them are results, too: op rescreen reads them again. */
static void note_screened(const setun_planner *planner, uint32_t value, setun_planned *out_planned)
{
    const setun_planned_value *screened = setun_planner_find(planner, value, SETUN_PLANNER_SCREENED);

    out_planned->n_screened = screened != NULL ? screened->n : 0;
    for (uint32_t i = 0; i < out_planned->n_screened; i++) {
        out_planned->screened[i] = screened->tensor[i];
        setun_plan_set_result(planner->plan, screened->tensor[i]);
    }
}

/* The head's op screen: the planner works on a graph of that node alone meanwhile. */
static setun_status add_screen(setun_planner *planner, setun_planned *out_planned, setun_error *error)
{
    const setun_planner_request *whole = planner->request;
    setun_planner_request request = *whole;
    setun_planner_screen screen;
    setun_planned_value *value;
    setun_status status;

    setun_planner_make_screen(request.graph, setun_planner_find_head(request.graph), &screen);
    request.graph = &screen.graph;
    planner->request = &request;
    status = add_value(planner, screen.node.in[0].index, "f32", &value, error);
    if (status == SETUN_OK)
        status = add_node(planner, 0, error);
    if (status == SETUN_OK) {
        out_planned->hidden = tensor_of(planner, screen.node.in[0].index);
        out_planned->logits = tensor_of(planner, screen.node.out[0].index);
        out_planned->bound  = tensor_of(planner, screen.node.out[1].index);
        note_screened(planner, screen.node.in[0].index, out_planned);
        setun_plan_set_result(planner->plan, out_planned->logits);
        setun_plan_set_result(planner->plan, out_planned->bound);
    }
    planner->request = whole;
    return status;
}

setun_status setun_planner_compile(const setun_planner_request *request, setun_planned *out_planned, setun_error *error)
{
    setun_planner planner = {.request = request};
    setun_status status = check_loaded(request->plugins, error);

    if (status == SETUN_OK)
        status = setun_planner_read_backends(&planner, error);
    if (status == SETUN_OK)
        status = setun_planner_check_rules(&planner, error);
    if (status != SETUN_OK)
        return status;
    status = setun_plan_create(&planner.plan, error);
    if (status != SETUN_OK)
        return status;
    planner.covered = setun_calloc(request->graph->n_nodes, sizeof(*planner.covered));
    planner.wanted = setun_calloc(request->graph->n_values + SETUN_PLANNER_SCREEN_VALUES, sizeof(*planner.wanted));
    planner.singles = setun_planner_singles_create();
    if (planner.covered == NULL || planner.wanted == NULL || planner.singles == NULL) {
        status = setun_fail_nomem(error, "plan", request->graph->n_values * sizeof(*planner.wanted));
        goto free_lists;
    }
    status = request->part == SETUN_PLANNER_SCREEN ? add_screen(&planner, out_planned, error) : add_nodes(&planner, out_planned, error);
    if (status == SETUN_OK && !request->no_replicate)
        setun_plan_allow_replication(planner.plan, barrier_ns(request->machine->n_workers));
    if (status == SETUN_OK)
        status = setun_plan_finish(planner.plan, request->machine->n_workers, error);

free_lists:
    free(planner.values);
    free(planner.covered);
    free(planner.singles);
    free(planner.wanted);
    if (status != SETUN_OK) {
        setun_plan_destroy(planner.plan);
        return status;
    }
    out_planned->plan = planner.plan;
    out_planned->weight_bytes = planner.weight_bytes;
    out_planned->logits_bytes = planner.logits_bytes;
    return SETUN_OK;
}
