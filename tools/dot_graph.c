/* dot_graph.c - nodes, edges and frames. A node's boxes say op, weights with their formats, attributes; edges carry shapes. */
#include "dot_graph.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "model_tools.h"

/* Some nodes in a row: one outside repeats, or `n_turns` turns of `n` nodes each that look alike. */
typedef struct section {
    size_t  first, n;     /* nodes of the first turn */
    size_t  n_turns;
    int64_t layer;        /* of the first turn; -1: no repeat */
} section;

typedef struct drawing {
    const setun_inspection *inspection;
    buffer *dot;
    setun_node_info        *nodes;    /* [n_nodes] */
    size_t                  n_nodes;
    section                *sections; /* [n_sections] */
    size_t                  n_sections;
    size_t                 *section_of;                /* [n_nodes] */
    size_t                 *writer_of_value, *writer_of_cache; /* [id] node + 1; 0: the graph's input */
    size_t                  n_values, n_caches;
} drawing;

/* ---- which nodes belong together ---- */

static bool same_operand(const setun_operand_info *a, const setun_operand_info *b)
{
    return a->kind == b->kind && strcmp(a->name, b->name) == 0 && a->rows == b->rows && a->dim[0] == b->dim[0] && a->dim[1] == b->dim[1] &&
           (a->fmt == NULL ? b->fmt == NULL : b->fmt != NULL && strcmp(a->fmt, b->fmt) == 0);
}

/* Whether two nodes come from one place of the model file and look alike. */
static bool same_node(const setun_node_info *a, const setun_node_info *b)
{
    bool same = a->line == b->line && a->column == b->column && strcmp(a->op, b->op) == 0 && strcmp(a->note, b->note) == 0 &&
                a->n_in == b->n_in && a->n_out == b->n_out;

    for (uint32_t i = 0; same && i < a->n_in; i++)
        same = same_operand(&a->in[i], &b->in[i]);
    for (uint32_t i = 0; same && i < a->n_out; i++)
        same = same_operand(&a->out[i], &b->out[i]);
    return same;
}

static bool comes_later(const setun_node_info *a, const setun_node_info *b)
{
    return a->line > b->line || (a->line == b->line && a->column > b->column);
}

/* Nodes from `first` on that make one turn of a repeat: of one layer, each further down in the model file. */
static size_t turn_length(const drawing *d, size_t first)
{
    size_t n = 1;

    if (d->nodes[first].layer < 0)
        return 1;
    while (first + n < d->n_nodes && d->nodes[first + n].layer == d->nodes[first].layer &&
           comes_later(&d->nodes[first + n], &d->nodes[first + n - 1]))
        n++;
    return n;
}

static bool same_turn(const drawing *d, size_t a, size_t b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!same_node(&d->nodes[a + i], &d->nodes[b + i]))
            return false;
    return true;
}

static void find_sections(drawing *d, bool unroll)
{
    for (size_t i = 0; i < d->n_nodes;) {
        section found = {.first = i, .n = turn_length(d, i), .n_turns = 1, .layer = d->nodes[i].layer};

        i += found.n;
        while (!unroll && found.layer >= 0 && i < d->n_nodes && d->nodes[i].layer == found.layer + (int64_t)found.n_turns &&
               turn_length(d, i) == found.n && same_turn(d, found.first, i, found.n)) {
            found.n_turns++;
            i += found.n;
        }
        for (size_t j = found.first; j < i; j++)
            d->section_of[j] = d->n_sections;
        d->sections[d->n_sections++] = found;
    }
}

/* The node that stands for node i in the picture, and the turn of its section that i belongs to. */
static size_t drawn_as(const drawing *d, size_t i, size_t *out_turn)
{
    const section *s = &d->sections[d->section_of[i]];

    *out_turn = (i - s->first) / s->n;
    return s->first + (i - s->first) % s->n;
}

/* ---- nodes ---- */

/* Fill colours by what an op does. */
static const char *colour_of(const setun_node_info *node)
{
    static const struct {
        const char *op, *colour;
    } colours[] = {
        {"embedding", "#dfe7f3"}, {"linear", "#dfe7f3"},  {"rms_norm", "#f6efd4"},  {"l2_norm", "#f6efd4"}, {"rope", "#e3f0e0"},
        {"kv_write", "#e3f0e0"},  {"attention", "#cfe6c9"},
    };

    for (uint32_t i = 0; i < node->n_in; i++)
        if (node->in[i].kind == SETUN_OPERAND_IS_WEIGHT && strcmp(node->op, "linear") == 0 &&
            (strstr(node->note, "ternary") == node->note || (node->in[i].fmt != NULL && strncmp(node->in[i].fmt, "tern", 4) == 0)))
            return "#f7d9bd"; /* ternary ones are what this is all about */
    for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++)
        if (strcmp(node->op, colours[i].op) == 0)
            return colours[i].colour;
    return "#eeeeee";
}

static void add_small(buffer *dot, const char *content)
{
    buffer_add(dot, "<BR/><FONT POINT-SIZE=\"9\" COLOR=\"#555555\">");
    buffer_add_escaped(dot, content);
    buffer_add(dot, "</FONT>");
}

static void add_node(const drawing *d, size_t i)
{
    const setun_node_info *node = &d->nodes[i];
    char shape[96];

    buffer_add(d->dot, "    n%zu [fillcolor=\"%s\", label=<<B>", i, colour_of(node));
    buffer_add_escaped(d->dot, node->op);
    buffer_add(d->dot, "</B>");
    for (uint32_t j = 0; j < node->n_in; j++) {
        const setun_operand_info *in = &node->in[j];
        const bool vector = in->dim[0] == 1;

        if (in->kind != SETUN_OPERAND_IS_WEIGHT)
            continue;
        buffer_add(d->dot, "<BR/>");
        buffer_add_escaped(d->dot, in->name);
        buffer_add(d->dot, "<BR/><FONT POINT-SIZE=\"9\" COLOR=\"#555555\">");
        if (in->fmt != NULL) {
            buffer_add_escaped(d->dot, in->fmt);
            buffer_add(d->dot, " ");
        }
        buffer_add(d->dot, "[%s]</FONT>", shape_text(vector ? 1 : 2, vector ? in->dim + 1 : in->dim, shape));
    }
    if (node->note[0] != '\0' && strcmp(node->note, "ternary") != 0)
        add_small(d->dot, node->note);
    buffer_add(d->dot, ">];\n");
    if (strcmp(node->op, "kv_write") == 0)
        for (uint32_t j = 0; j < node->n_out; j++)
            if (node->out[j].kind == SETUN_OPERAND_IS_CACHE) {
                buffer_add(d->dot,
                         "    c%zu [shape=cylinder, fillcolor=\"#ffffff\", label=<KV cache<BR/><FONT POINT-SIZE=\"9\" COLOR=\"#555555\">%" PRId64
                         " head%s x %" PRId64 "</FONT>>];\n    n%zu -> c%zu [style=dotted];\n",
                         i, node->out[j].dim[0], node->out[j].dim[0] == 1 ? "" : "s", node->out[j].dim[1], i, i);
                break;
            }
}

static void add_section(const drawing *d, const section *s, size_t number)
{
    if (s->layer >= 0) {
        buffer_add(d->dot, "  subgraph cluster_%zu {\n    style=\"rounded\"; color=\"#aaaaaa\"; fontsize=11; labeljust=l;\n    label=<", number);
        if (s->n_turns > 1)
            buffer_add(d->dot, "<B>x %zu (layers %" PRId64 " to %" PRId64 ")</B>", s->n_turns, s->layer, s->layer + (int64_t)s->n_turns - 1);
        else
            buffer_add(d->dot, "layer %" PRId64, s->layer);
        buffer_add(d->dot, ">;\n");
    }
    for (size_t i = s->first; i < s->first + s->n; i++)
        add_node(d, i);
    if (s->layer >= 0)
        buffer_add(d->dot, "  }\n");
}

/* ---- edges ---- */

/* "rows x 256": rows are those of the pass, out those that want logits. */
static void add_value_label(buffer *dot, const setun_operand_info *value)
{
    if (value->fmt != NULL && strcmp(value->fmt, "i32") == 0)
        buffer_add(dot, "rows");
    else
        buffer_add(dot, "%s x %" PRId64, value->rows == SETUN_OPERAND_ROWS_OUT ? "out" : "rows", value->dim[1]);
}

/* The edges into node i, which belongs to the first turn of its section, or to the second one: then only those from the turn before it. */
static void add_edges(const drawing *d, size_t i)
{
    size_t turn, from_turn;
    const size_t to = drawn_as(d, i, &turn);

    for (uint32_t j = 0; j < d->nodes[i].n_in; j++) {
        const setun_operand_info *in = &d->nodes[i].in[j];
        const bool cache = in->kind == SETUN_OPERAND_IS_CACHE;
        size_t writer, from;

        if (in->kind != SETUN_OPERAND_IS_VALUE && !cache)
            continue;
        if (cache && j > 0 && d->nodes[i].in[j - 1].kind == SETUN_OPERAND_IS_CACHE)
            continue; /* K and V are drawn as one */
        writer = cache ? d->writer_of_cache[in->id] : d->writer_of_value[in->id];
        if (writer == 0) {
            if (turn == 0 && !cache)
                buffer_add(d->dot, "  tokens -> n%zu [label=\"rows\"];\n", to);
            continue;
        }
        from = drawn_as(d, writer - 1, &from_turn);
        if (turn == 0 && cache) {
            buffer_add(d->dot, "  c%zu -> n%zu [style=dotted];\n", from, to);
        } else if (turn == 0) {
            buffer_add(d->dot, "  n%zu -> n%zu [label=\" ", from, to);
            add_value_label(d->dot, in);
            buffer_add(d->dot, "\"];\n");
        } else if (d->section_of[writer - 1] == d->section_of[i] && from_turn + 1 == turn) {
            buffer_add(d->dot, "  n%zu -> n%zu [style=dashed, color=\"#999999\", constraint=false, tooltip=\"to the next layer\"];\n", from, to);
        }
    }
}

static void add_all_edges(const drawing *d)
{
    for (size_t s = 0; s < d->n_sections; s++) {
        const section *found = &d->sections[s];
        const size_t n_turns = found->n_turns > 1 ? 2 : 1;

        for (size_t i = found->first; i < found->first + n_turns * found->n; i++)
            add_edges(d, i);
    }
}

/* ---- the whole ---- */

static size_t *new_list(size_t n)
{
    return calloc(n + 1, sizeof(size_t));
}

/* Reads the nodes and notes who writes what. */
static bool read_nodes(drawing *d)
{
    setun_inspection_summary summary;

    setun_inspection_describe(d->inspection, &summary);
    d->n_nodes = summary.n_nodes;
    d->nodes = calloc(d->n_nodes + 1, sizeof(*d->nodes));
    d->sections = calloc(d->n_nodes + 1, sizeof(*d->sections));
    d->section_of = new_list(d->n_nodes);
    if (d->nodes == NULL || d->sections == NULL || d->section_of == NULL)
        return false;
    for (size_t i = 0; i < d->n_nodes; i++) {
        setun_inspection_node(d->inspection, i, &d->nodes[i]);
        for (uint32_t j = 0; j < d->nodes[i].n_in + d->nodes[i].n_out; j++) {
            const setun_operand_info *operand = j < d->nodes[i].n_in ? &d->nodes[i].in[j] : &d->nodes[i].out[j - d->nodes[i].n_in];
            size_t *n = operand->kind == SETUN_OPERAND_IS_VALUE ? &d->n_values : &d->n_caches;

            if ((operand->kind == SETUN_OPERAND_IS_VALUE || operand->kind == SETUN_OPERAND_IS_CACHE) && operand->id >= *n)
                *n = (size_t)operand->id + 1;
        }
    }
    d->writer_of_value = new_list(d->n_values);
    d->writer_of_cache = new_list(d->n_caches);
    if (d->writer_of_value == NULL || d->writer_of_cache == NULL)
        return false;
    for (size_t i = 0; i < d->n_nodes; i++)
        for (uint32_t j = 0; j < d->nodes[i].n_out; j++) {
            const setun_operand_info *out = &d->nodes[i].out[j];

            if (out->kind == SETUN_OPERAND_IS_VALUE)
                d->writer_of_value[out->id] = i + 1;
            else if (out->kind == SETUN_OPERAND_IS_CACHE)
                d->writer_of_cache[out->id] = i + 1;
        }
    return true;
}

/* The node that writes the logits is the last one that writes a value of that name. */
static void add_result(const drawing *d)
{
    for (size_t i = d->n_nodes; i-- > 0;)
        for (uint32_t j = 0; j < d->nodes[i].n_out; j++)
            if (d->nodes[i].out[j].kind == SETUN_OPERAND_IS_VALUE && strcmp(d->nodes[i].out[j].name, "logits") == 0) {
                size_t turn;

                buffer_add(d->dot, "  logits [shape=ellipse, fillcolor=\"#ffffff\"];\n  n%zu -> logits [label=\" ", drawn_as(d, i, &turn));
                add_value_label(d->dot, &d->nodes[i].out[j]);
                buffer_add(d->dot, "\"];\n");
                return;
            }
}

setun_status dot_graph(const setun_inspection *inspection, const char *title, bool unroll, buffer *dot, setun_error *error)
{
    drawing d = {.inspection = inspection, .dot = dot};
    setun_status status = SETUN_OK;

    if (read_nodes(&d)) {
        find_sections(&d, unroll);
        buffer_add(dot,
                 "digraph model {\n"
                 "  graph [fontname=\"Helvetica\", fontsize=13, labelloc=t, ranksep=0.32, nodesep=0.3, label=<");
        buffer_add_escaped(dot, title);
        buffer_add(dot,
                 ">];\n"
                 "  node [fontname=\"Helvetica\", fontsize=11, shape=box, style=\"filled,rounded\", color=\"#888888\", height=0.3, "
                 "margin=\"0.12,0.05\"];\n"
                 "  edge [fontname=\"Helvetica\", fontsize=9, fontcolor=\"#555555\", color=\"#555555\", arrowsize=0.6];\n"
                 "  tokens [shape=ellipse, fillcolor=\"#ffffff\"];\n");
        for (size_t i = 0; i < d.n_sections; i++)
            add_section(&d, &d.sections[i], i);
        add_all_edges(&d);
        add_result(&d);
        buffer_add(dot, "}\n");
    } else {
        dot->failed = true;
    }
    if (dot->failed)
        status = set_error(error, SETUN_ERR_NOMEM, "out of memory: %zu nodes", d.n_nodes);
    free(d.nodes);
    free(d.sections);
    free(d.section_of);
    free(d.writer_of_value);
    free(d.writer_of_cache);
    return status;
}
