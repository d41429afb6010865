/* rules.c - the kernel rules of a configuration: which one fits a node, and whether each means something for this graph and these plugins. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "plan/planner_internal.h"

const char *setun_planner_rule_place(const setun_planner *planner, const setun_kernel_rule *rule, char text[128])
{
    if (rule->where != NULL)
        (void)snprintf(text, 128, "%.127s", rule->where);
    else
        (void)snprintf(text, 128, "kernel rule %zu", (size_t)(rule - planner->request->rules) + 1);
    return text;
}

/* The weight that a node reads, or NULL. */
static const setun_graph_weight *weight_of(const setun_graph *graph, const setun_graph_node *node)
{
    for (uint32_t i = 0; i < node->n_in; i++)
        if (node->in[i].kind == SETUN_OPERAND_WEIGHT)
            return &graph->weights[node->in[i].index];
    return NULL;
}

/* Whether a weight's format is like the pattern; the scale that goes with it is no part of the format's name. */
static bool has_format(const setun_graph_weight *weight, const char *pattern)
{
    char name[SETUN_FMT_NAME_BYTES];

    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(weight->fmt, "+"), weight->fmt);
    return fnmatch(pattern, name, 0) == 0;
}

/* In any phase. */
static bool fits(const setun_graph *graph, const setun_graph_node *node, const setun_kernel_rule *rule)
{
    const setun_graph_weight *weight = weight_of(graph, node);

    if (rule->op != NULL && strcmp(rule->op, node->op) != 0)
        return false;
    if ((rule->weight != NULL || rule->format != NULL) && weight == NULL)
        return false;
    if (rule->weight != NULL && fnmatch(rule->weight, weight->entry, 0) != 0 && fnmatch(rule->weight, weight->name, 0) != 0)
        return false;
    return rule->format == NULL || has_format(weight, rule->format);
}

int setun_planner_phase(const setun_planner_request *request)
{
    if (request->rows_max == 1)
        return SETUN_PHASE_DECODE;
    return request->rows_max <= SETUN_SMALL_BATCH_ROWS ? SETUN_PHASE_BATCH : SETUN_PHASE_PREFILL;
}

const setun_kernel_rule *setun_planner_find_rule(const setun_planner *planner, const setun_graph_node *node)
{
    const setun_planner_request *request = planner->request;

    for (size_t i = 0; i < request->n_rules; i++) {
        const setun_kernel_rule *rule = &request->rules[i];

        if ((rule->phase == SETUN_PHASE_ANY || rule->phase == setun_planner_phase(request)) && fits(request->graph, node, rule))
            return rule;
    }
    return NULL;
}

/* The kernel or backend that the rule names must be loaded. */
static setun_status check_name(const setun_planner *planner, const setun_kernel_rule *rule, setun_error *error)
{
    const setun_plugins *plugins = planner->request->plugins;
    const char *wanted = rule->kernel != NULL ? rule->kernel : rule->backend, *nearest;
    const char *known[512]; /* for the nearest word; the shipped backends have 150 kernels together */
    size_t n_known = 0;
    char place[128];

    for (size_t i = 0; i < setun_plugins_n_kernels(plugins); i++) {
        const setun_kernel_ref ref = setun_plugins_kernel(plugins, i);
        const char *name = rule->kernel != NULL ? ref.kernel->name : ref.plugin->name;

        if (strcmp(name, wanted) == 0)
            return SETUN_OK;
        if (n_known < SETUN_COUNT(known))
            known[n_known++] = name;
    }
    nearest = setun_nearest_word(wanted, known, n_known);
    return setun_fail(error, SETUN_ERR_NOT_FOUND, "%s: %s '%.80s' is not loaded, or not for this CPU%s%s%s", setun_planner_rule_place(planner, rule, place),
                      rule->kernel != NULL ? "kernel" : "backend", wanted, nearest != NULL ? "; did you mean '" : "",
                      nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
}

static setun_status check_rule(const setun_planner *planner, const setun_kernel_rule *rule, setun_error *error)
{
    const setun_graph *graph = planner->request->graph;
    char place[128];

    if ((rule->kernel == NULL) == (rule->backend == NULL))
        return setun_fail(error, SETUN_ERR_INVALID, "%s: expected either a kernel or a backend", setun_planner_rule_place(planner, rule, place));
    if (rule->phase < SETUN_PHASE_ANY || rule->phase > SETUN_PHASE_PREFILL)
        return setun_fail(error, SETUN_ERR_INVALID, "%s: phase: expected one of SETUN_PHASE_*, found %d",
                          setun_planner_rule_place(planner, rule, place), rule->phase);
    for (size_t i = 0; i < graph->n_nodes; i++)
        if (fits(graph, &graph->nodes[i], rule))
            return check_name(planner, rule, error);
    return setun_fail(error, SETUN_ERR_INVALID, "%s: no node of %s fits this rule", setun_planner_rule_place(planner, rule, place), graph->path);
}

setun_status setun_planner_check_rules(const setun_planner *planner, setun_error *error)
{
    for (size_t i = 0; i < planner->request->n_rules; i++) {
        const setun_status status = check_rule(planner, &planner->request->rules[i], error);

        if (status != SETUN_OK)
            return status;
    }
    return SETUN_OK;
}
