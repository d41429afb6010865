/* cache.h - where a position of a sequence is in a {f16|f32}.kv256 cache [blocks, kv_heads, 256, head_dim]. */
#ifndef SETUN_NEON_CACHE_H
#define SETUN_NEON_CACHE_H
#include "lanes.h"

/* First byte of the head_dim elements of one position and KV head. */
static inline char *cache_cell(const setun_tensor *cache, const int32_t *block, int64_t kv_head, int64_t pos)
{
    return (char *)cache->data + block[pos / SETUN_CHUNK] * cache->stride_bytes[0] + kv_head * cache->stride_bytes[1] +
           pos % SETUN_CHUNK * cache->stride_bytes[2];
}

static inline int cache_fits(const setun_tensor *cache, int64_t kv_heads, int64_t head_dim)
{
    return cache->dim[1] == kv_heads && cache->dim[2] == SETUN_CHUNK && cache->dim[3] == head_dim;
}
#endif
