/* subject.c - what there is to measure in a graph: its nodes, each kind and size once, those that one kernel does together, and the
 * activations that kernels want packed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "setun_numerics.h"
#include "tune/tune_internal.h"

enum { TABLE_ROWS = 4096 }; /* of an embedding, of which a pass reads its tokens' rows only: a larger one takes no longer */

/* ---- the list ---- */

static setun_status add(setun_tune_walk *w, const setun_tune_subject *subject, setun_error *error)
{
    for (size_t i = 0; i < w->n_subjects; i++) {
        const setun_tune_subject *s = &w->subjects[i];

        if (strcmp(s->op, subject->op) == 0 && strcmp(s->shape, subject->shape) == 0 && s->out_rows == subject->out_rows)
            return SETUN_OK;
    }
    if (!setun_grow(&w->subjects, &w->capacity, w->n_subjects + 1, sizeof(*w->subjects)))
        return setun_fail_nomem(error, "shapes", sizeof(*w->subjects));
    w->subjects[w->n_subjects++] = *subject;
    return SETUN_OK;
}

static bool writes_out_rows(const setun_graph *graph, const setun_graph_node *node)
{
    return node->n_out > 0 && node->out[0].kind == SETUN_OPERAND_VALUE && graph->values[node->out[0].index].rows == SETUN_ROWS_OUT;
}

/* Every form that a kernel of the node's op wants its activation in. */
static setun_status add_packs(setun_tune_walk *w, const setun_graph *graph, const setun_graph_node *node, setun_error *error)
{
    const setun_graph_value *x = &graph->values[node->in[0].index];
    const size_t n_kernels = setun_plugins_n_kernels(w->plugins);
    setun_status status = SETUN_OK;

    for (size_t i = 0; i < n_kernels && node->in[0].kind == SETUN_OPERAND_VALUE && status == SETUN_OK; i++) {
        const setun_kernel *reader = setun_plugins_kernel(w->plugins, i).kernel;
        setun_tune_subject subject = {.op = "pack", .graph = graph, .n = x->n, .out_rows = x->rows == SETUN_ROWS_OUT};
        char wanted[2 * SETUN_FMT_NAME_BYTES + 8];

        (void)snprintf(wanted, sizeof(wanted), "f32>%.*s", (int)strcspn(reader->fmts, ",>"), reader->fmts);
        for (size_t k = 0; k < n_kernels && subject.fmts == NULL && strcmp(reader->pattern, node->op) == 0 && strcmp(wanted, "f32>f32") != 0; k++) {
            const setun_kernel *pack = setun_plugins_kernel(w->plugins, k).kernel;

            if (strcmp(pack->pattern, "pack") == 0 && strcmp(pack->fmts, wanted) == 0)
                subject.fmts = pack->fmts;
        }
        if (subject.fmts == NULL)
            continue;
        setun_tuning_pack_shape(x->n, subject.fmts, subject.shape);
        status = add(w, &subject, error);
    }
    return status;
}

static setun_status add_node(setun_tune_walk *w, const setun_graph *graph, const setun_graph_node *node, setun_error *error)
{
    setun_tune_subject subject = {.op = node->op, .graph = graph, .node = node, .out_rows = writes_out_rows(graph, node)};
    setun_status status;

    setun_tuning_shape(graph, node, subject.shape);
    status = add(w, &subject, error);
    return status != SETUN_OK ? status : add_packs(w, graph, node, error);
}

/* ---- several nodes at once ---- */

static bool same_operands(const setun_graph_operand *a, uint32_t n_a, const setun_graph_operand *b, uint32_t n_b)
{
    bool same = n_a == n_b;

    for (uint32_t i = 0; i < n_a && same; i++)
        same = a[i].kind == b[i].kind && a[i].index == b[i].index;
    return same;
}

bool setun_tune_subject_fits(const setun_tune_walk *w, const setun_tune_subject *s, const setun_kernel *kernel)
{
    setun_planner_use use;

    return setun_planner_match(&w->planner, kernel, s->use->member[0], &use) && use.n_ops == s->use->n_ops &&
           memcmp(use.member, s->use->member, use.n_ops * sizeof(use.member[0])) == 0 &&
           same_operands(use.node.in, use.node.n_in, s->node->in, s->node->n_in) &&
           same_operands(use.node.out, use.node.n_out, s->node->out, s->node->n_out);
}

/* Everything that a kernel of several ops could do from that node on. */
static setun_status add_uses(setun_tune_walk *w, uint32_t first, setun_error *error)
{
    setun_status status = SETUN_OK;

    for (size_t i = 0; i < setun_plugins_n_kernels(w->plugins) && status == SETUN_OK; i++) {
        setun_planner_use use, *kept;
        char label[SETUN_USE_LABEL_BYTES], *op;
        setun_tune_subject subject = {.graph = w->graph};

        if (!setun_planner_match(&w->planner, setun_plugins_kernel(w->plugins, i).kernel, first, &use))
            continue;
        setun_planner_use_label(w->graph, &use, label);
        kept = setun_pool_alloc(&w->pool, sizeof(*kept));
        op = setun_pool_strndup(&w->pool, label, strlen(label));
        if (kept == NULL || op == NULL)
            return setun_fail_nomem(error, "shapes", sizeof(*kept));
        *kept = use;
        subject.op = op;
        subject.node = &kept->node;
        subject.use = kept;
        subject.out_rows = writes_out_rows(w->graph, &kept->node);
        setun_tuning_shape(w->graph, &kept->node, subject.shape);
        status = add(w, &subject, error);
    }
    return status;
}

void setun_tune_subjects_free(setun_tune_walk *w)
{
    free(w->subjects);
    free(w->planner.covered);
    setun_pool_free(&w->pool);
}

setun_status setun_tune_subjects_list(setun_tune_walk *w, setun_error *error)
{
    const setun_graph *graph = w->graph;
    const setun_graph_node *head = setun_planner_find_head(graph);
    setun_status status = SETUN_OK;
    double weight_bytes = 0;

    for (size_t i = 0; i < graph->n_weights; i++)
        weight_bytes += graph->weights[i].source != NULL ? (double)graph->weights[i].source->n_bytes : 0;
    w->in_caches = weight_bytes < (double)setun_topology_cache_bytes(w->topology);
    w->request = (setun_planner_request){.graph = graph, .plugins = w->plugins};
    w->planner = (setun_planner){.request = &w->request, .covered = setun_calloc(graph->n_nodes, sizeof(bool))};
    if (w->planner.covered == NULL)
        return setun_fail_nomem(error, "shapes", graph->n_nodes);
    for (size_t i = 0; i < graph->n_nodes && status == SETUN_OK; i++) {
        status = add_node(w, graph, &graph->nodes[i], error);
        if (status == SETUN_OK)
            status = add_uses(w, (uint32_t)i, error);
    }
    if (status != SETUN_OK || head == NULL)
        return status;
    setun_planner_make_screen(graph, head, &w->screen);
    return add_node(w, &w->screen.graph, &w->screen.node, error);
}

/* ---- a case of it ---- */

static void operand_dims(const setun_tune_walk *w, const setun_graph *graph, const setun_bench_case *c, const setun_graph_operand *operand,
                         int64_t dim[4])
{
    dim[0] = c->rows;
    dim[1] = dim[2] = dim[3] = 1;
    switch (operand->kind) {
    case SETUN_OPERAND_VALUE:
        dim[1] = graph->values[operand->index].n;
        if (graph->values[operand->index].tokens) {
            dim[0] = 1;
            dim[1] = c->rows;
        }
        break;
    case SETUN_OPERAND_WEIGHT:
        dim[0] = graph->weights[operand->index].dim[0];
        dim[1] = graph->weights[operand->index].dim[1];
        break;
    case SETUN_OPERAND_TABLE:
        dim[0] = w->depth + c->rows;
        dim[1] = graph->tables[operand->index].n_dims / 2;
        break;
    case SETUN_OPERAND_CACHE:
        dim[0] = c->rows_of.n_blocks;
        dim[1] = graph->caches[operand->index].kv_heads;
        dim[2] = SETUN_CHUNK;
        dim[3] = graph->caches[operand->index].head_dim;
        break;
    }
}

static void describe_node(const setun_tune_walk *w, const setun_graph *graph, const setun_graph_node *node, setun_bench_case *c)
{
    c->op = node->op;
    c->n_in = node->n_in;
    c->n_out = node->n_out;
    c->attr = node->attr;
    for (uint32_t i = 0; i < node->n_in; i++) {
        operand_dims(w, graph, c, &node->in[i], c->in_dim[i]);
        if (node->in[i].kind == SETUN_OPERAND_CACHE || (node->in[i].kind == SETUN_OPERAND_WEIGHT && c->in_dim[i][0] > 1))
            c->streamed |= 1u << i;
        if (node->in[i].kind == SETUN_OPERAND_WEIGHT && c->in_dim[i][0] > 1)
            c->weight = (int)i;
    }
    for (uint32_t i = 0; i < node->n_out; i++)
        operand_dims(w, graph, c, &node->out[i], c->out_dim[i]);
}

setun_status setun_tune_subject_case(const setun_tune_walk *w, const setun_tune_subject *s, int64_t rows, setun_bench_case *out_case,
                                     setun_error *error)
{
    setun_bench_case *c = out_case;
    const bool is_embedding = strcmp(s->op, "embedding") == 0;
    setun_status status;

    *c = (setun_bench_case){.op = s->op, .n_in = 1, .n_out = 1, .weight = -1, .rows = rows, .from = SETUN_BENCH_CACHE};
    status = setun_bench_rows_make(rows, rows > SETUN_BENCH_SMALL_ROWS, w->depth, is_embedding ? TABLE_ROWS : 0, &c->rows_of, error);
    if (status != SETUN_OK)
        return status;
    if (s->node != NULL) {
        describe_node(w, s->graph, s->node, c);
        if (s->use != NULL) {
            c->op = s->op;
            c->n_ops = s->use->n_ops;
            memcpy(c->chain_attr, s->use->attr, sizeof(c->chain_attr));
        }
    } else {
        c->in_dim[0][0] = c->out_dim[0][0] = rows;
        c->in_dim[0][1] = c->out_dim[0][1] = s->n;
        for (uint32_t i = 2; i < 4; i++)
            c->in_dim[0][i] = c->out_dim[0][i] = 1;
    }
    if (is_embedding) {
        c->in_dim[1][0] = TABLE_ROWS;
        c->streamed = 0;
    }
    /* Many rows are bound by arithmetic, and as slow from the caches. */
    if (c->streamed != 0 && !w->in_caches && rows <= SETUN_BENCH_SMALL_ROWS) {
        c->from = SETUN_BENCH_MEMORY;
        c->copies_bytes = setun_bench_uncached_bytes(w->topology) / 2; /* 4 times the last cache: with twice, half of it is still a hit */
    }
    return SETUN_OK;
}
