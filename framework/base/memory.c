/* memory.c - checked sizes, allocation that reports instead of aborting, huge pages, and the pool. */
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base.h"

bool setun_mul_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool setun_add_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

bool setun_mul_dims(const int64_t *dim, size_t n, int64_t *out)
{
    int64_t product = 1;
    bool zero = false;

    for (size_t i = 0; i < n; i++) {
        if (dim[i] < 0)
            return false;
        zero = zero || dim[i] == 0;
    }
    if (!zero)
        for (size_t i = 0; i < n; i++)
            if (__builtin_mul_overflow(product, dim[i], &product))
                return false;
    *out = zero ? 0 : product;
    return true;
}

bool setun_round_up(size_t a, size_t b, size_t *out)
{
    size_t sum;

    if (!setun_add_size(a, b - 1, &sum))
        return false;
    *out = sum & ~(b - 1);
    return true;
}

void *setun_alloc(size_t n_bytes)
{
    return malloc(n_bytes == 0 ? 1 : n_bytes);
}

void *setun_calloc(size_t n, size_t size_bytes)
{
    return n == 0 || size_bytes == 0 ? calloc(1, 1) : calloc(n, size_bytes);
}

void *setun_realloc(void *old, size_t n_bytes)
{
    return realloc(old, n_bytes == 0 ? 1 : n_bytes);
}

char *setun_strdup(const char *text)
{
    return setun_strndup(text, strlen(text));
}

char *setun_strndup(const char *text, size_t n_bytes)
{
    char *copy = n_bytes == SIZE_MAX ? NULL : setun_alloc(n_bytes + 1);

    if (copy == NULL)
        return NULL;
    memcpy(copy, text, n_bytes);
    copy[n_bytes] = '\0';
    return copy;
}

bool setun_grow(void *items, size_t *capacity, size_t n_needed, size_t item_bytes)
{
    void *old, *grown;
    size_t wanted = *capacity < 8 ? 8 : *capacity, n_bytes;

    if (n_needed <= *capacity)
        return true;
    while (wanted < n_needed)
        if (!setun_mul_size(wanted, 2, &wanted))
            return false;
    if (!setun_mul_size(wanted, item_bytes, &n_bytes))
        return false;
    memcpy(&old, items, sizeof(old)); /* items points to a T *, whose type is unknown here */
    grown = setun_realloc(old, n_bytes);
    if (grown == NULL)
        return false;
    memcpy(items, &grown, sizeof(grown));
    *capacity = wanted;
    return true;
}

static void *map_pages(size_t n_bytes)
{
    void *pages = mmap(NULL, n_bytes == 0 ? 1 : n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return pages == MAP_FAILED ? NULL : pages;
}

void *setun_pages_alloc(size_t n_bytes)
{
    void *pages = map_pages(n_bytes);

#ifdef MADV_HUGEPAGE
    /* Advice: where it is not granted the pages are ordinary ones, and nothing else changes. */
    if (pages != NULL)
        (void)madvise(pages, n_bytes, MADV_HUGEPAGE);
#endif
    return pages;
}

void *setun_pages_alloc_sparse(size_t n_bytes)
{
    void *pages = map_pages(n_bytes);

#ifdef MADV_NOHUGEPAGE
    if (pages != NULL)
        (void)madvise(pages, n_bytes, MADV_NOHUGEPAGE);
#endif
    return pages;
}

void setun_pages_free(void *pages, size_t n_bytes)
{
    if (pages != NULL)
        (void)munmap(pages, n_bytes == 0 ? 1 : n_bytes);
}

struct setun_pool_block {
    struct setun_pool_block *next;
    size_t used, size; /* bytes of data */
    alignas(16) unsigned char data[];
};

enum { POOL_BLOCK_BYTES = 16384 };

void *setun_pool_alloc(setun_pool *pool, size_t n_bytes)
{
    struct setun_pool_block *block = pool->head;
    size_t rounded;

    if (!setun_round_up(n_bytes == 0 ? 1 : n_bytes, 16, &rounded))
        return NULL;
    if (block == NULL || block->size - block->used < rounded) {
        size_t size = rounded > POOL_BLOCK_BYTES ? rounded : POOL_BLOCK_BYTES, total;

        if (!setun_add_size(size, sizeof(*block), &total))
            return NULL;
        block = setun_calloc(1, total);
        if (block == NULL)
            return NULL;
        block->size = size;
        block->next = pool->head;
        pool->head = block;
    }
    block->used += rounded;
    return block->data + block->used - rounded;
}

char *setun_pool_strndup(setun_pool *pool, const char *text, size_t n_bytes)
{
    char *copy = n_bytes == SIZE_MAX ? NULL : setun_pool_alloc(pool, n_bytes + 1);

    if (copy != NULL)
        memcpy(copy, text, n_bytes);
    return copy;
}

char *setun_pool_printf(setun_pool *pool, const char *format, ...)
{
    va_list args;
    char *text = NULL;
    int length;

    va_start(args, format);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length >= 0)
        text = setun_pool_alloc(pool, (size_t)length + 1);
    if (text != NULL) {
        va_start(args, format);
        (void)vsnprintf(text, (size_t)length + 1, format, args);
        va_end(args);
    }
    return text;
}

void setun_pool_free(setun_pool *pool)
{
    while (pool->head != NULL) {
        struct setun_pool_block *next = pool->head->next;

        free(pool->head);
        pool->head = next;
    }
}
