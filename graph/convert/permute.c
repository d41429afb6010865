/* permute.c - finds the weights whose values rope turns in another pairing. */
#include "convert/permute.h"

#include <string.h>

#include "setun_ops.h"

/* The weight whose linear op makes the value that rope takes; -1: something else does. */
static int64_t weight_before(const setun_graph *graph, const setun_graph_node *rope)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const setun_graph_node *node = &graph->nodes[i];

        if (strcmp(node->op, "linear") != 0 || node->out[0].index != rope->in[0].index)
            continue;
        for (uint32_t j = 0; j < node->n_in; j++)
            if (node->in[j].kind == SETUN_OPERAND_WEIGHT)
                return node->in[j].index;
    }
    return -1;
}

setun_status setun_permutations_find(const setun_graph *from, const setun_graph *to, setun_permutation *out, setun_error *error)
{
    for (size_t i = 0; i < from->n_weights; i++)
        out[i] = (setun_permutation){.moves = false};
    for (size_t i = 0; i < from->n_nodes && i < to->n_nodes; i++) {
        const setun_attr_rope *old, *new;
        int64_t weight;

        if (strcmp(from->nodes[i].op, "rope") != 0 || strcmp(to->nodes[i].op, "rope") != 0)
            continue;
        old = from->nodes[i].attr;
        new = to->nodes[i].attr;
        if (old->pairing == new->pairing)
            continue;
        weight = weight_before(from, &from->nodes[i]);
        if (weight < 0)
            return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s:%u: expected rope right behind a linear op, whose rows change their order with the "
                              "kind of file", from->path, (unsigned)from->nodes[i].line);
        out[weight] = (setun_permutation){.moves = true, .interleaved = new->pairing == SETUN_ROPE_INTERLEAVED, .head_dim = new->head_dim,
                                          .n_dims = new->n_dims};
    }
    return SETUN_OK;
}

int64_t setun_permutation_row(const setun_permutation *permutation, int64_t i)
{
    const int64_t half = permutation->n_dims / 2, j = permutation->moves ? i % permutation->head_dim : 0, head = i - j;

    if (!permutation->moves || j >= permutation->n_dims)
        return i;
    /* Pair p is (p, p + half) in the one order and (2p, 2p + 1) in the other. */
    return head + (permutation->interleaved ? j / 2 + j % 2 * half : j % half * 2 + j / half);
}
