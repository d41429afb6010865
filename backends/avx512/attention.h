/* attention.h - softmax attention over a cache, in chunks of 256 positions of the sequence (numerics.md: attention).
 * Many rows: one unit is a block of up to `rows` rows with `heads` query heads that share a KV head. Rows of a block that follow each
 * other in one sequence go through the chunks together: K is turned so that lanes are positions once for all of them.
 * Few rows: one unit is one head of one row; those of a tile that share a KV head are done together.
 * Few rows, where sequences can have several chunks: one unit is a chunk of one row with `heads` heads, so that all workers share one
 * long sequence, or, where these are few, with one head; what is kept of the chunks lies in memory that they share, and a second phase, for
 * one barrier more, merges it, one unit being a row and head. A row that sees one chunk is done at once: where all do, the second phase is empty. */
#ifndef SETUN_AVX512_ATTENTION_H
#define SETUN_AVX512_ATTENTION_H
#include "attention_parts.h"

/* setun_kernel_plan.choice. Split: among how many workers, or 0. */
enum { CHOICE_ROWS, CHOICE_HEADS, CHOICE_SPLIT, CHOICE_FETCH };

/* A worker's scratch, floats; o's rows and the columns are padded to whole lanes. n_kept: chunks that are kept in it. */
static inline int64_t scratch_floats(int64_t n_queries, int64_t n_kept, int64_t head_dim)
{
    return padded_dims(head_dim) * SETUN_LANES + n_queries * (SETUN_CHUNK + kept_floats(n_kept, head_dim));
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
    const int64_t n_workers = query->machine->n_workers > 0 ? query->machine->n_workers : 1;
    const double positions = (double)n_chunks * SETUN_CHUNK;
    int64_t rows = query->rows_max > 2 * ATTENTION_MAX_ROWS ? ATTENTION_MAX_ROWS : 1, heads, shared;

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
    heads = choose_heads(attr, (query->rows_max + rows - 1) / rows, n_workers);
    shared = query->rows_max * attr->heads * kept_floats(n_chunks, attr->head_dim);
    if (rows == 1 && n_chunks > 1 && shared <= ATTENTION_SHARED_FLOATS) {
        out_plan->choice[CHOICE_SPLIT] = (uint64_t)n_workers;
        out_plan->n_phases = 2;
        out_plan->shared_bytes = (size_t)shared * sizeof(float);
        out_plan->worker_bytes = (size_t)scratch_floats(heads, 0, attr->head_dim) * sizeof(float);
    } else {
        if (rows == 1)
            heads = least(attr->heads / attr->kv_heads, ATTENTION_MAX_HEADS); /* at most */
        while (rows > 1 && scratch_floats(rows * heads, n_chunks, attr->head_dim) > ATTENTION_SCRATCH_FLOATS)
            rows /= 2;
        out_plan->n_phases = 1;
        out_plan->worker_bytes = (size_t)scratch_floats(rows * heads, n_chunks, attr->head_dim) * sizeof(float);
    }
    out_plan->choice[CHOICE_ROWS] = (uint64_t)rows;
    out_plan->choice[CHOICE_HEADS] = (uint64_t)heads;
    out_plan->choice[CHOICE_FETCH] = (uint64_t)choose_fetch(query->machine);
    out_plan->cost_ns = ATTENTION_NS * (double)query->rows_max * (double)query->in[0].dim[1] * positions;
    return SETUN_OK;
}

/* Chunks that a row sees, from *out_first on. */
static inline int64_t row_chunks(const setun_call *call, int64_t row, int64_t *out_first)
{
    attention_query query;

    query_make(call, row, 0, NULL, NULL, &query);
    *out_first = query.first_chunk;
    return query_n_chunks(&query);
}

/* Split: chunks of rows with `heads` heads, and into how many units each is cut: heads, where workers would have few or none, else 1. */
static inline int64_t split_units(const setun_call *call, int64_t *out_n_each)
{
    const setun_attr_attention *attr = call->attr[0];
    const int64_t heads = (int64_t)call->choice[CHOICE_HEADS];
    int64_t n = 0, unused;

    for (int64_t i = 0; i < call->in[0].dim[0]; i++)
        n += row_chunks(call, i, &unused) * (attr->heads / heads);
    *out_n_each = n < ATTENTION_UNITS * (int64_t)call->choice[CHOICE_SPLIT] ? heads : 1;
    return n * *out_n_each;
}

/* Whether a row is still to be merged in the second phase. */
static inline int is_merged_later(const setun_call *call, int64_t row)
{
    int64_t unused;

    return row_chunks(call, row, &unused) != 1;
}

static inline int64_t merge_units(const setun_call *call)
{
    const setun_attr_attention *attr = call->attr[0];

    for (int64_t i = 0; i < call->in[0].dim[0]; i++)
        if (is_merged_later(call, i))
            return call->in[0].dim[0] * attr->heads;
    return 0;
}

static inline int64_t attention_units(const setun_call *call, uint32_t phase)
{
    const setun_attr_attention *attr = call->attr[0];
    const int64_t rows = (int64_t)call->choice[CHOICE_ROWS], m = call->in[0].dim[0];
    int64_t unused;

    if (call->choice[CHOICE_SPLIT])
        return phase == 1 ? merge_units(call) : split_units(call, &unused);
    return rows == 1 ? m * attr->heads : (m + rows - 1) / rows * (attr->heads / (int64_t)call->choice[CHOICE_HEADS]);
}

/* The chunk's part of every query's answer. next: the keys of the chunk that is to follow, or NULL. */
ALWAYS_INLINE void attention_chunk(const setun_call *call, attention_run_of_rows *run, int64_t chunk, const char *next,
                                   int64_t element_bytes, lanes_loader *load, lanes_loader_n *load_n, lanes_turner *turn)
{
    const setun_attr_attention *attr = call->attr[0];
    const int64_t base = chunk * SETUN_CHUNK, k_stride = call->in[1].stride_bytes[2], v_stride = call->in[2].stride_bytes[2];
    const char *k = cache_cell(&call->in[1], run->block, run->kv_head, base),
               *v = cache_cell(&call->in[2], run->block, run->kv_head, base);
    const int fetch = (int)call->choice[CHOICE_FETCH];
    int64_t from = SETUN_CHUNK, to = 0;

    for (int64_t i = 0; i < run->n_queries; i++) {
        const attention_query *query = &run->query[i];
        const int64_t first = chunk_first(query, base), end = chunk_end(query, base);

        if (first < end) {
            from = least(from, first);
            to = to > end ? to : end;
        }
    }
    /* Even keys that were fetched as those to follow: a token's attention at 160 positions takes 0.33 ms with all asked for again, 0.39 without. */
    if (run->n_queries <= ATTENTION_FEW)
        fetch_bytes(fetch, k + from * k_stride, least((to - from) * k_stride, ATTENTION_AHEAD_BYTES));
    for (int64_t tile = from / SETUN_LANES * SETUN_LANES; tile < to; tile += SETUN_LANES) {
        const char *ahead = tile_ahead(k, tile, to, k_stride, v + from / SETUN_LANES * SETUN_LANES * v_stride);

        if (run->n_queries <= ATTENTION_FEW) {
            score_few(run, k + tile * k_stride, k_stride, fetch, ahead, tile, attr, element_bytes, load_n, turn);
        } else {
            turn_keys(k + tile * k_stride, k_stride, attr->head_dim, element_bytes, run->columns, load_n, turn);
            score_tile(run, base, tile, attr);
        }
    }
    for (int64_t i = 0; i < run->n_queries; i++)
        weigh_positions(&run->query[i], chunk);
    if (run->n_queries <= ATTENTION_FEW) {
        for (int64_t i = 0; i < run->n_queries; i += run->heads)
            add_values(run->query + i, run->heads, chunk, v, v_stride, attr->head_dim, fetch, next, element_bytes, load, load_n);
    } else {
        for (int64_t i = 0; i < run->n_queries; i += run->heads)
            add_values(run->query + i, run->heads, chunk, v, v_stride, attr->head_dim, FETCH_NOTHING, NULL, element_bytes, load, load_n);
    }
}

/* attention_chunk for one type of cache. A function of the kernel's file, and no part of its callers: it is long, and they are two. */
typedef void attention_chunker(const setun_call *call, attention_run_of_rows *run, int64_t chunk, const char *next);

static inline const char *chunk_keys(const setun_call *call, const attention_run_of_rows *run, int64_t chunk)
{
    return cache_cell(&call->in[1], run->block, run->kv_head, chunk * SETUN_CHUNK);
}

/* Keys of a chunk, counted from the first that the row sees, of a head; NULL if the row sees none: to be fetched while what comes before it is
 * worked on, for the first 16 KB of keys would be waited for else. */
static inline const char *keys_of(const setun_call *call, int64_t row, int64_t head, int64_t chunk)
{
    const setun_attr_attention *attr = call->attr[0];
    int64_t first_chunk;

    if (row_chunks(call, row, &first_chunk) <= chunk)
        return NULL;
    return cache_cell(&call->in[1], call->batch->block[call->batch->seq[row]], head / (attr->heads / attr->kv_heads),
                      (first_chunk + chunk) * SETUN_CHUNK);
}

/* One run of rows [row, end) of a sequence. next: keys that are worked on after these, or NULL. */
ALWAYS_INLINE void attention_rows(const setun_call *call, float *scratch, int64_t row, int64_t end, int64_t head, int64_t n_heads,
                                  const char *next, attention_chunker *add_chunk)
{
    const setun_attr_attention *attr = call->attr[0];
    const int64_t kept = kept_floats(call->in[1].dim[0], attr->head_dim);
    attention_run_of_rows run = {.kv_head = head / (attr->heads / attr->kv_heads), .heads = n_heads};
    int64_t first_chunk = INT64_MAX, end_chunk = 0;

    run.block = call->batch->block[call->batch->seq[row]];
    run.columns = scratch;
    scratch += padded_dims(attr->head_dim) * SETUN_LANES;
    for (int64_t i = row; i < end; i++)
        for (int64_t h = 0; h < n_heads; h++, scratch += SETUN_CHUNK + kept) {
            attention_query *query = &run.query[run.n_queries++];

            query_make(call, i, head + h, scratch, scratch + SETUN_CHUNK, query);
            first_chunk = least(first_chunk, query->first_chunk);
            if (query->first_chunk + query_n_chunks(query) > end_chunk)
                end_chunk = query->first_chunk + query_n_chunks(query);
        }
    for (int64_t chunk = first_chunk; chunk < end_chunk; chunk++)
        add_chunk(call, &run, chunk, chunk + 1 < end_chunk ? chunk_keys(call, &run, chunk + 1) : next);
    for (int64_t i = 0; i < run.n_queries; i++)
        merge_chunks(&run.query[i], attr->head_dim);
}

/* Heads head .. head + n_heads - 1 of one row, split: the chunks [from, to) of those that it sees. next: as above. */
ALWAYS_INLINE void attention_split(const setun_call *call, float *scratch, int64_t row, int64_t head, int64_t n_heads, int64_t from, int64_t to,
                                   const char *next, attention_chunker *add_chunk)
{
    const setun_attr_attention *attr = call->attr[0];
    const int64_t kept = kept_floats(call->in[1].dim[0], attr->head_dim);
    attention_run_of_rows run = {.kv_head = head / (attr->heads / attr->kv_heads), .heads = n_heads, .n_queries = n_heads};

    run.block = call->batch->block[call->batch->seq[row]];
    run.columns = scratch;
    scratch += padded_dims(attr->head_dim) * SETUN_LANES;
    for (int64_t h = 0; h < n_heads; h++, scratch += SETUN_CHUNK)
        query_make(call, row, head + h, scratch, (float *)call->shared + (row * attr->heads + head + h) * kept, &run.query[h]);
    for (int64_t c = from; c < to; c++) {
        const int64_t chunk = run.query[0].first_chunk + c;

        add_chunk(call, &run, chunk, c + 1 < to ? chunk_keys(call, &run, chunk + 1) : next);
    }
    for (int64_t h = 0; h < n_heads && !is_merged_later(call, row); h++)
        merge_chunks(&run.query[h], attr->head_dim);
}

/* Units are heads, if they are cut so finely, inside chunks, inside groups of heads, inside rows. */
ALWAYS_INLINE void attention_run_split(const setun_call *call, const setun_tile *tile, attention_chunker *add_chunk)
{
    const setun_attr_attention *attr = call->attr[0];
    const int64_t n_heads = (int64_t)call->choice[CHOICE_HEADS], kept = kept_floats(call->in[1].dim[0], attr->head_dim);
    int64_t unit = 0, n_each, unused;

    if (tile->phase == 1) {
        for (int64_t i = tile->begin; i < tile->end; i++) {
            attention_query query;

            if (!is_merged_later(call, i / attr->heads))
                continue;
            query_make(call, i / attr->heads, i % attr->heads, NULL, (float *)call->shared + i * kept, &query);
            merge_chunks(&query, attr->head_dim);
        }
        return;
    }
    (void)split_units(call, &n_each);
    for (int64_t row = 0; row < call->in[0].dim[0] && unit < tile->end; row++) {
        const int64_t n_units = row_chunks(call, row, &unused) * n_each;

        for (int64_t head = 0; head < attr->heads && unit < tile->end; head += n_heads, unit += n_units) {
            const int64_t to = least(tile->end - unit, n_units);

            for (int64_t from = tile->begin > unit ? tile->begin - unit : 0, n; from < to; from += n) {
                const int64_t chunk = from / n_each, first = from % n_each;
                const char *next = NULL;

                n = first == 0 && to - from >= n_each ? (to - from) / n_each * n_each : least(n_each - first, to - from);
                if (from + n < to)
                    next = keys_of(call, row, head, (from + n) / n_each);
                else if (unit + n_units < tile->end && head + n_heads < attr->heads)
                    next = keys_of(call, row, head + n_heads, 0);
                if (n >= n_each)
                    attention_split(call, tile->scratch, row, head, n_heads, chunk, chunk + n / n_each, next, add_chunk);
                else
                    attention_split(call, tile->scratch, row, head + first, n, chunk, chunk + 1, next, add_chunk);
            }
        }
    }
}

ALWAYS_INLINE void attention_run(const setun_call *call, const setun_tile *tile, attention_chunker *add_chunk)
{
    const setun_attr_attention *attr = call->attr[0];
    const int64_t rows = (int64_t)call->choice[CHOICE_ROWS], heads = (int64_t)call->choice[CHOICE_HEADS];
    const int64_t m = call->in[0].dim[0], n_blocks = (m + rows - 1) / rows;
    const int32_t *seq = call->batch->seq;

    if (call->choice[CHOICE_SPLIT]) {
        attention_run_split(call, tile, add_chunk);
        return;
    }
    for (int64_t unit = tile->begin, n; unit < tile->end && rows == 1; unit += n) {
        const int64_t row = unit / attr->heads, head = unit % attr->heads, group = attr->heads / attr->kv_heads;

        n = least(least(group - head % group, heads), tile->end - unit);
        attention_rows(call, tile->scratch, row, row + 1, head, n,
                       unit + n < tile->end ? keys_of(call, (unit + n) / attr->heads, (unit + n) % attr->heads, 0) : NULL, add_chunk);
    }
    if (rows == 1)
        return;
    /* Later rows see more positions: the first block, the last, the second, the last but one, so that wherever the range of a worker begins
     * and ends it holds as many late ones as early ones. */
    for (int64_t unit = tile->begin; unit < tile->end; unit++) {
        const int64_t head = unit / n_blocks * heads, b = unit % n_blocks, begin = (b % 2 == 0 ? b / 2 : n_blocks - 1 - b / 2) * rows;
        const int64_t end = least(begin + rows, m);

        for (int64_t i = begin, j; i < end; i = j) {
            for (j = i + 1; j < end && seq[j] == seq[i]; j++)
                ;
            attention_rows(call, tile->scratch, i, j, head, heads, NULL, add_chunk);
        }
    }
}
#endif
