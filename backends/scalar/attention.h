/* attention.h - softmax attention over a cache, in chunks of 256 positions of the sequence (numerics.md: attention).
 * One unit is one (row, query head), row-major; it walks its chunks in ascending order and merges them as it goes. */
#ifndef SETUN_SCALAR_ATTENTION_H
#define SETUN_SCALAR_ATTENTION_H
#include "cache.h"
#include "exp32.h"

/* A worker's scratch, floats: the partial sums of one chunk and what one unit keeps between chunks. */
typedef struct attention_scratch {
    float *wide;    /* [head_dim] one cached position, widened */
    float *columns; /* [head_dim][16] 16 positions of K, lanes being positions */
    float *p;       /* [256] scores, then weights, of a chunk's positions */
    float *o;       /* [chunks][head_dim] sum of p * v of each chunk */
    float *m, *l;   /* [chunks] largest score, sum of p */
} attention_scratch;

/* Floats of one worker; a row cannot see more chunks than the cache has blocks. */
static inline size_t attention_floats(int64_t head_dim, int64_t n_chunks)
{
    return (size_t)(head_dim + head_dim * SETUN_LANES + SETUN_CHUNK + n_chunks * (head_dim + 2));
}

static inline attention_scratch attention_layout(float *scratch, int64_t head_dim, int64_t n_chunks)
{
    attention_scratch a;

    a.columns = scratch;
    a.p = a.columns + head_dim * SETUN_LANES;
    a.wide = a.p + SETUN_CHUNK;
    a.o = a.wide + head_dim;
    a.m = a.o + n_chunks * head_dim;
    a.l = a.m + n_chunks;
    return a;
}

static inline setun_status attention_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const setun_attr_attention *attr = query->attr[0];
    const double positions = (double)query->in[1].dim[0] * SETUN_CHUNK;

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
    out_plan->n_phases = 1;
    out_plan->worker_bytes = attention_floats(attr->head_dim, query->in[1].dim[0]) * sizeof(float);
    out_plan->cost_ns = 1.5 * (double)query->rows_max * (double)query->in[0].dim[1] * positions; /* K and V, half of them seen */
    return SETUN_OK;
}

static inline int64_t attention_units(const setun_call *call, uint32_t phase)
{
    const setun_attr_attention *attr = call->attr[0];

    (void)phase;
    return call->in[0].dim[0] * attr->heads;
}

/* s[j - first] = scale * (q . k_j) for the positions first <= j < end of one chunk. */
static inline void attention_scores(const setun_call *call, const int32_t *block, int64_t kv_head, int64_t first, int64_t end,
                                    const float *q, const attention_scratch *a, widen *to_f32)
{
    const setun_attr_attention *attr = call->attr[0];
    const int64_t d_head = attr->head_dim;

    for (int64_t j = first; j < end; j += SETUN_LANES) {
        const int64_t n = end - j < SETUN_LANES ? end - j : SETUN_LANES;
        float acc[SETUN_LANES] = {0}, q_copies[SETUN_LANES];

        memset(a->columns, 0, (size_t)d_head * SETUN_LANES * sizeof(float)); /* lanes past the end compute nothing of use */
        for (int64_t lane = 0; lane < n; lane++) {
            to_f32(cache_cell(&call->in[1], block, kv_head, j + lane), d_head, a->wide);
            for (int64_t d = 0; d < d_head; d++)
                a->columns[d * SETUN_LANES + lane] = a->wide[d];
        }
        for (int64_t d = 0; d < d_head; d++) {
            for (int lane = 0; lane < SETUN_LANES; lane++)
                q_copies[lane] = q[d];
            fma_lanes(q_copies, a->columns + d * SETUN_LANES, acc);
        }
        for (int64_t lane = 0; lane < n; lane++)
            a->p[j - first + lane] = attr->scale * acc[lane];
    }
}

/* m, l and o of the positions first <= j < end, which lie in one chunk. */
static inline void attention_chunk(const setun_call *call, const int32_t *block, int64_t kv_head, int64_t first, int64_t end,
                                   const float *q, const attention_scratch *a, int64_t chunk, widen *to_f32)
{
    const setun_attr_attention *attr = call->attr[0];
    float *o = a->o + chunk * attr->head_dim, lane[SETUN_LANES] = {0}, m;

    attention_scores(call, block, kv_head, first, end, q, a, to_f32);
    m = a->p[0];
    for (int64_t j = first; j < end; j++)
        m = a->p[j - first] > m ? a->p[j - first] : m;
    memset(o, 0, (size_t)attr->head_dim * sizeof(float));
    for (int64_t j = first; j < end; j++) {
        const float p = exp32(a->p[j - first] - m);

        lane[j % SETUN_LANES] = lane[j % SETUN_LANES] + p;
        to_f32(cache_cell(&call->in[2], block, kv_head, j), attr->head_dim, a->wide);
        fma_scaled(p, a->wide, o, attr->head_dim);
    }
    a->m[chunk] = m;
    a->l[chunk] = lanes_total(lane);
}

/* out[head_dim] from n chunks, ascending. */
static inline void attention_merge(const attention_scratch *a, int64_t n_chunks, int64_t head_dim, float *out)
{
    float m = a->m[0], l = 0.0f, inverse;

    for (int64_t c = 1; c < n_chunks; c++)
        m = a->m[c] > m ? a->m[c] : m;
    memset(out, 0, (size_t)head_dim * sizeof(float));
    for (int64_t c = 0; c < n_chunks; c++) {
        const float w = exp32(a->m[c] - m);

        l = fma_exact(w, a->l[c], l);
        fma_scaled(w, a->o + c * head_dim, out, head_dim);
    }
    inverse = 1.0f / l;
    for (int64_t d = 0; d < head_dim; d++)
        out[d] = out[d] * inverse;
}

static inline void attention_run(const setun_call *call, const setun_tile *tile, widen *to_f32)
{
    const setun_attr_attention *attr = call->attr[0];
    const setun_batch *batch = call->batch;
    const attention_scratch a = attention_layout(tile->scratch, attr->head_dim, call->in[1].dim[0]);

    for (int64_t unit = tile->begin; unit < tile->end; unit++) {
        const int64_t row = unit / attr->heads, head = unit % attr->heads, pos = batch->pos[row];
        const int32_t *block = batch->block[batch->seq[row]];
        const int64_t first = attr->window > 0 && pos >= attr->window ? pos - attr->window + 1 : 0;
        const int64_t end = attr->causal ? pos + 1 : batch->len[batch->seq[row]];
        const float *q = (const float *)in_row(call, 0, row) + head * attr->head_dim;
        int64_t n_chunks = 0;

        for (int64_t j = first; j < end; n_chunks++) {
            const int64_t chunk_end = (j / SETUN_CHUNK + 1) * SETUN_CHUNK, stop = chunk_end < end ? chunk_end : end;

            attention_chunk(call, block, head / (attr->heads / attr->kv_heads), j, stop, q, &a, n_chunks, to_f32);
            j = stop;
        }
        attention_merge(&a, n_chunks, attr->head_dim, (float *)out_row(call, 0, row) + head * attr->head_dim);
    }
}
#endif
