/* gather.c - the rows of an embedding's table that a pass needs, read from the weight file: the table itself is not kept in memory. */
#include <stdlib.h>
#include <string.h>

#include "session/head.h"

struct setun_gather {
    const setun_weights *weights;
    const setun_weight  *source;
    setun_planner_table  table;
    int64_t              row_bytes; /* from one row to the next, in the file and here */
    int32_t             *token;     /* [n_rows] 0, 1, 2 ... */
};

/* The graph's only embedding, or NULL. */
static const setun_graph_node *find_embedding(const setun_graph *graph)
{
    const setun_graph_node *found = NULL;

    for (size_t i = 0; i < graph->n_nodes; i++)
        if (strcmp(graph->nodes[i].op, "embedding") == 0) {
            if (found != NULL)
                return NULL;
            found = &graph->nodes[i];
        }
    return found;
}

setun_status setun_gather_create(const setun_graph *graph, const setun_store *store, int64_t n_rows, setun_gather **out_gather, setun_error *error)
{
    const setun_graph_node *node = find_embedding(graph);
    const setun_graph_weight *weight = node == NULL ? NULL : &graph->weights[node->in[1].index];
    setun_gather *gather;
    setun_tensor *part;
    setun_status status;

    *out_gather = NULL;
    if (weight == NULL || weight->source == NULL || weight->source->coding != NULL ||
        (strcmp(weight->fmt, "f16") != 0 && strcmp(weight->fmt, "bf16") != 0))
        return SETUN_OK;
    gather = setun_calloc(1, sizeof(*gather));
    if (gather == NULL)
        return setun_fail_nomem(error, "embedding", sizeof(*gather));
    gather->weights = graph->source;
    gather->source = weight->source;
    gather->table.weight = node->in[1].index;
    status = setun_store_shape_weight(store, gather->table.weight, weight->fmt, &gather->table.operand, error);
    part = &gather->table.operand.part[0];
    if (status == SETUN_OK) {
        size_t n_bytes, n_token_bytes;

        gather->row_bytes = part->stride_bytes[0];
        part->dim[0] = n_rows;
        if (!setun_mul_size((size_t)n_rows, (size_t)gather->row_bytes, &n_bytes) || !setun_round_up(n_bytes, 64, &n_bytes) ||
            !setun_round_up((size_t)n_rows * sizeof(int32_t), 64, &n_token_bytes))
            n_bytes = n_token_bytes = SIZE_MAX;
        gather->table.operand.n_bytes[0] = n_bytes;
        part->data = n_bytes == SIZE_MAX ? NULL : setun_pages_alloc_sparse(n_bytes);
        gather->token = n_bytes == SIZE_MAX ? NULL : aligned_alloc(64, n_token_bytes);
        if (part->data == NULL || gather->token == NULL)
            status = setun_fail_nomem(error, "rows of the embedding", n_bytes);
    }
    if (status != SETUN_OK) {
        setun_gather_destroy(gather);
        return status;
    }
    memset(gather->token, 0, ((size_t)n_rows * sizeof(int32_t) + 63) / 64 * 64);
    for (int64_t i = 0; i < n_rows; i++)
        gather->token[i] = (int32_t)i;
    *out_gather = gather;
    return SETUN_OK;
}

void setun_gather_destroy(setun_gather *gather)
{
    if (gather == NULL)
        return;
    setun_pages_free(gather->table.operand.part[0].data, gather->table.operand.n_bytes[0]);
    free(gather->token);
    free(gather);
}

const setun_planner_table *setun_gather_table(const setun_gather *gather)
{
    return &gather->table;
}

const int32_t *setun_gather_tokens(const setun_gather *gather)
{
    return gather->token;
}

setun_status setun_gather_read(setun_gather *gather, const setun_row *rows, size_t n_rows, setun_error *error)
{
    char *data = gather->table.operand.part[0].data;
    setun_status status = SETUN_OK;

    for (size_t i = 0; i < n_rows && status == SETUN_OK; i++)
        status = setun_weight_read(gather->weights, gather->source, (size_t)rows[i].token * (size_t)gather->row_bytes, (size_t)gather->row_bytes,
                                   data + i * (size_t)gather->row_bytes, error);
    return status;
}
