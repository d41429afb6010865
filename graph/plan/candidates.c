/* candidates.c - which kernel runs a node: every kernel of its op is asked, the reasons of those that decline are kept. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "plan/planner_internal.h"

const char *setun_planner_base_fmt(const setun_graph_value *value)
{
    return value->tokens ? "i32" : "f32";
}

void setun_planner_value_dims(const setun_planner *planner, const setun_graph_value *value, int64_t out_dim[4], uint32_t *out_rows_dim)
{
    int64_t rows = planner->request->rows_max;

    *out_rows_dim = value->tokens ? 1 : 0;
    memcpy(out_dim, value->tokens ? (int64_t[4]){1, rows, 1, 1} : (int64_t[4]){rows, value->n, 1, 1}, 4 * sizeof(int64_t));
}

const setun_planned_value *setun_planner_find(const setun_planner *planner, uint32_t value, const char *fmts)
{
    for (size_t i = 0; i < planner->n_values; i++)
        if (planner->values[i].value == value && strcmp(planner->values[i].fmts, fmts) == 0)
            return &planner->values[i];
    return NULL;
}

bool setun_planner_has(const setun_planner *planner, uint32_t value)
{
    for (size_t i = 0; i < planner->n_values; i++)
        if (planner->values[i].value == value)
            return true;
    return false;
}

/* The query's tensors of one side of a kernel call. */
typedef struct side {
    uint32_t     n;
    setun_tensor tensor[SETUN_STEP_MAX_TENSORS];
} side;

static bool append(side *list, const setun_operand *operand)
{
    if (list->n + operand->n > SETUN_STEP_MAX_TENSORS)
        return false;
    for (uint32_t i = 0; i < operand->n; i++) {
        list->tensor[list->n] = operand->part[i];
        list->tensor[list->n++].data = NULL; /* plan() decides by shapes only */
    }
    return true;
}

static setun_status shape_value(const setun_planner *planner, uint32_t value, const char *fmts, setun_operand *out_operand,
                                setun_error *error)
{
    int64_t dim[4];
    uint32_t rows_dim;

    setun_planner_value_dims(planner, &planner->request->graph->values[value], dim, &rows_dim);
    return setun_operand_shape(planner->request->plugins, fmts, dim, out_operand, error);
}

setun_status setun_planner_ask(const setun_planner *planner, setun_kernel_ref ref, const setun_tensor *in, uint32_t n_in, const setun_tensor *out,
                               uint32_t n_out, const void *const *attrs, setun_kernel_plan *out_plan, char *why, size_t why_bytes)
{
    setun_kernel_plan plan = {.size = sizeof(plan)};
    setun_query query = {
        .size = sizeof(query), .n_in = n_in, .n_out = n_out, .in = in, .out = out,
        .rows_min = planner->request->rows_min, .rows_max = planner->request->rows_max,
        .attr = attrs, .machine = planner->request->machine, .why = why, .why_bytes = why_bytes,
    };
    setun_status status;

    why[0] = '\0';
    status = ref.kernel->plan(&query, &plan);
    if (status == SETUN_OK)
        *out_plan = plan;
    else if (why[0] == '\0')
        (void)snprintf(why, why_bytes, "declines without a reason");
    return status;
}

static setun_status ask(const setun_planner *planner, setun_kernel_ref ref, const side *in, const side *out, const void *const *attrs,
                        setun_kernel_plan *out_plan, char *why, size_t why_bytes)
{
    return setun_planner_ask(planner, ref, in->tensor, in->n, out->tensor, out->n, attrs, out_plan, why, why_bytes);
}

/* Rank of a backend: its place in the list; everything is equal where no list was given. */
static bool rank_backend(const setun_planner *planner, const char *name, uint32_t *out_rank)
{
    *out_rank = 0;
    for (uint32_t i = 0; i < planner->n_backends; i++)
        if (strcmp(planner->backend[i], name) == 0) {
            *out_rank = i;
            return true;
        }
    return planner->n_backends == 0;
}

/* Whether this backend is scalar, which may take no part in a pass and was not asked for by name. */
static bool is_forbidden(const setun_planner *planner, const char *name)
{
    uint32_t rank;

    return planner->request->no_scalar && strcmp(name, "scalar") == 0 &&
           !(planner->n_backends > 0 && rank_backend(planner, name, &rank));
}

/* Whether the request's list of patterns has one for this name. */
bool setun_planner_avoids(const setun_planner *planner, const char *name)
{
    for (const char *at = planner->request->avoid; at != NULL;) {
        const size_t length = strcspn(at, ",");
        char pattern[128];

        (void)snprintf(pattern, sizeof(pattern), "%.*s", (int)length, at);
        if (fnmatch(pattern, name, 0) == 0)
            return true;
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    return false;
}

/* The cheapest kernel of the backend named first that packs an activation from its base representation into `fmts`. */
static bool find_activation_pack(const setun_planner *planner, uint32_t value, const char *fmts, setun_kernel_ref *out_ref,
                                 setun_kernel_plan *out_plan, char *why, size_t why_bytes)
{
    static const void *const no_attr[1] = {NULL};
    const char *base = setun_planner_base_fmt(&planner->request->graph->values[value]);
    bool measured, best_measured = false;
    setun_operand from, to;
    side in = {0}, out = {0};
    char wanted[2 * SETUN_REPRESENTATION_BYTES + 2];
    uint32_t rank, best_rank = 0;
    bool found = false;
    setun_error error;

    if (shape_value(planner, value, base, &from, &error) != SETUN_OK || shape_value(planner, value, fmts, &to, &error) != SETUN_OK) {
        (void)snprintf(why, why_bytes, "%.*s", (int)(why_bytes - 1), error.text);
        return false;
    }
    (void)append(&in, &from);
    (void)append(&out, &to);
    (void)snprintf(wanted, sizeof(wanted), "%s>%s", base, fmts);
    (void)snprintf(why, why_bytes, "no loaded plugin packs %s into %s", base, fmts);
    for (size_t i = 0; (i = setun_plugins_find_kernel(planner->request->plugins, i, "pack", wanted)) < setun_plugins_n_kernels(planner->request->plugins);
         i++) {
        setun_kernel_ref ref = setun_plugins_kernel(planner->request->plugins, i);
        setun_kernel_plan plan;

        if (!(ref.kernel->flags & SETUN_KERNEL_EXACT) || setun_planner_avoids(planner, ref.kernel->name))
            continue;
        if (!rank_backend(planner, ref.plugin->name, &rank)) {
            (void)snprintf(why, why_bytes, "no backend of the list packs %s into %s", base, fmts);
            continue;
        }
        if (is_forbidden(planner, ref.plugin->name)) {
            (void)snprintf(why, why_bytes, "only the backend scalar packs %s into %s, and that is forbidden", base, fmts);
            continue;
        }
        if (ask(planner, ref, &in, &out, no_attr, &plan, why, why_bytes) != SETUN_OK)
            continue;
        measured = setun_planner_measured_pack(planner, value, ref, &plan);
        if (!found || setun_planner_is_better(rank, measured, plan.cost_ns, best_rank, best_measured, out_plan->cost_ns)) {
            found     = true;
            best_rank = rank;
            best_measured = measured;
            *out_ref  = ref;
            *out_plan = plan;
        }
    }
    return found;
}

/* Whether an activation is there in that form, or will be: what is still to be written is taken to be written in its base form. */
static bool is_there(const setun_planner *planner, uint32_t value, const char *fmts)
{
    return setun_planner_find(planner, value, fmts) != NULL ||
           (!setun_planner_has(planner, value) && strcmp(fmts, setun_planner_base_fmt(&planner->request->graph->values[value])) == 0);
}

/* One input operand: can it be had as the kernel wants it, and at what cost? */
static bool fit_input(const setun_planner *planner, const setun_graph_operand *operand, const char *fmts, uint32_t index,
                      setun_candidate *candidate, side *in, char *why, size_t why_bytes)
{
    const setun_planner_request *request = planner->request;
    setun_operand shape;
    setun_error error = {""};
    setun_status status = SETUN_ERR_UNSUPPORTED;

    switch (operand->kind) {
    case SETUN_OPERAND_VALUE:
        if (!is_there(planner, operand->index, fmts)) {
            if (!is_there(planner, operand->index, setun_planner_base_fmt(&request->graph->values[operand->index]))) {
                (void)snprintf(why, why_bytes, "reads %s, which the kernel that wrote it did not keep", fmts);
                return false;
            }
            if (!find_activation_pack(planner, operand->index, fmts, &candidate->pack[index], &candidate->pack_plan[index], why, why_bytes))
                return false;
            candidate->cost_ns += candidate->pack_plan[index].cost_ns;
        }
        status = shape_value(planner, operand->index, fmts, &shape, &error);
        break;
    case SETUN_OPERAND_WEIGHT:
        if (request->part == SETUN_PLANNER_SCREEN && request->screen_fmts != NULL && strcmp(fmts, request->screen_fmts) != 0) {
            (void)snprintf(why, why_bytes, "the head is to be read as %s", request->screen_fmts);
            return false;
        }
        if (!setun_store_offers_weight(request->store, operand->index, fmts, why, why_bytes))
            return false;
        setun_planner_note_second(planner, operand->index, fmts, candidate);
        status = setun_store_shape_weight(request->store, operand->index, fmts, &shape, &error);
        break;
    case SETUN_OPERAND_TABLE:
        if (strcmp(fmts, "f32") == 0)
            status = setun_operand_shape(request->plugins, fmts, (int64_t[4]){request->graph->tables[operand->index].n_positions,
                                         request->graph->tables[operand->index].n_dims / 2, 1, 1}, &shape, &error);
        break;
    case SETUN_OPERAND_CACHE:
        if (strcmp(fmts, request->cache_fmt) == 0)
            status = setun_store_shape_cache(request->store, operand->index, fmts, request->n_blocks, &shape, &error);
        break;
    }
    if (status == SETUN_OK && append(in, &shape))
        return true;
    (void)snprintf(why, why_bytes, "reads %s: %.180s", fmts, error.text[0] != '\0' ? error.text : "this operand has another format");
    return false;
}

/* An activation that the candidate writes: f32, or the one form that all its readers want. Who writes f32 then pays for its packing. */
static bool fit_output(const setun_planner *planner, uint32_t value, const char *fmts, setun_candidate *candidate, side *out, char *why,
                       size_t why_bytes)
{
    const char *wanted = setun_planner_wanted(planner, value);
    setun_kernel_ref pack;
    setun_kernel_plan pack_plan;
    setun_operand shape;

    if ((strcmp(fmts, "f32") != 0 && strcmp(fmts, wanted) != 0) || shape_value(planner, value, fmts, &shape, NULL) != SETUN_OK ||
        !append(out, &shape)) {
        (void)snprintf(why, why_bytes, "writes %s, expected %s", fmts, strcmp(wanted, "f32") == 0 ? wanted : "f32, or what all readers want");
        return false;
    }
    if (strcmp(fmts, wanted) != 0 && find_activation_pack(planner, value, wanted, &pack, &pack_plan, why, why_bytes))
        candidate->cost_ns += pack_plan.cost_ns;
    return true;
}

/* op: the node's, or those of a use as text. */
static bool fit(const setun_planner *planner, const char *op, const setun_graph_node *node, const void *const *attrs, bool named,
                setun_candidate *candidate, char *why, size_t why_bytes)
{
    side in = {0}, out = {0};

    if (!(candidate->ref.kernel->flags & SETUN_KERNEL_EXACT) && !named) {
        (void)snprintf(why, why_bytes, "is not exact");
        return false;
    }
    if (candidate->n_in != node->n_in || candidate->n_out != node->n_out) {
        (void)snprintf(why, why_bytes, "has %u inputs and %u outputs, the node %u and %u", candidate->n_in, candidate->n_out,
                       node->n_in, node->n_out);
        return false;
    }
    for (uint32_t i = 0; i < node->n_in; i++)
        if (!fit_input(planner, &node->in[i], candidate->fmts[i], i, candidate, &in, why, why_bytes))
            return false;
    for (uint32_t i = 0; i < node->n_out; i++) {
        const char *fmts = candidate->fmts[node->n_in + i];
        setun_candidate unused = {.cost_ns = 0};

        if (node->out[i].kind == SETUN_OPERAND_VALUE ? !fit_output(planner, node->out[i].index, fmts, candidate, &out, why, why_bytes)
                                                     : !fit_input(planner, &node->out[i], fmts, i, &unused, &out, why, why_bytes))
            return false;
    }
    if (ask(planner, candidate->ref, &in, &out, attrs, &candidate->kernel_plan, why, why_bytes) != SETUN_OK)
        return false;
    candidate->estimate_ns = candidate->cost_ns + candidate->kernel_plan.cost_ns;
    candidate->measured = setun_planner_measured(planner, op, node, candidate->ref, &candidate->kernel_plan);
    candidate->cost_ns += candidate->kernel_plan.cost_ns;
    if (candidate->too_large) {
        candidate->only_memory = true;
        (void)snprintf(why, why_bytes, "reads a second packing of the weight, %.1f MiB more than fit the memory that weights may take",
                       (double)candidate->second_bytes / 1048576);
        return false;
    }
    if (candidate->second_packing) {
        candidate->cost_ns *= setun_planner_worth(planner);
        candidate->estimate_ns *= setun_planner_worth(planner);
    }
    return true;
}

/* Takes the kernel's fmts apart into one text for each operand. */
static bool split_fmts(setun_candidate *candidate)
{
    setun_fmts fmts;

    if (setun_fmts_parse(candidate->ref.kernel->fmts, &fmts, NULL) != SETUN_OK || fmts.n_in_operands > SETUN_NODE_MAX_OPERANDS ||
        fmts.n_out_operands > SETUN_NODE_MAX_OPERANDS)
        return false;
    candidate->n_in  = fmts.n_in_operands;
    candidate->n_out = fmts.n_out_operands;
    for (unsigned i = 0; i < fmts.n_in + fmts.n_out; i++) {
        const setun_fmts_tensor *tensor = &fmts.tensor[i];
        char *text = candidate->fmts[tensor->operand + (i < fmts.n_in ? 0 : fmts.n_in_operands)];
        size_t length = strlen(text);

        if (snprintf(text + length, SETUN_REPRESENTATION_BYTES - length, "%s%s", tensor->part > 0 ? "+" : "", tensor->fmt) >=
            (int)(SETUN_REPRESENTATION_BYTES - length))
            return false;
    }
    return true;
}

bool setun_planner_is_eligible(const setun_planner *planner, const setun_kernel_rule *rule, setun_candidate *candidate, bool *out_forbidden)
{
    const char *backend = candidate->ref.plugin->name;

    *out_forbidden = false;
    if (rule != NULL) {
        candidate->rank = 0;
        return rule->kernel != NULL ? strcmp(candidate->ref.kernel->name, rule->kernel) == 0 : strcmp(backend, rule->backend) == 0;
    }
    *out_forbidden = is_forbidden(planner, backend);
    return !*out_forbidden && !setun_planner_avoids(planner, candidate->ref.kernel->name) && rank_backend(planner, backend, &candidate->rank);
}

bool setun_planner_fit_use(const setun_planner *planner, const setun_planner_use *use, bool named, setun_candidate *candidate, char *why,
                           size_t why_bytes)
{
    const char *backend = candidate->ref.plugin->name;
    char op[SETUN_USE_LABEL_BYTES];

    if (!named && (is_forbidden(planner, backend) || setun_planner_avoids(planner, candidate->ref.kernel->name) ||
                   !rank_backend(planner, backend, &candidate->rank))) {
        (void)snprintf(why, why_bytes, "is not to be used");
        return false;
    }
    setun_planner_use_label(planner->request->graph, use, op);
    return split_fmts(candidate) && fit(planner, op, &use->node, use->attr, named, candidate, why, why_bytes);
}

/* No kernel runs the node: says where, why each one declined, and whether a rule or the ban on scalar is to blame. */
static setun_status fail_node(const setun_planner *planner, const setun_graph_node *node, const setun_kernel_rule *rule, bool forbidden,
                              const char *reasons, setun_error *error)
{
    char place[128], by[256] = "";

    if (rule != NULL)
        (void)snprintf(by, sizeof(by), " as %s wants, by the %s %.64s", setun_planner_rule_place(planner, rule, place),
                       rule->kernel != NULL ? "kernel" : "backend", rule->kernel != NULL ? rule->kernel : rule->backend);
    return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s:%u:%u: %s runs this %s%s (%s)", planner->request->graph->path, node->line,
                      node->column, forbidden ? "scalar, which may not be used, but no other backend" : "no loaded kernel", node->op, by,
                      reasons[0] != '\0' ? reasons : rule != NULL ? "it has no kernel of this op" : "no plugin has one");
}

setun_status setun_planner_choose(const setun_planner *planner, const setun_graph_node *node, setun_candidate *out_candidate,
                                  setun_error *error)
{
    const setun_plugins *plugins = planner->request->plugins;
    const setun_kernel_rule *rule = setun_planner_find_rule(planner, node);
    const void *const attrs[1] = {node->attr};
    setun_planner_packings packings = {.has_first = false};
    bool found = false, forbidden = false;
    uint32_t n_fitting = 0;
    char reasons[768] = "";
    size_t used = 0;

    for (size_t i = 0; (i = setun_plugins_find_kernel(plugins, i, node->op, NULL)) < setun_plugins_n_kernels(plugins); i++) {
        setun_candidate candidate = {.ref = setun_plugins_kernel(plugins, i)};
        char why[256];
        bool banned, eligible;

        eligible = setun_planner_is_eligible(planner, rule, &candidate, &banned);
        forbidden = forbidden || banned;
        if (!eligible || !split_fmts(&candidate))
            continue;
        if (!fit(planner, node->op, node, attrs, rule != NULL && rule->kernel != NULL, &candidate, why, sizeof(why))) {
            int n = snprintf(reasons + used, sizeof(reasons) - used, "%s%s: %s", used > 0 ? "; " : "", candidate.ref.kernel->name, why);

            used = n < 0 || used + (size_t)n >= sizeof(reasons) ? sizeof(reasons) - 1 : used + (size_t)n;
            if (candidate.only_memory)
                setun_planner_note_packing(planner, &candidate, &packings);
            continue;
        }
        setun_planner_note_packing(planner, &candidate, &packings);
        n_fitting++;
        if (!found || setun_planner_is_better(candidate.rank, candidate.measured, candidate.cost_ns, out_candidate->rank, out_candidate->measured,
                                              out_candidate->cost_ns)) {
            *out_candidate = candidate;
            found = true;
        }
    }
    if (found) {
        out_candidate->rule = rule;
        out_candidate->n_fitting = n_fitting;
        setun_planner_tell_packings(node, &packings, out_candidate);
    }
    return found ? SETUN_OK : fail_node(planner, node, rule, forbidden, reasons, error);
}
