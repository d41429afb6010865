/* chunk.c - how many rows a pass has at most where nobody says: as many as the caches hold the activations of, within bounds. */
#include "session/session_internal.h"

/* Every pass reads and unpacks all weights, for its rows together: of 64 rows this is 6 % of the time, of 256 hardly anything any more
 * (2B4T, two cores of Zen 4). Activations that leave the cache cost less than that, so that few rows are never right. */
enum { LEAST_ROWS = 64, MOST_ROWS = 256, TILE_ROWS = 16 /* a multiple of most kernels' tiles */ };

/* Of an activation as nodes write it: f32, or i32 for tokens. */
static uint64_t operand_bytes(const setun_graph *graph, const setun_graph_operand *operand)
{
    return operand->kind == SETUN_OPERAND_VALUE ? 4 * (uint64_t)graph->values[operand->index].n : 0;
}

/* Bytes that the widest node reads and writes for one row. Nodes behind output_rows have few rows in long passes. */
static uint64_t widest_row_bytes(const setun_graph *graph)
{
    uint64_t widest = 0;

    for (size_t i = 0; i < graph->n_nodes; i++) {
        const setun_graph_node *node = &graph->nodes[i];
        uint64_t n_bytes = 0;

        if (node->n_out > 0 && node->out[0].kind == SETUN_OPERAND_VALUE && graph->values[node->out[0].index].rows == SETUN_ROWS_OUT)
            continue;
        for (uint32_t j = 0; j < node->n_in; j++)
            n_bytes += operand_bytes(graph, &node->in[j]);
        for (uint32_t j = 0; j < node->n_out; j++)
            n_bytes += operand_bytes(graph, &node->out[j]);
        widest = n_bytes > widest ? n_bytes : widest;
    }
    return widest;
}

uint32_t setun_chunk_rows(uint64_t cache_bytes, uint64_t row_bytes, uint32_t max_seqs)
{
    const uint64_t fitting = cache_bytes > 0 && row_bytes > 0 ? cache_bytes / row_bytes : MOST_ROWS;
    const uint32_t rows = (uint32_t)(fitting < MOST_ROWS ? fitting : MOST_ROWS) / TILE_ROWS * TILE_ROWS;
    const uint32_t least = max_seqs < LEAST_ROWS ? LEAST_ROWS : max_seqs < MOST_ROWS ? max_seqs : MOST_ROWS;

    return rows < least ? least : rows;
}

void setun_session_choose_chunk(setun_session *session)
{
    session->chunk_row_bytes = widest_row_bytes(session->model->graph);
    session->chunk_cache_bytes = setun_topology_reach(session->model->topology, setun_team_n_threads(session->team));
    session->chunk = setun_chunk_rows(session->chunk_cache_bytes, session->chunk_row_bytes, session->max_seqs);
}
