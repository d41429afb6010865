/* fuse.c - kernels that do several nodes at once: where their pattern fits the graph, and whether they are the cheaper way. */
#include <stdio.h>
#include <string.h>

#include "plan/planner_internal.h"

/* How far after the first node the others are looked for: ops that belong together stand together in a model file. */
enum { WINDOW = 16, MAX_NAMES = SETUN_PATTERN_OPS * (SETUN_PATTERN_ARGS + 1) };

/* More than any op takes: nodes that a less preferred backend would have to do. */
static const double PREFERRED_NS = 1e15;

/* What the names of a pattern stand for, as far as it has been matched. */
typedef struct binding {
    const char         *name;
    setun_graph_operand operand;
    bool                made, used; /* by an op of the pattern; read by one */
} binding;

typedef struct match {
    const setun_planner *planner;
    const setun_pattern *pattern;
    uint32_t member[SETUN_PATTERN_OPS];
    uint32_t n_names;
    binding  name[MAX_NAMES];
} match;

static bool same_operand(const setun_graph_operand *a, const setun_graph_operand *b)
{
    return a->kind == b->kind && a->index == b->index;
}

static binding *find_name(match *m, const char *name)
{
    for (uint32_t i = 0; i < m->n_names; i++)
        if (strcmp(m->name[i].name, name) == 0)
            return &m->name[i];
    return NULL;
}

/* Gives a name its operand; false: it has another one. A name keeps what was read or written under it before. */
static bool bind(match *m, const char *name, const setun_graph_operand *operand, bool made)
{
    binding *b = find_name(m, name);

    if (b != NULL && !same_operand(&b->operand, operand))
        return false;
    if (b == NULL) {
        b = &m->name[m->n_names++];
        *b = (binding){.name = name, .operand = *operand};
    }
    b->made = b->made || made;
    b->used = b->used || !made;
    return true;
}

/* Whether op j of the pattern can be that node; then its names are bound. */
static bool take_node(match *m, uint32_t j, uint32_t index)
{
    const setun_pattern_op *op = &m->pattern->op[j];
    const setun_graph_node *node = &m->planner->request->graph->nodes[index];
    bool connected = j == 0;

    if (strcmp(node->op, op->op) != 0 || node->n_in != op->n_args || node->n_out != 1 || node->out[0].kind != SETUN_OPERAND_VALUE ||
        m->planner->covered[index])
        return false;
    for (uint32_t i = 0; i < j; i++)
        if (m->member[i] == index)
            return false;
    for (uint32_t i = 0; i < node->n_in; i++) {
        connected = connected || (node->in[i].kind == SETUN_OPERAND_VALUE && find_name(m, op->arg[i]) != NULL);
        if (node->in[i].kind == SETUN_OPERAND_CACHE || !bind(m, op->arg[i], &node->in[i], false))
            return false;
    }
    m->member[j] = index;
    return connected && bind(m, op->out, &node->out[0], true);
}

/* Ops j and later of the pattern, each at some node after the first. */
static bool match_from(match *m, uint32_t j)
{
    const setun_graph *graph = m->planner->request->graph;
    const match before = *m;

    if (j == m->pattern->n_ops)
        return true;
    for (uint32_t i = m->member[0] + 1; i < graph->n_nodes && i <= m->member[0] + WINDOW; i++) {
        if (take_node(m, j, i) && match_from(m, j + 1))
            return true;
        *m = before;
    }
    return false;
}

/* What is made and used inside must have no other reader. */
static bool is_inner_only(const match *m, uint32_t value)
{
    const setun_graph *graph = m->planner->request->graph;

    if (value == graph->logits)
        return false;
    for (uint32_t i = 0; i < graph->n_nodes; i++) {
        bool is_member = false;

        for (uint32_t j = 0; j < m->pattern->n_ops; j++)
            is_member = is_member || m->member[j] == i;
        for (uint32_t x = 0; x < graph->nodes[i].n_in && !is_member; x++)
            if (graph->nodes[i].in[x].kind == SETUN_OPERAND_VALUE && graph->nodes[i].in[x].index == value)
                return false;
    }
    return true;
}

/* Whether a node before `first`, which is planned by the time that `first` is, makes it. */
static bool is_made_before(const setun_graph *graph, uint32_t value, uint32_t first)
{
    for (uint32_t i = first; i-- > 0;)
        for (uint32_t x = 0; x < graph->nodes[i].n_out; x++)
            if (graph->nodes[i].out[x].kind == SETUN_OPERAND_VALUE && graph->nodes[i].out[x].index == value)
                return true;
    return false;
}

/* A node in place of all that were matched: inputs and outputs in the pattern's order. All inputs must be there by then. */
static bool make_use(const match *m, setun_planner_use *out_use)
{
    const setun_graph *graph = m->planner->request->graph;
    const setun_graph_node *first = &graph->nodes[m->member[0]];
    const enum setun_rows rows = graph->values[first->out[0].index].rows;
    setun_graph_node *node = &out_use->node;

    *out_use = (setun_planner_use){.node = {.op = first->op, .note = "", .line = first->line, .column = first->column, .layer = first->layer,
                                            .attr = first->attr},
                                   .n_ops = m->pattern->n_ops};
    for (uint32_t i = 0; i < m->pattern->n_ops; i++) {
        out_use->member[i] = m->member[i];
        out_use->attr[i] = graph->nodes[m->member[i]].attr;
    }
    for (uint32_t i = 0; i < m->n_names; i++) {
        const binding *b = &m->name[i];
        const bool is_value = b->operand.kind == SETUN_OPERAND_VALUE;

        if (is_value && (graph->values[b->operand.index].tokens || graph->values[b->operand.index].rows != rows))
            return false;
        if (b->made && b->used) {
            if (!is_inner_only(m, b->operand.index))
                return false;
        } else if (b->made) {
            if (node->n_out == SETUN_NODE_MAX_OPERANDS)
                return false;
            node->out[node->n_out++] = b->operand;
        } else {
            if (node->n_in == SETUN_NODE_MAX_OPERANDS || (is_value && !setun_planner_has(m->planner, b->operand.index) &&
                                                          !is_made_before(graph, b->operand.index, m->member[0])))
                return false;
            node->in[node->n_in++] = b->operand;
        }
    }
    return true;
}

/* Whether the first op of a pattern of several is this one, before the pattern is taken apart. */
static bool begins_with(const char *pattern, const char *op)
{
    const char *at = strchr(pattern, '=');
    const size_t length = strlen(op);

    if (at == NULL)
        return false;
    at += 1 + strspn(at + 1, " ");
    return strncmp(at, op, length) == 0 && at[length + strspn(at + length, " ")] == '(';
}

bool setun_planner_match(const setun_planner *planner, const setun_kernel *kernel, uint32_t first, setun_planner_use *out_use)
{
    setun_pattern pattern;
    match m = {.planner = planner, .pattern = &pattern};

    return begins_with(kernel->pattern, planner->request->graph->nodes[first].op) &&
           setun_pattern_parse(kernel->pattern, &pattern, NULL) == SETUN_OK && pattern.n_ops > 1 && take_node(&m, 0, first) &&
           match_from(&m, 1) && make_use(&m, out_use);
}

/* A rule that fits any of the nodes must want this kernel, or its backend; one that does is noted. *out_named: it names the kernel. */
static bool rules_agree(const setun_planner *planner, const setun_planner_use *use, setun_candidate *candidate, bool *out_named)
{
    const setun_kernel_ref ref = candidate->ref;

    *out_named = false;
    for (uint32_t i = 0; i < use->n_ops; i++) {
        const setun_kernel_rule *rule = setun_planner_find_rule(planner, &planner->request->graph->nodes[use->member[i]]);

        if (rule == NULL)
            continue;
        if (rule->kernel != NULL ? strcmp(rule->kernel, ref.kernel->name) != 0 : strcmp(rule->backend, ref.plugin->name) != 0)
            return false;
        *out_named = *out_named || rule->kernel != NULL;
        candidate->rule = rule;
    }
    return true;
}

/* ---- what is saved ---- */

/* Kernels of single nodes, as long as nothing is added to the plan: several kernels of several ops are compared with the same ones. */
struct setun_planner_singles {
    uint32_t n;
    struct {
        uint32_t        node;
        bool            found;
        setun_candidate candidate;
    } of[WINDOW];
};

setun_planner_singles *setun_planner_singles_create(void)
{
    return setun_calloc(1, sizeof(setun_planner_singles));
}

/* The kernel that would do the node alone; false: none. Valid until the plan changes. */
static bool find_single(const setun_planner *planner, uint32_t node, const setun_candidate **out_single)
{
    setun_planner_singles *singles = planner->singles;
    uint32_t i = 0;

    while (i < singles->n && singles->of[i].node != node)
        i++;
    if (i == singles->n) {
        i = i == WINDOW ? 0 : i;
        singles->n += singles->n < WINDOW;
        singles->of[i].node = node;
        memset(&singles->of[i].candidate, 0, sizeof(singles->of[i].candidate));
        singles->of[i].found = setun_planner_choose(planner, &planner->request->graph->nodes[node], &singles->of[i].candidate, NULL) == SETUN_OK;
    }
    *out_single = &singles->of[i].candidate;
    return singles->of[i].found;
}

/* What the nodes would take one by one, less what they take together; false if a backend that is preferred does one of them, or if one was
 * measured and this kernel was not. Measured times are compared with measured times only. */
static bool find_saving(const setun_planner *planner, const setun_planner_use *use, const setun_candidate *fused, double *out_saving_ns)
{
    double measured_ns = -fused->cost_ns, estimated_ns = -fused->estimate_ns;
    bool better_backend = false, all_measured = fused->measured;

    for (uint32_t i = 0; i < use->n_ops; i++) {
        const setun_candidate *single;

        if (!find_single(planner, use->member[i], &single)) {
            better_backend = true;
            continue;
        }
        if (single->rank < fused->rank || (single->measured && !fused->measured))
            return false;
        better_backend = better_backend || single->rank > fused->rank;
        measured_ns += single->cost_ns;
        estimated_ns += single->estimate_ns;
        all_measured = all_measured && single->measured;
    }
    *out_saving_ns = all_measured ? measured_ns : estimated_ns;
    if (better_backend)
        *out_saving_ns += PREFERRED_NS;
    return *out_saving_ns > 0;
}

/* The kernel of several ops, beginning with that node, that saves most by itself. */
static bool find_best(const setun_planner *planner, uint32_t first, double at_least_ns, setun_planner_use *out_use,
                      setun_candidate *out_candidate, double *out_saving_ns);

/* The most that a kernel of several ops could save which begins with a later node of the use, and has no place beside it. */
static double find_rival(const setun_planner *planner, const setun_planner_use *use)
{
    setun_planner_use rival;
    setun_candidate candidate;
    double most_ns = 0, saving_ns;

    for (uint32_t i = 1; i < use->n_ops; i++)
        if (find_best(planner, use->member[i], most_ns, &rival, &candidate, &saving_ns))
            most_ns = saving_ns;
    return most_ns;
}

static bool find_best(const setun_planner *planner, uint32_t first, double at_least_ns, setun_planner_use *out_use,
                      setun_candidate *out_candidate, double *out_saving_ns)
{
    const setun_plugins *plugins = planner->request->plugins;
    double best_ns = at_least_ns;

    for (size_t i = 0; i < setun_plugins_n_kernels(plugins); i++) {
        setun_candidate candidate = {.ref = setun_plugins_kernel(plugins, i)};
        setun_planner_use use;
        double saving_ns = 2 * PREFERRED_NS;
        bool named;
        char why[256];

        if (!setun_planner_match(planner, candidate.ref.kernel, first, &use) || !rules_agree(planner, &use, &candidate, &named) ||
            !setun_planner_fit_use(planner, &use, named, &candidate, why, sizeof(why)) ||
            (!named && !find_saving(planner, &use, &candidate, &saving_ns)) || saving_ns <= best_ns || saving_ns <= find_rival(planner, &use))
            continue;
        best_ns = saving_ns;
        *out_use = use;
        *out_candidate = candidate;
    }
    *out_saving_ns = best_ns;
    return best_ns > at_least_ns;
}

/* What came of a second packing of its nodes' weights, all of them together. */
static void tell_second(const setun_planner *planner, const setun_planner_use *use, setun_candidate *chosen)
{
    for (uint32_t i = 0; i < use->n_ops; i++) {
        const setun_candidate *single;

        if (!find_single(planner, use->member[i], &single) || single->second.state == SETUN_SECOND_NONE)
            continue;
        chosen->second.state = chosen->second_packing ? SETUN_SECOND_TAKEN
                               : single->second.state == SETUN_SECOND_TAKEN ? SETUN_SECOND_NOT_WORTH : single->second.state;
        chosen->second.n_bytes += single->second.n_bytes;
        chosen->second.ns += single->second.ns;
        chosen->second.first_ns += single->second.first_ns;
        memcpy(chosen->second.fmts, single->second.fmts, sizeof(chosen->second.fmts));
    }
}

bool setun_planner_fuse(const setun_planner *planner, uint32_t first, setun_planner_use *out_use, setun_candidate *out_candidate)
{
    double saving_ns;

    planner->singles->n = 0;
    if (planner->request->no_fuse || !find_best(planner, first, 0, out_use, out_candidate, &saving_ns))
        return false;
    tell_second(planner, out_use, out_candidate);
    return true;
}

void setun_planner_use_label(const setun_graph *graph, const setun_planner_use *use, char label[SETUN_USE_LABEL_BYTES])
{
    size_t used = 0;

    label[0] = '\0';
    for (uint32_t i = 0; i < use->n_ops && used < SETUN_USE_LABEL_BYTES; i++)
        used += (size_t)snprintf(label + used, SETUN_USE_LABEL_BYTES - used, "%s%s", i > 0 ? "+" : "", graph->nodes[use->member[i]].op);
}

/* ---- activations in another form than f32 ---- */

/* The one form in which every reader of a value would take it, were each to choose for itself. */
static void find_wanted(const setun_planner *planner, uint32_t value, char *out_fmts)
{
    const setun_graph *graph = planner->request->graph;
    const setun_graph_node *head = planner->request->part == SETUN_PLANNER_BODY ? setun_planner_find_head(graph) : NULL;
    const char *base = setun_planner_base_fmt(&graph->values[value]);
    bool any = false;

    (void)snprintf(out_fmts, SETUN_REPRESENTATION_BYTES, "%s", base);
    if (value == graph->logits || (head != NULL && value == head->in[0].index) || graph->values[value].tokens || planner->request->no_fuse)
        return;
    for (uint32_t i = 0; i < graph->n_nodes; i++)
        for (uint32_t x = 0; x < graph->nodes[i].n_in; x++) {
            setun_candidate candidate;

            if (graph->nodes[i].in[x].kind != SETUN_OPERAND_VALUE || graph->nodes[i].in[x].index != value)
                continue;
            if (setun_planner_choose(planner, &graph->nodes[i], &candidate, NULL) != SETUN_OK ||
                (any && strcmp(candidate.fmts[x], out_fmts) != 0)) {
                (void)snprintf(out_fmts, SETUN_REPRESENTATION_BYTES, "%s", base);
                return;
            }
            memcpy(out_fmts, candidate.fmts[x], SETUN_REPRESENTATION_BYTES);
            any = true;
        }
}

const char *setun_planner_wanted(const setun_planner *planner, uint32_t value)
{
    char *wanted = planner->wanted[value];

    if (wanted[0] == '\0') {
        /* Known as its base while it is found out, so that a kernel that reads and writes such values asks no endless question. */
        (void)snprintf(wanted, SETUN_REPRESENTATION_BYTES, "%s", setun_planner_base_fmt(&planner->request->graph->values[value]));
        find_wanted(planner, value, wanted);
    }
    return wanted;
}
