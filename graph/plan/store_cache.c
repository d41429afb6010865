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
    setun_operand      *cache; /* of each cache of the graph */
    unsigned char      *pages;
    size_t              n_bytes;
};

static setun_status shape_alone(const setun_store *store, size_t c, const char *fmts, int64_t n_blocks, setun_operand *out_cache, setun_error *error)
{
    const int64_t dim[4] = {n_blocks, store->graph->caches[c].kv_heads, SETUN_CHUNK, store->graph->caches[c].head_dim};
    setun_status status = setun_operand_shape(store->plugins, fmts, dim, out_cache, error);

    if (status == SETUN_OK && out_cache->n != 1)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "KV cache: expected the format of one tensor, found '%s'", fmts);
    return status;
}

/* One block of every cache, and all blocks of all of them. */
static setun_status measure(const setun_store *store, const char *fmts, int64_t n_blocks, size_t *out_group_bytes, size_t *out_n_bytes, setun_error *error)
{
    *out_group_bytes = 0;
    for (size_t c = 0; c < store->graph->n_caches; c++) {
        setun_operand cache;
        setun_status status = shape_alone(store, c, fmts, n_blocks, &cache, error);

        if (status != SETUN_OK)
            return status;
        if (!setun_add_size(*out_group_bytes, (size_t)cache.part[0].stride_bytes[0], out_group_bytes))
            return setun_fail_nomem(error, "KV cache", SIZE_MAX);
    }
    if (!setun_mul_size(*out_group_bytes, (size_t)n_blocks, out_n_bytes) || *out_n_bytes > INT64_MAX)
        return setun_fail_nomem(error, "KV cache", SIZE_MAX);
    return SETUN_OK;
}

/* Stride 0 of a cache steps over the blocks of the others, which lie between its last block's end and the end of all. */
static void interleave(setun_operand *cache, size_t group_bytes, size_t n_bytes)
{
    cache->n_bytes[0] = n_bytes - group_bytes + (size_t)cache->part[0].stride_bytes[0];
    cache->part[0].stride_bytes[0] = (int64_t)group_bytes;
}

static const setun_store_caches *find_caches(const setun_store *store, const char *fmts, int64_t n_blocks)
{
    const setun_store_caches *caches = store->caches;

    while (caches != NULL && (caches->n_blocks != n_blocks || strcmp(caches->fmts, fmts) != 0))
        caches = caches->next;
    return caches;
}

setun_status setun_store_shape_cache(const setun_store *store, uint32_t c, const char *fmts, int64_t n_blocks, setun_operand *out_operand,
                                     setun_error *error)
{
    size_t group_bytes, n_bytes;
    setun_status status = measure(store, fmts, n_blocks, &group_bytes, &n_bytes, error);

    if (status == SETUN_OK)
        status = shape_alone(store, c, fmts, n_blocks, out_operand, error);
    if (status == SETUN_OK)
        interleave(out_operand, group_bytes, n_bytes);
    return status;
}

/* Memory for the caches in that format. */
static setun_status reserve_caches(setun_store *store, const char *fmts, int64_t n_blocks, setun_error *error)
{
    const size_t n = store->graph->n_caches;
    setun_store_caches *caches = setun_pool_alloc(&store->pool, sizeof(*caches));
    size_t group_bytes, at = 0;
    setun_status status;

    if (caches == NULL)
        return setun_fail_nomem(error, "KV cache", sizeof(*caches));
    status = measure(store, fmts, n_blocks, &group_bytes, &caches->n_bytes, error);
    if (status != SETUN_OK)
        return status;
    caches->n_blocks = n_blocks;
    caches->fmts = setun_pool_strndup(&store->pool, fmts, strlen(fmts));
    caches->cache = setun_pool_alloc(&store->pool, n * sizeof(*caches->cache));
    if (caches->fmts == NULL || caches->cache == NULL)
        return setun_fail_nomem(error, "KV cache", n * sizeof(*caches->cache));
    caches->pages = setun_pages_alloc(caches->n_bytes);
    if (caches->pages == NULL)
        return setun_fail_nomem(error, "KV cache", caches->n_bytes);
    for (size_t c = 0; c < n; c++) {
        setun_operand *cache = &caches->cache[c];

        (void)shape_alone(store, c, fmts, n_blocks, cache, error); /* it was measured */
        cache->part[0].data = caches->pages + at;
        at += (size_t)cache->part[0].stride_bytes[0];
        interleave(cache, group_bytes, caches->n_bytes);
    }
    caches->next = store->caches;
    store->caches = caches;
    store->cache_bytes += caches->n_bytes;
    return SETUN_OK;
}

setun_status setun_store_get_cache(setun_store *store, uint32_t c, const char *fmts, int64_t n_blocks, setun_operand *out_operand,
                                   setun_error *error)
{
    setun_status status = SETUN_OK;

    if (find_caches(store, fmts, n_blocks) == NULL)
        status = reserve_caches(store, fmts, n_blocks, error);
    if (status == SETUN_OK)
        *out_operand = find_caches(store, fmts, n_blocks)->cache[c];
    return status;
}

void setun_store_free_caches(setun_store *store)
{
    for (setun_store_caches *caches = store->caches; caches != NULL; caches = caches->next)
        setun_pages_free(caches->pages, caches->n_bytes);
    store->caches = NULL;
}
