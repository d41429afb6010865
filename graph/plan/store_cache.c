/* store_cache.c - the KV caches of all layers in one memory. Block by block: block b of every cache, then block b + 1 of every cache. So what
 * sequences have filled lies together, and may be made of huge pages: a cache by itself grows by some 100 KB a block, and huge pages would take
 * 2 MB of each at the first token. */
#include <string.h>

#include "plan/store_internal.h"
#include "setun_numerics.h"

struct setun_store_caches {
    setun_store_caches *next;
    const char         *fmts;
    int64_t             n_blocks;
    setun_operand      *cache;        /* of each cache of the graph; data is NULL until memory is reserved */
    unsigned char      *pages;        /* NULL: not reserved */
    size_t              group_bytes;  /* a block of every cache */
    size_t              n_bytes;
};

/* Shapes all caches; stride 0 steps over the blocks of the others. */
static setun_status shape_all(const setun_store *store, setun_store_caches *caches, setun_error *error)
{
    const setun_graph *graph = store->graph;

    for (size_t c = 0; c < graph->n_caches; c++) {
        const int64_t dim[4] = {caches->n_blocks, graph->caches[c].kv_heads, SETUN_CHUNK, graph->caches[c].head_dim};
        setun_operand *cache = &caches->cache[c];
        setun_status status = setun_operand_shape(store->plugins, caches->fmts, dim, cache, error);

        if (status != SETUN_OK)
            return status;
        if (cache->n != 1)
            return setun_fail(error, SETUN_ERR_UNSUPPORTED, "KV cache: expected the format of one tensor, found '%s'", caches->fmts);
        if (!setun_add_size(caches->group_bytes, (size_t)cache->part[0].stride_bytes[0], &caches->group_bytes))
            return setun_fail_nomem(error, "KV cache", SIZE_MAX);
    }
    if (!setun_mul_size(caches->group_bytes, (size_t)caches->n_blocks, &caches->n_bytes) || caches->n_bytes > INT64_MAX)
        return setun_fail_nomem(error, "KV cache", SIZE_MAX);
    for (size_t c = 0; c < graph->n_caches; c++) {
        setun_operand *cache = &caches->cache[c];

        cache->n_bytes[0] = caches->n_bytes - caches->group_bytes + (size_t)cache->part[0].stride_bytes[0];
        cache->part[0].stride_bytes[0] = (int64_t)caches->group_bytes;
    }
    return SETUN_OK;
}

/* The caches in that format, shaped when it is first asked for. */
static setun_status find_caches(setun_store *store, const char *fmts, int64_t n_blocks, setun_store_caches **out_caches, setun_error *error)
{
    const size_t n = store->graph->n_caches;
    setun_store_caches *caches = store->caches;
    setun_status status;

    while (caches != NULL && (caches->n_blocks != n_blocks || strcmp(caches->fmts, fmts) != 0))
        caches = caches->next;
    if (caches == NULL) {
        caches = setun_pool_alloc(&store->pool, sizeof(*caches));
        if (caches != NULL) {
            caches->fmts = setun_pool_strndup(&store->pool, fmts, strlen(fmts));
            caches->n_blocks = n_blocks;
            caches->cache = setun_pool_alloc(&store->pool, n * sizeof(*caches->cache));
        }
        if (caches == NULL || caches->fmts == NULL || caches->cache == NULL)
            return setun_fail_nomem(error, "KV cache", n * sizeof(*caches->cache));
        status = shape_all(store, caches, error);
        if (status != SETUN_OK)
            return status;
        caches->next = store->caches;
        store->caches = caches;
    }
    *out_caches = caches;
    return SETUN_OK;
}

setun_status setun_store_shape_cache(setun_store *store, uint32_t c, const char *fmts, int64_t n_blocks, setun_operand *out_operand,
                                     setun_error *error)
{
    setun_store_caches *caches;
    setun_status status = find_caches(store, fmts, n_blocks, &caches, error);

    if (status == SETUN_OK)
        *out_operand = caches->cache[c];
    return status;
}

setun_status setun_store_get_cache(setun_store *store, uint32_t c, const char *fmts, int64_t n_blocks, setun_operand *out_operand,
                                   setun_error *error)
{
    setun_store_caches *caches;
    setun_status status = find_caches(store, fmts, n_blocks, &caches, error);

    if (status != SETUN_OK)
        return status;
    if (caches->pages == NULL) {
        unsigned char *at = caches->pages = setun_pages_alloc(caches->n_bytes);

        if (at == NULL)
            return setun_fail_nomem(error, "KV cache", caches->n_bytes);
        for (size_t i = 0; i < store->graph->n_caches; i++) {
            caches->cache[i].part[0].data = at;
            at += caches->cache[i].n_bytes[0] - (caches->n_bytes - caches->group_bytes);
        }
        store->cache_bytes += caches->n_bytes;
    }
    *out_operand = caches->cache[c];
    return SETUN_OK;
}

void setun_store_free_caches(setun_store *store)
{
    for (setun_store_caches *caches = store->caches; caches != NULL; caches = caches->next)
        setun_pages_free(caches->pages, caches->n_bytes);
    store->caches = NULL;
}
