/* attention.h - softmax attention over a cache, in chunks of 256 positions of the sequence (numerics.md: attention).
 * One unit is a block of up to `rows` rows with `heads` query heads that share a KV head. Rows of a block that follow each other in
 * one sequence go through the chunks together: K is turned so that lanes are positions once for all of them. */
#ifndef SETUN_AVX2_ATTENTION_H
#define SETUN_AVX2_ATTENTION_H
#include "attention_parts.h"

enum { CHOICE_ROWS, CHOICE_HEADS }; /* setun_kernel_plan.choice */

/* A worker's scratch, floats; o's rows and the columns are padded to whole lanes. */
static inline int64_t scratch_floats(int64_t n_queries, int64_t n_chunks, int64_t head_dim)
{
    return padded_dims(head_dim) * SETUN_LANES + n_queries * (SETUN_CHUNK + n_chunks * (padded_dims(head_dim) + 2));
}

/* Heads of a unit: fewer make more units for the workers, more share the work on K and V, worth about two heads' own. */
static inline int64_t choose_heads(const setun_attr_attention *attr, int64_t row_blocks, int64_t n_workers)
{
    const int64_t group = attr->heads / attr->kv_heads;
    int64_t best = 1, best_time = INT64_MAX;

    for (int64_t heads = 1; heads <= group && heads <= ATTENTION_MAX_HEADS; heads++) {
        const int64_t n_units = row_blocks * attr->kv_heads * (group / heads);
        const int64_t time = (n_units + n_workers - 1) / n_workers * (heads + 2);

        if (group % heads == 0 && time <= best_time) {
            best = heads;
            best_time = time;
        }
    }
    return best;
}

static inline setun_status attention_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const setun_attr_attention *attr = query->attr[0];
    const int64_t n_chunks = query->in[1].dim[0];
    const double positions = (double)n_chunks * SETUN_CHUNK;
    int64_t rows = query->rows_max >= 2 * ATTENTION_MAX_ROWS ? ATTENTION_MAX_ROWS : 1, heads;

    if (attr->softcap != 0.0f)
        return setun_refuse(query, "attention: softcap is not defined in numerics version 1");
    if (attr->kv_heads < 1 || attr->heads % attr->kv_heads != 0)
        return setun_refuse(query, "attention: kv_heads does not divide heads");
    if (attr->window < 0)
        return setun_refuse(query, "attention: window is negative");
    if (!cache_fits(&query->in[1], attr->kv_heads, attr->head_dim) || !cache_fits(&query->in[2], attr->kv_heads, attr->head_dim))
        return setun_refuse(query, "attention: the cache is not [blocks, kv_heads, 256, head_dim]");
    if (query->in[0].dim[1] != attr->heads * attr->head_dim)
        return setun_refuse(query, "attention: the columns are not heads * head_dim");
    heads = choose_heads(attr, (query->rows_max + rows - 1) / rows, query->machine->n_workers > 0 ? query->machine->n_workers : 1);
    while (rows > 1 && scratch_floats(rows * heads, n_chunks, attr->head_dim) > ATTENTION_SCRATCH_FLOATS)
        rows /= 2;
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)scratch_floats(rows * heads, n_chunks, attr->head_dim) * sizeof(float);
    out_plan->choice[CHOICE_ROWS] = (uint64_t)rows;
    out_plan->choice[CHOICE_HEADS] = (uint64_t)heads;
    out_plan->cost_ns = ATTENTION_NS * (double)query->rows_max * (double)query->in[0].dim[1] * positions;
    return SETUN_OK;
}

static inline int64_t attention_units(const setun_call *call, uint32_t phase)
{
    const setun_attr_attention *attr = call->attr[0];
    const int64_t rows = (int64_t)call->choice[CHOICE_ROWS];

    (void)phase;
    return (call->in[0].dim[0] + rows - 1) / rows * (attr->heads / (int64_t)call->choice[CHOICE_HEADS]);
}

/* The chunk's part of every query's answer. */
ALWAYS_INLINE void attention_chunk(const setun_call *call, attention_run_of_rows *run, int64_t chunk, int64_t element_bytes,
                                   lanes_loader *load, lanes_loader_n *load_n)
{
    const setun_attr_attention *attr = call->attr[0];
    const int64_t base = chunk * SETUN_CHUNK;
    const char *k = cache_cell(&call->in[1], run->block, run->kv_head, base),
               *v = cache_cell(&call->in[2], run->block, run->kv_head, base);
    int64_t from = SETUN_CHUNK, to = 0;

    for (int64_t i = 0; i < run->n_queries; i++) {
        const attention_query *query = &run->query[i];
        const int64_t first = chunk_first(query, base), end = chunk_end(query, base);

        if (first < end) {
            from = least(from, first);
            to = to > end ? to : end;
        }
    }
    for (int64_t tile = from / SETUN_LANES * SETUN_LANES; tile < to; tile += SETUN_LANES) {
        turn_keys(k + tile * call->in[1].stride_bytes[2], call->in[1].stride_bytes[2], attr->head_dim, element_bytes, run->columns,
                  load, load_n);
        score_tile(run, base, tile, attr);
    }
    for (int64_t i = 0; i < run->n_queries; i++)
        weigh_positions(&run->query[i], chunk);
    for (int64_t i = 0; i < run->n_queries; i += run->heads)
        add_values(run->query + i, run->heads, chunk, v, call->in[2].stride_bytes[2], attr->head_dim, element_bytes, load, load_n);
}

/* One run of rows [row, end) of a sequence. */
ALWAYS_INLINE void attention_rows(const setun_call *call, float *scratch, int64_t row, int64_t end, int64_t head, int64_t n_heads,
                                  int64_t element_bytes, lanes_loader *load, lanes_loader_n *load_n)
{
    const setun_attr_attention *attr = call->attr[0];
    attention_run_of_rows run = {.kv_head = head / (attr->heads / attr->kv_heads), .heads = n_heads};
    int64_t first_chunk = INT64_MAX, last_chunk = -1;

    run.block = call->batch->block[call->batch->seq[row]];
    run.columns = scratch;
    scratch += padded_dims(attr->head_dim) * SETUN_LANES;
    for (int64_t i = row; i < end; i++)
        for (int64_t h = 0; h < n_heads; h++) {
            attention_query *query = &run.query[run.n_queries++];

            scratch = query_make(call, i, head + h, scratch, query);
            first_chunk = least(first_chunk, query->first_chunk);
            if (query->end > query->first && (query->end - 1) / SETUN_CHUNK > last_chunk)
                last_chunk = (query->end - 1) / SETUN_CHUNK;
        }
    for (int64_t chunk = first_chunk; chunk <= last_chunk; chunk++)
        attention_chunk(call, &run, chunk, element_bytes, load, load_n);
    for (int64_t i = 0; i < run.n_queries; i++)
        merge_chunks(&run.query[i], attr->head_dim);
}

ALWAYS_INLINE void attention_run(const setun_call *call, const setun_tile *tile, int64_t element_bytes, lanes_loader *load,
                                 lanes_loader_n *load_n)
{
    const int64_t rows = (int64_t)call->choice[CHOICE_ROWS], heads = (int64_t)call->choice[CHOICE_HEADS];
    const int64_t m = call->in[0].dim[0], n_blocks = (m + rows - 1) / rows;
    const int32_t *seq = call->batch->seq;

    /* Heads outermost: later rows see more positions, and a worker's contiguous range should hold late and early ones. */
    for (int64_t unit = tile->begin; unit < tile->end; unit++) {
        const int64_t head = unit / n_blocks * heads, begin = unit % n_blocks * rows, end = least(begin + rows, m);

        for (int64_t i = begin, j; i < end; i = j) {
            for (j = i + 1; j < end && seq[j] == seq[i]; j++)
                ;
            attention_rows(call, tile->scratch, i, j, head, heads, element_bytes, load, load_n);
        }
    }
}
#endif
