/* affinity.h - the processors that the calling thread may run on: read, set and put back without allocating, since every token does. Internal.
 * hwloc says which processor; it cannot do this itself, because its calls allocate. */
#ifndef SETUN_AFFINITY_H
#define SETUN_AFFINITY_H
#include <limits.h>
#include <stdbool.h>

/* Linux is built for at most 8192 processors. */
enum { SETUN_AFFINITY_PROCESSORS = 8192 };

typedef struct setun_affinity {
    unsigned long mask[SETUN_AFFINITY_PROCESSORS / (sizeof(unsigned long) * CHAR_BIT)]; /* bit p: processor p, the system's own number */
} setun_affinity;

/* False where the system does not say or refuses. */
bool setun_affinity_read(setun_affinity *out_affinity);
bool setun_affinity_set(const setun_affinity *affinity);
bool setun_affinity_set_processor(unsigned processor);
#endif
