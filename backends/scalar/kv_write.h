/* kv_write.h - rounds k and v of each row to the cache's type and writes them at the row's position of its sequence. */
#ifndef SETUN_SCALAR_KV_WRITE_H
#define SETUN_SCALAR_KV_WRITE_H
#include "cache.h"

static inline setun_status kv_write_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const setun_attr_kv_write *attr = query->attr[0];

    if (!cache_fits(&query->out[0], attr->kv_heads, attr->head_dim) || !cache_fits(&query->out[1], attr->kv_heads, attr->head_dim))
        return setun_refuse(query, "kv_write: the cache is not [blocks, kv_heads, 256, head_dim]");
    if (query->in[0].dim[1] != attr->kv_heads * attr->head_dim || query->in[1].dim[1] != attr->kv_heads * attr->head_dim)
        return setun_refuse(query, "kv_write: the columns are not kv_heads * head_dim");
    return plan_simple(4.0 * (double)query->rows_max * (double)query->in[0].dim[1], out_plan);
}

typedef void narrow(const float *from, int64_t n, void *out);

static inline void narrow_f32(const float *from, int64_t n, void *out)
{
    memcpy(out, from, (size_t)n * sizeof(float));
}

static inline void narrow_f16(const float *from, int64_t n, void *out)
{
    uint16_t *h = out;

    for (int64_t i = 0; i < n; i++)
        h[i] = f32_to_f16(from[i]);
}

/* One unit is one row. */
static inline void kv_write_run(const setun_call *call, const setun_tile *tile, narrow *from_f32)
{
    const setun_attr_kv_write *attr = call->attr[0];

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const int32_t *block = call->batch->block[call->batch->seq[i]];
        const int64_t pos = call->batch->pos[i];

        for (uint32_t kv = 0; kv < 2; kv++) { /* k, then v */
            const float *x = in_row(call, kv, i);

            for (int64_t h = 0; h < attr->kv_heads; h++)
                from_f32(x + h * attr->head_dim, attr->head_dim, cache_cell(&call->out[kv], block, h, pos));
        }
    }
}
#endif
