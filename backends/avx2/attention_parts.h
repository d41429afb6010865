/* attention_parts.h - the steps of attention.h: scores of 16 positions at a time, weights of a chunk, sums of values, and the
 * merge. */
#ifndef SETUN_AVX2_ATTENTION_PARTS_H
#define SETUN_AVX2_ATTENTION_PARTS_H
#include "cache.h"

#define ATTENTION_MAX_ROWS 8
#define ATTENTION_MAX_HEADS 16
#define ATTENTION_SCRATCH_FLOATS (1 << 17) /* half an L2 cache */
#define ATTENTION_SHARED_FLOATS (1 << 22)  /* 16 MB, of which only what sequences' lengths need is touched */
#define ATTENTION_NS 0.11                  /* of one element of q at one position, for K and V */
#define ATTENTION_SCORES 4                 /* chains of two registers at a time: 4 cycles of latency, 2 fma a cycle */
#define ATTENTION_VALUES 2                 /* queries at a time, by 2 pairs of registers of their sums */
#define ATTENTION_VALUE_LANES 2
#define ATTENTION_FEW 4             /* queries whose chains stay in registers while K is turned */
#define ATTENTION_AHEAD_BYTES 16384 /* that K and V are fetched ahead, at least a tile */

/* One row and head: the positions first <= j < end of its sequence, and what is kept of each chunk. */
typedef struct attention_query {
    const float *q; /* [head_dim] */
    float *out;     /* [head_dim] */
    int64_t first, end;
    int64_t first_chunk;
    float *p;     /* [256] scores, then weights, of the present chunk */
    float *o;     /* [chunks][padded head_dim] */
    float *m, *l; /* [chunks] largest score, sum of p */
} attention_query;

/* Consecutive rows of one sequence, with heads of one KV head; queries row by row. */
typedef struct attention_run_of_rows {
    const int32_t *block;
    int64_t kv_head, heads, n_queries;
    float *columns; /* [padded head_dim][16] 16 positions of K, lanes being positions */
    attention_query query[ATTENTION_MAX_ROWS * ATTENTION_MAX_HEADS];
} attention_run_of_rows;

static inline int64_t padded_dims(int64_t head_dim)
{
    return (head_dim + SETUN_LANES - 1) / SETUN_LANES * SETUN_LANES;
}

/* What the query sees of the chunk that begins at base, counted from there; empty: first >= end. */
static inline int64_t chunk_first(const attention_query *query, int64_t base)
{
    return query->first > base ? query->first - base : 0;
}

static inline int64_t chunk_end(const attention_query *query, int64_t base)
{
    return least(query->end - base, SETUN_CHUNK);
}

/* Floats that a query keeps of the chunks. */
static inline int64_t kept_floats(int64_t n_chunks, int64_t head_dim)
{
    return n_chunks * (padded_dims(head_dim) + 2);
}

/* p: [256]; kept: kept_floats. */
static inline void query_make(const setun_call *call, int64_t row, int64_t head, float *p, float *kept, attention_query *out_query)
{
    const setun_attr_attention *attr = call->attr[0];
    const setun_batch *batch = call->batch;
    const int64_t pos = batch->pos[row], n_chunks = call->in[1].dim[0];

    out_query->q = (const float *)in_row(call, 0, row) + head * attr->head_dim;
    out_query->out = (float *)out_row(call, 0, row) + head * attr->head_dim;
    out_query->first = attr->window > 0 && pos >= attr->window ? pos - attr->window + 1 : 0;
    out_query->end = attr->causal ? pos + 1 : batch->len[batch->seq[row]];
    out_query->first_chunk = out_query->first / SETUN_CHUNK;
    out_query->p = p;
    out_query->o = kept;
    out_query->m = out_query->o + n_chunks * padded_dims(attr->head_dim);
    out_query->l = out_query->m + n_chunks;
}

static inline int64_t query_n_chunks(const attention_query *query)
{
    return query->end > query->first ? (query->end - 1) / SETUN_CHUNK - query->first_chunk + 1 : 0;
}

/* The cache streams from memory, but 16 rows side by side do not look like a stream to the processor. So the bytes are asked for
 * ATTENTION_AHEAD_BYTES before they are needed, into the first cache if they fill less than half of it (avx512's attention_parts.h tells
 * what each gave). gcc takes a function that only prefetches for one without effect: it must be inlined. */
enum { FETCH_NOTHING, FETCH_TO_L2, FETCH_TO_L1 };

static inline int choose_fetch(const setun_machine *machine)
{
    return machine->l1d_bytes > 2 * ATTENTION_AHEAD_BYTES ? FETCH_TO_L1 : FETCH_TO_L2;
}

ALWAYS_INLINE void fetch_bytes(int fetch, const char *x, int64_t n_bytes)
{
    if (fetch == FETCH_TO_L1)
        for (int64_t at = 0; at < n_bytes; at += 64)
            _mm_prefetch(x + at, _MM_HINT_T0);
    else
        for (int64_t at = 0; at < n_bytes; at += 64)
            _mm_prefetch(x + at, _MM_HINT_T1);
}

/* Where a tile of positions lies that comes at `tile`, or as much later as what is fetched goes ahead: in x, or, where its positions end
 * with `end`, in those that follow; NULL: nothing does. */
static inline const char *tile_ahead(const char *x, int64_t tile, int64_t end, int64_t stride_bytes, const char *follow)
{
    const int64_t tiles = ATTENTION_AHEAD_BYTES / (SETUN_LANES * stride_bytes);
    const int64_t at = tile + (tiles > 0 ? tiles : 1) * SETUN_LANES, stop = (end + SETUN_LANES - 1) / SETUN_LANES * SETUN_LANES;

    if (at < stop)
        return x + at * stride_bytes;
    return follow != NULL ? follow + (at - stop) * stride_bytes : NULL;
}

/* columns[d][lane] = element d of position lane, of 16 positions from k on. */
ALWAYS_INLINE void turn_keys(const char *k, int64_t stride_bytes, int64_t head_dim, int64_t element_bytes, float *columns,
                             lanes_loader_n *load_n, lanes_turner *turn)
{
    for (int64_t d = 0; d < head_dim; d += SETUN_LANES) {
        lanes row[SETUN_LANES];

        if (head_dim - d >= SETUN_LANES) {
            turn(k + d * element_bytes, stride_bytes, row);
        } else {
UNROLL(16)
            for (int i = 0; i < SETUN_LANES; i++)
                row[i] = load_n(k + i * stride_bytes + d * element_bytes, head_dim - d);
            lanes_transpose(row);
        }
UNROLL(16)
        for (int i = 0; i < SETUN_LANES; i++)
            lanes_store(columns + (d + i) * SETUN_LANES, row[i]);
    }
}

/* 16 scores of n queries; n is a constant where this is inlined. */
ALWAYS_INLINE void score_queries(attention_query *const *query, int n, const float *columns, int64_t tile,
                                 const setun_attr_attention *attr)
{
    lanes acc[ATTENTION_SCORES];

UNROLL(8)
    for (int i = 0; i < n; i++)
        acc[i] = lanes_set(0.0f);
    for (int64_t d = 0; d < attr->head_dim; d++) {
        const lanes column = lanes_load(columns + d * SETUN_LANES);

UNROLL(8)
        for (int i = 0; i < n; i++)
            acc[i] = lanes_fma(lanes_set(query[i]->q[d]), column, acc[i]);
    }
UNROLL(8)
    for (int i = 0; i < n; i++)
        lanes_store(query[i]->p + tile, lanes_mul(lanes_set(attr->scale), acc[i]));
}

/* 16 scores of up to ATTENTION_FEW queries, n of them at a time (a constant where this is inlined), straight from 16 positions of K.
 * ahead: a tile to fetch bit by bit, fetch: where to. */
ALWAYS_INLINE void score_direct(attention_query *query, int n, const char *k, int64_t stride_bytes, int fetch, const char *ahead, int64_t tile,
                                int64_t head_dim, float scale, int64_t element_bytes, lanes_loader_n *load_n, lanes_turner *turn)
{
    lanes acc[ATTENTION_FEW];

UNROLL(4)
    for (int i = 0; i < n; i++)
        acc[i] = lanes_set(0.0f);
    for (int64_t d = 0; d < head_dim; d += SETUN_LANES) {
        const int64_t n_dims = least(head_dim - d, SETUN_LANES);
        lanes column[SETUN_LANES];

        fetch_bytes(fetch, ahead + d * element_bytes * SETUN_LANES, n_dims * element_bytes * SETUN_LANES);
        if (n_dims == SETUN_LANES) {
            turn(k + d * element_bytes, stride_bytes, column);
UNROLL(16)
            for (int c = 0; c < SETUN_LANES; c++)
UNROLL(4)
                for (int i = 0; i < n; i++)
                    acc[i] = lanes_fma(lanes_set(query[i].q[d + c]), column[c], acc[i]);
        } else {
            for (int i = 0; i < SETUN_LANES; i++)
                column[i] = load_n(k + i * stride_bytes + d * element_bytes, n_dims);
            lanes_transpose(column);
            for (int64_t c = 0; c < n_dims; c++)
UNROLL(4)
                for (int i = 0; i < n; i++)
                    acc[i] = lanes_fma(lanes_set(query[i].q[d + c]), column[c], acc[i]);
        }
    }
UNROLL(4)
    for (int i = 0; i < n; i++)
        lanes_store(query[i].p + tile, lanes_mul(lanes_set(scale), acc[i]));
}

/* As score_tile, for at most ATTENTION_FEW queries. Some may not see these positions: their scores are not used. */
ALWAYS_INLINE void score_few(attention_run_of_rows *run, const char *k, int64_t stride_bytes, int fetch, const char *ahead, int64_t tile,
                             const setun_attr_attention *attr, int64_t element_bytes, lanes_loader_n *load_n, lanes_turner *turn)
{
    const int64_t head_dim = attr->head_dim, usual_dim = 128;
    int64_t i = 0;

    if (run->n_queries == 4 && head_dim == usual_dim && stride_bytes == usual_dim * element_bytes) {
        /* As constants these leave one pointer to K in place of 16, for which there are no registers. */
        score_direct(run->query, 4, k, usual_dim * element_bytes, fetch, ahead, tile, usual_dim, attr->scale, element_bytes, load_n, turn);
        return;
    }
    if (run->n_queries == 4) {
        score_direct(run->query, 4, k, stride_bytes, fetch, ahead, tile, head_dim, attr->scale, element_bytes, load_n, turn);
        return;
    }
    for (; i + 2 <= run->n_queries; i += 2)
        score_direct(run->query + i, 2, k, stride_bytes, fetch, ahead, tile, head_dim, attr->scale, element_bytes, load_n, turn);
    if (i < run->n_queries)
        score_direct(run->query + i, 1, k, stride_bytes, fetch, ahead, tile, head_dim, attr->scale, element_bytes, load_n, turn);
}

/* Positions base + tile .. + 15, for the queries that see any of them. Lanes that a query does not see hold nothing of use. */
NEVER_INLINE void score_tile(attention_run_of_rows *run, int64_t base, int64_t tile, const setun_attr_attention *attr)
{
    attention_query *active[ATTENTION_MAX_ROWS * ATTENTION_MAX_HEADS];
    int64_t n = 0, i = 0;

    for (int64_t j = 0; j < run->n_queries; j++) {
        attention_query *query = &run->query[j];

        if (chunk_first(query, base) < tile + SETUN_LANES && chunk_end(query, base) > tile)
            active[n++] = query;
    }
    for (; i + ATTENTION_SCORES <= n; i += ATTENTION_SCORES)
        score_queries(active + i, ATTENTION_SCORES, run->columns, tile, attr);
    for (; i + 2 <= n; i += 2)
        score_queries(active + i, 2, run->columns, tile, attr);
    if (i < n)
        score_queries(active + i, 1, run->columns, tile, attr);
}

/* Scores of the chunk become p; m and l with them. */
static inline void weigh_positions(const attention_query *query, int64_t chunk)
{
    const int64_t first = chunk_first(query, chunk * SETUN_CHUNK), end = chunk_end(query, chunk * SETUN_CHUNK);
    const int64_t slot = chunk - query->first_chunk, begin = first / SETUN_LANES * SETUN_LANES;
    lanes largest = lanes_set(-__builtin_inff()), sum = lanes_set(0.0f);
    float m;

    if (first >= end)
        return;
    for (int64_t j = begin; j < end; j += SETUN_LANES)
        largest = lanes_max(largest, lanes_between(lanes_load(query->p + j), largest, first > j ? first - j : 0, end - j));
    m = lanes_largest(largest);
    for (int64_t j = begin; j < end; j += SETUN_LANES) {
        const lanes p = lanes_exp(lanes_sub(lanes_load(query->p + j), lanes_set(m)));

        sum = lanes_between(lanes_add(sum, p), sum, first > j ? first - j : 0, end - j);
        lanes_store(query->p + j, p);
    }
    query->m[slot] = m;
    query->l[slot] = lanes_total(sum);
}

/* Positions first .. end - 1 of one tile are added to o[d ..] of n queries that see them, n_lanes registers each; both constants where
 * this is inlined. n_last: elements of the last register. starts: o is still to be set. ahead: NULL, or memory to fetch
 * meanwhile, fetch: where to. */
ALWAYS_INLINE void add_values_block(attention_query *query, int n, int64_t slot, int64_t first, int64_t end, const char *v,
                                    int64_t stride_bytes, int starts, int n_lanes, int64_t n_last, int fetch, const char *ahead,
                                    int64_t element_bytes, lanes_loader *load, lanes_loader_n *load_n)
{
    lanes acc[ATTENTION_VALUES][ATTENTION_VALUE_LANES];

UNROLL(4)
    for (int i = 0; i < n; i++)
UNROLL(4)
        for (int l = 0; l < n_lanes; l++)
            acc[i][l] = starts ? lanes_set(0.0f) : lanes_load(query[i].o + slot + l * SETUN_LANES);
    for (int64_t j = first; j < end; j++) {
        lanes value[ATTENTION_VALUE_LANES];

        if (ahead != NULL)
            fetch_bytes(fetch, ahead + (j - first) * n_lanes * SETUN_LANES * element_bytes, n_lanes * SETUN_LANES * element_bytes);
UNROLL(4)
        for (int l = 0; l < n_lanes; l++)
            value[l] = n_lanes > 1 || n_last >= SETUN_LANES ? load(v + j * stride_bytes + l * SETUN_LANES * element_bytes)
                                                            : load_n(v + j * stride_bytes, n_last);
UNROLL(4)
        for (int i = 0; i < n; i++) {
            const lanes p = lanes_set(query[i].p[j]);

UNROLL(4)
            for (int l = 0; l < n_lanes; l++)
                acc[i][l] = lanes_fma(p, value[l], acc[i][l]);
        }
    }
UNROLL(4)
    for (int i = 0; i < n; i++)
UNROLL(4)
        for (int l = 0; l < n_lanes; l++)
            lanes_store(query[i].o + slot + l * SETUN_LANES, acc[i][l]);
}

/* A tile of 16 positions at a time, or, where nothing is to be fetched, all. next: what comes after the chunk, or NULL. */
ALWAYS_INLINE void add_values_of(attention_query *query, int n, int64_t chunk, const char *v, int64_t stride_bytes, int64_t head_dim,
                                 int fetch, const char *next, int64_t element_bytes, lanes_loader *load,
                                 lanes_loader_n *load_n)
{
    const int64_t first = chunk_first(query, chunk * SETUN_CHUNK), end = chunk_end(query, chunk * SETUN_CHUNK);
    const int64_t slot = (chunk - query->first_chunk) * padded_dims(head_dim);

    for (int64_t j = first, stop; j < end; j = stop) {
        const char *ahead = NULL;
        int64_t d = 0;

        stop = fetch != FETCH_NOTHING ? least(j / SETUN_LANES * SETUN_LANES + SETUN_LANES, end) : end;
        if (fetch != FETCH_NOTHING)
            ahead = tile_ahead(v, j / SETUN_LANES * SETUN_LANES, end, stride_bytes, next);
        for (; d + ATTENTION_VALUE_LANES * SETUN_LANES <= head_dim; d += ATTENTION_VALUE_LANES * SETUN_LANES)
            add_values_block(query, n, slot + d, j, stop, v + d * element_bytes, stride_bytes, j == first, ATTENTION_VALUE_LANES,
                             SETUN_LANES, fetch, ahead == NULL ? NULL : ahead + d * element_bytes * SETUN_LANES, element_bytes, load, load_n);
        for (; d < head_dim; d += SETUN_LANES)
            add_values_block(query, n, slot + d, j, stop, v + d * element_bytes, stride_bytes, j == first, 1, head_dim - d, FETCH_NOTHING, NULL,
                             element_bytes, load, load_n);
    }
}

/* o of the heads of one row. */
ALWAYS_INLINE void add_values(attention_query *query, int64_t n_heads, int64_t chunk, const char *v, int64_t stride_bytes,
                              int64_t head_dim, int fetch, const char *next, int64_t element_bytes, lanes_loader *load,
                              lanes_loader_n *load_n)
{
    int64_t i = 0;

    for (; i + ATTENTION_VALUES <= n_heads; i += ATTENTION_VALUES)
        add_values_of(query + i, ATTENTION_VALUES, chunk, v, stride_bytes, head_dim, fetch, next, element_bytes, load, load_n);
    if (i < n_heads)
        add_values_of(query + i, 1, chunk, v, stride_bytes, head_dim, fetch, next, element_bytes, load, load_n);
}

static inline float exp_one(float x)
{
    float y[SETUN_LANES];

    lanes_store(y, lanes_exp(lanes_set(x)));
    return y[0];
}

static inline void merge_chunks(const attention_query *query, int64_t head_dim)
{
    const int64_t n = query_n_chunks(query);
    float m = -__builtin_inff(), l = 0.0f;
    lanes inverse;

    for (int64_t c = 0; c < n; c++)
        m = query->m[c] > m ? query->m[c] : m;
    for (int64_t c = 0; c < n; c++) { /* m becomes w */
        query->m[c] = exp_one(query->m[c] - m);
        l = __builtin_fmaf(query->m[c], query->l[c], l);
    }
    inverse = lanes_set(1.0f / l);
    for (int64_t d = 0; d < head_dim; d += SETUN_LANES) {
        lanes acc = lanes_set(0.0f);

        for (int64_t c = 0; c < n; c++)
            acc = lanes_fma(lanes_set(query->m[c]), lanes_load(query->o + c * padded_dims(head_dim) + d), acc);
        lanes_store_n(query->out + d, lanes_mul(acc, inverse), head_dim - d);
    }
}
#endif
