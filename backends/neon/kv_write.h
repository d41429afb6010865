/* kv_write.h - rounds k and v of each row to the cache's type and writes them at the row's position of its sequence. */
#ifndef SETUN_NEON_KV_WRITE_H
#define SETUN_NEON_KV_WRITE_H
#include "cache.h"

static inline setun_status kv_write_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const setun_attr_kv_write *attr = query->attr[0];

    if (!cache_fits(&query->out[0], attr->kv_heads, attr->head_dim) || !cache_fits(&query->out[1], attr->kv_heads, attr->head_dim))
        return setun_refuse(query, "kv_write: the cache is not [blocks, kv_heads, 256, head_dim]");
    if (query->in[0].dim[1] != attr->kv_heads * attr->head_dim || query->in[1].dim[1] != attr->kv_heads * attr->head_dim)
        return setun_refuse(query, "kv_write: the columns are not kv_heads * head_dim");
    return plan_simple((double)query->rows_max * (20.0 + 0.27 * (double)query->in[0].dim[1]), out_plan);
}

typedef void lanes_storer_n(void *y, lanes a, int64_t n);

/* One unit is one row. */
ALWAYS_INLINE void kv_write_run(const setun_call *call, const setun_tile *tile, int64_t element_bytes, lanes_storer_n *store_n)
{
    const setun_attr_kv_write *attr = call->attr[0];

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const int32_t *block = call->batch->block[call->batch->seq[i]];

        for (uint32_t kv = 0; kv < 2; kv++) { /* k, then v */
            const float *x = in_row(call, kv, i);

            for (int64_t h = 0; h < attr->kv_heads; h++, x += attr->head_dim) {
                char *cell = cache_cell(&call->out[kv], block, h, call->batch->pos[i]);

                for (int64_t d = 0; d < attr->head_dim; d += SETUN_LANES)
                    store_n(cell + d * element_bytes, lanes_load_n(x + d, attr->head_dim - d), attr->head_dim - d);
            }
        }
    }
}
#endif
