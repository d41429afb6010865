/* dot_graph.h - the graph of a model as text for Graphviz' program `dot`. */
#ifndef SETUN_TOOLS_DOT_GRAPH_H
#define SETUN_TOOLS_DOT_GRAPH_H
#include <stdbool.h>

#include "setun/inspect.h"
#include "buffer.h"

/* Turns of a repeat that are alike are drawn once, in a frame that says how many there are; with `unroll` each is drawn.
 * SETUN_ERR_NOMEM. */
setun_status dot_graph(const setun_inspection *inspection, const char *title, bool unroll, buffer *dot, setun_error *error);
#endif
