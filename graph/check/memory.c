/* memory.c - see memory.h. */
#include "check/memory.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    GUARD = 0x99,      /* a byte that is neither a likely code, nor a small number, nor zero */
    BORDER_BYTES = 256, /* at least, at the side without the page: catches a write of four vectors of 512 bits */
    N_KEPT = 64, MOST_KEPT_BYTES = 128 << 20
};

/* Mappings of freed buffers. A check runs each case many times, and the kernel of the system would map, fault in and unmap the same few sizes
 * a million times: that took a third of the time. */
static struct {
    void  *map[N_KEPT];
    size_t map_bytes[N_KEPT]; /* 0: none */
    size_t n_bytes, next;     /* of all; where the next one goes */
} kept;

/* A mapping of that size, its body accessible; NULL if none is kept. */
static void *take_kept(size_t map_bytes)
{
    for (size_t i = 0; i < N_KEPT; i++)
        if (kept.map_bytes[i] == map_bytes) {
            kept.n_bytes -= map_bytes;
            kept.map_bytes[i] = 0;
            return kept.map[i];
        }
    return NULL;
}

/* map_bytes is at most MOST_KEPT_BYTES. What was kept longest gives way. */
static void keep(void *map, size_t map_bytes)
{
    const size_t i = kept.next;

    for (size_t n = 0; n < N_KEPT && (n == 0 || kept.n_bytes > MOST_KEPT_BYTES - map_bytes); n++) {
        const size_t old = (i + n) % N_KEPT;

        if (kept.map_bytes[old] != 0)
            munmap(kept.map[old], kept.map_bytes[old]);
        kept.n_bytes -= kept.map_bytes[old];
        kept.map_bytes[old] = 0;
    }
    kept.map[i] = map;
    kept.map_bytes[i] = map_bytes;
    kept.n_bytes += map_bytes;
    kept.next = (i + 1) % N_KEPT;
}

/* Inaccessible but for its body. */
static void *map_new(size_t map_bytes, size_t page)
{
    void *map = mmap(NULL, map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (map == MAP_FAILED)
        return NULL;
    if (mprotect((unsigned char *)map + page, map_bytes - 2 * page, PROT_READ | PROT_WRITE) == 0)
        return map;
    munmap(map, map_bytes);
    return NULL;
}

setun_status setun_check_buffer_make(size_t n_bytes, size_t align, enum setun_check_side side, setun_check_buffer *out_buffer,
                                     setun_error *error)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    setun_check_buffer b = {.n_bytes = n_bytes};
    size_t start;

    /* Alignments above a page would need a larger mapping; no format asks for data that only a larger page has. */
    if (align > page)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "an alignment of %zu bytes is above a page's", align);
    if (!setun_add_size(n_bytes, BORDER_BYTES + align, &b.body_bytes) || !setun_round_up(b.body_bytes, page, &b.body_bytes) ||
        !setun_add_size(b.body_bytes, 2 * page, &b.map_bytes))
        return setun_fail_nomem(error, "check buffer", n_bytes);
    b.map = take_kept(b.map_bytes);
    if (b.map == NULL)
        b.map = map_new(b.map_bytes, page);
    if (b.map == NULL)
        return setun_fail_nomem(error, "check buffer", b.map_bytes);
    b.body = (unsigned char *)b.map + page;
    start = side == SETUN_CHECK_AT_START ? 0 : (b.body_bytes - n_bytes) / align * align;
    b.data = b.body + start;
    memset(b.body, GUARD, start);
    memset(b.data + n_bytes, GUARD, b.body_bytes - start - n_bytes);
    *out_buffer = b;
    return SETUN_OK;
}

void setun_check_buffer_free(setun_check_buffer *buffer)
{
    const bool small = buffer->map_bytes <= MOST_KEPT_BYTES;

    if (buffer->map != NULL && small && (!buffer->locked || mprotect(buffer->body, buffer->body_bytes, PROT_READ | PROT_WRITE) == 0))
        keep(buffer->map, buffer->map_bytes);
    else if (buffer->map != NULL)
        munmap(buffer->map, buffer->map_bytes);
    memset(buffer, 0, sizeof(*buffer));
}

void setun_check_buffer_lock(setun_check_buffer *buffer)
{
    buffer->locked = true;
    (void)mprotect(buffer->body, buffer->body_bytes, PROT_READ);
}

/* Each is like the next, and the first is right. */
static bool all_guard(const unsigned char *begin, const unsigned char *end)
{
    return begin == end || (*begin == GUARD && memcmp(begin, begin + 1, (size_t)(end - begin) - 1) == 0);
}

bool setun_check_buffer_intact(const setun_check_buffer *buffer, ptrdiff_t *out_at)
{
    const unsigned char *end = buffer->data + buffer->n_bytes, *body_end = buffer->body + buffer->body_bytes;

    if (all_guard(buffer->body, buffer->data) && all_guard(end, body_end))
        return true;
    for (const unsigned char *p = end; p < body_end; p++)
        if (*p != GUARD) {
            *out_at = p - buffer->data;
            return false;
        }
    for (const unsigned char *p = buffer->data; p > buffer->body; p--)
        if (p[-1] != GUARD) {
            *out_at = p - 1 - buffer->data;
            return false;
        }
    return true;
}

bool setun_check_buffer_holds(const setun_check_buffer *buffer, const void *address)
{
    return (uintptr_t)address - (uintptr_t)buffer->map < buffer->map_bytes;
}
