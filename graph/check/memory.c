/* memory.c - see memory.h. */
#include "check/memory.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    GUARD = 0x99,     /* a byte that is neither a likely code, nor a small number, nor zero */
    BORDER_BYTES = 256 /* at least, at the side without the page: catches a write of four vectors of 512 bits */
};

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
    b.map = mmap(NULL, b.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (b.map == MAP_FAILED)
        return setun_fail_nomem(error, "check buffer", b.map_bytes);
    b.body = (unsigned char *)b.map + page;
    if (mprotect(b.body, b.body_bytes, PROT_READ | PROT_WRITE) != 0) {
        munmap(b.map, b.map_bytes);
        return setun_fail_nomem(error, "check buffer", b.body_bytes);
    }
    start = side == SETUN_CHECK_AT_START ? 0 : (b.body_bytes - n_bytes) / align * align;
    b.data = b.body + start;
    memset(b.body, GUARD, start);
    memset(b.data + n_bytes, GUARD, b.body_bytes - start - n_bytes);
    *out_buffer = b;
    return SETUN_OK;
}

void setun_check_buffer_free(setun_check_buffer *buffer)
{
    if (buffer->map != NULL)
        munmap(buffer->map, buffer->map_bytes);
    memset(buffer, 0, sizeof(*buffer));
}

void setun_check_buffer_lock(const setun_check_buffer *buffer)
{
    (void)mprotect(buffer->body, buffer->body_bytes, PROT_READ);
}

bool setun_check_buffer_intact(const setun_check_buffer *buffer, ptrdiff_t *out_at)
{
    const unsigned char *end = buffer->data + buffer->n_bytes, *body_end = buffer->body + buffer->body_bytes;

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
