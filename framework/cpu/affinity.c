/* affinity.c - sched_getaffinity and sched_setaffinity on masks that lie on the stack. */
#include <sched.h>
#include <string.h>

#include "cpu/affinity.h"

enum { WORD_BITS = sizeof(unsigned long) * CHAR_BIT };

bool setun_affinity_read(setun_affinity *out_affinity)
{
    memset(out_affinity, 0, sizeof(*out_affinity));
    return sched_getaffinity(0, sizeof(out_affinity->mask), (cpu_set_t *)(void *)out_affinity->mask) == 0;
}

bool setun_affinity_set(const setun_affinity *affinity)
{
    return sched_setaffinity(0, sizeof(affinity->mask), (const cpu_set_t *)(const void *)affinity->mask) == 0;
}

bool setun_affinity_set_processor(unsigned processor)
{
    setun_affinity affinity = {{0}};

    if (processor >= SETUN_AFFINITY_PROCESSORS)
        return false;
    affinity.mask[processor / WORD_BITS] = 1ul << (processor % WORD_BITS);
    return setun_affinity_set(&affinity);
}
