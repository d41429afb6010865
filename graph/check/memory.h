/* memory.h - memory with traps on both sides: an inaccessible page right at one end, guard bytes and a second such page at the other.
 * Internal to the check. */
#ifndef SETUN_CHECK_MEMORY_H
#define SETUN_CHECK_MEMORY_H
#include "base/base.h"

enum setun_check_side {
    SETUN_CHECK_AT_END,  /* the last byte is followed by an inaccessible page (after guard bytes, if the alignment wants a gap) */
    SETUN_CHECK_AT_START /* the first byte follows an inaccessible page */
};

/* Zero-initialise. */
typedef struct setun_check_buffer {
    unsigned char *data;
    size_t         n_bytes;
    unsigned char *body; /* the accessible part of the mapping; outside data it holds guard bytes */
    size_t         body_bytes, map_bytes;
    void          *map;
    bool           locked;
} setun_check_buffer;

/* n_bytes (0 is allowed) at a multiple of align, contents undefined. SETUN_ERR_NOMEM. One thread makes and frees buffers: freed ones are kept
 * for the next of their size. */
setun_status setun_check_buffer_make(size_t n_bytes, size_t align, enum setun_check_side side, setun_check_buffer *out_buffer,
                                     setun_error *error);
void         setun_check_buffer_free(setun_check_buffer *buffer);
/* From now on a write is a crash. */
void         setun_check_buffer_lock(setun_check_buffer *buffer);
/* False if a guard byte was written; *out_at is its distance from data, negative before it. */
bool         setun_check_buffer_intact(const setun_check_buffer *buffer, ptrdiff_t *out_at);
/* Whether address lies in the mapping, traps included. */
bool         setun_check_buffer_holds(const setun_check_buffer *buffer, const void *address);
#endif
